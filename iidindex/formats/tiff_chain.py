"""The chain of directories of a TIFF, which has to end.

Each directory says where the next one lies
(https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf, section 2; BigTIFF:
http://bigtiff.org/). Whoever follows one that leads back goes on for ever.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from iidindex.errors import ExchangeError


class _Kind(NamedTuple):
    """How the place of the first directory, the number of entries and the next place are kept."""

    offset: struct.Struct
    first: int
    entries: struct.Struct
    width: int


_KINDS = {
    f"{mark}{number}".encode("latin-1"): _Kind(
        struct.Struct(order + offset), first, struct.Struct(order + count), entry
    )
    for mark, order, numbers in (("II", "<", ("*\0", "+\0")), ("MM", ">", ("\0*", "\0+")))
    for number, (offset, first, count, entry) in zip(
        numbers, (("I", 4, "H", 12), ("Q", 8, "Q", 20)), strict=True
    )
}


def check_chain(file: BinaryIO) -> None:
    """Follow the directories to the last, or to where there is none.

    Parameters
    ----------
    file : file object
        Is read from any place; afterwards it is at its beginning.

    Raises
    ------
    ExchangeError
        If a directory leads back to one before it.
    """
    file.seek(0)
    kind = _KINDS.get(file.read(4))
    known: set[int] = set()
    place = None if kind is None else _number(file, kind.first, kind.offset)
    while kind is not None and place:
        if place in known:
            raise ExchangeError(
                f"directory {len(known) - 1} leads back to byte {place}; expected another"
            )
        known.add(place)
        count = _number(file, place, kind.entries)
        if count is None:
            break
        place = _number(file, place + kind.entries.size + count * kind.width, kind.offset)
    file.seek(0)


def _number(file: BinaryIO, place: int, form: struct.Struct) -> int | None:
    """The number at a place; None behind the end."""
    if place >= 1 << 63:
        return None
    file.seek(place)
    data = file.read(form.size)
    found: int | None = form.unpack(data)[0] if len(data) == form.size else None
    return found
