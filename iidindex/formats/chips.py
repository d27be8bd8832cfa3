"""Writing crops, a directory for each individual, to train the recognition of individuals."""

from __future__ import annotations

import io
from hashlib import blake2b

import numpy as np

from iidindex.formats.annotation import Annotation, Picture
from iidindex.formats.label_table import as_text
from iidindex.formats.table_stream import TableStream
from iidindex.formats.writing import Sink
from iidindex.masks.regions import Bytes

TABLE = "chips.csv"
_HEADER = (
    *("file", "path", "key", "domain", "address", "minr", "minc", "maxr", "maxc", "area"),
    "has_picture",
)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+@=, ()")
# File systems allow 255 bytes of a name.
_LONGEST = 120


class ChipWriter:
    """A PNG for each entry and ``chips.csv``."""

    is_one_file = False

    def begin(self, sink: Sink) -> ChipSession:
        """Begin the table."""
        return ChipSession(sink)


class ChipSession:
    """An export of crops under way."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._table = TableStream(sink, TABLE, _HEADER)
        self.lost: dict[str, int] = {}

    def add(self, picture: Picture) -> None:
        """Write a crop of each entry: the picture's pixels, and the mask as their opacity.

        Where the picture is not there, the mask alone, white on black.
        """
        rows: list[tuple[object, ...]] = []
        for entry in picture.entries:
            if not entry.bbox.n_pixels:
                self._lose("entries whose box has no pixel")
                continue
            name = _name_of(picture, entry)
            photo = None if picture.pixels is None else picture.pixels(entry.bbox)
            self._sink.put(name, _as_png(entry, photo))
            rows.append(
                (
                    *(name, picture.name, entry.key, as_text(entry.domain or b"")),
                    *(as_text(entry.address), *entry.bbox, int(entry.mask.sum())),
                    int(photo is not None),
                )
            )
        self._table.write(rows)

    def finish(self) -> None:
        """End the table."""
        self._table.finish()

    def _lose(self, told: str) -> None:
        self.lost[told] = self.lost.get(told, 0) + 1


def _name_of(picture: Picture, entry: Annotation) -> str:
    path = as_part(picture.name.replace("/", "__").encode("utf-8", "surrogateescape"))
    return f"{as_part(entry.domain or b'')}/{as_part(entry.address)}/{path}__{entry.key}.png"


def as_part(value: bytes) -> str:
    """Bytes as a part of a path: what some file system would not take is written ``%2F``.

    Examples
    --------
    >>> as_part(b"tree"), as_part(b"a/b"), as_part(b".."), as_part(b""), as_part(b"%")
    ('tree', 'a%2Fb', '%2E%2E', '%', '%25')
    """
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
        plain = "".join(one if one in _PLAIN else f"%{ord(one):02X}" for one in text)
    else:
        plain = "".join(
            one if one in _PLAIN or one.isalnum() else "".join(f"%{b:02X}" for b in one.encode())
            for one in text
        )
    if plain[:1] in (".", " "):
        plain = f"%{ord(plain[0]):02X}{plain[1:]}"
    if plain[-1:] in (".", " "):
        plain = f"{plain[:-1]}%{ord(plain[-1]):02X}"
    if len(plain.encode()) > _LONGEST:
        plain = f"{plain[: _LONGEST // 4]}%{blake2b(value, digest_size=12).hexdigest()}"
    return plain or "%"


def _as_png(entry: Annotation, photo: Bytes | None) -> bytes:
    from PIL import Image

    opacity = entry.mask.astype(np.uint8) * np.uint8(255)
    crop = opacity if photo is None else np.dstack([photo, opacity])
    out = io.BytesIO()
    Image.fromarray(crop).save(out, format="PNG")
    return out.getvalue()


WRITER = ChipWriter()
