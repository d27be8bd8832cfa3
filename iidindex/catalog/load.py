"""Writing scanned files into the catalogue, whole files in one transaction.

What is written comes as plain columns: the catalogue knows neither files on disk nor the
``.iid`` format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.rows import insert, select_in
from iidindex.catalog.rtree import add_boxes, remove_boxes
from iidindex.catalog.schema import FAILED, MISSING, OK, SECTION_COLUMNS, path_value
from iidindex.model import FileColumns, FileStamp

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
    """Writes files within one transaction.

    Parameters
    ----------
    connection : Connection
        In a transaction that may write, so that nobody else hands out ids.
    now : int
        What `indexed_at` is to say, in seconds since the epoch.
    """

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._now = now
        self._next = {
            table: self._scalar(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")  # noqa: S608
            for table in ("files", "iids", "entries", "groups")
        }
        self._iids: dict[tuple[bytes, bytes], int] = {}
        known_groups = connection.exec_driver_sql("SELECT name, id FROM groups").all()
        self._groups: dict[str, int] = {row.name: row.id for row in known_groups}

    def write(self, root_id: int, path: str, file: FileColumns, file_id: int | None = None) -> None:
        """Write a file that is new, or in place of what the catalogue held of it.

        Parameters
        ----------
        root_id : int
        path : str
            Inside the root.
        file : FileColumns
        file_id : int, optional
            The file's id, if it is not new.
        """
        if file_id is not None:
            self.forget_entries(file_id)
        first = self._take("entries", len(file)) if len(file) else None
        file_id = self._write_file(root_id, path, file, file_id, first)
        if first is None:
            return
        self._write_entries(file_id, first, file)
        add_boxes(self._connection, first, file.bbox)
        self._write_groups(first, file.groups)

    def fail(
        self, root_id: int, path: str, stamp: FileStamp, reason: str, file_id: int | None = None
    ) -> None:
        """Record that a file could not be read; what was known of it is no longer true."""
        if file_id is None:
            row = [self._take("files"), root_id, path_value(path), *stamp, None, 0, None, None]
            nothing = [None] * len(SECTION_COLUMNS)
            self._insert_files([*row, *nothing, FAILED, reason, self._now])
            return
        self.forget_entries(file_id)
        self._connection.exec_driver_sql(
            "UPDATE files SET size = ?, mtime_ns = ?, digest = NULL, n_entries = 0, "
            "first_entry_id = NULL, meta = NULL, state = ?, reason = ?, indexed_at = ? "
            "WHERE id = ?",
            (*stamp, FAILED, reason, self._now, file_id),
        )

    def touch(self, file_id: int, stamp: FileStamp) -> None:
        """Record a new stamp of a file whose content is the same."""
        self._connection.exec_driver_sql(
            "UPDATE files SET size = ?, mtime_ns = ?, state = ?, reason = NULL, indexed_at = ? "
            "WHERE id = ?",
            (*stamp, OK, self._now, file_id),
        )

    def move(self, file_id: int, root_id: int, path: str, stamp: FileStamp) -> None:
        """Record a new path of a file; its entries keep their ids."""
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

    def forget_entries(self, file_id: int) -> None:
        """Delete a file's entries and all that hangs on them."""
        first, count = self._connection.exec_driver_sql(
            "SELECT first_entry_id, n_entries FROM files WHERE id = ?", (file_id,)
        ).one()
        if first is None:
            return
        remove_boxes(self._connection, first, count)
        span = (first, first + count - 1)
        self._connection.exec_driver_sql(
            "DELETE FROM entry_groups WHERE entry_id BETWEEN ? AND ?", span
        )
        self._connection.exec_driver_sql("DELETE FROM entries WHERE id BETWEEN ? AND ?", span)

    def _write_file(
        self, root_id: int, path: str, file: FileColumns, file_id: int | None, first: int | None
    ) -> int:
        sections = [number for section in file.sections for number in section]
        row = [
            root_id,
            path_value(path),
            *file.stamp,
            file.digest,
            len(file),
            first,
            file.meta,
            *sections,
            OK,
            None,
            self._now,
        ]
        if file_id is None:
            file_id = self._take("files")
            self._insert_files([file_id, *row])
            return file_id
        assignments = ", ".join(f"{name} = ?" for name in _FILE_COLUMNS[1:])
        self._connection.exec_driver_sql(
            f"UPDATE files SET {assignments} WHERE id = ?",  # noqa: S608  (names are ours)
            (*row, file_id),
        )
        return file_id

    def _insert_files(self, row: list[object]) -> None:
        insert(self._connection, "files", _FILE_COLUMNS, row)

    def _write_entries(self, file_id: int, first: int, file: FileColumns) -> None:
        n = len(file)
        rows = np.empty((n, len(_ENTRY_COLUMNS)), np.int64)
        rows[:, 0] = np.arange(first, first + n)
        rows[:, 1] = file_id
        rows[:, 2] = file.key
        rows[:, 3] = self._intern(file.iids)[file.iid_of]
        rows[:, 4:8] = file.bbox
        rows[:, 8] = file.area
        rows[:, 9] = file.offset
        rows[:, 10] = file.length
        insert(self._connection, "entries", _ENTRY_COLUMNS, rows.ravel().tolist())

    def _intern(self, iids: Sequence[tuple[bytes, bytes]]) -> Ints:
        """The ids of IIDs, which are stored if they are not yet."""
        unknown = [iid for iid in iids if iid not in self._iids]
        if unknown:
            for iid_id, domain, address in select_in(
                self._connection,
                "SELECT id, domain, address FROM iids WHERE (domain, address) IN",
                2,
                [part for iid in unknown for part in iid],
            ):
                self._iids[domain, address] = iid_id
            new = [iid for iid in unknown if iid not in self._iids]
            first = self._take("iids", len(new))
            self._iids.update(zip(new, range(first, first + len(new)), strict=True))
            rows = [value for iid in new for value in (self._iids[iid], *iid)]
            insert(self._connection, "iids", ["id", "domain", "address"], rows)
        return np.array([self._iids[iid] for iid in iids], np.int64)

    def _write_groups(self, first: int, groups: Mapping[str, Ints]) -> None:
        for name, rows in groups.items():
            group_id = self._groups.get(name)
            if group_id is None:
                group_id = self._groups[name] = self._take("groups")
                insert(self._connection, "groups", ["id", "name"], [group_id, name])
            pairs = np.column_stack([np.full(len(rows), group_id), rows + first])
            insert(
                self._connection, "entry_groups", ["group_id", "entry_id"], pairs.ravel().tolist()
            )

    def _take(self, table: str, count: int = 1) -> int:
        """Reserve consecutive ids; return the first."""
        first = self._next[table]
        self._next[table] = first + count
        return first

    def _scalar(self, statement: str) -> int:
        found: int = self._connection.exec_driver_sql(statement).scalar_one()
        return found
