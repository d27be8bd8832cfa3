"""What is no list: numbers, masks and pictures.

Each function takes what is served, the values of the parameters, and what the browser has already
(`Known`), and returns a body; or it raises `Unchanged`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import iidindex
from iidindex.exchange.packed_masks import PackedMasks
from iidindex.files.frame_size import size_of
from iidindex.query.answers.entry import Entry
from iidindex.query.holdings.named_file import NamedFile
from iidindex.rows import ENTRY, ROOT
from iidindex.serve.refusals import Refused
from iidindex.serve.served import Served

Values = dict[str, Any]

# Pixels along a side of a picture: more than 16,384 are drawn by no browser.
MOST_SIDE = 4096

_HEAD = ENTRY.select(
    ["key", "address", "domain", "address_b64", "domain_b64", "bbox", "area", "groups"]
)


class Body(NamedTuple):
    """What is sent, and the tag that tells whether it is another than before."""

    content: bytes
    etag: str | None = None


class Unchanged(Exception):  # noqa: N818  (it is no error)
    """The browser has what would be sent."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


def status(served: Served, values: Values, known: Sequence[str]) -> Body:  # noqa: ARG001
    """How much the index holds, and where its files lie."""
    told: dict[str, Any] = served.index.stats()._asdict()
    told["layers"] = round(served.index.layers(), 1)
    names = ("name", "location", "files")
    told["root_list"] = [*ROOT.select(names).rows(served.index.roots())]
    return Body(json.dumps(told).encode())


def masks(served: Served, values: Values, known: Sequence[str]) -> Body:
    """The masks of a file, one bit a pixel."""
    file = served.file(values)
    question = served.narrowed(values, "path", "root")
    served.index.check_original(file)
    path = served.index.picture_file(file, served.places)
    etag = _tag(file, known, path)
    packed = served.index.packed_masks(file, question, box=values["box"])
    return Body(_laid_out(packed, path is not None), etag)


def _laid_out(packed: PackedMasks, has_picture: bool) -> bytes:
    """The length of the head, the head, and the bits."""
    rows = [
        row | {"bbox": bbox, "start": start}
        for row, bbox, start in zip(
            _HEAD.rows(packed.entries), packed.bbox.tolist(), packed.start.tolist(), strict=True
        )
    ]
    frame = None if packed.frame is None else list(packed.frame)
    head = json.dumps({"frame": frame, "masks": rows, "picture": has_picture}).encode()
    return b"".join([len(head).to_bytes(4, "little"), head, packed.bits.tobytes()])


def mask(served: Served, values: Values, known: Sequence[str]) -> Body:
    """The mask of one entry."""
    file = served.file(values)
    entry = _entry(served, file, values)
    served.index.check_original(file)
    etag = _tag(file, known)
    box, window = entry.bbox, values["box"]
    size = size_of(entry.meta) if values["frame"] else None
    if window is not None:
        box = box & window
    n_pixels = box.n_pixels if size is None else size[0] * size[1]
    if n_pixels > MOST_SIDE * MOST_SIDE:
        raise Refused(400, f"the mask has {n_pixels} pixels here", "ask for a part of it with box")
    with served.drawing():
        pixels = entry.mask(window, frame=values["frame"])
    if not pixels.size:
        raise Refused(404, "there is no pixel of the mask here", "ask without box")
    return Body(_png(pixels), etag)


def _entry(served: Served, file: NamedFile, values: Values) -> Entry:
    """The entry of a key, or of an individual."""
    key, address = values["key"], values["address"]
    if (key is None) is (address is None):
        raise Refused(400, "one of key and address has to be given", "and not both of them")
    if values["domain"] is not None and address is None:
        raise Refused(400, "domain is that of an address", "give address, too")
    question = served.index.entries.in_file(file.file_id)
    found: list[Entry] = [
        *question.where(key=key, address=address, domain=values["domain"]).limit(2)
    ]
    if not found:
        raise Refused(404, f"{file.path}: has no such entry", "/api/entries?path=… lists them")
    if len(found) > 1:
        raise Refused(400, f"{file.path}: several entries have this address", "name one by its key")
    return found[0]


def heat(served: Served, values: Values, known: Sequence[str]) -> Body:  # noqa: ARG001
    """Where masks lie, over all files."""
    names = ("size", "fit", "palette", "alpha")
    drawing = {name: values[name] for name in names}
    image = served.places if values["image"] else False
    with served.drawing():
        found = served.index.draw_heat(
            served.narrowed(values), crop=values["box"], image=image, **drawing
        )
        if not found.drawn:
            raise Refused(404, "no entry fits, so nothing is drawn", "ask for less")
        return Body(_png(found.picture))


def sheet(served: Served, values: Values, known: Sequence[str]) -> Body:  # noqa: ARG001
    """Every appearance of an individual, or all that fits, side by side."""
    question = served.narrowed(values, "address")
    if values["order_by"]:
        question = question.order_by(*values["order_by"])
    names = (
        *("limit", "tile", "margin", "fit", "caption", "gaps", "strip", "scale", "legend"),
        *("colour_by", "palette", "outlines", "alpha", "on_stale"),
    )
    drawing = {name: values[name] for name in names}
    image = served.places if values["image"] else False
    with served.drawing():
        asked = values["address"] or None
        found = served.index.sheet(asked, question, image=image, **drawing)
        if not found.drawn:
            raise Refused(404, "there is no appearance to draw", "/api/iids lists individuals")
        return Body(_png(found.picture))


def picture(served: Served, values: Values, known: Sequence[str]) -> Body:
    """The picture of a file."""
    file, places = served.file(values), served.places
    path = served.index.picture_file(file, places)
    if path is None:
        raise _no_picture(file)
    etag = _tag(file, known, path)
    # What the tag is made of tells of every change.
    key = (etag, values["box"], values["size"])
    content = served.kept.get(key)
    if content is not None:
        return Body(content, etag)
    with served.drawing():
        drawing = served.index.picture(file, places, box=values["box"], size=values["size"])
        if drawing is None:
            raise _no_picture(file)
        content = _png(drawing.picture)
    served.kept.keep(key, content)
    return Body(content, etag)


def _no_picture(file: NamedFile) -> Refused:
    return Refused(
        404,
        f"{file.path}: there is no picture that may be shown",
        "its metadata have to name one that lies in a root or in the directory of --pictures",
    )


def _png(array: npt.NDArray[Any]) -> bytes:
    """Pixels as PNG; quickly, as nobody keeps them."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()


def _tag(file: NamedFile, known: Sequence[str], picture: str | None = None) -> str:
    """What changes whenever the answer does; whoever knows it need not be answered.

    Raises
    ------
    Unchanged
        If it is known.
    """
    parts: list[Any] = [file.root_id, file.path, file.stamp, file.first_entry_id]
    if picture is not None:
        found = os.stat(picture)
        parts += [picture, found.st_mtime_ns, found.st_size]
    told = repr([*parts, iidindex.__version__]).encode("utf-8", "surrogateescape")
    etag = f'"{hashlib.sha256(told).hexdigest()[:32]}"'
    if etag in known:
        raise Unchanged(etag)
    return etag
