"""Finding the files of an archive and their stamps, opening none."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from operator import attrgetter

from iidindex.model import FileStamp

SUFFIX = ".iid"


def is_iid(name: str) -> bool:
    """Whether a file is taken for a ``.iid`` file, by its name."""
    return name.endswith(SUFFIX) or name.lower().endswith(SUFFIX)


@dataclass(slots=True)
class Discovery:
    """What lies below a directory.

    Attributes
    ----------
    found : dict of str to FileStamp
        Path relative to the directory, ``/``-separated, of every ``.iid`` file.
    unreadable : dict of str to str
        Relative path of each directory or file that could not be looked at, and why. What
        lies in such a directory is unknown, which is not the same as gone.
    """

    found: dict[str, FileStamp] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def discover(directory: str, below: str = "") -> Discovery:
    """Walk a directory for ``.iid`` files, following symbolic links once.

    Parameters
    ----------
    directory : str
    below : str
        Walk this subdirectory only; paths stay relative to `directory`.

    Returns
    -------
    Discovery
        A directory that several links lead to is walked once, so cycles are harmless.
    """
    result = Discovery()
    walked: set[tuple[int, int]] = set()
    waiting = [below]
    while waiting:
        relative = waiting.pop()
        place = os.path.join(directory, relative) if relative else directory
        try:
            identity = os.stat(place)
            if (identity.st_dev, identity.st_ino) in walked:
                continue
            walked.add((identity.st_dev, identity.st_ino))
            with os.scandir(place) as listing:
                listed = sorted(listing, key=attrgetter("name"))
        except OSError as error:
            result.unreadable[relative] = error.strerror or str(error)
            continue
        before = f"{relative}/" if relative else ""
        subdirectories = []
        for item in listed:
            name = item.name
            try:
                if item.is_dir():
                    subdirectories.append(before + name)
                elif is_iid(name):
                    status = item.stat()
                    if stat.S_ISREG(status.st_mode):
                        result.found[before + name] = FileStamp(status.st_size, status.st_mtime_ns)
            except OSError as error:  # a link to nothing, or to itself
                if is_iid(name):
                    result.unreadable[before + name] = error.strerror or str(error)
        waiting.extend(reversed(subdirectories))
    return result
