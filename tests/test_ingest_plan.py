"""Which files are read, and what those that were read turn out to be: decided without any file."""

from iidindex.ingestion.plan import Known, Matcher, Outcome, plan
from iidindex.model import FileStamp

S = FileStamp(10, 20)


def test_plan():
    rows = [
        ("same", 1, *S, b"d1", "ok", b"f1"),
        ("newer", 2, *S, b"d2", "ok", None),
        ("gone", 3, *S, b"d3", "ok", None),
        ("missing", 4, *S, b"d4", "missing", None),
        ("back", 5, *S, b"d5", "missing", None),
        ("bad", 6, *S, None, "failed", None),
        ("hidden/x", 7, *S, b"d7", "ok", None),
        ("plain", 8, *S, b"d8", "ok", None),
    ]
    found = {"same": S, "newer": FileStamp(10, 21), "new": S, "back": S, "bad": S, "plain": S}
    result = plan(dict(found), rows, unreadable=["hidden"])
    assert result.unchanged == 2
    assert result.scan == {"new": S, "newer": FileStamp(10, 21), "back": S}
    assert result.failed == ["bad"]
    assert result.gone == ["gone"]
    assert result.known["newer"] == Known(2, S, b"d2", "ok")
    assert "same" not in result.known
    assert set(plan(dict(found), rows, checksum=True).scan) == set(found)
    assert plan({}, rows).gone == []
    # What has no fixity yet is read for it.
    again = plan(dict(found), rows, unreadable=["hidden"], fixity=True)
    assert again.scan == {**result.scan, "plain": S}
    assert again.unchanged == 1


def test_matcher_takes_each_old_path_once():
    old, here = Known(1, S, b"d", "ok"), Known(2, S, b"e", "ok")
    matcher = Matcher([old])
    later = FileStamp(10, 21)
    assert matcher.match(here, later, b"e") == (Outcome.TOUCHED, here)
    assert matcher.match(here, S, b"e") == (Outcome.UNCHANGED, here)
    assert matcher.match(here, S, b"f") == (Outcome.UPDATED, here)
    assert matcher.match(None, S, b"d") == (Outcome.MOVED, old)
    assert matcher.match(None, S, b"d") == (Outcome.ADDED, None)


def test_matcher_looks_at_the_masks_where_their_fixity_is_known():
    missing = Known(1, S, b"d", "missing")
    assert Matcher([]).match(missing, S, b"d") == (Outcome.RETURNED, missing)
    assert Matcher([]).match(missing, S, b"x") == (Outcome.UPDATED, missing)
    here = Known(2, S, b"d", "ok", b"fixity")
    assert Matcher([]).match(here, S, b"d", b"fixity") == (Outcome.UNCHANGED, here)
    assert Matcher([]).match(here, S, b"d", b"other") == (Outcome.UPDATED, here)
    one, other = Known(3, S, b"d", "ok", b"1"), Known(4, S, b"d", "ok", b"2")
    matcher = Matcher([one, other])
    assert matcher.match(None, S, b"d", b"2") == (Outcome.MOVED, other)
    assert matcher.match(None, S, b"d", b"3") == (Outcome.ADDED, None)
    assert matcher.match(None, S, b"d", b"1") == (Outcome.MOVED, one)
