"""Writing scanned files into the catalogue, whole files in one transaction.

What is written comes as columns: the catalogue knows neither files on disk nor the ``.iid``
format.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.intern import Interner
from iidindex.catalog.rows import insert
from iidindex.catalog.rtree import add_boxes, cells_of, remove_boxes
from iidindex.catalog.schema import FAILED, MISSING, OK, SECTION_COLUMNS, path_value
from iidindex.columns import Batch, FileFacts
from iidindex.model import FileStamp

Ints = npt.NDArray[np.int64]

_FILE_COLUMNS = [
    "id",
    "root_id",
    "path",
    "size",
    "mtime_ns",
    "digest",
    "n_entries",
    "first_entry_id",
    "meta",
    *SECTION_COLUMNS,
    "state",
    "reason",
    "indexed_at",
]
_ENTRY_COLUMNS = [
    "id",
    "file_id",
    "key",
    "iid_id",
    "minr",
    "minc",
    "maxr",
    "maxc",
    "area",
    "offset",
    "length",
]


class Loader:
    """Writes files within one transaction; `finish` it before it is committed.

    Parameters
    ----------
    connection : Connection
        In a transaction that may write, so that nobody else hands out ids.
    interner : Interner
        Kept from one transaction to the next.
    now : int
        What `indexed_at` is to say, in seconds since the epoch.
    """

    def __init__(self, connection: Connection, interner: Interner, now: int) -> None:
        self._connection = connection
        self._interner = interner
        self._now = now
        self._next = {
            table: self._scalar(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")  # noqa: S608
            for table in ("files", "entries", "groups")
        }
        self._entries_before = self._next["entries"]
        known_groups = connection.exec_driver_sql("SELECT name, id FROM groups").all()
        self._groups: dict[str, int] = {row.name: row.id for row in known_groups}
        self._cells: list[Ints] = []
        self._file_rows: list[object] = []

    def write(
        self,
        root_id: int,
        paths: Sequence[str],
        batch: Batch,
        which: Sequence[int],
        known_ids: Sequence[int | None],
    ) -> None:
        """Write files that are new, or in place of what the catalogue held of them.

        Parameters
        ----------
        root_id : int
        paths : sequence of str
            Of the files to write, inside the root.
        batch : Batch
        which : sequence of int
            Positions in the batch of the files to write, ascending.
        known_ids : sequence of int or None
            The ids of files that are not new.
        """
        counts = np.array([file.n_entries for file in batch.files], np.int64)
        first_row = np.cumsum(counts) - counts
        n_entries = int(counts[list(which)].sum())
        next_entry = self._take("entries", n_entries)
        # The entry id of every row of the batch; 0 where the file is not written.
        ids = np.zeros(len(batch), np.int64)
        file_of = np.zeros(len(batch), np.int64)
        for path, place, known_id in zip(paths, which, known_ids, strict=True):
            n = int(counts[place])
            first = next_entry if n else None
            file_id = self._write_file(root_id, path, batch.files[place], known_id, first)
            rows = slice(int(first_row[place]), int(first_row[place]) + n)
            ids[rows] = np.arange(next_entry, next_entry + n)
            file_of[rows] = file_id
            next_entry += n
        self._write_entries(batch, ids, file_of)
        self._write_groups(batch, ids, file_of)

    def fail(
        self, root_id: int, path: str, stamp: FileStamp, reason: str, file_id: int | None = None
    ) -> None:
        """Record that a file could not be read; what was known of it is no longer true."""
        if file_id is None:
            row = [self._take("files"), root_id, path_value(path), *stamp, None, 0, None, None]
            nothing = [None] * len(SECTION_COLUMNS)
            self._file_rows += [*row, *nothing, FAILED, reason, self._now]
            return
        forget_entries(self._connection, file_id)
        self._connection.exec_driver_sql(
            "UPDATE files SET size = ?, mtime_ns = ?, digest = NULL, n_entries = 0, "
            "first_entry_id = NULL, meta = NULL, state = ?, reason = ?, indexed_at = ? "
            "WHERE id = ?",
            (*stamp, FAILED, reason, self._now, file_id),
        )

    def move(self, file_id: int, root_id: int, path: str, stamp: FileStamp) -> None:
        """Record the path and the stamp that a file has now; its entries keep their ids."""
        self._connection.exec_driver_sql(
            "UPDATE files SET root_id = ?, path = ?, size = ?, mtime_ns = ?, state = ?, "
            "reason = NULL, indexed_at = ? WHERE id = ?",
            (root_id, path_value(path), *stamp, OK, self._now, file_id),
        )

    def miss(self, file_ids: Iterable[int]) -> None:
        """Record that files are no longer there; nothing is deleted."""
        for file_id in file_ids:
            self._connection.exec_driver_sql(
                "UPDATE files SET state = ?, reason = ? WHERE id = ?",
                (MISSING, "not found at the last ingest", file_id),
            )

    def finish(self) -> None:
        """Write what was held back to be written together."""
        insert(self._connection, "files", _FILE_COLUMNS, self._file_rows)
        self._file_rows = []
        if self._cells:
            add_boxes(self._connection, np.concatenate(self._cells), self._entries_before)
            self._cells = []

    def _write_file(
        self, root_id: int, path: str, file: FileFacts, file_id: int | None, first: int | None
    ) -> int:
        row = [
            root_id,
            path_value(path),
            *file.stamp,
            file.digest,
            file.n_entries,
            first,
            file.meta,
            *(number for section in file.sections for number in section),
            OK,
            None,
            self._now,
        ]
        if file_id is None:
            file_id = self._take("files")
            self._file_rows += [file_id, *row]
            return file_id
        forget_entries(self._connection, file_id)
        assignments = ", ".join(f"{name} = ?" for name in _FILE_COLUMNS[1:])
        self._connection.exec_driver_sql(
            f"UPDATE files SET {assignments} WHERE id = ?",  # noqa: S608  (names are ours)
            (*row, file_id),
        )
        return file_id

    def _write_entries(self, batch: Batch, ids: Ints, file_of: Ints) -> None:
        chosen = np.flatnonzero(ids)
        if not len(chosen):
            return
        if len(chosen) == len(batch):
            iids, iid_of = batch.iids, batch.iid_of
        else:
            used, iid_of = np.unique(batch.iid_of[chosen], return_inverse=True)
            iids = [batch.iids[place] for place in used.tolist()]
        rows = np.empty((len(chosen), len(_ENTRY_COLUMNS)), np.int64)
        rows[:, 0] = ids[chosen]
        rows[:, 1] = file_of[chosen]
        rows[:, 2] = batch.key[chosen]
        rows[:, 3] = self._interner.ids_of(self._connection, iids)[iid_of]
        rows[:, 4:8] = batch.bbox[chosen]
        rows[:, 8] = batch.area[chosen]
        rows[:, 9] = batch.offset[chosen]
        rows[:, 10] = batch.length[chosen]
        insert(self._connection, "entries", _ENTRY_COLUMNS, rows.ravel().tolist())
        self._cells.append(cells_of(rows[:, 0], batch.bbox[chosen]))

    def _write_groups(self, batch: Batch, ids: Ints, file_of: Ints) -> None:
        entry_id = ids[batch.member]
        chosen = np.flatnonzero(entry_id)
        group_ids = np.array([self._group_id(name) for name in batch.group_names], np.int64)
        if not len(chosen):
            return
        group_id = group_ids[batch.group_of[chosen]]
        order = np.lexsort((entry_id[chosen], group_id))
        pairs = np.column_stack([group_id, entry_id[chosen]])[order]
        insert(self._connection, "entry_groups", ["group_id", "entry_id"], pairs.ravel().tolist())
        of_files = np.unique(np.column_stack([file_of[batch.member[chosen]], group_id]), axis=0)
        insert(self._connection, "file_groups", ["file_id", "group_id"], of_files.ravel().tolist())

    def _group_id(self, name: str) -> int:
        group_id = self._groups.get(name)
        if group_id is None:
            group_id = self._groups[name] = self._take("groups")
            insert(self._connection, "groups", ["id", "name"], [group_id, name])
        return group_id

    def _take(self, table: str, count: int = 1) -> int:
        """Reserve consecutive ids; return the first."""
        first = self._next[table]
        self._next[table] = first + count
        return first

    def _scalar(self, statement: str) -> int:
        found: int = self._connection.exec_driver_sql(statement).scalar_one()
        return found


def forget_entries(connection: Connection, file_id: int) -> None:
    """Delete a file's entries and all that hangs on them."""
    first, count = connection.exec_driver_sql(
        "SELECT first_entry_id, n_entries FROM files WHERE id = ?", (file_id,)
    ).one()
    if first is None:
        return
    remove_boxes(connection, first, count)
    span = (first, first + count - 1)
    connection.exec_driver_sql(
        "DELETE FROM entry_groups WHERE group_id IN "
        "(SELECT group_id FROM file_groups WHERE file_id = ?) AND entry_id BETWEEN ? AND ?",
        (file_id, *span),
    )
    connection.exec_driver_sql("DELETE FROM file_groups WHERE file_id = ?", (file_id,))
    connection.exec_driver_sql("DELETE FROM entries WHERE id BETWEEN ? AND ?", span)
