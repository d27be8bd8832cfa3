"""Walking directories for files and their stamps, opening none."""

from __future__ import annotations

import os
import stat

from iidindex.storage.protocol import Listing


def walk(directory: str, below: str, suffix: str) -> Listing:
    """Walk a directory for files, following symbolic links once.

    Parameters
    ----------
    directory : str
    below : str
        Walk this subdirectory only; paths stay relative to `directory`.
    suffix : str
        How names of files end, in lower case.

    Returns
    -------
    Listing
        A directory that several links lead to is walked once, so cycles are harmless.
    """
    result = Listing()
    walked: set[tuple[int, int]] = set()
    waiting = [below]
    while waiting:
        relative = waiting.pop()
        place = os.path.join(directory, relative) if relative else directory
        try:
            identity = os.stat(place)
            if (identity.st_dev, identity.st_ino) not in walked:
                walked.add((identity.st_dev, identity.st_ino))
                waiting += _list(place, f"{relative}/" if relative else "", suffix, result)
        except OSError as error:
            result.unreadable[relative] = error.strerror or str(error)
    return result


def _list(place: str, before: str, suffix: str, result: Listing) -> list[str]:
    """Note the files of one directory; return its subdirectories, the last by name first.

    They are followed in the order of names, so that of two links to a directory it is the same
    one every time.
    """
    found = result.found
    subdirectories = []
    # Most of the work on an archive that has not changed is this loop.
    with os.scandir(place) as listing:
        for item in listing:
            name = item.name
            try:
                if item.is_dir():
                    subdirectories.append(before + name)
                elif name.endswith(suffix) or name.lower().endswith(suffix):
                    status = item.stat()
                    if stat.S_ISREG(status.st_mode):
                        found[before + name] = status.st_size, status.st_mtime_ns
            except OSError as error:  # a link to nothing, or to itself
                if name.lower().endswith(suffix):
                    result.unreadable[before + name] = error.strerror or str(error)
    return sorted(subdirectories, reverse=True)
