"""What a run has found, kept so that pages and plots can be made anew without measuring."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.memory import HERE
from benchmarks.peers.works import Cost
from benchmarks.runner import Figure, Line, Promise, Times

KEPT = HERE / ".benchmarks" / "results.json"
PACKAGES = (
    *("numpy", "scikit-image", "rtree", "sqlalchemy", "click", "iidfile", "pycocotools"),
    *("shapely", "geopandas", "duckdb"),
)


@dataclass
class Results:
    """Everything that one run has measured.

    Attributes
    ----------
    machine : str
        What was measured, and on what.
    lines : list of Line
        Of all families but the peers.
    figures : list of Figure
    contests : list of Line
        Of the peers.
    costs : list of Cost
    entries, files : int
        How many the peers hold.
    """

    machine: str
    lines: list[Line] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    contests: list[Line] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    entries: int = 0
    files: int = 0

    def save(self, path: Path = KEPT) -> None:
        """Write them as JSON."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path = KEPT) -> Results:
        """Read what `save` wrote."""
        text = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            machine=text["machine"],
            lines=[_line(found) for found in text["lines"]],
            figures=[Figure(**found) for found in text["figures"]],
            contests=[_line(found) for found in text["contests"]],
            costs=[Cost(**found) for found in text["costs"]],
            entries=text["entries"],
            files=text["files"],
        )


def _line(found: dict[str, Any]) -> Line:
    promise = found["promise"]
    return Line(
        work=found["work"],
        contender=found["contender"],
        rival=found["rival"],
        ours=Times(tuple(found["ours"]["seconds"])),
        theirs=Times(tuple(found["theirs"]["seconds"])),
        promise=None if promise is None else Promise(**promise),
        reason=found["reason"],
    )


def machine() -> str:
    """What is measured, and on what."""
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
    ).stdout.strip()
    return (
        f"Measured on {os.cpu_count()} cores ({_processor()}), {_memory()}, {platform.system()} "
        f"{platform.release()}, with Python {platform.python_version()}, SQLite "
        f"{sqlite3.sqlite_version}, {', '.join(versions)}"
        + (f"; iidindex at {commit}." if commit else ".")
    )


def _processor() -> str:
    try:
        listed = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [row.partition(":")[2].strip() for row in listed if row.startswith("model name")]
    return f"{platform.machine()}, {names[0]}" if names else platform.machine()


def _memory() -> str:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return f"{pages * size / 2**30:.0f} GiB of memory"
