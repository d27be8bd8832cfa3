"""Keeping a catalogue small, quick and sound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select

from iidindex.catalog.late_indexes import lacks_late_indexes, make_late_indexes
from iidindex.catalog.load import forget_entries
from iidindex.catalog.rtree import repack
from iidindex.catalog.schema import MISSING, entry_boxes, files


def missing_files(connection: Connection) -> list[tuple[int, str]]:
    """Id and path of every file that was not there at the last ingest."""
    statement = select(files.c.id, files.c.path).where(files.c.state == MISSING)
    return [(row[0], row[1]) for row in connection.execute(statement.order_by(files.c.path))]


def files_of(connection: Connection, root_id: int) -> list[tuple[int, str]]:
    """Id and path of every file of a root."""
    statement = select(files.c.id, files.c.path).where(files.c.root_id == root_id)
    return [(row[0], row[1]) for row in connection.execute(statement.order_by(files.c.path))]


def forget(connection: Connection, file_ids: Iterable[int]) -> None:
    """Delete what is known of files, and IIDs and groups that nothing has any more."""
    for file_id in file_ids:
        forget_entries(connection, file_id)
        connection.exec_driver_sql("DELETE FROM files WHERE id = ?", (file_id,))
    make_late_indexes(connection)
    connection.exec_driver_sql(
        "DELETE FROM iids WHERE NOT EXISTS (SELECT 1 FROM entries WHERE iid_id = iids.id)"
    )
    connection.exec_driver_sql(
        "DELETE FROM groups WHERE NOT EXISTS "
        "(SELECT 1 FROM entry_groups WHERE group_id = groups.id)"
    )


class Optimization(NamedTuple):
    """What there is to optimize.

    Attributes
    ----------
    lacks_indexes : bool
        Whether an index has to be made, as a first ingest was cut off.
    boxes, nodes : int
        Boxes of the R*Tree, which is packed anew, and the nodes that they lie in.
    has_statistics : bool
        Whether statistics were gathered before.
    bytes, free_bytes : int
        Of the database, and those of them that are in no use.
    """

    lacks_indexes: bool
    boxes: int
    nodes: int
    has_statistics: bool
    bytes: int
    free_bytes: int


def to_optimize(connection: Connection) -> Optimization:
    """Look at what `optimize` would do; change nothing."""

    def number(statement: str) -> int:
        found: int = connection.exec_driver_sql(statement).scalar_one()
        return found

    page = number("PRAGMA page_size")
    return Optimization(
        lacks_late_indexes(connection),
        number(f"SELECT count(*) FROM {entry_boxes.name}_rowid"),  # noqa: S608  (our name)
        number(f"SELECT count(*) FROM {entry_boxes.name}_node"),  # noqa: S608
        number("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'") > 0,
        number("PRAGMA page_count") * page,
        number("PRAGMA freelist_count") * page,
    )


def optimize(connection: Connection) -> None:
    """Make the indexes that are not there, pack the R*Tree anew, and gather statistics."""
    make_late_indexes(connection)
    repack(connection)
    connection.exec_driver_sql("ANALYZE")


def damage(connection: Connection) -> list[str]:
    """What SQLite finds wrong with the database; nothing, if all is well."""
    found = []
    for check in ("PRAGMA integrity_check", "SELECT rtreecheck('entry_boxes')"):
        found += [text for text in connection.exec_driver_sql(check).scalars() if text != "ok"]
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        found.append(f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there")
    return found
