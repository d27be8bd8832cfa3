"""The entries of a file, as they are listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from iidindex.files.iidfile import IIDFile
from iidindex.files.metadata import without_nan
from iidindex.rows import FileEntry


class _Said:
    """What the metadata of a file say, as an index would have it, read once it is asked for."""

    def __init__(self, file: IIDFile) -> None:
        self._file = file

    @cached_property
    def meta(self) -> Any:
        return without_nan(self._file.meta.data)


class _Listed(FileEntry):
    """An entry that knows of its file."""

    said: _Said

    @property
    def meta(self) -> Any:
        return self.said.meta


def listing(file: IIDFile, keys: Iterable[int] | None = None) -> Iterator[FileEntry]:
    """List entries as the index lists them.

    Parameters
    ----------
    file : IIDFile
    keys : iterable of int, optional
        The entries wanted; all by default.

    Yields
    ------
    FileEntry
    """
    groups_of: dict[int, list[str]] = {}
    for name in file.groups.list():
        for key in file.groups.keys(name).tolist():
            groups_of.setdefault(key, []).append(name)
    said = _Said(file)
    entries = list(file) if keys is None else file.fetch(keys)
    for entry in entries:
        seg = entry.seg
        listed = _Listed(
            file.name,
            entry.key,
            entry.iid,
            seg.bbox,
            seg.area,
            seg.bufloc,
            tuple(groups_of.get(entry.key, ())),
        )
        listed.said = said
        yield listed
