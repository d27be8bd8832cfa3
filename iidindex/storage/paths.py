"""Paths as they are given, before anything is opened."""

from __future__ import annotations

import os
import stat

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


def ways_to(path: str | bytes | os.PathLike[str], known: dict[str, str] | None = None) -> list[str]:
    """Absolute paths that name the same place, each with more of its links followed.

    The first is the path as it stands, the last has no link in it; without links, they are one.

    Parameters
    ----------
    path : path-like
    known : dict of str to str, optional
        From directories to their names without links, of other calls a moment ago: what is found
        is put there, so that the directory of a thousand files is looked at once.

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
    known = {} if known is None else known
    final = _real(place, known)
    if final == place:
        return [place]
    parts = place.split(os.sep)
    ways = [place]
    for end in range(2, len(parts)):
        ahead = _real_directory(os.sep.join(parts[:end]), known)
        ways.append(os.path.join(ahead, *parts[end:]))
    return list(dict.fromkeys([*ways, final]))


def _real(place: str, known: dict[str, str]) -> str:
    directory, name = os.path.split(place)
    found = os.path.join(_real_directory(directory, known), name)
    # Where a name may be short for another, only the system can tell.
    is_plain = os.sep == "/" and not _is_link(found)
    return found if is_plain else os.path.realpath(found)


def _is_link(path: str) -> bool:
    # `os.path.islink` takes what no file can be called for a file that is not there.
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False


def _real_directory(directory: str, known: dict[str, str]) -> str:
    if directory not in known:
        known[directory] = os.path.realpath(directory)
    return known[directory]
