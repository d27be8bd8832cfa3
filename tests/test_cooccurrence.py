"""Individuals that overlap others, with and without the overlaps that the catalogue keeps."""

import pytest

from iidindex.errors import SourceNotFoundError


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
