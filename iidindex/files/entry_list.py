"""The entries of a file, as they are listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iidindex.files.iidfile import IIDFile
from iidindex.rows import FileEntry


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
    entries = list(file) if keys is None else file.fetch(keys)
    for entry in entries:
        seg = entry.seg
        yield FileEntry(
            file.name,
            entry.key,
            entry.iid,
            seg.bbox,
            seg.area,
            seg.bufloc,
            tuple(groups_of.get(entry.key, ())),
        )
