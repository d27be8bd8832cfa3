"""Many files as pictures, a picture for each, in a directory of their own."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.lookup import places_of, roots_and_paths
from iidindex.errors import IIDFormatError, QueryError
from iidindex.files.arguments import check_number
from iidindex.pictures.render import Source, render, render_svg
from iidindex.pictures.view import Colored, Found
from iidindex.query.answers.entry import Entry
from iidindex.query.entries import Entries
from iidindex.query.pixels.frames import frames_of
from iidindex.query.pixels.segments import Ints
from iidindex.query.question.asking import Question
from iidindex.render.write import encode
from iidindex.storage.atomic import write_atomically
from iidindex.storage.paths import as_path

# What tells which picture is that of which file; and that a directory may be written to again.
LIST = "pictures.jsonl"
ENDINGS = ("png", "jpg", "webp", "svg", "npy")
# Files that are looked up together.
_TOGETHER = 500


@dataclass
class RenderReport:
    """What drawing many files did.

    Attributes
    ----------
    files, entries : int
        That were drawn.
    left_out : int
        Labels without room, in all pictures together.
    more : int
        Files that are more than the limit.
    missing : list of str
        Image files that the metadata name and that are not there.
    failed : dict of str to str
        Why files could not be drawn, by where they lie.
    seconds : float
    """

    files: int = 0
    entries: int = 0
    left_out: int = 0
    more: int = 0
    missing: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RenderProgress:
    """So many files of a total."""

    files: int
    total: int

    def __str__(self) -> str:
        return f"{self.files:,} of {self.total:,} files"


def render_files(
    source: Source,
    out: str | os.PathLike[str],
    to: str,
    limit: int | None,
    progress: Callable[[RenderProgress], object] | None,
) -> RenderReport:
    """Draw each file of a question; see `Index.render_files`."""
    begin = time.monotonic()
    if to not in ENDINGS:
        raise QueryError(f"to is {to!r:.99}; expected one of {', '.join(ENDINGS)}")
    if isinstance(source.manner.image, str):
        raise QueryError("an image is that of one file; leave it out, or draw that file alone")
    most = None if limit is None else check_number(limit, "limit")
    directory = _checked(as_path(out))
    report = RenderReport()
    known = _known(source)
    ids = _files_of(source) if known is None else np.array(list(known), np.int64)
    report.more = len(ids) - len(ids[:most])
    ids = ids[:most]
    if not len(ids):
        return report
    with source.catalog.reading() as connection:
        names = _names(connection, ids, to)
    colored = Colored.by(source.manner.paint, source.entries, source.entries.filters)
    os.makedirs(directory, exist_ok=True)
    missing: dict[str, None] = {}
    with open(os.path.join(directory, LIST), "w", encoding="utf-8", newline="\n") as rows:
        for nth, ((path, file), name) in enumerate(
            zip(_found(source, ids, known), names, strict=True)
        ):
            row: dict[str, Any] = {"path": path, "picture": name}
            try:
                content, told, images = _drawn(source, file, colored, to)
                place = os.path.join(directory, name)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                write_atomically(place, [content])
            except (OSError, IIDFormatError, QueryError) as error:
                report.failed[file.frame.location] = str(error)
                row |= {"picture": None, "problem": str(error)}
            else:
                missing.update(dict.fromkeys(images))
                report.files += 1
                report.entries += told["entries"]
                report.left_out += told["left_out"]
                row |= told
            rows.write(json.dumps(row) + "\n")
            if progress is not None:
                progress(RenderProgress(nth + 1, len(ids)))
    report.missing = list(missing)
    report.seconds = time.monotonic() - begin
    return report


def _checked(directory: str) -> str:
    """A directory that is not there, is empty, or was written before.

    Others may hold originals, and pictures of the same names.
    """
    if not os.path.lexists(directory):
        return directory
    if not os.path.isdir(directory):
        raise QueryError(f"{directory}: is a file; name a directory for the pictures of many files")
    if os.listdir(directory) and not os.path.exists(os.path.join(directory, LIST)):
        raise QueryError(
            f"{directory}: holds something else, which pictures could replace; name a directory "
            "that is not there yet"
        )
    return directory


def _known(source: Source) -> dict[int, list[Entry]] | None:
    """The hits by file, where they cannot be found file by file: in an order, or so many."""
    filters = source.entries.filters
    if not filters.order_by and filters.limit is None and filters.near is None:
        return None
    found: dict[int, list[Entry]] = {}
    for entry in source.entries:
        found.setdefault(entry.file_id, []).append(entry)
    return found


def _files_of(source: Source) -> Ints:
    """The files in which something is found, in the order of the catalogue."""
    with source.catalog.reading() as connection:
        question = Question(connection, source.originals, source.entries.filters)
        parts = [np.unique(part[:, 0]) for part in question.file_by_file("file_id")]
    return np.unique(np.concatenate([np.zeros(0, np.int64), *parts]))


def _names(connection: Connection, ids: Ints, to: str) -> list[str]:
    """What pictures are called: as their files, below their root's name if there are several."""
    known = roots_and_paths(connection, ids)
    roots = {root for root, _ in known}
    plain = {root: root.replace("/", "_").strip(".") or "root" for root in roots}
    names = []
    for root, raw in known:
        path = os.fsdecode(raw)
        stem = path[:-4] if path.lower().endswith(".iid") else path
        names.append(f"{plain[root]}/{stem}" if len(roots) > 1 else stem)
    # `a.iid` and `a.IID` keep their endings.
    times = Counter(name.casefold() for name in names)
    return [
        f"{name if times[name.casefold()] == 1 else f'{name}.{nth}'}.{to}"
        for nth, name in enumerate(names)
    ]


def _found(
    source: Source, ids: Ints, known: dict[int, list[Entry]] | None
) -> Iterator[tuple[str, Found]]:
    """What is found in each file, and its path."""
    for low in range(0, len(ids), _TOGETHER):
        some = ids[low : low + _TOGETHER]
        with source.catalog.reading() as connection:
            frames = frames_of(connection, some)
            places = places_of(connection, some)
        for file_id, (path, _) in zip(some.tolist(), places, strict=True):
            if known is not None:
                hits = known[file_id]
            else:
                filters = source.entries.filters.in_files([file_id])
                hits = list(Entries(source.catalog, source.originals, filters))
            yield path, Found(file_id, frames[file_id], hits)


def _drawn(
    source: Source, file: Found, colored: Colored, to: str
) -> tuple[bytes, dict[str, int], tuple[str, ...]]:
    """A picture as a file, what is told of it, and what it should lie over."""
    if to == "svg":
        lines = render_svg(source, file, colored)
        told = {"entries": lines.drawn, "left_out": lines.left_out}
        return lines.svg.encode("utf-8"), told, lines.missing
    drawn = render(source, file, colored)
    told = {"entries": drawn.drawn, "left_out": drawn.left_out}
    return encode(drawn.picture, f".{to}"), told, drawn.missing
