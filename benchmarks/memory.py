"""How much memory a program takes, with all processes that it starts (Linux only)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
_EVERY = 0.05

_INGEST = """
import sys, iidindex
with iidindex.open(sys.argv[1], create=True) as index:
    print(index.ingest(sys.argv[2]).seconds)
"""


def environment() -> dict[str, str]:
    """Variables with which a new process finds this very iidindex, and these benchmarks."""
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{path}" if path else str(HERE)}


def watched(arguments: Sequence[str]) -> tuple[str, int]:
    """Run Python with these arguments and watch it.

    Returns
    -------
    str
        What it printed.
    int
        Its greatest memory in bytes: the sum, over it and all its children, of what each has of
        its own and its share of the rest (PSS), looked at twenty times a second. 0 where the
        system does not tell.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env=environment()
    )
    greatest = 0
    while process.poll() is None:
        greatest = max(greatest, sum(map(_memory, _family(process.pid))))
        time.sleep(_EVERY)
    assert process.stdout is not None
    with process.stdout as printed:
        text = printed.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(arguments))
    return text, greatest


def ingest(database: Path, root: Path) -> tuple[float, int]:
    """Ingest in a process of its own; its seconds, without imports, and its memory in bytes."""
    text, greatest = watched(["-c", _INGEST, str(database), str(root)])
    return float(text), greatest


def of_database(database: Path) -> list[Path]:
    """The files that a database can consist of."""
    return [Path(f"{database}{suffix}") for suffix in ("", "-wal", "-shm", "-lock")]


def _family(process: int) -> list[int]:
    """A process and all that it started."""
    try:
        listed = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return [process]
    return [process, *(found for child in listed.split() for found in _family(int(child)))]


def _memory(process: int) -> int:
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(row.split()[1]) * 1024 for row in rollup.splitlines() if row[:4] == "Pss:"), 0)
