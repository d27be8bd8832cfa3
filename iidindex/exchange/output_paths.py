"""Where pictures of a source are written: paths that stay within the archive, each for one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from iidindex.errors import ExchangeError
from iidindex.formats.reading import Task
from iidindex.storage.paths import SUFFIX

# Suffixes of pictures; what else stands behind a dot is part of a name, such as a number.
_PICTURES = frozenset(
    {".bmp", ".gif", ".iid", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".npy", ".npz", ".pgm"}
    | {".png", ".ppm", ".svs", ".tif", ".tiff", ".webp"}
)
_TILE = re.compile(r"(.+)/\d{6,}-\d{6,}" + re.escape(SUFFIX), re.DOTALL)
T = TypeVar("T")
_DRIVE = re.compile(r"^[A-Za-z]:")


def place_of(name: str, keep_suffix: bool = False) -> str:
    r"""Where the ``.iid`` file of a picture goes, relative to the archive.

    Parameters
    ----------
    name : str
        As the source names the picture, perhaps with ``\``, a drive, or ``..``.
    keep_suffix : bool
        Put ``.iid`` behind the suffix of the picture, not in its place.

    Returns
    -------
    str
        Parted by ``/``.

    Raises
    ------
    ExchangeError
        If nothing of the name can be a path.

    Examples
    --------
    >>> place_of("a/b.jpg"), place_of("C:\\data\\..\\b.JPG"), place_of("b.jpg", True)
    ('a/b.iid', 'data/b.iid', 'b.jpg.iid')
    """
    parts = _DRIVE.sub("", name.replace("\\", "/")).split("/")
    parts = [part for part in parts if part not in ("", ".", "..")]
    path = "/".join(parts)
    if not path or "\0" in path:
        raise ExchangeError(f"the name {name!r:.80} cannot be a path")
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise ExchangeError(f"the name {name!r:.80} is not Unicode text") from None
    dot = path.rfind(".")
    if not keep_suffix and dot > path.rfind("/") + 1 and path[dot:].lower() in _PICTURES:
        path = path[:dot]
    return path + SUFFIX


def tile_place(place: str, tile: str) -> str:
    """Where a tile of a picture goes, whose own file would be at a place.

    Examples
    --------
    >>> tile_place("a/b.iid", "a/b/000000-065535")
    'a/b/000000-065535.iid'
    """
    return f"{place.removesuffix(SUFFIX)}/{tile.rpartition('/')[2]}{SUFFIX}"


def whole_of_tile(place: str) -> str | None:
    """Where the picture goes of which there would be a tile at a place; None if there is none."""
    found = _TILE.fullmatch(place)
    return None if found is None else found[1] + SUFFIX


def tile_rivals(
    tasks: Callable[[], Iterable[tuple[T, Task]]], keep_suffix: bool
) -> Iterator[tuple[T, Task, dict[str, tuple[T, Task]]]]:
    """Pictures whose tiles, if they have some, may be called as other pictures are.

    Parameters
    ----------
    tasks : callable
        Gives sources and tasks; called twice if any name is like that of a tile.
    keep_suffix : bool

    Yields
    ------
    source, Task, dict
        Of the picture; and by their places the sources and tasks of the others.
    """
    others: dict[str, dict[str, tuple[T, Task]]] = {}
    for source, task in tasks():
        place = _place_or_none(task, keep_suffix)
        whole = None if place is None else whole_of_tile(place)
        if whole is not None and place is not None:
            others.setdefault(whole, {})[place] = source, task
    for source, task in tasks() if others else ():
        place = _place_or_none(task, keep_suffix)
        if place in others:
            yield source, task, others[place]


def _place_or_none(task: Task, keep_suffix: bool) -> str | None:
    try:
        return place_of(task.name, keep_suffix)
    except ExchangeError:
        return None  # it is refused alone, when its turn comes


def check_within(out: str, target: str, place: str) -> None:
    """Refuse a place from which a symbolic link leads out of the archive.

    Raises
    ------
    ExchangeError
        If it does; what is elsewhere is nobody's to replace.
    """
    top, real = os.path.realpath(out), os.path.realpath(target)
    try:
        is_within = os.path.commonpath([top, real]) == top
    except ValueError:  # another drive
        is_within = False
    if not is_within:
        raise ExchangeError(
            f"{place} leads out of the archive by a symbolic link, to {real}; "
            "expected a file or directory of the archive itself"
        )


def check_distinct(tasks: Iterable[tuple[str, Task]], keep_suffix: bool) -> None:
    """Refuse two pictures that would be written to one path.

    Parameters
    ----------
    tasks : iterable of (str, Task)
        Each with the name of its source.
    keep_suffix : bool

    Raises
    ------
    ExchangeError
        If there are two; both are named.
    """
    taken: dict[str, tuple[str, str]] = {}
    for source, task in tasks:
        place = _place_or_none(task, keep_suffix)
        if place is None:
            continue
        if place in taken:
            other_source, other = taken[place]
            told = (
                "--keep-suffix" if other != task.name and not keep_suffix else "--merge-same-name"
            )
            raise ExchangeError(
                f"the pictures {other!r} of {other_source} and {task.name!r} of {source} "
                f"would both become {place} (try {told})"
            )
        taken[place] = (source, task.name)
