"""Finding the files of an archive and their stamps, opening none."""

from __future__ import annotations

from iidindex.storage.places import storage_at
from iidindex.storage.protocol import Listing

SUFFIX = ".iid"


def is_iid(name: str) -> bool:
    """Whether a file is taken for a ``.iid`` file, by its name."""
    return name.lower().endswith(SUFFIX)


def discover(directory: str, below: str = "") -> Listing:
    """List the ``.iid`` files of a root.

    Parameters
    ----------
    directory : str
        The root's location.
    below : str
        Only those below this path; paths stay relative to `directory`.
    """
    return storage_at(directory).walk(directory, below, SUFFIX)
