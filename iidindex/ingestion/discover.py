"""Finding the files of an archive and their stamps, opening none."""

from __future__ import annotations

from collections import Counter

from iidindex.storage.local_storage import LOCAL
from iidindex.storage.paths import SUFFIX
from iidindex.storage.places import storage_at
from iidindex.storage.protocol import Listing
from iidindex.storage.walk import has_any, suffixes_below


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


def has_iid(directory: str) -> bool:
    """Whether `discover` would find any file; elsewhere than on a disk, that is taken for granted.

    Nothing is looked at behind the first.
    """
    return storage_at(directory) is not LOCAL or has_any(directory, SUFFIX)


def others_below(directory: str) -> Counter[str]:
    """How many files of each suffix, in lower case, lie below a directory of a disk."""
    return suffixes_below(directory) if storage_at(directory) is LOCAL else Counter()
