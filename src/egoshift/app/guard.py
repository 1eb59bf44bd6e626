"""Who may talk to the server, and what a browser may do with what it says.

A page of another site that runs in the user's browser can send requests to this machine. It cannot know a recording's
id, and here it is stopped earlier: its requests carry its own origin; and if it has its name point at this machine
(DNS rebinding), they carry that name as their host.
"""

import ipaddress
import json
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
"""What every response carries unless it says otherwise itself."""

NOTHING_ELSE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The content policy of responses that are no pages."""


_HEADERS = [
    (name.encode(), value.encode()) for name, value in {**HEADERS, "content-security-policy": NOTHING_ELSE}.items()
]


class Guard:
    """Refuses foreign hosts and origins, and adds the security headers.

    Args:
        app: What is guarded.
        hosts: Names that this server goes by, in lower case. Addresses and ``localhost`` need not be named: nobody
            else can make a browser send them to here.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]):
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in present)]
            await send(message)

        reason = self._objection(scope)
        if reason is None:
            return await self._app(scope, receive, send_safely)
        body = json.dumps({"error": reason}).encode()
        await send_safely(
            {
                "type": "http.response.start",
                "status": 403,
                "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
            }
        )
        await send_safely({"type": "http.response.body", "body": body})

    def _objection(self, scope: Scope) -> str | None:
        given = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = given.get(b"host", "")
        if not is_known_host(host, self._hosts):
            return f"this server does not go by the name {host[:100]!r}; open the address that the terminal shows"
        if scope["method"] in _SAFE_METHODS:
            return None
        origin, site = given.get(b"origin"), given.get(b"sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none") or origin not in (None, f"http://{host}", f"https://{host}"):
            return "only the page of this server itself may ask for that"
        return None


def is_known_host(header: str, names: frozenset[str]) -> bool:
    """Whether a Host header is an address, ``localhost`` or one of the names, with any port.

    >>> [is_known_host(text, frozenset({"lab"})) for text in ("127.0.0.1:80", "[::1]:80", "LAB", "evil.example", "")]
    [True, True, True, False, False]
    """
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
