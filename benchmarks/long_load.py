"""One long first ingest, watched in windows while it grows, and point questions afterwards.

``python -m benchmarks.long_load --place DIR [ENTRIES …] [--save]`` writes archives of ten million
and a hundred million entries below DIR, unless they are there, and ingests each in a process of its
own; then asks, packs anew with `optimize`, and asks again. The large one takes 11 GB for its files,
as much for the index, 7 GB while indexes are made and the R-tree is packed, and an hour.
``--save`` keeps the figures in ``long_load.json``, from which ``docs/growth.md`` shows them.

The files have 10,000 entries each: masks of 16 × 16 pixels, of one individual for every fifty
entries, any of those that have come so far. The frame grows with the archive, so that a pixel has
as many masks in a large one as in a small one: then questions find as much, and what differs is
what size alone costs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import iidindex
from benchmarks import memory
from benchmarks.results import machine
from iidindex.codec.encode import encode_iid, encode_meta, encode_segment
from iidindex.files.part import Part
from iidindex.files.saving import encode_file
from iidindex.ingestion.report import Progress
from iidindex.model import IID, BBox
from iidindex.query.answers.entry import Entry

SAVED = Path(__file__).resolve().parent / "long_load.json"

PER_FILE = 10_000
_PER_INDIVIDUAL = 50
_LEAST_INDIVIDUALS = 1000
# Files of a directory.
_TOGETHER = 500
_SIDE = 16
# Hits at a pixel, some 28, whatever the number of entries.
_SPREAD = 3.0
_DIGITS = 8
_DOMAIN = b"bench"
# Entries of a window.
_WINDOW = 2_500_000
_QUESTIONS = 200

_LOAD = "import sys; from benchmarks.long_load import load; load(*sys.argv[1:])"
_ASK = "import sys; from benchmarks.long_load import ask; ask(sys.argv[1])"
_OPTIMIZE = "import sys; from benchmarks.long_load import optimize; optimize(sys.argv[1])"


@dataclass(frozen=True)
class Window:
    """A stretch of the ingest: entries at its end, and what it took.

    Attributes
    ----------
    entries : int
    wall, writer : float
        Seconds, and those of processor time of the process that writes.
    """

    entries: int
    wall: float
    writer: float


def build(root: Path, entries: int, seed: int = 0) -> None:
    """Write an archive: one file is made, and its numbers are changed, as all are as long."""
    rng = np.random.default_rng(seed)
    frame = int(_SPREAD * entries**0.5)
    made, layout = _model()
    # The segment's box, and its region's.
    boxes = {at: layout["segs"][0, at : at + 8].copy().view("<u2") for at in (4, 20)}
    for number in range(entries // PER_FILE):
        place = root / f"{number // _TOGETHER:03d}"
        if number % _TOGETHER == 0:
            place.mkdir(parents=True)
        so_far = (number + 1) * PER_FILE // _PER_INDIVIDUAL
        who = rng.integers(0, max(_LEAST_INDIVIDUALS, so_far), PER_FILE)
        digits = who[:, None] // 10 ** np.arange(_DIGITS)[::-1] % 10 + ord("0")
        layout["iids"][:, -_DIGITS:] = digits
        corner = rng.integers(0, frame, (PER_FILE, 2))
        for at, box in boxes.items():
            moved = (box + np.tile(corner, 2)).astype("<u2").view(np.uint8)
            layout["segs"][:, at : at + 8] = moved
        layout["number"][:] = np.frombuffer(b"%06d" % number, np.uint8)
        (place / f"{number:06d}.iid").write_bytes(made)


def _model() -> tuple[memoryview, dict[str, np.ndarray]]:  # type: ignore[type-arg]
    """The bytes of one file, and views of what differs from file to file."""
    mask = np.hypot(*np.ogrid[-8:8, -8:8]) < 7
    segments = [encode_segment(key, BBox(0, 0, _SIDE, _SIDE), mask) for key in range(PER_FILE)]
    iids = [encode_iid(key, IID(_DOMAIN, b"0" * _DIGITS)) for key in range(PER_FILE)]
    groups = {"even": np.arange(0, PER_FILE, 2), "odd": np.arange(1, PER_FILE, 2)}
    meta = encode_meta({"camera": "x", "number": "######"})
    part = Part.of_records(0, iids, segments, "benchmark")
    chunks = encode_file([part], meta, groups)
    raw = bytearray(b"".join(chunks))
    made = np.frombuffer(raw, np.uint8)
    before = len(chunks[0]) + len(chunks[1])
    sizes = len(iids[0]), len(segments[0])
    number = raw.index(b"######")
    return memoryview(raw), {
        "iids": made[before : before + PER_FILE * sizes[0]].reshape(PER_FILE, -1),
        "segs": made[len(raw) - PER_FILE * sizes[1] :].reshape(PER_FILE, -1),
        "number": made[number : number + 6],
    }


# ---------------------------------------------------------------- in other processes


def load(database: str, root: str) -> None:
    """Ingest, and print the windows, the seconds of all and those after the last file, as JSON."""
    windows: list[Window] = []
    begin = last = time.perf_counter()
    used = time.process_time()
    entries = 0
    done = begin

    def note(progress: Progress) -> None:
        nonlocal last, used, entries, done
        done = time.perf_counter()
        if progress.entries - entries >= _WINDOW:
            now = time.process_time()
            windows.append(Window(progress.entries, done - last, now - used))
            print(f"{windows[-1]} {_own_peak() >> 20} MiB", file=sys.stderr, flush=True)
            last, used, entries = done, now, progress.entries

    with iidindex.open(database, create=True) as index:
        report = index.ingest(root, progress=note)
    found = {
        "seconds": time.perf_counter() - begin,
        "ending": time.perf_counter() - done,
        "layers": report.layers,
        "windows": [*map(asdict, windows)],
    }
    print(json.dumps(found))


def _own_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def ask(database: str) -> None:
    """Ask point questions, and print the medians of seconds of each and of hits, as JSON."""
    rng = np.random.default_rng(1)
    with iidindex.open(database) as index:
        (last,) = next(iter(index.sql("SELECT max(id) AS last FROM entries"))).values()
        some = rng.integers(1, last + 1, _QUESTIONS).tolist()
        entries = index.entries
        picked = [next(iter(entries.where().after(entry - 1).limit(1))) for entry in some]
        asked: dict[str, Callable[[Entry], Iterable[object]]] = {
            "find": lambda e: entries.where(address=e.iid.address, domain=_DOMAIN),
            "links": lambda e: index.links(e.iid.address, domain=_DOMAIN),
            "at, boxes": lambda e: entries.at(e.bbox.minc + 8, e.bbox.minr + 8, exact=False),
            "at, masks": lambda e: entries.at(e.bbox.minc + 8, e.bbox.minr + 8),
            "region of 100 × 100, boxes": lambda e: entries.region(
                (e.bbox.minr, e.bbox.minc, e.bbox.minr + 100, e.bbox.minc + 100), exact=False
            ),
        }
        found = {name: _asked(question, picked) for name, question in asked.items()}
    print(json.dumps(found))


def _asked(question: Callable[[Entry], Iterable[object]], some: list[Entry]) -> list[float]:
    """Medians of seconds of processor time, and of hits, when all was asked once before."""
    for _ in range(2):
        seconds, hits = [], []
        for entry in some:
            begin = time.process_time()
            hits.append(sum(1 for _ in question(entry)))
            seconds.append(time.process_time() - begin)
    return [median(seconds), median(hits)]


def optimize(database: str) -> None:
    """Pack the index anew, and print the seconds of processor time that it took."""
    with iidindex.open(database) as index:
        begin = time.process_time()
        index.optimize()
        print(time.process_time() - begin)


def measure(place: Path, entries: int) -> dict[str, Any]:
    """Build an archive unless it is there, ingest it, and ask."""
    root, database = place / f"{entries}", place / f"{entries}.db"
    if not root.exists():
        build(root, entries)
    for path in memory.of_database(database):
        path.unlink(missing_ok=True)
    text, peak = memory.watched(["-c", _LOAD, str(database), str(root)])
    found: dict[str, Any] = {"entries": entries, "peak": peak, **json.loads(text)}
    found["size"] = os.path.getsize(database)
    found["asked"] = json.loads(memory.watched(["-c", _ASK, str(database)])[0])
    text, found["optimizing"] = memory.watched(["-c", _OPTIMIZE, str(database)])
    found["optimize"] = float(text)
    found["asked_again"] = json.loads(memory.watched(["-c", _ASK, str(database)])[0])
    return found


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_load", description=__doc__)
    parser.add_argument("entries", nargs="*", type=int, default=[10**7, 10**8])
    parser.add_argument("--place", type=Path, required=True, help="where to build")
    parser.add_argument("--save", action="store_true", help="keep the figures for docs/growth.md")
    options = parser.parse_args()
    runs = [measure(options.place, entries) for entries in options.entries]
    print(json.dumps(runs, indent=1))
    if options.save:
        kept = json.dumps({"machine": machine(), "runs": runs}, indent=1)
        SAVED.write_text(f"{kept}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
