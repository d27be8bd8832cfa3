"""Workers of Dask that scan files, found by the address of their scheduler."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from iidindex.errors import IngestError, QueryError

# Seconds that a scheduler has to answer, and the first worker to be there.
_TO_ANSWER = 15
_TO_HAVE_WORKERS = 60

LOCAL = "local"


@contextmanager
def dask_executor(scheduler: str) -> Iterator[Executor]:
    """Connect to a scheduler; yield an executor over its workers, and leave them as they were.

    Parameters
    ----------
    scheduler : str
        ``tcp://host:8786``, or ``local`` for workers on this machine that end with the context.

    Raises
    ------
    QueryError
        If the address is none, or distributed is not installed.
    IngestError
        If nothing answers in time, it has no workers, or they cannot work for this process.
    """
    if scheduler != LOCAL:
        _check_address(scheduler)
    try:
        import distributed
    except ImportError as error:
        raise QueryError(
            "distributed is not installed; `pip install distributed` installs it, as does "
            "`pip install 'iidindex[dask]'`"
        ) from error
    if scheduler != LOCAL:
        _check_somebody_listens(scheduler)
    with ExitStack() as stack:
        try:
            client = stack.enter_context(_client(distributed, scheduler, stack))
            client.wait_for_workers(1, timeout=_TO_HAVE_WORKERS)
            seen = client.run(_version)
        except Exception as error:
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise IngestError(f"{scheduler}: Dask's workers cannot be used ({said})") from error
        _check_versions(scheduler, seen)
        yield client.get_executor(pure=False)


def _check_address(scheduler: str) -> None:
    try:
        parts = urlsplit(scheduler)
        is_one = parts.scheme in {"tcp", "tls"} and parts.hostname and parts.port
    except ValueError:
        is_one = False
    if not is_one:
        raise QueryError(
            f"the scheduler is {scheduler!r}; expected an address such as tcp://host:8786, or "
            "local for workers on this machine"
        )


def _check_somebody_listens(scheduler: str) -> None:
    """Refuse an address at once at which nobody is: Dask would try it again and again."""
    parts = urlsplit(scheduler)
    try:
        where = (parts.hostname or "", parts.port or 0)
        with socket.create_connection(where, _TO_ANSWER) as connection:
            # A scheduler speaks first. Dask's client waits for ever for one that does not.
            if parts.scheme == "tcp" and not connection.recv(1):
                raise OSError("it says nothing")
    except (OSError, UnicodeError) as error:
        raise IngestError(f"{scheduler}: no scheduler of Dask answers there ({error})") from error


def _client(distributed: Any, scheduler: str, stack: ExitStack) -> Any:
    if scheduler != LOCAL:
        return distributed.Client(scheduler, timeout=_TO_ANSWER, set_as_default=False)
    cluster = distributed.LocalCluster(
        threads_per_worker=1, dashboard_address=None, silence_logs=50
    )
    stack.enter_context(cluster)
    return distributed.Client(cluster, timeout=_TO_ANSWER, set_as_default=False)


def _version() -> str:
    """What a worker has; it fails there if the package is missing."""
    return str(import_module("iidindex").__version__)


def _check_versions(scheduler: str, seen: dict[str, str]) -> None:
    own = _version()
    for worker, version in seen.items():
        if version != own:
            raise IngestError(
                f"{scheduler}: the worker {worker} has iidindex {version}; expected {own}, as here"
            )
