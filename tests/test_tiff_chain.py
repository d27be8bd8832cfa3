"""Directories of TIFF files that lead back, and those that do not."""

import io
import struct

import numpy as np
import pytest
import tifffile

from iidindex import import_archive
from iidindex.errors import ExchangeError
from iidindex.formats.tiff_chain import check_chain

LABELS = np.arange(12, dtype=np.uint16).reshape(3, 4)


def tiff(pages, **how):
    out = io.BytesIO()
    with tifffile.TiffWriter(out, **how) as writer:
        for _ in range(pages):
            writer.write(LABELS, photometric="minisblack", contiguous=False, metadata=None)
    return out.getvalue()


def led(data, nth, where, how):
    """The same, of which a directory leads to another place."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[nth]
        first = file.pages[where].offset
        order, big = file.byteorder, file.is_bigtiff
        n_tags = len(page.tags)
    size = (8 + 20 * n_tags) if big else (2 + 12 * n_tags)
    changed = bytearray(data)
    place = struct.pack(order + ("Q" if big else "I"), first)
    changed[page.offset + size : page.offset + size + len(place)] = place
    return bytes(changed)


KINDS = {
    "little": {"byteorder": "<"},
    "big": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "BigTIFF, big": {"bigtiff": True, "byteorder": ">"},
}


@pytest.mark.parametrize("how", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("pages", [1, 2, 7])
def test_what_leads_back_is_refused(pages, how):
    sound = tiff(pages, **how)
    file = io.BytesIO(sound)
    file.seek(5)
    check_chain(file)
    assert file.tell() == 0
    for where in range(pages):
        with pytest.raises(ExchangeError, match=f"directory {pages - 1} leads back to byte"):
            check_chain(io.BytesIO(led(sound, pages - 1, where, how)))


def test_whatever_is_no_chain_ends():
    sound = tiff(3)
    for data in (b"", b"II", b"II*\0", sound[:20], b"II+\0" + b"\xff" * 30, b"?" * 40):
        check_chain(io.BytesIO(data))
    for end in range(len(sound)):
        check_chain(io.BytesIO(sound[:end]))


def test_an_import_of_one_ends(tmp_path):
    source = tmp_path / "labels"
    source.mkdir()
    (source / "a.tif").write_bytes(led(tiff(2), 1, 0, {}))
    (source / "b.tif").write_bytes(tiff(1))
    report = import_archive(source, tmp_path / "out", format="labels")
    assert report.pictures == 1
    assert report.refused == {"unreadable": 1}
