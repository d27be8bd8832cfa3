"""Hypothesis strategies of masks, entries, and whole files."""

import string
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

import build
from iidindex import IIDFile

LAST = 65535


@dataclass
class Added:
    """The arguments of one `IIDFile.add`; no domain is None."""

    address: bytes
    domain: bytes | None
    bbox: tuple
    mask: np.ndarray
    groups: list


@dataclass
class Content:
    """What a file is to hold, before anything is encoded."""

    entries: list
    meta: object = field(default_factory=dict)

    def add_to(self, file):
        """Add everything to a file of the package, or of the founding one."""
        for entry in self.entries:
            group = entry.groups[0] if entry.groups else None
            file.add(entry.address, entry.domain, entry.bbox, entry.mask, group)
        for nth, entry in enumerate(self.entries):
            for name in entry.groups[1:]:
                file.groups.add(name, [nth])
        file.meta.data = self.meta
        return file

    def file(self):
        """A new `IIDFile` of the package."""
        return self.add_to(IIDFile())

    def to_bytes(self):
        """The bytes of such a file."""
        return self.file().to_bytes()


# Empty, zeros, bytes that are no UTF-8, a surrogate, separators of other formats.
AWKWARD = [b"", b"\0", b"\0\0", b"a", b"a\0b", b"\xff\xfe", b"\xed\xa0\x80", b"%*/\\'\"\n", b"tree"]
raw_bytes = st.sampled_from(AWKWARD) | st.binary(max_size=20)
group_names = st.sampled_from(["sys", "rep", "", "grüße", "日本", "a/b*", "\0", "\U0001f333"]) | (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
numbers = st.integers(-(2**63), 2**64) | st.floats(allow_nan=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(string.printable, max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def masks(draw, max_side=24):
    """Masks: empty and full ones, single pixels, dense noise, scattered noise, any bits.

    Some are wider than a word of 57 bits, and than two.
    """
    height, width = draw(
        st.tuples(st.integers(0, max_side), st.integers(0, max_side))
        | st.tuples(st.integers(1, 4), st.sampled_from([56, 57, 58, 63, 64, 65, 113, 115, 171]))
    )
    kind = draw(st.sampled_from(["empty", "full", "pixel", "dense", "scattered", "any"]))
    if kind == "full":
        return np.ones((height, width), bool)
    mask = np.zeros((height, width), bool)
    if kind == "empty" or not mask.size:
        return mask
    if kind == "pixel":
        mask.flat[draw(st.integers(0, mask.size - 1))] = True
        return mask
    if kind == "any":
        packed = draw(st.binary(min_size=(mask.size + 7) // 8, max_size=(mask.size + 7) // 8))
        found = np.unpackbits(np.frombuffer(packed, np.uint8), count=mask.size)
        return found.astype(bool).reshape(height, width)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random.random((height, width)) < (0.85 if kind == "dense" else 0.15)


@st.composite
def places(draw, height, width, spread=40):
    """The least row and column of a mask: near others, so that they overlap, or at an edge."""
    row = draw(st.integers(0, spread) | st.sampled_from([0, LAST - height]))
    col = draw(st.integers(0, spread) | st.sampled_from([0, LAST - width]))
    return row, col


@st.composite
def placed_masks(draw, max_side=24):
    """``(bbox, mask)``."""
    mask = draw(masks(max_side))
    row, col = draw(places(*mask.shape))
    return (row, col, row + mask.shape[0], col + mask.shape[1]), mask


@st.composite
def contents(draw, max_entries=6):
    """What a file is to hold; some of its masks are the same as others, some IIDs too."""
    n = draw(st.integers(0, max_entries))
    names = draw(st.lists(group_names, max_size=3, unique=True))
    entries = []
    for _ in range(n):
        twin = draw(st.sampled_from([None, *range(len(entries))]))
        bbox, mask = draw(placed_masks()) if twin is None else _as(entries[twin])
        domain = draw(st.none() | raw_bytes)
        in_groups = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
        entries.append(Added(draw(raw_bytes), domain, bbox, mask, in_groups))
    meta = draw(st.dictionaries(st.text(max_size=5), json_values, max_size=3) | json_values)
    return Content(entries, meta)


def _as(entry):
    return entry.bbox, entry.mask


files = contents().map(Content.to_bytes)
archives = st.dictionaries(
    st.text(string.ascii_letters + " é", min_size=1, max_size=6).map(lambda name: f"{name}.iid"),
    files,
    max_size=4,
)


@st.composite
def regions_in(draw, bbox):
    """A region anywhere inside a box: perhaps not tight, not connected, or without a pixel."""
    minr, minc, maxr, maxc = bbox
    top, left = draw(st.integers(minr, maxr)), draw(st.integers(minc, maxc))
    bottom = draw(st.integers(top, min(maxr, top + 12)))
    right = draw(st.integers(left, min(maxc, left + 12)))
    n_bytes = ((bottom - top) * (right - left) + 7) // 8
    # Whatever the bits after the last pixel are, they count for nothing.
    return build.region(
        (top, left, bottom, right), draw(st.binary(min_size=n_bytes, max_size=n_bytes))
    )


@st.composite
def odd_files(draw, max_rows=5):
    """Files that are valid, but not as the founding program would write them.

    Sections in any order, gaps, keys that are not the rows, regions that share pixels, boxes
    that are not tight, areas that are not the number of pixels, prefixed metadata.
    """
    keys = draw(st.lists(st.integers(0, 9) | st.just(2**32 - 1), max_size=max_rows, unique=True))
    rows = []
    for key in keys:
        height, width = draw(st.integers(0, 30)), draw(st.integers(0, 30))
        row, col = draw(places(height, width))
        bbox = (row, col, row + height, col + width)
        regions = draw(st.lists(regions_in(bbox), max_size=4))
        area = draw(st.integers(0, height * width))
        own = draw(st.none() | st.just(77))
        rows.append(build.Row(key, draw(raw_bytes), draw(raw_bytes), bbox, regions, area, own, own))
    names = st.lists(st.sampled_from(keys), max_size=4) if keys else st.just([])
    text = draw(st.sampled_from([b"{}", b'{"a": [1, 2]}', b"[]", b"null", b' "x"']))
    return build.odd_file(
        rows,
        groups=draw(st.lists(st.tuples(group_names, names), max_size=4)),
        meta=draw(st.sampled_from([b"", text, build.prefixed(text)])),
        record_gap=draw(st.sampled_from([b"", b"gap"])),
        backwards=draw(st.booleans()),
        order=draw(st.permutations(build.SECTIONS)),
        gap=draw(st.sampled_from([b"", b"\xff"])),
        end=draw(st.sampled_from([b"", b"rest"])),
    )
