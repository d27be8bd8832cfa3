"""Questions over an archive: against SQL alone, and against opening every file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np

import iidindex
from benchmarks import original
from benchmarks.ingest import build
from benchmarks.peers.corpus import PER_FILE, Corpus, Questions
from benchmarks.peers.files import Ours
from benchmarks.peers.peer import Named, Peer
from benchmarks.peers.tables import SQLite
from benchmarks.runner import Contender, Promise, Scale, Work, agree
from iidindex.query.entries import Entries
from iidindex.query.question import asking as asking
from iidindex.query.question.choice import Plan
from iidindex.query.question.compile import Way

_PER_FILE = 100
_COLUMNS = (
    "e.id, e.file_id, e.key, e.minr, e.minc, e.maxr, e.maxc, e.area, e.offset, e.length, "
    "i.domain, i.address, f.path, f.size, f.mtime_ns, r.location"
)
_JOINED = (
    "JOIN files f ON f.id = e.file_id JOIN roots r ON r.id = f.root_id "
    "JOIN iids i ON i.id = e.iid_id"
)
_BOXES = (
    f"SELECT {_COLUMNS} FROM entry_boxes b JOIN entries e ON e.id = b.id {_JOINED} "
    "WHERE b.minr < ? AND b.maxr >= ? AND b.minc < ? AND b.maxc >= ? AND f.state = 'ok'"
)
_FOUND = (
    f"SELECT {_COLUMNS} FROM iids x JOIN entries e ON e.iid_id = x.id {_JOINED} "
    "WHERE x.address BETWEEN ? AND ? AND f.state = 'ok'"
)


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """Finding, boxes, pixels, and the choice of a way."""
    root = directory / "archive"
    n_files = scale.of(10_000, 1_000)
    build(root, n_files, _PER_FILE)
    index = iidindex.open(directory / "index.db", create=True)
    index.ingest(root)
    raw = _raw(directory / "index.db")
    crowd, crowd_raw = _crowd(directory, scale.of(1_000, 100))
    box = (1000, 1000, 1100, 1100)
    return [
        _against_sql(
            "entries of some 100 individuals",
            index.entries.where(prefix=b"0001"),
            raw,
            (_FOUND, (b"0001", b"0001\xff")),
        ),
        _against_sql(
            "boxes that meet a box of 100 × 100",
            index.entries.region(box, exact=False),
            raw,
            (_BOXES, (box[2], box[0], box[3], box[1])),
        ),
        _against_sql(
            "boxes at a pixel",
            index.entries.at(1500, 1203, exact=False),
            raw,
            (_BOXES, (1204, 1203, 1501, 1500)),
        ),
        _against_sql(
            "boxes at a pixel of a crowd",
            crowd.entries.at(200, 203, exact=False),
            crowd_raw,
            (_BOXES, (204, 203, 201, 200)),
        ),
        _every_file(index, root, scale),
        _against_blobs(directory, scale),
        *_sweep(index, scale),
    ]


def _raw(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA cache_size = -65536")
    return connection


def _crowd(directory: Path, n_files: int) -> tuple[iidindex.Index, sqlite3.Connection]:
    """An archive in which more than a hundred boxes hold each pixel, in its middle at least.

    Something is promised of so many hits only, and in the other archive there are fewer.
    """
    root = directory / "crowd"
    area = n_files * _PER_FILE * 16 * 16 / 150
    build(root, n_files, _PER_FILE, frame=round(np.sqrt(area)))
    index = iidindex.open(directory / "crowd.db", create=True)
    index.ingest(root)
    return index, _raw(directory / "crowd.db")


def _against_sql(
    name: str, question: Entries, raw: sqlite3.Connection, sql: tuple[str, tuple[object, ...]]
) -> Work:
    def rows() -> list[tuple[object, ...]]:
        return raw.execute(*sql).fetchall()

    def check() -> None:
        found = sorted(
            (e.id, e.key, *e.bbox, e.area, *e.bufloc, e.iid.domain, e.iid.address, e.path)
            for e in question
        )
        agree(name, found, sorted((row[0], *row[2:13]) for row in rows()))
        agree(name, sorted(question.ids().tolist()), [entry[0] for entry in found])
        print(f"{name}: {question.count():,} hits")

    return Work(
        name=f"{name}, warm",
        ours=[
            Contender.of("list of Entry", lambda: list(question)),
            Contender.of("ids", question.ids),
        ],
        theirs=Contender.of("the same rows from sqlite3", rows),
        # Nothing is promised of fewer hits.
        promise=Promise.slower(2) if question.count() >= 100 else None,
        repeats=15,
        check=check,
        reason=(
            "Each question is planned, which takes one more statement, and SQLAlchemy builds its "
            "SQL again: some 0.7 ms, whatever is found. The statement of the other program is "
            "ready. The fewer the hits, the larger is this part. Each hit then becomes an entry."
        ),
    )


def _every_file(index: iidindex.Index, root: Path, scale: Scale) -> Work:
    """One pixel of a whole archive; the other has no index and opens every file."""
    below = "000/*" if scale.of(1, 0) else "000/0000*"
    paths = sorted(root.glob(below))
    # Not on the far edge of a mask, which the other counts as inside.
    x, y = 1500, 1203

    def theirs() -> list[tuple[str, int]]:
        found = []
        for path in paths:
            with original.opened(path) as file:
                found += [(path.name, entry.key) for entry in file.at(x, y)]
        return found

    def ours() -> list[tuple[str, int]]:
        hits = index.entries.where(path=below).at(x, y)
        return [(Path(hit.path).name, hit.key) for hit in hits]

    return Work(
        name=f"the masks at a pixel, exactly, in {len(paths):,} files × {_PER_FILE}",
        ours=[Contender.of("index.entries.at", ours)],
        theirs=Contender.of(f"{original.NAME}, opening each", theirs),
        promise=Promise.faster(100),
        repeats=3,
        check=lambda: agree("pixel", ours(), theirs()),
        reason=(
            "Planning and the statement take the same time for few files as for many, and every "
            "file with a hit is opened. The fewer files the other program has to open, the "
            "smaller is the ratio."
        ),
    )


def _against_blobs(directory: Path, scale: Scale) -> Work:
    """The same five pixels, again and again; the other keeps the masks in its database."""
    n_files = scale.of(200, 200)
    corpus = Corpus.made(n_files)
    pixels = Questions.about(corpus, 1, 1).pixels[:5]
    ours, theirs = (_built(peer, corpus, directory) for peer in (Ours, SQLite))

    def asked(peer: Peer) -> list[list[Named]]:
        return [sorted(peer.named(peer.masks_at(x, y))) for x, y in pixels]

    return Work(
        name=f"the masks at 5 pixels, exactly, in {n_files:,} files × {PER_FILE}, again",
        ours=[
            Contender.of(Ours.name, lambda: [ours.masks_at(x, y) for x, y in pixels]),
        ],
        theirs=Contender.of(
            f"{SQLite.name}, masks as blobs", lambda: [theirs.masks_at(x, y) for x, y in pixels]
        ),
        promise=Promise.slower(3),
        repeats=scale.of(31, 15),
        check=lambda: agree("pixels", asked(ours), asked(theirs)),
        reason=(
            "Half of the files have a box that holds the pixel. Of each, one or two masks are "
            "read, and its size and time are checked each time. That takes at least two or three "
            "system calls, while the other program reads from its own memory."
        ),
    )


def _built(peer: type[Peer], corpus: Corpus, directory: Path) -> Peer:
    place = directory / peer.__name__
    place.mkdir()
    peer.build(corpus, place)
    return peer(place)


def _sweep(index: iidindex.Index, scale: Scale) -> Sequence[Work]:
    """From a question that fits a millionth to one that fits all: no slower than a scan."""
    found = []
    for part in (0.00001, 0.001, 0.03, 0.3, 1.0):
        side = max(1, round(3016 * np.sqrt(part)))
        question = index.entries.region((0, 0, side, side), exact=False)

        def scanned(question: Entries = question) -> int:
            with patch.object(asking, "choose", lambda *_: Plan(Way.SCAN, {})):
                return question.count()

        found.append(
            Work(
                name=f"count boxes in a square of {part:.3%} of the frame",
                ours=[Contender.of("the way chosen", question.count)],
                theirs=Contender.of("a scan of all entries", scanned),
                promise=Promise.slower(1.1),
                repeats=scale.of(5, 3),
                reason=(
                    "To choose a plan, candidates are counted, up to an eighth of all entries. "
                    "If all entries are looked at in the end, this was for nothing. Also, the "
                    "cost of a box in the tree and in a scan is estimated, not known."
                ),
                check=lambda question=question, scanned=scanned: agree(  # type: ignore[misc]
                    "count", question.count(), scanned()
                ),
            )
        )
    return found
