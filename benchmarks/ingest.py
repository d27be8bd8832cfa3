"""Filling a catalogue, against the least that SQLite takes for the same rows."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import iidindex
from benchmarks import memory
from benchmarks.runner import (
    Contender,
    Disagreement,
    Figure,
    Line,
    Promise,
    Scale,
    Work,
    agree,
)
from iidindex.codec.encode import encode_iid, encode_meta, encode_segment
from iidindex.columns import gather
from iidindex.files.part import Part
from iidindex.files.saving import encode_file
from iidindex.files.scan import scan
from iidindex.ingestion.work import ToScan, scan_many
from iidindex.model import IID, BBox

_PER_FILE = 100
_IDENTITIES = 200_000
_PRAGMAS = (
    "PRAGMA page_size = 8192",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -65536",
)


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """A first ingest, and one that finds nothing changed."""
    root = directory / "archive"
    n_files = scale.of(10_000, 1_000)
    build(root, n_files)
    return [
        _scanning(root, n_files, scale),
        _first(directory, root, n_files, scale),
        _again(directory, root, n_files, scale),
    ]


def build(
    root: Path, n_files: int, per_file: int = _PER_FILE, seed: int = 0, frame: int = 3000
) -> None:
    """Write an archive of many small files; what they hold is drawn, how they lie is not.

    The corners of boxes lie within `frame`, in pixels each way.
    """
    rng = np.random.default_rng(seed)
    mask = np.hypot(*np.ogrid[-8:8, -8:8]) < 7
    template = np.frombuffer(encode_segment(0, BBox(0, 0, 16, 16), mask), np.uint8)
    for number in range(n_files):
        place = root / f"{number // 1000:03d}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        who = rng.integers(0, _IDENTITIES, per_file).tolist()
        corner = rng.integers(0, frame, (per_file, 2))
        segments = np.tile(template, (per_file, 1))
        segments[:, 0:4] = _as_bytes(np.arange(per_file, dtype="<u4"))
        for at in (4, 20):  # the segment's box, and its region's
            box = np.frombuffer(template[at : at + 8].tobytes(), "<u2")
            segments[:, at : at + 8] = _as_bytes((box + np.tile(corner, 2)).astype("<u2"))
        iids = [encode_iid(key, IID(b"bench", b"%06d" % who[key])) for key in range(per_file)]
        part = Part.of_records(0, iids, [row.tobytes() for row in segments], "benchmark")
        groups = {"even": np.arange(0, per_file, 2), "odd": np.arange(1, per_file, 2)}
        chunks = encode_file([part], encode_meta({"camera": "x", "number": number}), groups)
        (place / f"{number:06d}.iid").write_bytes(b"".join(chunks))


def _as_bytes(rows: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)


def _remove(database: Path) -> None:
    for path in memory.of_database(database):
        path.unlink(missing_ok=True)


def _scanning(root: Path, n_files: int, scale: Scale) -> Work:
    """What a worker process does, with and without what small files share."""
    paths = [str(path) for path in sorted(root.rglob("*.iid"))[: n_files // 5 or 1]]
    files = [ToScan(path, size=os.path.getsize(path)) for path in paths]

    def together() -> object:
        return scan_many(files)

    def one_by_one() -> object:
        return gather([scan(path) for path in paths])

    def check() -> None:
        batch, other = scan_many(files).batch, gather([scan(path) for path in paths])
        if batch is None:
            raise Disagreement("nothing was scanned")
        agree("files", batch.files, other.files)
        for name in ("key", "bbox", "area", "offset", "length", "member"):
            agree(name, getattr(batch, name).tolist(), getattr(other, name).tolist())
        agree("IIDs", batch.iids.pairs(), other.iids.pairs())

    return Work(
        name=f"scan {len(files):,} files × {_PER_FILE} entries, their tables together",
        ours=[Contender.of("scan_many", together)],
        theirs=Contender.of("scan, one by one", one_by_one),
        promise=None,
        repeats=scale.of(9, 3),
        check=check,
    )


def _first(directory: Path, root: Path, n_files: int, scale: Scale) -> Work:
    ours_at, floor_at, model_at = (directory / f"{name}.db" for name in ("ours", "floor", "model"))
    with iidindex.open(model_at, create=True) as index:
        index.ingest(root)
    floor = Floor(model_at)

    def ours() -> None:
        with iidindex.open(ours_at, create=True) as index:
            index.ingest(root)

    def prepared_ours() -> object:
        _remove(ours_at)
        return ours

    def prepared_floor() -> object:
        _remove(floor_at)
        return lambda: floor.write(floor_at)

    def check() -> None:
        prepared_ours()
        ours()
        _remove(floor_at)
        floor.write(floor_at)
        for table in ("entries", "iids", "groups", "entry_groups", "file_groups", "entry_boxes"):
            agree(table, _different(ours_at, floor_at, table), 0)
            agree(table, *(_count(place, table) for place in (ours_at, floor_at)))
        # When they were indexed differs.
        agree("files", _different(ours_at, floor_at, "files", "id, path, size, digest, meta"), 0)
        agree("files", *(_count(place, "files") for place in (ours_at, floor_at)))

    def also(line: Line) -> list[Figure]:
        return [
            _rate(line.ours.median, n_files),
            _bytes(ours_at, n_files),
            _flatness(directory, root, n_files),
        ]

    return Work(
        name=f"ingest {n_files:,} files × {_PER_FILE} entries, all indexes",
        ours=[Contender("Index.ingest, reading the files", prepared_ours)],  # type: ignore[arg-type]
        theirs=Contender("sqlite3 alone, rows ready-made, indexes last", prepared_floor),  # type: ignore[arg-type]
        promise=Promise.slower(1.25),
        repeats=scale.of(3, 2),
        check=check,
        reason=(
            "The other program gets its rows ready. In the same time, iidindex opens every file, "
            "reads and decodes it, gives each IID its id, and packs the R-tree. Two cores share "
            "this work, but SQLite's part of it runs in one thread. Reading and decoding small "
            "files together is a tenth of the processor time; the rest is spent on the rows."
        ),
        also=also,
    )


def _rate(seconds: float, n_files: int) -> Figure:
    rate = n_files * _PER_FILE / seconds
    return Figure(
        work=f"ingest {n_files:,} files × {_PER_FILE} entries",
        against="entries a second",
        measured=f"{rate:,.0f}/s",
        promise="≥ 200,000/s",
        met=rate >= 200_000,
        reason=(
            "A file of a hundred entries takes a fixed time to find, open and check, whatever it "
            "holds. In larger files, more entries share this time (see growth.md)."
        ),
    )


def _bytes(database: Path, n_files: int) -> Figure:
    size = os.path.getsize(database) / _count(database, "entries")
    return Figure(
        work=f"ingest {n_files:,} files × {_PER_FILE} entries",
        against="database bytes an entry",
        measured=f"{size:.0f}",
        promise="≤ 120",
        met=size <= 120,
        reason=(
            "IIDs are stored once. The fewer entries share an IID, the more bytes each of them "
            "needs for it."
        ),
    )


def _flatness(directory: Path, root: Path, n_files: int) -> Figure:
    few = directory / "few"
    if not few.exists():
        build(few, max(1, n_files // 5))
    bytes_of = []
    for place in (few, root):
        database = directory / "memory.db"
        _remove(database)
        bytes_of.append(memory.ingest(database, place)[1])
    small, large = bytes_of
    return Figure(
        work=f"peak memory of ingesting {max(1, n_files // 5):,} files, then {n_files:,}",
        against="five times the files",
        measured=f"{small / 1e6:.0f} MB, {large / 1e6:.0f} MB",
        promise="flat",
        met=bool(small) and large <= 1.25 * small,
        reason=(
            "Several buffers have a limit that so few files do not reach: batches of 250,000 "
            "entries, 64 MiB of pages that SQLite keeps, ids of up to a million IIDs. growth.md "
            "shows the memory beyond that."
        ),
    )


def _count(database: Path, table: str) -> int:
    connection = sqlite3.connect(database)
    found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    connection.close()
    return found


def _different(ours: Path, theirs: Path, table: str, columns: str = "*") -> int:
    """How many rows of ours the other has not."""
    connection = sqlite3.connect(ours)
    connection.execute("ATTACH ? AS theirs", (str(theirs),))
    found: int = connection.execute(
        f"SELECT count(*) FROM (SELECT {columns} FROM main.{table} "
        f"EXCEPT SELECT {columns} FROM theirs.{table})"
    ).fetchone()[0]
    connection.close()
    return found


class Floor:
    """Every row of a catalogue as flat lists, the nodes of its R-tree packed already."""

    def __init__(self, model: Path) -> None:
        connection = sqlite3.connect(model)
        schema = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
        ).fetchall()
        shadows = ("entry_boxes_node", "entry_boxes_rowid", "entry_boxes_parent")
        self._tables = [
            sql for kind, name, sql in schema if kind == "table" and name not in shadows
        ]
        # As an ingest makes these at its end, so does the least that it takes.
        late = ("ix_entries_iid_id_file_id", "ix_iids_address_domain")
        self._early = [sql for kind, name, sql in schema if kind == "index" and name not in late]
        self._late = [sql for kind, name, sql in schema if kind == "index" and name in late]
        self._rows: list[tuple[str, int, list[object]]] = []
        names = [name for kind, name, _ in schema if kind == "table" and name != "entry_boxes"]
        for name in names:
            rows = connection.execute(f"SELECT * FROM {name}").fetchall()
            if rows:
                flat = [value for row in rows for value in row]
                self._rows.append((name, len(rows[0]), flat))
        connection.close()

    def write(self, database: Path) -> None:
        """Write them all, in one transaction, by statements of many rows."""
        connection = sqlite3.connect(database, isolation_level=None)
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        connection.execute("BEGIN IMMEDIATE")
        for sql in [*self._tables, *self._early]:
            connection.execute(sql)
        for name, width, flat in self._rows:
            step = min(1000, 30_000 // width) * width
            row = f"({', '.join('?' * width)})"
            for low in range(0, len(flat), step):
                part = flat[low : low + step]
                rows = ", ".join([row] * (len(part) // width))
                connection.execute(f"INSERT OR REPLACE INTO {name} VALUES {rows}", part)
        for sql in self._late:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.close()


def _again(directory: Path, root: Path, n_files: int, scale: Scale) -> Work:
    index = iidindex.open(directory / "again.db", create=True)
    index.ingest(root)

    def walk(place: str) -> int:
        count = 0
        with os.scandir(place) as items:
            for item in items:
                if item.is_dir():
                    count += walk(item.path)
                else:
                    item.stat()
                    count += 1
        return count

    return Work(
        name=f"ingest {n_files:,} files again, nothing changed",
        ours=[Contender.of("Index.ingest", lambda: index.ingest(root))],
        theirs=Contender.of("os.scandir walk with stat", lambda: walk(str(root))),
        promise=Promise.slower(1.5),
        repeats=scale.of(11, 5),
        reason=(
            "Every size and time is compared with those in the database, which have to be read "
            "for it. With few files, two entries in the journal and the report also take a part "
            "of the time."
        ),
        check=lambda: agree("files", index.ingest(root).unchanged, walk(str(root))),
    )
