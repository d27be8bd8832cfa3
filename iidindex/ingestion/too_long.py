"""What is too long for the indexes of a database: it costs its file, and no other."""

from __future__ import annotations

import os

import numpy as np

from iidindex.catalog.schema import name_bytes
from iidindex.columns import Batch
from iidindex.iidwords import HEADER as IID_HEADER
from iidindex.storage.protocol import Listing


def take_long_paths(listing: Listing, most: int | None) -> dict[str, str]:
    """Take files whose paths are too long out of a listing.

    Parameters
    ----------
    listing : Listing
        Loses them.
    most : int or None
        The most bytes that the database holds; None for any.

    Returns
    -------
    dict of str to str
        Path, and what is wrong with it.
    """
    if most is None:
        return {}
    lengths = {path: len(os.fsencode(path)) for path in listing.found if len(path) * 4 > most}
    long = {path: length for path, length in lengths.items() if length > most}
    for path in long:
        del listing.found[path]
    return {
        path: f"has a path of {length} bytes inside its root; this database holds up to {most}"
        for path, length in long.items()
    }


def with_long_names(batch: Batch, most: int | None) -> dict[int, str]:
    """Files that have an IID or a group with too long a name.

    Parameters
    ----------
    batch : Batch
    most : int or None
        The most bytes that the database holds; None for any.

    Returns
    -------
    dict of int to str
        Position of the file in the batch, and what is wrong with it.
    """
    if most is None:
        return {}
    found: dict[int, str] = {}
    first_row = np.cumsum([file.n_entries for file in batch.files])
    for row, packed in batch.iids.long.items():
        length = len(packed) - IID_HEADER
        if length > most:
            found[int(np.searchsorted(first_row, row, "right"))] = (
                f"has an IID of {length} bytes; this database holds up to {most}, domain and "
                "address together"
            )
    for nth, name in enumerate(batch.group_names):
        length = len(name_bytes(name))
        if length > most:
            for file in batch.file_member[batch.file_group_of == nth].tolist():
                found[file] = (
                    f"has a group with a name of {length} bytes; this database holds up to {most}"
                )
    return found
