"""Small questions about files and their groups."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from iidindex.catalog.dialect import Text, dialect_of, marked
from iidindex.catalog.schema import FAILED, MISSING, OK, files, name_of
from iidindex.catalog.statement import run
from iidindex.model import FileStamp

# Path, id, size, mtime_ns, digest, state, fixity.
FileRow = tuple[str, int, int, int, bytes | None, str, bytes | None]

# What an ingest may want to know of a file.
_WHOLE = "path, id, size, mtime_ns, digest, state, fixity"

# Files of a root, and of all, as far as ids tell. A root has much of the table if it has this part.
_SHARE = "SELECT count(*), (SELECT coalesce(max(id), 0) FROM files) FROM files WHERE root_id = ?"
_MUCH = 4
# Paths of one statement.
_PATHS = 400
# From files to their groups to the members of these, of so many at a time.
_SPANS = 500
_MEMBERS = Text(
    "SELECT m.entry_id, g.name FROM {rows} {then} file_groups f ON f.file_id = {values[0]} "
    "{then} entry_groups m ON m.group_id = f.group_id "
    "AND m.entry_id BETWEEN {values[1]} AND {values[2]} {then} groups g ON g.id = m.group_id",
    width=3,
)


def files_of_root(connection: Connection, root_id: int, below: str = "") -> Iterator[FileRow]:
    """Files of a root: path, id, size, mtime_ns, digest, state, fixity.

    Parameters
    ----------
    connection : Connection
    root_id : int
    below : str
        Only the file of this path, and those in the directory of this path.
    """
    return _of_root(connection, _WHOLE, root_id, below)


def other_files_of_root(
    connection: Connection, root_id: int, below: str = "", *, fixity: bool = False
) -> Iterator[tuple[str, int, int, int, bytes | None, str, bytes | None]]:
    """As `files_of_root`, without those of `stamps_of_root`."""
    others = "state != 'ok' OR fixity IS NULL" if fixity else "state != 'ok'"
    return _of_root(connection, _WHOLE, root_id, below, f"({others})")


def stamps_of_root(
    connection: Connection, root_id: int, below: str = "", *, fixity: bool = False
) -> Iterator[tuple[str | bytes, int, int]]:
    """Path, size and mtime_ns of files of a root that are there and could be read.

    Of each row as little as can be, and as it is stored, so that a path may be bytes: it is
    nearly all that an ingest reads where nothing has changed.

    Parameters
    ----------
    connection : Connection
    root_id : int
    below : str
        As for `files_of_root`.
    fixity : bool
        Only those of which fixity is recorded.
    """
    which = "state = 'ok' AND fixity IS NOT NULL" if fixity else "state = 'ok'"
    return _raw_of_root(connection, "path, size, mtime_ns", root_id, below, which)


def _of_root(
    connection: Connection, columns: str, root_id: int, below: str, which: str = ""
) -> Iterator[Any]:
    yield from map(_told, _raw_of_root(connection, columns, root_id, below, which))


def _raw_of_root(
    connection: Connection, columns: str, root_id: int, below: str, which: str
) -> Iterator[Any]:
    # A million rows are read here every night, past all that makes a row comfortable. Where they
    # are much of the table, the plus keeps SQLite from going through the index, which would fetch
    # them in another order.
    selected = f"SELECT {columns} FROM files WHERE"  # noqa: S608  (ours)
    also = f" AND {which}" if which else ""
    dialect = dialect_of(connection)
    if below:
        path = dialect.path
        asked: list[tuple[str, tuple[object, ...]]] = [
            (f"{selected} root_id = ? AND path = ?{also}", (root_id, path(below))),
        ]
        within = f"{selected} root_id = ? AND path >= ? AND path < ?{also}"
        asked += [(within, (root_id, *span)) for span in _spans_below(below, path)]
    else:
        number, most = run(connection, marked(_SHARE, dialect), [root_id]).fetchone()
        column = "+root_id" if _MUCH * number >= most else "root_id"
        asked = [(f"{selected} {column} = ?{also}", (root_id,))]
    return chain.from_iterable(
        run(connection, marked(text, dialect), values) for text, values in asked
    )


def files_at(connection: Connection, root_id: int, paths: Sequence[str]) -> Iterator[FileRow]:
    """Files of a root of some paths, and those in the directories of these paths.

    As `files_of_root` of each, in a few statements for hundreds of them.
    """
    dialect = dialect_of(connection)
    for first in range(0, len(paths), _PATHS):
        part = paths[first : first + _PATHS]
        marks = ", ".join("?" * len(part))
        text = f"SELECT {_WHOLE} FROM files WHERE root_id = ? AND path IN ({marks})"  # noqa: S608
        values = [root_id, *map(dialect.path, part)]
        yield from map(_told, run(connection, marked(text, dialect), values))
        spans = [end for path in part for span in _spans_below(path, dialect.path) for end in span]
        rows = ", ".join(["(?, ?)"] * (len(spans) // 2))
        # What was a directory may be a file now.
        text = (
            f"WITH span (low, high) AS (VALUES {rows}) SELECT f.path, f.id, f.size, f.mtime_ns, "  # noqa: S608
            f"f.digest, f.state, f.fixity FROM span {dialect.then} files f "
            "ON f.root_id = ? AND f.path >= span.low AND f.path < span.high"
        )
        yield from map(_told, run(connection, marked(text, dialect), [*spans, root_id]))


def _told(row: Any) -> FileRow:
    return row if isinstance(row[0], str) else (os.fsdecode(row[0]), *row[1:])


def _spans_below(
    path: str, value: Callable[[str], str | bytes]
) -> list[tuple[str | bytes, str | bytes]]:
    """Between what the paths of all files in a directory lie, as text and as bytes."""
    # What follows a slash in order is "0". Paths that are no text are compared as bytes.
    first, end = f"{path}/", f"{path}0"
    found: list[tuple[str | bytes, str | bytes]] = [(os.fsencode(first), os.fsencode(end))]
    if isinstance(value(path), str):
        found.append((first, end))
    return found


def some_paths(connection: Connection, root_id: int, most: int) -> list[str]:
    """Paths of some files of a root that are there."""
    statement = select(files.c.path).where(files.c.root_id == root_id, files.c.state == OK)
    return list(connection.execute(statement.limit(most)).scalars())


def some_files(
    connection: Connection, root_id: int, most: int
) -> list[tuple[str, FileStamp, bytes | None]]:
    """Path, stamp and digest of some files of a root that were read, from all over it."""
    fits = (files.c.root_id == root_id, files.c.state != FAILED)
    ids = list(connection.execute(select(files.c.id).where(*fits).order_by(files.c.id)).scalars())
    chosen = ids[:: max(1, len(ids) // most)][:most]
    columns = (files.c.path, files.c.size, files.c.mtime_ns, files.c.digest)
    rows = connection.execute(select(*columns).where(files.c.id.in_(chosen)).order_by(files.c.id))
    return [(path, FileStamp(size, mtime_ns), digest) for path, size, mtime_ns, digest in rows]


def failures(connection: Connection, root_id: int, paths: Sequence[str]) -> dict[str, str]:
    """Why files of a root could not be read, by path."""
    found: dict[str, str] = {}
    for first in range(0, len(paths), _PATHS):
        part = paths[first : first + _PATHS]
        statement = select(files.c.path, files.c.reason).where(
            files.c.root_id == root_id, files.c.path.in_(part), files.c.state == FAILED
        )
        found |= {row.path: row.reason for row in connection.execute(statement)}
    return found


def groups_of_entries(
    connection: Connection, spans: Sequence[tuple[int, int, int]]
) -> Iterator[tuple[int, str]]:
    """Memberships of entries, by name.

    Parameters
    ----------
    connection : Connection
    spans : sequence of (int, int, int)
        A file, and the first and the last of the ids wanted of its entries.

    Yields
    ------
    (int, str)
        An entry and a group it is in.
    """
    for low in range(0, len(spans), _SPANS):
        part = np.array(spans[low : low + _SPANS], np.int64)
        for entry_id, name in run(connection, _MEMBERS.of(dialect_of(connection)), [part]):
            yield entry_id, name_of(name)


def missing_files(connection: Connection) -> list[tuple[int, str]]:
    """Id and path of every file that was not there at the last ingest."""
    statement = select(files.c.id, files.c.path).where(files.c.state == MISSING)
    return [(row[0], row[1]) for row in connection.execute(statement.order_by(files.c.path))]


def paths_of(connection: Connection, root_id: int) -> list[tuple[int, str]]:
    """Id and path of every file of a root."""
    statement = select(files.c.id, files.c.path).where(files.c.root_id == root_id)
    return [(row[0], row[1]) for row in connection.execute(statement.order_by(files.c.path))]
