"""An ingest by the workers of Dask, beside one by processes of this machine."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import iidindex
from benchmarks import memory
from benchmarks.ingest import build
from benchmarks.runner import Contender, Job, Promise, Scale, Work, agree

_WORKERS = 2


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """Small files, and files of some thousands of entries."""
    from distributed import Client

    client: Any = Client(n_workers=_WORKERS, threads_per_worker=1, dashboard_address=None)
    atexit.register(client.shutdown)
    sizes = [(scale.of(4_000, 500), 100), (scale.of(200, 50), 5_000)]
    return [_work(directory / f"{per}", client, number, per) for number, per in sizes]


def _work(place: Path, client: Any, n_files: int, per_file: int) -> Work:
    root = place / "archive"
    build(root, n_files, per_file)

    def ingest(**how: Any) -> Callable[[], Job]:
        def prepare() -> Job:
            for path in memory.of_database(place / "x.db"):
                path.unlink(missing_ok=True)
            return lambda: _ingested(place / "x.db", root, **how)

        return prepare

    def dask() -> Job:
        return ingest(executor=client.get_executor(pure=False))()

    def check() -> None:
        agree("entries", dask()(), ingest(jobs=_WORKERS)()())

    return Work(
        name=f"ingest {n_files:,} files × {per_file:,} entries through an executor",
        ours=[Contender(f"Dask {version('distributed')}, {_WORKERS} workers", dask)],
        theirs=Contender(f"jobs={_WORKERS}", ingest(jobs=_WORKERS)),
        promise=Promise.slower(1.25),
        repeats=7,
        check=check,
        reason=(
            "What a worker has read goes to the scheduler, and from there to the process that "
            "writes; processes of this machine send it to that directly. Here the scheduler, the "
            "workers and the writer also share two processors."
        ),
    )


def _ingested(database: Path, root: Path, **how: Any) -> int:
    with iidindex.open(database, create=True) as index:
        return index.ingest(root, **how).entries
