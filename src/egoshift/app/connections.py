"""Connections of the server: uvicorn's, with an end to those that say nothing, too little, or take nothing."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from egoshift.app.clients import client_at

_FULL = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connection(H11Protocol):
    """A connection; what is too long or too many is in its class attributes.

    Attributes:
        HEAD_S: So long the head of a request may take from its first byte, or from when the connection was made.
        LINGER_S: So long a body is still taken whose answer was given already, so that the answer is read.
        STALLED_S: So long an answer may find no room on its way; players that pause ask for the rest later.
        MOST: Connections at a time.
        MOST_EACH: Of one client.
    """

    HEAD_S = 15.0
    LINGER_S = 3.0
    STALLED_S = 180.0
    MOST = 400
    MOST_EACH = 64

    _asking: asyncio.TimerHandle | None = None
    _giving: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or refuse one too many."""
        super().connection_made(transport)
        # An abort rather than a close: what waits to be sent would be waited for.
        self._asking = self.loop.call_later(self.HEAD_S, transport.abort)
        client = client_at(self.client[0]) if self.client else ""
        same = [one for one in self.connections if isinstance(one, Connection) and one.is_of(client)]
        if len(self.connections) > self.MOST or len(same) > self.MOST_EACH:
            transport.write(_FULL)
            transport.close()

    def is_of(self, client: str) -> bool:
        """Whether it is of this client."""
        return self.client is not None and client_at(self.client[0]) == client

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._asking = self._stopped(self._asking)
        self._giving = self._stopped(self._giving)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; from the first byte of a request on, its head has so long."""
        if self.conn.their_state is h11.IDLE and self._asking is None:
            self._asking = self.loop.call_later(self.HEAD_S, self.transport.abort)
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE and not self._is_answered():
            self._asking = self._stopped(self._asking)

    def on_response_complete(self) -> None:
        """An answer is given; the rest of a body that nobody waits for has so long."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self._asking = self._stopped(self._asking)
            self._asking = self.loop.call_later(self.LINGER_S, self.transport.abort)

    def pause_writing(self) -> None:
        """There is no room for more of the answer."""
        super().pause_writing()
        if self._giving is None:
            self._giving = self.loop.call_later(self.STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """There is room again."""
        super().resume_writing()
        self._giving = self._stopped(self._giving)

    def _is_answered(self) -> bool:
        return self.conn.our_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    @staticmethod
    def _stopped(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
