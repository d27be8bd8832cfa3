"""Individuals that overlap others, with and without the overlaps that the catalogue keeps."""

import pytest

from iidindex.errors import SourceNotFoundError

ON_BOTH = True


def test_kept_overlaps_are_not_counted_again(index, archive):
    names = (b"tree", b"pond", b"\xff\x00bin", b"ghost")

    def asked():
        return {name: list(index.cooccurring(name, by="overlap")) for name in names}

    counted = asked()
    assert [len(found) for found in counted.values()] == [1, 1, 1, 0]
    (only,) = counted[b"pond"]
    assert (only.iid.address, only.count, only.pixels) == (b"tree", 2, 2 * 649)

    list(index.overlaps(path="2020/a.iid", store=True))
    assert asked() == counted
    (archive / "2020" / "a.iid").unlink()
    assert asked() == counted
    (archive / "2020" / "b.iid").unlink()
    with pytest.raises(SourceNotFoundError):
        index.cooccurring(b"tree", by="overlap")


def test_the_most_frequent_come_first_and_so_many_at_the_most(index):
    every = index.cooccurring(b"tree", domain=b"garden", by="overlap")
    assert [(c.iid.address, c.count, c.pixels) for c in every] == [(b"pond", 2, 1298)]
    extra = index.cooccurring(b"\xff\x00bin", by="overlap")
    assert [(c.iid.address, c.count, c.pixels) for c in extra] == [("über".encode(), 1, 4)]
    assert index.cooccurring(b"tree", domain=b"garden", by="overlap", k=0) == []
    assert index.cooccurring(b"tree", domain=b"nowhere", by="overlap") == []
