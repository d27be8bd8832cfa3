"""Where an open file lies, as the system knows it."""

from __future__ import annotations

import os


def path_of(fd: int, name: str) -> str | None:
    """Where a file lies that was opened, without links on the way.

    Parameters
    ----------
    fd : int
    name : str
        By which it was opened, which may lead elsewhere by now.

    Returns
    -------
    str or None
        None, if that cannot be told.
    """
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        pass
    # Where no system tells, the name has to lead to what was opened.
    try:
        real = os.path.realpath(name)
        is_it = os.path.samestat(os.lstat(real), os.fstat(fd))
    except (OSError, ValueError):
        return None
    return real if is_it else None
