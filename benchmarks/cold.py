"""A process that starts from nothing: the command line, and the first question in Python."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import iidindex
from benchmarks.ingest import build
from benchmarks.memory import environment
from benchmarks.runner import Contender, Elapsed, Job, Promise, Scale, Work, agree

_STARTING = (
    "Two thirds of the time are Python and the libraries that the other command imports, too. "
    "Most of the rest is spent on iidindex's own modules and SQLAlchemy's dialect, which are "
    "imported even if a question does not need them. Opening the database and asking is the "
    "smaller part."
)

_HELPING = "Verbs are loaded by name only. The rest of the time is spent on showing their help."

# Asks ten different pixels and prints the seconds of each question. The first opens the database.
_TEN = """
import sys, time
import iidindex
times = []
begin = time.perf_counter()
with iidindex.open(sys.argv[1]) as index:
    for nth in range(10):
        list(index.entries.at(1000 + 7 * nth, 1200, exact=False))
        now = time.perf_counter()
        times.append(now - begin)
        begin = now
print(*times)
"""


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """Cold against warm, and both against what starting costs anybody."""
    root, database = directory / "archive", directory / "index.db"
    build(root, scale.of(1_000, 500))
    with iidindex.open(database, create=True) as index:
        index.ingest(root)
        entry = index.entries.where(key=7).first()
        assert entry is not None
        address = entry.iid.address.decode("ascii")
        hits = index.entries.where(address=entry.iid.address).count()
        x, y = entry.bbox.minc + 8, entry.bbox.minr + 8
        hits_at = index.entries.at(x, y).count()
    find = ["-m", "iidindex", "--db", str(database), "find", address, "--format", "jsonl"]
    at = ["-m", "iidindex", "--db", str(database), "at", str(x), str(y), "--format", "jsonl"]
    libraries = ["-c", "import sqlalchemy, numpy, click"]
    return [
        _process("find", find, libraries, 1.3, scale, hits),
        _process("at, reading masks", at, libraries, 1.3, scale, hits_at),
        _process("--help", ["-m", "iidindex", "--help"], ["-c", "import click"], 2, scale),
        _first_and_tenth(database, scale),
        _from_disk(database, find, scale),
    ]


def _process(
    verb: str, ours: list[str], theirs: list[str], slower: float, scale: Scale, lines: int = 0
) -> Work:
    """With `lines`, that many rows are printed; without, some text."""

    def check() -> None:
        printed = len(_run(ours).splitlines())
        agree(verb, printed, lines or max(1, printed))
        _run(theirs)

    return Work(
        name=f"command line, fresh process: {verb}",
        ours=[Contender.of(f"iidindex {verb.partition(',')[0]}", lambda: _run(ours))],
        theirs=Contender.of(f"python -c '{theirs[1]}'", lambda: _run(theirs)),
        promise=Promise.slower(slower),
        repeats=scale.of(21, 11),
        check=check,
        reason=_HELPING if verb == "--help" else _STARTING,
    )


def _run(arguments: list[str]) -> str:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    ).stdout


def _asked(database: Path, nth: int) -> Job:
    """A fresh process, of which only the nth question counts."""

    def job() -> Elapsed:
        return Elapsed(float(_run(["-c", _TEN, str(database)]).split()[nth]))

    return job


def _first_and_tenth(database: Path, scale: Scale) -> Work:
    return Work(
        name="the first question of a process that has imported iidindex, and the tenth",
        ours=[Contender.of("the first, with opening", _asked(database, 0))],
        theirs=Contender.of("the tenth", _asked(database, 9)),
        promise=None,
        repeats=scale.of(11, 5),
        check=lambda: agree("questions", len(_run(["-c", _TEN, str(database)]).split()), 10),
    )


def _from_disk(database: Path, find: list[str], scale: Scale) -> Work:
    places = [database, *_imported()]

    def from_disk() -> Job:
        forget(places)
        return lambda: _run(find)

    def from_memory() -> Job:
        return lambda: _run(find)

    return Work(
        name="command line, fresh process: find, with nothing in the page cache",
        ours=[Contender("database and modules from the disk", from_disk)],
        theirs=Contender("from the page cache", from_memory),
        promise=None,
        repeats=scale.of(11, 5),
        check=lambda: agree("find", bool(_run(find)), True),
    )


def _imported() -> list[Path]:
    """Every file that stands behind a module of the command line."""
    code = "import sys, iidindex.cli.main, sqlalchemy, numpy, click; " + (
        "print(*(m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None)),"
        " sep='\\n')"
    )
    found = [Path(line) for line in _run(["-c", code]).splitlines()]
    compiled = [path.parent / "__pycache__" for path in found if path.suffix == ".py"]
    caches = {path for place in set(compiled) if place.is_dir() for path in place.iterdir()}
    return [*found, *caches]


def forget(paths: Iterable[Path]) -> None:
    """Ask the system to drop files from its page cache; needs no rights, and hurts nobody else.

    Pages that another process has mapped stay, and so do those not written yet.
    """
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
