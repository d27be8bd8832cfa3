"""Writing scanned files into the catalogue, whole files in one transaction.

What is written comes as columns: the catalogue knows neither files on disk nor the ``.iid``
format.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.catalog.contract import Target
from iidindex.catalog.dialect import dialect_of
from iidindex.catalog.forget import RemoveBoxes, forget_entries, forget_overlaps
from iidindex.catalog.journal import Noted
from iidindex.catalog.schema import (
    FAILED,
    MISSING,
    OK,
    SECTION_COLUMNS,
    changes,
    entries,
    files,
    name_of,
)
from iidindex.catalog.statement import execute, execute_many
from iidindex.columns import Batch, FileFacts
from iidindex.model import FileStamp

Ints = npt.NDArray[np.int64]

# Rows are made in the order of these.
_FILE_COLUMNS = [column.name for column in files.columns]
_ENTRY_COLUMNS = [column.name for column in entries.columns]
_CHANGE_COLUMNS = [column.name for column in changes.columns if not column.primary_key]

# Entries are held back until there are so many of them, and written no more than these at a
# time: a transaction has only some ten images.
_ENOUGH = 90_000
_TOGETHER = 250_000


class Place(NamedTuple):
    """Where a file is recorded, and its id, unless it is new."""

    root_id: int
    path: str
    file_id: int | None


class Loader:
    """Writes files within one transaction; `finish` it before it is committed.

    Parameters
    ----------
    target : Target
    remove_boxes : callable
        That of the store.
    now : int
        What `indexed_at` is to say, in seconds since the epoch.
    ingest_id : int
        Of the ingest that changes are noted of.
    """

    def __init__(
        self, target: Target, remove_boxes: RemoveBoxes, now: int, ingest_id: int = 0
    ) -> None:
        self._target = target
        self._remove_boxes = remove_boxes
        self._now = now
        self._ingest_id = ingest_id
        self._changes: list[object] = []
        known_groups = target.connection.exec_driver_sql("SELECT name, id FROM groups").all()
        self._groups: dict[str, int] = {name_of(name): one for name, one in known_groups}
        self._path = dialect_of(target.connection).path
        self._entry_rows: list[Ints] = []
        self._n_waiting = 0
        # Pairs of a group and an entry, or a file.
        self._members: list[Ints] = []
        self._file_groups: list[Ints] = []
        self._file_rows: list[object] = []

    def write(self, places: Sequence[Place], batch: Batch, which: Sequence[int]) -> None:
        """Write files that are new, or in place of what the catalogue held of them.

        Parameters
        ----------
        places : sequence of Place
            Of the files to write.
        batch : Batch
        which : sequence of int
            Positions in the batch of the files to write, ascending.
        """
        counts = np.array([file.n_entries for file in batch.files], np.int64)
        first_row = np.cumsum(counts) - counts
        n_entries = int(counts[list(which)].sum())
        next_entry = self._target.take("entries", n_entries)
        n_new = sum(place.file_id is None for place in places)
        next_file = self._target.take("files", n_new) if n_new else 0
        # The id of every file of the batch, and of every entry; 0 where a file is not written.
        file_ids = np.zeros(len(counts), np.int64)
        ids = np.zeros(len(batch), np.int64)
        for place, nth in zip(places, which, strict=True):
            n = int(counts[nth])
            first = next_entry if n else None
            file_id = self._write_file(place, batch.files[nth], first, next_file)
            next_file += place.file_id is None
            rows = slice(int(first_row[nth]), int(first_row[nth]) + n)
            ids[rows] = np.arange(next_entry, next_entry + n)
            file_ids[nth] = file_id
            next_entry += n
        self._write_entries(batch, ids, np.repeat(file_ids, counts))
        self._write_groups(batch, ids, file_ids)

    def fail(
        self, root_id: int, path: str, stamp: FileStamp, reason: str, file_id: int | None = None
    ) -> None:
        """Record that a file could not be read; what was known of it is no longer true."""
        reason = reason.replace("\0", "\\x00")  # not every database has such text
        if file_id is None:
            row = [
                self._target.take("files"),
                root_id,
                self._path(path),
                *stamp,
                None,
                0,
                None,
                None,
            ]
            nothing = [None] * len(SECTION_COLUMNS)
            self._file_rows += [*row, *nothing, FAILED, reason, self._now, None, None]
            return
        forget_entries(self._target.connection, file_id, self._remove_boxes)
        execute(
            self._target.connection,
            "UPDATE files SET size = ?, mtime_ns = ?, digest = NULL, n_entries = 0, "
            "first_entry_id = NULL, meta = NULL, etag = NULL, fixity = NULL, state = ?, "
            "reason = ?, indexed_at = ? WHERE id = ?",
            (*stamp, FAILED, reason, self._now, file_id),
        )

    def move(self, file_id: int, root_id: int, path: str, stamp: FileStamp) -> None:
        """Record the path and the stamp that a file has now; its entries keep their ids."""
        other = execute(
            self._target.connection,
            "SELECT 1 FROM files JOIN overlap_files ON file_id = id "
            "WHERE id = ? AND (size != ? OR mtime_ns != ?)",
            (file_id, *stamp),
        )
        if other.scalar() is not None:  # its masks may be others, too
            forget_overlaps(self._target.connection, file_id)
        execute(
            self._target.connection,
            "UPDATE files SET root_id = ?, path = ?, size = ?, mtime_ns = ?, etag = ?, state = ?, "
            "reason = NULL, indexed_at = ? WHERE id = ?",
            (root_id, self._path(path), *stamp, stamp.etag, OK, self._now, file_id),
        )

    def keep_fixity(self, file_id: int, fixity: bytes, checksums: Ints) -> None:
        """Record the fixity of a file whose entries are as they were.

        Parameters
        ----------
        file_id : int
        fixity : bytes
        checksums : ndarray of int64, shape (n,)
            Of the segments, in the order of the entries.
        """
        connection = self._target.connection
        # What was kept of its overlaps may be of masks that were others.
        forget_overlaps(connection, file_id)
        execute(connection, "UPDATE files SET fixity = ? WHERE id = ?", (fixity, file_id))
        first = execute(
            connection, "SELECT first_entry_id FROM files WHERE id = ?", (file_id,)
        ).scalar_one()
        if len(checksums):
            ids = range(first, first + len(checksums))
            execute_many(
                connection,
                "UPDATE entries SET checksum = ? WHERE id = ?",
                [*zip(checksums.tolist(), ids, strict=True)],
            )

    def drop_fixity(self, file_id: int) -> None:
        """Forget the fixity of a file that was read without it, and may have other masks."""
        connection = self._target.connection
        execute(connection, "UPDATE files SET fixity = NULL WHERE id = ?", (file_id,))
        execute(
            connection,
            "UPDATE entries SET checksum = 0 WHERE id BETWEEN (SELECT first_entry_id FROM files "
            "WHERE id = ?) AND (SELECT first_entry_id + n_entries - 1 FROM files WHERE id = ?)",
            (file_id, file_id),
        )

    def note(self, change: Noted) -> None:
        """Note in the journal what became of a file."""
        kind, root, path, old_path = change
        old = None if old_path is None else self._path(old_path)
        self._changes += [self._ingest_id, kind, root, self._path(path), old]

    def miss(self, file_ids: Iterable[int]) -> None:
        """Record that files are no longer there; nothing is deleted."""
        for file_id in file_ids:
            execute(
                self._target.connection,
                "UPDATE files SET state = ?, reason = ? WHERE id = ?",
                (MISSING, "not found at the last ingest", file_id),
            )

    def finish(self) -> None:
        """Write what was held back to be written together."""
        self._write_waiting()
        self._target.entries_end()
        self._target.insert_rows("files", _FILE_COLUMNS, self._file_rows)
        self._file_rows = []
        if self._changes:
            self._target.insert_rows("changes", _CHANGE_COLUMNS, self._changes)
            self._changes = []
        if self._members:
            members, file_groups = np.concatenate(self._members), np.concatenate(self._file_groups)
            self._insert("entry_groups", ["group_id", "entry_id"], members)
            self._insert("file_groups", ["file_id", "group_id"], file_groups[:, ::-1])
            self._members, self._file_groups = [], []
        self._target.finish()

    def _insert(self, table: str, columns: list[str], pairs: Ints) -> None:
        """Insert pairs in the order of the table's key."""
        ordered = pairs[np.lexsort(pairs.T[::-1])]
        self._target.insert_pairs(table, columns, ordered)

    def _write_file(self, place: Place, file: FileFacts, first: int | None, next_file: int) -> int:
        row = [
            place.root_id,
            self._path(place.path),
            *file.stamp,
            file.digest,
            file.n_entries,
            first,
            file.meta,
            *(number for section in file.sections for number in section),
            OK,
            None,
            self._now,
            file.stamp.etag,
            file.fixity,
        ]
        file_id = place.file_id
        if file_id is None:
            self._file_rows += [next_file, *row]
            return next_file
        forget_entries(self._target.connection, file_id, self._remove_boxes)
        assignments = ", ".join(f"{name} = ?" for name in _FILE_COLUMNS[1:])
        execute(
            self._target.connection,
            f"UPDATE files SET {assignments} WHERE id = ?",  # noqa: S608  (names are ours)
            (*row, file_id),
        )
        return file_id

    def _write_entries(self, batch: Batch, ids: Ints, file_of: Ints) -> None:
        written = np.flatnonzero(ids)
        # A single file may have so many that all at once would take much memory.
        for low in range(0, len(written), _TOGETHER):
            self._write_some(batch, ids, file_of, written[low : low + _TOGETHER])

    def _write_some(self, batch: Batch, ids: Ints, file_of: Ints, chosen: Ints) -> None:
        iids = batch.iids if len(chosen) == len(batch) else batch.iids.take(chosen)
        bbox = batch.bbox[chosen]
        columns = (
            ids[chosen],
            file_of[chosen],
            batch.key[chosen],
            self._target.iid_ids(iids),
            bbox,
            batch.area[chosen],
            batch.offset[chosen],
            batch.length[chosen],
            batch.checksum[chosen],
        )
        rows = np.column_stack(columns).astype(np.int64, copy=False)
        self._entry_rows.append(rows)
        self._n_waiting += len(rows)
        if self._n_waiting >= _ENOUGH:
            self._write_waiting()
        self._target.add_boxes(rows[:, 0], bbox)

    def _write_waiting(self) -> None:
        """Write entries together."""
        if self._entry_rows:
            rows = np.concatenate(self._entry_rows)
            self._target.insert_integers("entries", _ENTRY_COLUMNS, rows)
            self._entry_rows, self._n_waiting = [], 0

    def _write_groups(self, batch: Batch, ids: Ints, file_ids: Ints) -> None:
        has_files = np.zeros(len(batch.group_names), bool)
        has_files[batch.file_group_of[file_ids[batch.file_member] > 0]] = True
        named = [batch.group_names[nth] for nth in np.flatnonzero(has_files)]
        new = [name for name in dict.fromkeys(named) if name not in self._groups]
        if new:
            self._groups |= zip(new, self._target.make_groups(new), strict=True)
        group_ids = np.zeros(len(has_files), np.int64)
        group_ids[has_files] = [self._groups[name] for name in named]
        for held, which, owners in (
            (self._members, batch.group_of, ids[batch.member]),
            (self._file_groups, batch.file_group_of, file_ids[batch.file_member]),
        ):
            written = owners > 0
            held.append(np.column_stack([group_ids[which[written]], owners[written]]))
