"""Paths as they are given, before anything is opened."""

from __future__ import annotations

import os

from iidindex.errors import SourceNotFoundError, WrongTypeError

SUFFIX = ".iid"


def is_iid(name: str) -> bool:
    """Whether a file is taken for a ``.iid`` file, by its name."""
    return name.endswith(SUFFIX) or name.lower().endswith(SUFFIX)


def as_path(path: str | bytes | os.PathLike[str]) -> str:
    """A path as text.

    Raises
    ------
    SourceNotFoundError
        If it is empty, which the system would take for nothing or for the working directory.
    WrongTypeError
        If it is no path.
    """
    try:
        text = os.fsdecode(path)
    except TypeError:
        raise WrongTypeError(f"expected a path, not {type(path).__name__}: {path!r:.200}") from None
    if not text:
        raise SourceNotFoundError("the path is empty; name a file or a directory")
    return text


def absolute(path: str | bytes | os.PathLike[str]) -> str:
    """Where a path leads to from the working directory; links stay.

    Raises
    ------
    SourceNotFoundError
        If it depends on the working directory, and that was deleted.
    """
    text = as_path(path)
    try:
        return os.path.abspath(text)
    except FileNotFoundError:
        raise SourceNotFoundError(
            f"{text}: the working directory is not there any more; name an absolute path"
        ) from None


def ways_to(path: str | bytes | os.PathLike[str]) -> list[str]:
    """Absolute paths that name the same place, each with more of its links followed.

    The first is the path as it stands, the last has no link in it; without links, they are one.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    list of str

    Raises
    ------
    SourceNotFoundError
        As `absolute`.
    ValueError
        If no file can have this path.
    """
    place = absolute(path)
    final = os.path.realpath(place)
    if final == place:
        return [place]
    parts = place.split(os.sep)
    ways = [place]
    for end in range(2, len(parts)):
        ahead = os.path.realpath(os.sep.join(parts[:end]))
        ways.append(os.path.join(ahead, *parts[end:]))
    return list(dict.fromkeys([*ways, final]))
