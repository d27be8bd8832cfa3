"""Entries as Parquet files for engines that ask many files at once: a lake.

The layout is that of Common Crawl's columnar index (https://github.com/commoncrawl/cc-index-table):
rows sorted by what is looked for, in row groups whose least and greatest values say which of them
to read, with the file, the offset and the length where the original bytes lie.

A part holds files of one root, and all that is known of a part is which files, with which
content: so an export into a lake that is there writes the parts whose files changed, and no other.
"""

from __future__ import annotations

import json
import os
import re
import time
from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, and_, select

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.schema import files, roots
from iidindex.catalog.statement import Statement
from iidindex.errors import ExchangeError
from iidindex.exchange.export_report import ExportReport
from iidindex.exchange.lake_rows import NUMBERS, SORTINGS, PartRows
from iidindex.exchange.sink import Guard, LocalSink
from iidindex.query.answers.arrow import library
from iidindex.query.entries import Entries
from iidindex.query.pixels.originals import Originals
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question
from iidindex.query.question.conditions import of_files
from iidindex.query.question.shape import needs_pixels, shape_of, values_of
from iidindex.storage.paths import absolute

# Entries of a part, all of which are in memory while it is sorted. In a lake of many parts, each
# has to be looked into for an individual.
_PART_ENTRIES = 1 << 21
# From so many small parts on, they are put together.
_MANY_SMALL = 8

# What a lake knows of itself; names with an underscore are no data to the engines that read it.
_STATE = "_iidindex.json"
_VERSION = 1
_PART_NAME = re.compile(r"[0-9a-f]{32}\.parquet")
# Before the name of a part that is not yet to be read.
_HIDDEN = "."

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


class _Files(NamedTuple):
    """Files that are asked for: ids, roots, numbers of entries, and what tells their content."""

    id: Ints
    root: Ints
    entries: Ints
    key: Keys

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> _Files:
        """Some of them."""
        return _Files(self.id[rows], self.root[rows], self.entries[rows], self.key[rows])


class _Part(NamedTuple):
    """A part of the lake: its name, how many entries, and the keys of its files."""

    name: str
    entries: int
    keys: Keys


def export_lake(
    question: Entries,
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    out: str | os.PathLike[str],
    by: str | None,
    guard: Guard,
    dry_run: bool = False,
    progress: Callable[[int], object] | None = None,
) -> ExportReport:
    """Write the entries of a question as sorted Parquet files, those that are not there yet.

    Parameters
    ----------
    question : Entries
    catalog : Catalog
    originals : Originals
    filters : Filters
        Those of the question.
    out : path-like
        A directory. What an earlier export of the same question wrote there is brought up to date.
    by : {"iid", "place"}, optional
        One order of the rows; without this, both.
    guard : callable
        As in `LocalSink`.
    dry_run : bool
        Count what would be written.
    progress : callable, optional
        Called with the number of entries that have been written.

    Raises
    ------
    ExchangeError
        If `by` is something else, or the directory holds something that no such export wrote.
    QueryError
        If pyarrow is not installed.
    """
    begin = time.monotonic()
    if by is not None and by not in SORTINGS:
        raise ExchangeError(f"by is {by!r}; expected 'iid' or 'place', or None for both")
    library("pyarrow", "arrow")
    report = ExportReport()
    with catalog.reading() as connection, closing(LocalSink(out, False, guard)) as sink:
        chosen = _chosen(connection, originals, question, filters)
        wanted = _wanted_files(connection, filters)
        asked = _asked(filters, chosen)
        lakes = [_Lake(absolute(out), one, asked) for one in (SORTINGS if by is None else (by,))]
        report.pictures = len(wanted.id)
        for lake in lakes:
            lake.compare(wanted.key)
        report.parts_kept = max(len(lake.parts) for lake in lakes)
        report.parts_removed = max(lake.n_outdated for lake in lakes)
        report.entries = max(lake.n_entries for lake in lakes)
        for some, lacking in _lacking(lakes, wanted):
            part = replace(filters, order_by=(), limit=None, near=None).in_files(some.id.tolist())
            # By boxes: which masks hold the pixels asked for is known by now.
            found = Question(connection, originals, part, looked_at=()).all_numbers(*NUMBERS)
            rows = PartRows(connection, found, chosen)
            report.parts_written += 1
            for lake in lacking:
                lake.add(some.key, rows, None if dry_run else sink)
            report.entries = max(lake.n_entries for lake in lakes)
            if progress is not None:
                progress(report.entries)
        if not dry_run:
            for lake in lakes:
                lake.show()
            sink.put(_STATE, _state_with(absolute(out), lakes))
            for lake in lakes:
                lake.tidy()
    report.seconds = time.monotonic() - begin
    return report


def _lacking(lakes: Sequence[_Lake], wanted: _Files) -> Iterator[tuple[_Files, list[_Lake]]]:
    """The files of each part that is lacking, and the sortings that lack it: as a rule, all."""
    portions: dict[bytes, tuple[_Files, list[_Lake]]] = {}
    for lake in lakes:
        for some in _portions(wanted.take(~np.isin(wanted.key, lake.known))):
            portions.setdefault(some.key.tobytes(), (some, []))[1].append(lake)
    yield from portions.values()


def _chosen(
    connection: Connection, originals: Originals, question: Entries, filters: Filters
) -> Ints | None:
    """The ids of the hits, sorted, if columns of the catalogue do not tell them."""
    if filters.near is not None:
        return np.sort(np.fromiter((entry.id for entry in question), np.int64))
    if needs_pixels(filters) or filters.limit is not None:
        return np.sort(Question(connection, originals, filters).ids())
    return None


def _wanted_files(connection: Connection, filters: Filters) -> _Files:
    """The files that fit, in the order of their ids."""
    shape = shape_of(filters)
    columns = (files.c.id, files.c.root_id, files.c.n_entries)
    statement = Statement(
        select(*columns, roots.c.name, files.c.path, files.c.digest)
        .join(roots, roots.c.id == files.c.root_id)
        .where(and_(*of_files(shape)))
        .order_by(files.c.id)
    )
    numbers, keys = array("q"), array("Q")
    for *integers, root, path, digest in statement.run(connection, values_of(filters)):
        numbers.extend(integers)
        content = b"\0".join((os.fsencode(root), os.fsencode(path), digest or b""))
        keys.append(int.from_bytes(blake2b(content, digest_size=8).digest(), "little"))
    ids, root_ids, sizes = np.array(numbers, np.int64).reshape(-1, 3).T
    return _Files(ids, root_ids, sizes, np.array(keys, np.uint64))


def _asked(filters: Filters, chosen: Ints | None) -> str:
    """What tells one question, and how its rows are written, from another.

    Which entries were chosen is part of it, where it is not told by each file for itself.
    """
    given = [(name, filters.given[name]) for name in sorted(filters.given)]
    told = repr((_VERSION, given, filters.after, filters.regions, filters.exact))
    which = b"" if chosen is None else chosen.tobytes()
    return blake2b(told.encode("utf-8", "surrogateescape") + which, digest_size=16).hexdigest()


def _portions(some: _Files) -> Iterator[_Files]:
    """Cut files into those of one part each, of one root."""
    for root in np.unique(some.root):
        of_root = some.take(some.root == root)
        part = np.cumsum(of_root.entries) - of_root.entries
        begin = 0
        while begin < len(part):
            end = int(np.searchsorted(part + of_root.entries, part[begin] + _PART_ENTRIES, "right"))
            end = max(end, begin + 1)
            yield of_root.take(np.arange(begin, end))
            begin = end


class _Lake:
    """The parts of one sorting, and what it says of them.

    Parameters
    ----------
    place : str
        Of all sortings.
    by : str
    asked : str
        What the rows are an answer to.
    """

    def __init__(self, place: str, by: str, asked: str) -> None:
        self._place, self.by, self._asked = place, by, asked
        self.parts: list[_Part] = []
        self.n_outdated = 0

    @property
    def known(self) -> Keys:
        """The keys of the files in its parts."""
        return np.concatenate([np.empty(0, np.uint64), *(part.keys for part in self.parts)])

    @property
    def n_entries(self) -> int:
        """How many entries its parts hold."""
        return sum(part.entries for part in self.parts)

    def compare(self, wanted: Keys) -> None:
        """Keep of what an earlier export has left the parts that are up to date."""
        left = self._left()
        stays = [self._is_there(part) and bool(np.isin(part.keys, wanted).all()) for part in left]
        small = [
            nth
            for nth, part in enumerate(left)
            if stays[nth] and part.entries < _PART_ENTRIES // _MANY_SMALL
        ]
        if len(small) >= _MANY_SMALL:
            for nth in small:
                stays[nth] = False
        self.parts = [part for part, stay in zip(left, stays, strict=True) if stay]
        self.n_outdated = len(left) - len(self.parts)

    def _left(self) -> list[_Part]:
        """What an export of the same question has left."""
        try:
            state = _states(self._place)[self.by]
            if state["asked"] != self._asked:
                return []
            return [
                _Part(one["name"], one["entries"], np.frombuffer(b64decode(one["files"]), "<u8"))
                for one in state["parts"]
                if _PART_NAME.fullmatch(one["name"])
            ]
        except (ValueError, TypeError, KeyError):
            # Nothing that can be built on: all is written anew.
            return []

    def _is_there(self, part: _Part) -> bool:
        return not part.entries or os.path.isfile(self._path(part.name))

    def _path(self, name: str) -> str:
        return os.path.join(self._place, f"by={self.by}", name)

    def add(self, keys: Keys, rows: PartRows, sink: LocalSink | None) -> None:
        """Add a part, and write it under a name that is not read yet, if there is a sink."""
        # Another question, or other content, has another name.
        told = self._asked.encode() + keys.tobytes()
        name = f"{blake2b(told, digest_size=16).hexdigest()}.parquet"
        if len(rows) and sink is not None:
            with sink.stream(f"by={self.by}/{_HIDDEN}{name}") as file:
                rows.write(file, self.by)
        self.parts.append(_Part(name, len(rows), keys))

    def show(self) -> None:
        """Give new parts the names under which they are read."""
        for part in self.parts:
            hidden = self._path(_HIDDEN + part.name)
            if os.path.exists(hidden):
                os.replace(hidden, self._path(part.name))

    def state(self) -> dict[str, object]:
        """What it says of itself."""
        told = [
            {
                "name": part.name,
                "entries": part.entries,
                "files": b64encode(part.keys.astype("<u8").tobytes()).decode(),
            }
            for part in self.parts
        ]
        return {"asked": self._asked, "parts": told}

    def tidy(self) -> None:
        """Remove every other part, whoever left it."""
        names = {part.name for part in self.parts if part.entries}
        place = self._path("")
        found = os.listdir(place) if os.path.isdir(place) else []
        for name in found:
            if _PART_NAME.fullmatch(name.removeprefix(_HIDDEN)) and name not in names:
                os.unlink(os.path.join(place, name))
        if found and not os.listdir(place):
            os.rmdir(place)


def _states(place: str) -> dict[str, dict[str, Any]]:
    """What the sortings in a directory say of themselves; nothing, if that cannot be read."""
    try:
        with open(os.path.join(place, _STATE), encoding="utf-8") as file:
            states = json.load(file)
    except (OSError, ValueError):
        return {}
    return states if isinstance(states, dict) else {}


def _state_with(place: str, lakes: Sequence[_Lake]) -> bytes:
    """What all sortings in a directory say, those that were not written as before."""
    states = {by: state for by, state in _states(place).items() if by in SORTINGS}
    return json.dumps(states | {lake.by: lake.state() for lake in lakes}).encode()
