"""Deleting what is known of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from iidindex.catalog.contract import Store
from iidindex.catalog.statement import execute

# Takes the first of consecutive ids of entries, and how many they are.
RemoveBoxes = Callable[[Connection, int, int], object]


def forget(connection: Connection, file_ids: Iterable[int], store: Store) -> None:
    """Delete what is known of files, and IIDs and groups that nothing has any more."""
    for file_id in file_ids:
        forget_entries(connection, file_id, store.remove_boxes)
        execute(connection, "DELETE FROM files WHERE id = ?", (file_id,))
    store.intake().complete(connection)  # without an index the next would take for ever
    execute(
        connection,
        "DELETE FROM iids WHERE NOT EXISTS (SELECT 1 FROM entries WHERE iid_id = iids.id)",
    )
    execute(
        connection,
        "DELETE FROM groups WHERE NOT EXISTS "
        "(SELECT 1 FROM entry_groups WHERE group_id = groups.id)",
    )


def forget_entries(connection: Connection, file_id: int, remove_boxes: RemoveBoxes) -> None:
    """Delete a file's entries and all that hangs on them.

    Parameters
    ----------
    connection : Connection
    file_id : int
    remove_boxes : callable
        That of the store.
    """
    found = execute(
        connection, "SELECT first_entry_id, n_entries FROM files WHERE id = ?", (file_id,)
    ).one()
    first, count = tuple(found)
    if first is None:
        return
    forget_overlaps(connection, file_id)
    remove_boxes(connection, first, count)
    span = (first, first + count - 1)
    execute(
        connection,
        "DELETE FROM entry_groups WHERE group_id IN "
        "(SELECT group_id FROM file_groups WHERE file_id = ?) AND entry_id BETWEEN ? AND ?",
        (file_id, *span),
    )
    execute(connection, "DELETE FROM file_groups WHERE file_id = ?", (file_id,))
    execute(connection, "DELETE FROM entries WHERE id BETWEEN ? AND ?", span)


def forget_overlaps(connection: Connection, file_id: int) -> None:
    """Delete the overlaps that are kept of a file."""
    execute(
        connection,
        'DELETE FROM "overlaps" WHERE a_id BETWEEN (SELECT first_entry_id FROM files WHERE id = ?) '
        "AND (SELECT first_entry_id + n_entries - 1 FROM files WHERE id = ?)",
        (file_id, file_id),
    )
    execute(connection, "DELETE FROM overlap_files WHERE file_id = ?", (file_id,))
