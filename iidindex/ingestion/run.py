"""Carrying an ingest out: discover, plan, scan, write."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context

from iidindex.catalog.engine import Catalog
from iidindex.catalog.load import Loader
from iidindex.catalog.read import Root, add_root, all_roots, files_of_root
from iidindex.errors import IngestError
from iidindex.ingestion.discover import discover
from iidindex.ingestion.plan import Known, Matcher, Outcome, Plan, plan
from iidindex.ingestion.report import IngestReport, Progress
from iidindex.ingestion.work import Failure, scan_one
from iidindex.model import FileColumns, FileStamp

# Entries after which a transaction is committed, with the file they end in.
_BATCH_ENTRIES = 50_000
# Files given to the workers ahead of the one that is being written.
_AHEAD = 256

# A stamp no file can have: one that could not be read is tried again every time.
_NEVER = FileStamp(-1, -1)


def ingest(
    catalog: Catalog,
    paths: Iterable[str | os.PathLike[str]],
    *,
    jobs: int = 1,
    checksum: bool = False,
    progress: Callable[[Progress], object] | None = None,
) -> IngestReport:
    """Bring the catalogue up to date with files and directories.

    Parameters
    ----------
    catalog : Catalog
    paths : iterable of path-like
    jobs : int
        Processes that read files; 1 reads them in this one.
    checksum : bool
        Read every file, even if its size and time are the same.
    progress : callable, optional
        Called with a `Progress` now and then.

    Returns
    -------
    IngestReport

    Raises
    ------
    IngestError
        If a path is not there, or is neither a directory nor a ``.iid`` file.
    CatalogLockedError
        If another process is writing.
    """
    places = [_check_place(path) for path in paths]
    if jobs < 1:
        raise IngestError(f"jobs is {jobs}; expected at least 1")
    report = IngestReport()
    begin = time.perf_counter()
    for place in places:
        _ingest_place(catalog, place, jobs, checksum, progress, report)
    report.seconds = time.perf_counter() - begin
    return report


def _check_place(path: str | os.PathLike[str]) -> str:
    place = os.path.realpath(path)
    if not os.path.exists(place):
        raise IngestError(f"{os.fspath(path)}: there is no such file or directory")
    return place


def _ingest_place(
    catalog: Catalog,
    place: str,
    jobs: int,
    checksum: bool,
    progress: Callable[[Progress], object] | None,
    report: IngestReport,
) -> None:
    is_directory = os.path.isdir(place)
    with catalog.writing() as connection:
        root = _root_of(all_roots(connection), place if is_directory else os.path.dirname(place))
        if isinstance(root, str):
            root = add_root(connection, root)
        rows = files_of_root(connection, root.id)
    below = os.path.relpath(place, root.location)
    below = "" if below == "." else below
    if is_directory:
        discovery = discover(root.location, below)
        found, unreadable = discovery.found, discovery.unreadable
    else:
        status = os.stat(place)
        found, unreadable = {below: FileStamp(status.st_size, status.st_mtime_ns)}, {}
    known = {
        row.path: Known(row.id, FileStamp(row.size, row.mtime_ns), row.digest, row.state)
        for row in rows
        if not below or row.path == below or row.path.startswith(f"{below}/")
    }
    todo = plan(found, known, unreadable=unreadable, checksum=checksum)
    report.unchanged += len(todo.unchanged)
    report.failed += len(todo.failed)
    reasons = {row.path: row.reason or "" for row in rows}
    for path in todo.failed:
        report.failures[os.path.join(root.location, path)] = reasons[path]
    for path, reason in unreadable.items():
        report.unreadable[os.path.join(root.location, path)] = reason
    _carry_out(catalog, root, todo, found, known, jobs, progress, report)


def _root_of(roots: Sequence[Root], directory: str) -> Root | str:
    """The root that a directory lies in; or the directory, if it is to be a root itself."""
    for root in roots:
        if directory == root.location or directory.startswith(root.location.rstrip("/") + "/"):
            return root
    return directory


def _carry_out(
    catalog: Catalog,
    root: Root,
    todo: Plan,
    found: dict[str, FileStamp],
    known: dict[str, Known],
    jobs: int,
    progress: Callable[[Progress], object] | None,
    report: IngestReport,
) -> None:
    matcher = Matcher(known, todo.gone)
    gone = set(todo.gone)
    locations = [os.path.join(root.location, path) for path in todo.scan]
    begin = time.perf_counter()
    done = entries = 0
    with _executor(jobs) as pool:
        scanned = zip(todo.scan, _scan_all(pool, locations), strict=True)
        for batch in _batches(scanned):
            with catalog.writing() as connection:
                loader = Loader(connection, int(time.time()))
                for path, result in batch:
                    if isinstance(result, Failure):
                        _record_failure(loader, root, path, result, found, known, report)
                        continue
                    outcome, before, old_path = matcher.match(path, result.digest)
                    gone.discard(old_path or "")
                    _record(loader, root, path, result, outcome, before)
                    setattr(report, outcome.value, getattr(report, outcome.value) + 1)
                    if outcome in (Outcome.ADDED, Outcome.UPDATED):
                        report.entries += len(result)
            done += len(batch)
            entries += sum(len(result) for _, result in batch if isinstance(result, FileColumns))
            if progress is not None:
                seconds = time.perf_counter() - begin
                progress(Progress(done, len(todo.scan), entries, seconds))
    if gone:
        with catalog.writing() as connection:
            Loader(connection, int(time.time())).miss(known[path].id for path in gone)
        report.missing += len(gone)


def _record(
    loader: Loader,
    root: Root,
    path: str,
    file: FileColumns,
    outcome: Outcome,
    before: Known | None,
) -> None:
    if outcome is Outcome.TOUCHED:
        assert before is not None
        loader.touch(before.id, file.stamp)
    elif outcome is Outcome.MOVED:
        assert before is not None
        loader.move(before.id, root.id, path, file.stamp)
    else:
        loader.write(root.id, path, file, None if before is None else before.id)


def _record_failure(
    loader: Loader,
    root: Root,
    path: str,
    failure: Failure,
    found: dict[str, FileStamp],
    known: dict[str, Known],
    report: IngestReport,
) -> None:
    before = known.get(path)
    stamp = _NEVER if failure.transient else found[path]
    loader.fail(root.id, path, stamp, failure.reason, None if before is None else before.id)
    report.failed += 1
    report.failures[os.path.join(root.location, path)] = failure.reason


def _batches(
    scanned: Iterable[tuple[str, FileColumns | Failure]],
) -> Iterator[list[tuple[str, FileColumns | Failure]]]:
    batch: list[tuple[str, FileColumns | Failure]] = []
    entries = 0
    for path, result in scanned:
        batch.append((path, result))
        entries += len(result) if isinstance(result, FileColumns) else 1
        if entries >= _BATCH_ENTRIES:
            yield batch
            batch, entries = [], 0
    if batch:
        yield batch


class _Serial:
    """Stands in for an executor when there is one process."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None: ...


def _executor(jobs: int) -> Executor | _Serial:
    if jobs == 1:
        return _Serial()
    # A forked child would hold the parent's connections and locks.
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))


def _scan_all(pool: Executor | None, locations: list[str]) -> Iterator[FileColumns | Failure]:
    """Scan files in order, a bounded number of them ahead of the consumer."""
    if pool is None:
        yield from map(scan_one, locations)
        return
    waiting = iter(locations)
    while part := list(islice(waiting, _AHEAD)):
        yield from pool.map(scan_one, part, chunksize=8)
