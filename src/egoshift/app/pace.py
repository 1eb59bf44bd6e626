"""How quickly clients ask and send: none may take the server for itself, or hold it by sending slowly or for ever."""

import asyncio
import json
import math
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from egoshift.app.clients import client_of
from egoshift.app.limits import Limits
from egoshift.app.refusals import RefusedError

_MOST_CLIENTS = 10_000


class Budget:
    """How many requests each client may still make: as many at once as in ``BURST_S`` seconds.

    Args:
        rate: Requests a second of each.
        clock: Seconds.
    """

    BURST_S = 4.0

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic):
        self._rate, self._clock = rate, clock
        self._empty_s: dict[str, float] = {}  # since when each would have spent nothing, had it begun with nothing

    def wait_s(self, client: str) -> float:
        """0 and one less from now on, or after how many seconds there is one."""
        now_s = self._clock()
        if len(self._empty_s) >= _MOST_CLIENTS:
            self._empty_s = {name: since for name, since in self._empty_s.items() if since > now_s - self.BURST_S}
        since_s = max(self._empty_s.get(client, -math.inf), now_s - self.BURST_S) + 1 / self._rate
        if since_s > now_s + 1e-9:
            return since_s - now_s
        self._empty_s[client] = since_s
        return 0.0


class Pace:
    """Refuses clients that ask too often or too much at once, and ends bodies that come too slowly.

    Args:
        app: What is guarded.
        limits: How much is too much.
    """

    def __init__(self, app: ASGIApp, limits: Limits):
        self._app, self._limits = app, limits
        self._budget = Budget(limits.each_requests_a_s)
        self._busy: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        client = client_of(scope)
        refused = self._objection(scope, client)
        if refused is not None:
            return await _refuse(send, refused)
        self._busy[client] = self._busy.get(client, 0) + 1
        try:
            await self._app(scope, Body(receive, self._limits), send)
        finally:
            self._busy[client] -= 1
            if not self._busy[client]:
                del self._busy[client]

    def _objection(self, scope: Scope, client: str) -> RefusedError | None:
        coding = next((value for name, value in scope["headers"] if name == b"content-encoding"), b"identity")
        if coding.strip().lower() not in (b"", b"identity"):
            return RefusedError(415, "nothing is unpacked here; send it as it is")
        if self._busy.get(client, 0) >= self._limits.each_requests:
            return RefusedError(429, "too many requests at once; try again in a moment", retry_s=1)
        wait_s = self._budget.wait_s(client)
        return RefusedError(429, "too many requests; try again in a moment", retry_s=wait_s) if wait_s else None


class Body:
    """The body of a request as it comes, while it comes quickly enough.

    Args:
        receive: What gives it.
        limits: What is quick enough.
    """

    def __init__(self, receive: Receive, limits: Limits):
        self._receive, self._limits = receive, limits
        self._num_bytes, self._began_s = 0, time.monotonic()
        self._is_whole = False

    async def __call__(self) -> Message:
        """The next piece; after the last one, what else there is to be told.

        Raises:
            RefusedError: It did not come in time.
        """
        if self._is_whole:
            return await self._receive()
        limits = self._limits
        try:
            async with asyncio.timeout(limits.silent_s):
                message = await self._receive()
        except TimeoutError:
            raise RefusedError(408, f"nothing came for {limits.silent_s:g} seconds; send it again") from None
        self._num_bytes += len(message.get("body", b""))
        self._is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        taken_s = time.monotonic() - self._began_s
        if not self._is_whole and taken_s > limits.silent_s:
            rate = self._num_bytes / 1000 / taken_s
            if rate < limits.least_kb_a_s:
                raise RefusedError(408, f"comes at {rate:.1f} kB a second, and has to at {limits.least_kb_a_s:g}")
            if taken_s > 60 * limits.most_upload_minutes:
                raise RefusedError(408, f"takes more than {limits.most_upload_minutes:g} minutes to send; cut it")
        return message


async def _refuse(send: Send, refused: RefusedError) -> None:
    body = json.dumps({"error": str(refused)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in refused.headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
