"""The neighbours of an entry are the masks near its own, against plain loops over pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import iidindex
from databases import at
from iidindex import IIDFile, QueryError
from strategies import placed_masks

ON_BOTH = True


def distance(one, other):
    """Chebyshev's, between the nearest pixels; None where a mask has none."""
    pixels = [np.argwhere(mask) + np.array(bbox[:2]) for bbox, mask in (one, other)]
    if not all(map(len, pixels)):
        return None
    apart = np.abs(pixels[0][:, None, :] - pixels[1][None, :, :]).max(axis=2)
    return int(apart.min())


@settings(max_examples=30)
@given(st.lists(placed_masks(max_side=8), min_size=1, max_size=6), st.integers(0, 12))
def test_as_plain_loops(tmp_path_factory, masks, within):
    place = tmp_path_factory.mktemp("near")
    file = IIDFile()
    for nth, (bbox, mask) in enumerate(masks):
        file.add(b"%d" % nth, b"d", bbox, mask)
    file.save(place / "a.iid")
    file.save(place / "b.iid")
    with iidindex.open(at(place / "x.db"), create=True) as index:
        index.ingest(place)
        for entry in index.entries.where(path="b.iid"):
            own = masks[entry.key]
            expected = []
            for key, other in enumerate(masks):
                apart = None if key == entry.key else distance(own, other)
                if apart is not None and apart <= within:
                    expected.append((entry.key, key, apart))
            found = index.entries.neighbours(entry, within)
            assert [(pair.a.key, pair.b.key, pair.distance) for pair in found] == expected


def test_among_what_is_asked_for(index):
    tree = index.entries.where(path="2020/a.iid", address=b"tree").first()
    everything = [pair.b.iid.address for pair in index.entries.neighbours(tree, 0)]
    assert everything == [b"pond"]
    assert list(index.entries.where(group="tall").neighbours(tree, 0)) == []
    rows = index.entries.neighbours(tree, 0).to_dicts()
    assert [(row["path"], row["distance"]) for row in rows] == [("2020/a.iid", 0)]


def test_what_is_no_entry(index):
    tree = index.entries.first()
    for wrong in (None, tree.id, "tree"):
        with pytest.raises(QueryError, match="expected an Entry"):
            index.entries.neighbours(wrong)
    with pytest.raises(QueryError, match="within is -1"):
        index.entries.neighbours(tree, -1)
    with pytest.raises(QueryError, match="order_by"):
        index.entries.order_by("area").neighbours(tree)
