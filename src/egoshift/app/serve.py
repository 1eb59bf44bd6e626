"""The server on a port of this machine, until it is interrupted."""

import ipaddress
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from egoshift.app.connections import Connection
from egoshift.app.models import Recogniser
from egoshift.app.server import create_app, open_predictor
from egoshift.app.service import Settings
from egoshift.errors import ConfigError

USUAL_PORT = 8600
CLOSING_S = 1
"""So long open connections, such as of a video that plays, are waited for at the end."""


def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    ready: Callable[[str], None],
    open_model: Callable[[str], Recogniser] = open_predictor,
) -> None:
    """Serve the page until interrupted or terminated; then what users gave is removed.

    Args:
        settings: What to serve.
        host: The address or name to listen at.
        port: The port; none for ``USUAL_PORT``, or where that is taken, any.
        ready: Called with the page's address once it answers.
        open_model: Loads a model.

    Raises:
        ConfigError: The address cannot be listened at, or a folder of the settings cannot be used.
    """
    with _listening(host, port) as listener:
        names = frozenset({host.lower(), socket.gethostname().lower()}) if is_open(host) else frozenset()
        app = create_app(replace(settings, hosts=settings.hosts | names), open_model)
        config = config_of(app)
        address = listener.getsockname()
        shown = f"[{address[0]}]" if ":" in address[0] else address[0]
        server = _Server(config, lambda: ready(f"http://{shown}:{address[1]}"))
        # A closed terminal ends it as an interruption does, so that nothing is left on the disk.
        previous = signal.signal(signal.SIGHUP, server.hang_up)
        try:
            with suppress(KeyboardInterrupt):
                server.run(sockets=[listener])
        finally:
            signal.signal(signal.SIGHUP, previous)


def config_of(app: ASGIApp, http: type[Connection] = Connection) -> uvicorn.Config:
    """How uvicorn serves the page.

    Args:
        app: What ``create_app`` made.
        http: What connections are.
    """
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
        proxy_headers=False,  # or whoever sends these headers would choose whose limits count
        # What goes wrong is said by the application; of requests cut off at the end nobody needs to hear.
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=CLOSING_S,
        server_header=False,
    )


def is_open(host: str) -> bool:
    """Whether other machines can reach what listens at this address."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() != "localhost"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]):
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def hang_up(self, _: int, __: FrameType | None) -> None:
        self.should_exit = True


def _listening(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reason = ""
    for number in (USUAL_PORT, 0) if port is None else (port,):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen()  # at once: until somebody listens, another server can bind to the same port
            return listener
        except (OSError, UnicodeError, TypeError) as error:  # the last two of a name that cannot be encoded
            listener.close()
            reason = getattr(error, "strerror", None) or str(error)
    place = f"{host}, port {port or USUAL_PORT}"
    raise ConfigError(f"cannot listen at {place} ({reason}); give another --host or --port")
