"""Where pictures of a source are written: paths that stay within the archive, each for one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from iidindex.errors import ExchangeError
from iidindex.formats.reading import Task
from iidindex.storage.paths import SUFFIX

# Suffixes of pictures; what else stands behind a dot is part of a name, such as a number.
_PICTURES = frozenset(
    {".bmp", ".gif", ".iid", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".npy", ".npz", ".pgm"}
    | {".png", ".ppm", ".svs", ".tif", ".tiff", ".webp"}
)
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
        try:
            place = place_of(task.name, keep_suffix)
        except ExchangeError:
            continue  # it is refused alone, when its turn comes
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
