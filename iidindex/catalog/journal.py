"""The journal: when files were brought in, and by name what changed.

It is written with what it tells of, in the same transactions, so that it tells neither more nor
less.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from iidindex.catalog.dialect import dialect_of
from iidindex.catalog.statement import execute

# What may become of a file.
KINDS = ("added", "updated", "touched", "moved", "missing", "returned", "failed")


class Noted(NamedTuple):
    """A change: what became of a file, the name of its root, its path inside, and where it was."""

    kind: str
    root: str
    path: str
    old_path: str | None = None


def begin_ingest(connection: Connection, started: int, paths: Sequence[str]) -> int:
    """Note that an ingest begins, at a time in seconds since the epoch; return its id."""
    new_id = dialect_of(connection).new_id.format(table="ingests")
    found: int = execute(connection, f"SELECT {new_id}").scalar_one()
    # JSON in ASCII holds any path, of which some are no text.
    execute(
        connection,
        "INSERT INTO ingests (id, started, paths) VALUES (?, ?, ?)",
        (found, started, json.dumps(list(paths))),
    )
    return found


def end_ingest(
    connection: Connection, ingest_id: int, finished: int, counts: Mapping[str, int]
) -> None:
    """Note that an ingest has ended, and how many files became what."""
    execute(
        connection,
        "UPDATE ingests SET finished = ?, counts = ? WHERE id = ?",
        (finished, json.dumps(dict(counts)), ingest_id),
    )
