"""Connections that ask nothing, or too slowly: they are let go, so that others are answered."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

# Open at a time. Each takes one of the files that a process may have open, often 1,024.
MOST = 400
# Seconds until a connection has asked something, anew after each answer; and those that an answer
# may take, until the last byte of it is received.
PATIENCE = 20.0
LONGEST = 600.0
# How often is looked, of each second of patience.
_LOOKS = 5


class Connection(H11Protocol):
    """A connection that is closed when nothing is asked over it for long."""

    most = MOST
    patience = PATIENCE
    longest = LONGEST

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._since = 0.0
        self._looking: asyncio.TimerHandle | None = None

    @property
    def is_answering(self) -> bool:
        """Whether a request was received, and all of the answer has not been sent yet."""
        cycle: RequestResponseCycle | None = self.cycle
        is_asked = cycle is not None and not cycle.response_complete
        return is_asked or self.transport.get_write_buffer_size() > 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, in the place of whoever has been silent longest, if there are too many."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._look_later()
        every = (one for one in self.connections if isinstance(one, Connection))
        # One that is let go is among them until the loop comes to it.
        there = [one for one in every if not one.transport.is_closing()]
        if len(there) > self.most:
            silent = (one for one in there if not one.is_answering)
            min(silent, key=lambda one: one._since, default=self)._let_go()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def _look_later(self) -> None:
        self._looking = self.loop.call_later(self.patience / _LOOKS, self._look)

    def _look(self) -> None:
        waited = self.loop.time() - self._since
        if waited > (self.longest if self.is_answering else self.patience):
            self._let_go()
        else:
            self._look_later()

    def _let_go(self) -> None:
        """Close it at once; what has not been received is given up, also by the system."""
        at_once = struct.pack("ii", 1, 0)
        taken = self.transport.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.transport.abort()
