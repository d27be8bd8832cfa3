"""The server: where it listens, and until when."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

import uvicorn

from iidindex.errors import QueryError
from iidindex.serve.guard import Guard
from iidindex.serve.silent_connections import Connection

# Seconds that answers have once the server is to end.
_LAST_SECONDS = 2
# Connections that are taken at a time, before any of them is looked at: more of them at once could
# be more files than a process may have open.
_WAITING = 64


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def listen(host: str, port: int) -> socket.socket:
    """Take a port, 0 for one that is free.

    Raises
    ------
    QueryError
        If there is no such host here, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        raise QueryError(f"host is {host!r}: {told}") from None
    family, kind, protocol, _, address = found[0]
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(_WAITING)
    except OSError as error:
        taken.close()
        raise QueryError(
            f"cannot listen at {host}, port {port}: {error.strerror or error}; --port 0 takes a "
            "port that is free"
        ) from None
    return taken


def address_of(taken: socket.socket, host: str, token: str) -> str:
    """What to open in a browser."""
    if host in ("", "0.0.0.0", "::"):  # noqa: S104  (it is compared)
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{taken.getsockname()[1]}/?token={quote(token, safe='')}"


def server_of(
    app: Guard, started: Callable[[], object], kind: type[Connection] = Connection
) -> uvicorn.Server:
    """The server, which does not run yet.

    Parameters
    ----------
    app : Guard
    started : callable
        Called once requests are answered.
    kind : type
        Of connections.
    """

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    config = uvicorn.Config(
        app,
        http=kind,
        backlog=_WAITING,
        log_config=None,
        # Each request that is none would be told: strangers could fill a log.
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    return Server(config)


def run(app: Guard, taken: socket.socket, started: Callable[[], object]) -> None:
    """Serve until Ctrl-C.

    Parameters
    ----------
    app : Guard
    taken : socket
        That listens.
    started : callable
        As of `server_of`.
    """
    with taken, suppress(KeyboardInterrupt):
        server_of(app, started).run(sockets=[taken])
