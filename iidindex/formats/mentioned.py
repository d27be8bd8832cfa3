"""Whether anything in a source has a field that was asked for, before any picture is read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress

from iidindex.errors import ExchangeError
from iidindex.formats.json_ranges import ByteRange

_BLOCK = 1 << 22

# A picture may be without it while others have it.
NOBODY_NOTE = "pictures in which nothing has the field that tells the identity"


def check_mentioned(files: Iterable[ByteRange], field: str) -> None:
    """Refuse a field whose name stands in no file.

    Parameters
    ----------
    files : iterable of callable
        Bytes of JSON by offset and length; looked at until the name is found.
    field : str
        Its last part is looked for: ``name`` of ``properties.name``.

    Raises
    ------
    ExchangeError
        If there is none.
    """
    name = field.rpartition(".")[2]
    written = {json.dumps(name).encode()}
    written.add(json.dumps(name, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    overlap = max(map(len, written)) - 1
    length = max(_BLOCK, 2 * overlap)
    for read in files:
        at = 0
        # What cannot be read is refused when it is to be.
        with suppress(ExchangeError):
            while block := read(at, length):
                if any(text in block for text in written):
                    return
                if len(block) < length:
                    break
                at += len(block) - overlap
    raise ExchangeError(f"no annotation has an identity in the field {field!r}")
