"""How often individuals are met: in which order, in which files, and how soon the first comes."""

import json
from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import build
import iidindex
from databases import at
from effort import effort
from iidindex import QueryError
from iidindex.query.holdings import inventory
from iidindex.query.holdings.inventory import ORDERS

ON_BOTH = True

WHO = [(b"", b"a"), (b"d", b"a"), (b"d", b"b"), (b"\xff", b"\xfe\x00"), (b"e", b"")]
archives = st.dictionaries(
    st.tuples(st.sampled_from(["one", "two"]), st.sampled_from(["a", "b/c", "[é", "Z"])),
    st.lists(st.sampled_from(WHO), max_size=5),
    max_size=6,
)
PATTERNS = ["*", "b/*", "a.iid", "[[]é*", "?.iid", "none"]


def ingested(place, archive):
    for (root, name), held in archive.items():
        path = place / root / f"{name}.iid"
        path.parent.mkdir(parents=True, exist_ok=True)
        box, mask = (0, 0, 2, 2), np.ones((2, 2), bool)
        rows = [build.row_of(key, *who, box, mask) for key, who in enumerate(held)]
        build.write_long_ago(path, build.odd_file(rows))
    index = iidindex.open(at(place / "x.db"), create=True)
    for root in sorted({root for root, _ in archive}):
        index.ingest(place / root)
    return index


@settings(max_examples=15)
@given(
    archives,
    st.none() | st.sampled_from(["one", "two"]),
    st.none() | st.sampled_from(PATTERNS),
    st.integers(1, 3),
    st.lists(st.tuples(st.booleans(), st.sampled_from(ORDERS)), max_size=3),
    st.none() | st.integers(0, 3),
    st.sampled_from([0, 8, 10**9]),
)
def test_against_loops(
    tmp_path_factory, archive, root, pattern, least, criteria, limit, small_part
):
    with (
        ingested(tmp_path_factory.mktemp("i"), archive) as index,
        pytest.MonkeyPatch.context() as m,
    ):
        # Whichever way is taken.
        m.setattr(inventory, "_SMALL_PART", small_part)
        fitting = [
            held
            for (own, name), held in archive.items()
            if root in (None, own) and fnmatchcase(f"{name}.iid", pattern or "*")
        ]
        truth = [
            (
                who,
                sum(who in held for held in fitting),
                sum(map(len, [[w for w in h if w == who] for h in fitting])),
            )
            for who in sorted(WHO, key=lambda who: (who[1], who[0]))
        ]
        truth = [one for one in truth if one[1] >= least]
        keys = {
            "address": lambda one: one[0][1],
            "domain": lambda one: one[0][0],
            "files": lambda one: one[1],
            "entries": lambda one: one[2],
        }
        for is_descending, name in reversed(criteria):
            truth.sort(key=keys[name], reverse=is_descending)
        found = index.iids(
            root=root,
            path=pattern,
            min_files=least,
            order_by=[f"-{name}" if is_descending else name for is_descending, name in criteria],
            limit=limit,
        )
        told = [((one.iid.domain or b"", one.iid.address), *one[1:]) for one in found]
        assert told == truth[:limit]


def test_the_first_comes_before_all_are_counted(tmp_path):
    archive = {
        ("one", f"{nth:04}"): [(b"d", b"%04d" % who) for who in range(nth, nth + 40)]
        for nth in range(0, 4000, 40)
    }
    with ingested(tmp_path, archive) as index:
        for narrowed in ({}, {"path": "*"}, {"root": "one"}, {"min_files": 1}):
            assert next(iter(index.iids(**narrowed)))[1:] == (1, 1)
            one = effort(index, lambda n=narrowed: next(iter(index.iids(**n))))
            every = effort(index, lambda n=narrowed: list(index.iids(**n)))
            assert one.steps * 2 < every.steps, narrowed


def test_a_list_is_asked_for_once(index):
    once = effort(index, lambda: [*iter(index.iids())])
    again = effort(index, lambda: list(index.iids()))
    assert again.calls < 1.5 * once.calls


def test_wrong_arguments(index):
    for arguments, told in [
        ({"order_by": "file"}, "order_by is 'file'; expected one of address, domain, files"),
        ({"order_by": ["files", None]}, "order_by is None"),
        ({"min_files": 0}, "min_files is 0"),
        ({"root": 3}, "root"),
        ({"path": b"x"}, "path"),
        ({"prefix": "x"}, "prefix"),
        ({"domain": "x"}, "domain"),
        ({"limit": "x"}, "limit"),
    ]:
        with pytest.raises(QueryError, match=told):
            index.iids(**arguments)


def test_the_verb(call):
    def named(*arguments):
        code, out, _ = call("iids", *arguments, "--format", "jsonl")
        assert code in (0, 1)
        return [json.loads(line)["address"] for line in out.splitlines()]

    assert named() == ["ghost", "pond", "tree", "über", None]
    assert named("--order-by", "-files,-address") == ["tree", "pond", "ghost", None, "über"]
    assert named("--order-by", "files", "--order-by", "-entries", "--limit", 1) == ["über"]
    assert named("--min-files", 2) == ["ghost", "pond", "tree"]
    assert named("--path", "2021/*") == ["ghost", "pond", "tree"]
    assert named("--root", "archive", "--path", "*b.iid")[-1] is None
    code, _, err = call("iids", "--path", "1999/*")
    assert code == 1
    assert "1999/*" in err
    assert call("iids", "--root", "nowhere")[0] == 1
    for wrong in (["--order-by", "area"], ["--min-files", "0"]):
        assert call("iids", *wrong)[0] == 2
