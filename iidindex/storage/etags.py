"""What tells one content of an object from another: its ETag, or else when it was written."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from iidindex.model import ObjectStamp

# What stands in place of an ETag where a server has none.
_WRITTEN = "written "


def stamp_of_object(size: int, etag: str | None, written: datetime) -> ObjectStamp:
    """The stamp of an object.

    Parameters
    ----------
    size : int
        In bytes.
    etag : str, optional
        As a store tells it. Some leave out its quotation marks here and there.
    written : datetime
        When it was written. It counts only where there is no ETag: most servers keep seconds.
    """
    if etag is None:
        told = f"{_WRITTEN}{written.isoformat()}"
    elif etag.startswith("W/"):
        told = etag
    else:
        told = '"' + etag.strip('"') + '"'
    return ObjectStamp(size, number_of(told), told)


def number_of(etag: str) -> int:
    """A number below zero that is made of an ETag, in 64 bits.

    Of two that differ, the numbers are the same once in 9,223,372,036,854,775,808 times.
    """
    digest = hashlib.blake2b(etag.encode(), digest_size=8).digest()
    return -1 - (int.from_bytes(digest, "little") >> 1)


def condition(etag: str) -> dict[str, Any]:
    """What makes a request fail if an object has another content, if there is such a thing.

    A weak ETag equals none in If-Match (https://www.rfc-editor.org/rfc/rfc9110, 13.1.1); whoever
    reads compares it with that of the answer.
    """
    if etag.startswith(_WRITTEN):
        return {"if_unmodified_since": datetime.fromisoformat(etag.removeprefix(_WRITTEN))}
    return {} if etag.startswith("W/") else {"if_match": etag}
