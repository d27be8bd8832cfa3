"""Chains from one individual to another, over files that they share."""

from iidindex import IID
from test_linkage import opened

ON_BOTH = True


def test_chain(tmp_path):
    a, b, c, d, far = (IID(None, name.encode()) for name in ("a", "b", "c", "d", "far"))
    archive = {
        "1.iid": [(a, []), (b, [])],
        "2.iid": [(b, []), (c, [])],
        "3.iid": [(c, []), (d, [])],
        "4.iid": [(a, []), (d, [])],
        "5.iid": [(far, [])],
    }
    with opened(tmp_path, archive) as index:
        assert index.chain(a, a) == [a]
        assert index.chain(a, b) == [a, "1.iid", b]
        assert index.chain(b, d) in ([b, "1.iid", a, "4.iid", d], [b, "2.iid", c, "3.iid", d])
        assert index.chain((b"", b"b"), (None, b"d")) == index.chain(b, d)
        assert index.chain(a, far) is None
        assert index.chain(a, IID(b"x", b"a")) is None
        assert index.chain(IID(b"x", b"a"), IID(b"x", b"a")) is None
        (tmp_path / "archive" / "4.iid").unlink()
        index.ingest(tmp_path / "archive")
        assert index.chain(a, d) == [a, "1.iid", b, "2.iid", c, "3.iid", d]
        (tmp_path / "archive" / "5.iid").unlink()
        index.ingest(tmp_path / "archive")
        assert index.chain(far, far) is None


def test_long_chain(tmp_path):
    archive = {
        f"{nth}.iid": [(IID(None, b"%d" % nth), []), (IID(None, b"%d" % (nth + 1)), [])]
        for nth in range(30)
    }
    with opened(tmp_path, archive) as index:
        chain = index.chain((None, b"0"), (None, b"30"))
        assert chain[1::2] == [f"{nth}.iid" for nth in range(30)]
