"""Finding the files of an archive and their stamps, opening none."""

from __future__ import annotations

import os
from collections import Counter
from itertools import islice

from iidindex.storage.paths import SUFFIX
from iidindex.storage.places import storage_at
from iidindex.storage.protocol import Listing

# Files of any name that are counted, to tell what was found in place of others.
_MOST_COUNTED = 100_000


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


def has_iid(place: str) -> bool:
    """Whether a place is a file, or `discover` would find one; it looks no further than to that."""
    storage = storage_at(place)
    return not storage.is_dir(place) or any(True for _ in storage.names(place, SUFFIX))


def suffixes_below(place: str) -> Counter[str]:
    """How many files of each suffix, in lower case, lie below a directory."""
    names = storage_at(place).names(place)
    return Counter(os.path.splitext(name)[1].lower() for name in islice(names, _MOST_COUNTED))
