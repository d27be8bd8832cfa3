"""What links files and IIDs, against answers in plain Python."""

import math
import os
import shutil
import tempfile
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import build
import iidindex
from conftest import write_garden
from databases import at
from iidindex import IID, IIDFile, QueryError, SeveralDomainsError
from iidindex.catalog import lookup
from iidindex.query.linkage import chain as chain_module
from iidindex.query.linkage import cooccurring as cooccurring_module
from iidindex.query.linkage import sharing as linkage

ON_BOTH = True

TREE, POND, GHOST = IID(b"garden", b"tree"), IID(b"garden", b"pond"), IID(None, b"ghost")


ODD, UMLAUT = IID(b"extra", b"\xff\x00bin"), IID(b"extra", "über".encode())


# Few, so that files share them.
iids = st.builds(
    IID, st.sampled_from([None, b"d", b"\xff", "ü".encode()]), st.sampled_from([b"", b"a", b"\xff"])
)


names = ["g", "", "grüße"]


members = st.tuples(iids, st.lists(st.sampled_from(names), unique=True, max_size=2))


contents = st.lists(members, max_size=5)


paths = st.sampled_from(["a.iid", "b.iid", "é.iid", "sub/a.iid", os.fsdecode(b"\xff.iid")])


archives = st.dictionaries(paths, contents, max_size=5)


def save(path, entries):
    file = IIDFile()
    for iid, groups in entries:
        file.add(iid.address, iid.domain, (0, 0, 1, 1), np.ones((1, 1), bool), groups)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


def opened(place, archive, gone=()):
    """An index over an archive; its files that are gone are missing.

    One must stay: an empty directory is taken for one whose disk is not mounted.
    """
    for path, entries in archive.items():
        save(place / "archive" / path, entries)
    index = iidindex.open(at(place / "x.db"), create=True)
    (place / "archive").mkdir(exist_ok=True)
    index.ingest(place / "archive")
    for path in gone:
        (place / "archive" / path).unlink()
    if gone:
        assert index.ingest(place / "archive").missing == len(gone)
    return index


def order(iid):
    return iid.domain or b"", iid.address


def slow_related(sets, path):
    found = []
    for other, iids in sets.items():
        common = sets[path] & iids
        if other != path and common:
            seen = [sum(iid in entries for entries in sets.values()) for iid in common]
            found.append((other, len(common), sum(math.log(len(sets) / n) for n in seen)))
    return sorted(found, key=lambda row: (-round(row[2], 9), -row[1], row[0]))


def slow_cooccurring(places, asked):
    """Of places, which are sets of IIDs."""
    counts = Counter(iid for place in places if place & asked for iid in place - asked)
    return sorted(
        ((iid, n, 0) for iid, n in counts.items()), key=lambda row: (-row[1], order(row[0]))
    )


def slow_distance(sets, a, b):
    """IIDs and files on the shortest chain, or None."""
    if not any(a in iids for iids in sets.values()):
        return None
    level, seen, length = {a}, {a}, 1
    while level:
        if b in level:
            return length
        level = set().union(*(iids for iids in sets.values() if iids & level)) - seen
        seen |= level
        length += 2
    return None


def check_chain(sets, chain, a, b):
    length = slow_distance(sets, a, b)
    if length is None:
        assert chain is None
        return
    assert len(chain) == length
    assert (chain[0], chain[-1]) == (a, b)
    for nth in range(1, length, 2):
        assert {chain[nth - 1], chain[nth + 1]} <= sets[chain[nth]]


def slow_graph(archive):
    """Weights of (path, IID)."""
    return Counter((path, iid) for path, entries in archive.items() for iid, _ in entries)


def edges(graph):
    """Weights by what the ends are."""

    def end(name):
        node = graph.nodes[name]
        return node["path"] if node["kind"] == "file" else name

    return {frozenset((end(a), end(b))): weight for a, b, weight in graph.edges(data="weight")}


def node_of(iid):
    from base64 import b64encode

    return f"iid:{b64encode(iid.domain or b'').decode()}:{b64encode(iid.address).decode()}"


def shown(path):
    return os.fsencode(path).decode("utf-8", "replace")


@settings(max_examples=25)
@given(archive=archives, data=st.data(), small=st.booleans())
def test_everything(archive, data, small):
    gone = data.draw(st.sets(st.sampled_from(sorted(archive)[1:]))) if len(archive) > 1 else set()
    place = Path(tempfile.mkdtemp())
    patch = pytest.MonkeyPatch()
    if small:
        patch.setattr(lookup, "BLOCK", 2)
        patch.setattr(cooccurring_module, "BLOCK", 2)
        patch.setattr(linkage, "_IIDS_AT_A_TIME", 2)
        patch.setattr(chain_module, "_IDS_AT_A_TIME", 2)
    try:
        with opened(place, archive, gone) as index:
            there = {path: rows for path, rows in archive.items() if path not in gone}
            sets = {path: {iid for iid, _ in rows} for path, rows in there.items()}
            check_files(index, sets)
            check_iids(index, there, sets)
            check_lists(index, there, sets)
            check_graphs(index, there, sets)
    finally:
        patch.undo()
        shutil.rmtree(place)


def check_files(index, sets):
    for path in sets:
        for other in sets:
            common = sorted(sets[path] & sets[other], key=order)
            assert index.shared(path, other, path) == common
        expected = slow_related(sets, path)
        found = index.related(path, k=None)
        assert [row[:2] for row in found] == [row[:2] for row in expected]
        assert [row.score for row in found] == pytest.approx([row[2] for row in expected])
        for k in range(len(found) + 1):
            assert index.related(path, k=k) == found[:k]


def check_iids(index, archive, sets):
    in_groups = [
        {iid for iid, groups in entries if name in groups}
        for entries in archive.values()
        for name in names
    ]
    known = sorted(set().union(*sets.values(), {IID(b"no", b"where")}), key=order)
    for iid in known:
        there = {one for iids in sets.values() for one in iids if one.address == iid.address}
        for domain, asked in ((iid.domain or b"", {iid}), (None, there)):
            for by, places in (("file", sets.values()), ("group", in_groups)):
                if domain is None and len(there) > 1:
                    with pytest.raises(SeveralDomainsError):
                        index.cooccurring(iid.address, by=by)
                    continue
                found = index.cooccurring(iid.address, domain=domain, by=by)
                assert found == slow_cooccurring(places, asked)
                top = index.cooccurring(iid.address, domain=domain, by=by, k=2)
                assert top == found[:2]
        for other in known:
            chain = index.chain(iid, other)
            check_chain(sets, chain, iid, other)
            assert chain == index.chain((iid.domain or b"", iid.address), other)


def check_lists(index, archive, sets):
    entries = Counter(iid for rows in archive.values() for iid, _ in rows)
    files = Counter(iid for iids in sets.values() for iid in iids)
    expected = sorted(
        ((iid, files[iid], entries[iid]) for iid in files),
        key=lambda row: (row[0].address, order(row[0])),
    )
    assert index.iids() == expected
    assert index.iids(limit=2) == expected[:2]
    for prefix in (b"", b"a", b"\xff", b"\xff\xff"):
        chosen = [row for row in expected if row[0].address.startswith(prefix)]
        assert index.iids(prefix=prefix) == chosen
        for domain in (b"", b"\xff"):
            of_it = [row for row in chosen if row[0].domain == (domain or None)]
            assert index.iids(prefix=prefix, domain=domain) == of_it
    groups = Counter(name for rows in archive.values() for _, in_ in rows for name in in_)
    having = Counter(
        name for rows in archive.values() for name in {name for _, in_ in rows for name in in_}
    )
    assert index.groups() == sorted((name, having[name], groups[name]) for name in groups)


def check_graphs(index, archive, sets):
    known = set().union(*sets.values())
    graph = index.link_graph()
    assert len(graph) == len(sets) + len(known)
    expected = slow_graph(archive).items()
    assert edges(graph) == {frozenset((shown(p), node_of(i))): n for (p, i), n in expected}
    graph = index.link_graph(project="files")
    assert len(graph) == len(sets)
    assert edges(graph) == {
        frozenset(map(shown, pair)): len(sets[pair[0]] & sets[pair[1]])
        for pair in combinations(sets, 2)
        if sets[pair[0]] & sets[pair[1]]
    }
    graph = index.link_graph(project="iids")
    assert set(graph) == {node_of(iid) for iid in known}
    together = Counter(
        frozenset(map(node_of, pair)) for iids in sets.values() for pair in combinations(iids, 2)
    )
    assert edges(graph) == together


def test_shared(index, archive):
    assert index.shared("2020/a.iid", "2020/b.iid", "2021/c.iid") == [GHOST, POND, TREE]
    assert index.shared("2020/b.iid") == [GHOST, UMLAUT, ODD, POND, TREE]
    assert index.shared(str(archive / "2020" / "b.iid"), "2020/b.iid")[0] == GHOST
    with pytest.raises(QueryError, match="at least one"):
        index.shared()


def test_related(tmp_path):
    def named(*addresses):
        return [(IID(b"d", address), []) for address in addresses]

    archive = {
        "own.iid": named(b"rare", b"common", b"usual"),
        "rare.iid": named(b"rare", b"common"),
        "usual.iid": named(b"usual", b"common", b"common"),
        "common.iid": named(b"common"),
        "other.iid": named(b"usual"),
        "nothing.iid": named(b"else"),
    }
    with opened(tmp_path, archive) as index:
        found = index.related("own.iid")
        assert [row[:2] for row in found] == [
            ("rare.iid", 2),
            ("usual.iid", 2),
            ("other.iid", 1),
            ("common.iid", 1),
        ]
        assert found[0].score == pytest.approx(math.log(6 / 2) + math.log(6 / 4))
        assert index.related("own.iid", k=1) == found[:1]


def test_cooccurring(index):
    assert index.cooccurring(b"tree") == [(GHOST, 3, 0), (POND, 3, 0), (UMLAUT, 1, 0), (ODD, 1, 0)]
    assert index.cooccurring(b"tree", domain=b"") == []
    assert index.cooccurring(b"tree", k=1) == [(GHOST, 3, 0)]
    assert index.cooccurring(b"tree", by="group") == []
    with pytest.raises(QueryError, match=r"file.*group.*overlap"):
        index.cooccurring(b"tree", by="picture")


def test_iids_and_groups(index, archive):
    assert [row.iid for row in index.iids()] == [GHOST, POND, TREE, UMLAUT, ODD]
    assert index.iids(prefix=b"t") == [(TREE, 3, 3)]
    assert index.iids(domain=b"") == [(GHOST, 3, 3)]
    assert index.iids(limit=0) == []
    assert index.groups() == [("plants", 3, 3), ("tall", 3, 3), ("water", 3, 3)]
    (archive / "2020" / "b.iid").unlink()
    index.ingest(archive)
    assert index.groups()[0] == ("plants", 2, 2)
    assert ODD not in [row.iid for row in index.iids()]


@pytest.mark.parametrize(
    "ask",
    [
        lambda index: index.shared("2020/a.iid", "nowhere.iid"),
        lambda index: index.shared(b"2020/a.iid"),
        lambda index: index.shared("a\0.iid"),
        lambda index: index.shared("\ud800"),
        lambda index: index.related("2020/*.iid"),
        lambda index: index.related("2020/a.iid", k=-1),
        lambda index: index.related("2020/a.iid", k="1"),
        lambda index: index.cooccurring("tree"),
        lambda index: index.cooccurring(b"tree", domain="garden"),
        lambda index: index.cooccurring(b"tree", k=1.5),
        lambda index: index.chain(b"tree", TREE),
        lambda index: index.chain(TREE, ("garden", "tree")),
        lambda index: index.chain(TREE, (b"garden", None)),
        lambda index: index.chain(TREE, (b"garden", b"tree", b"")),
        lambda index: index.iids(prefix="t"),
        lambda index: index.iids(domain=5),
        lambda index: index.iids(limit=-5),
        lambda index: index.link_graph(project="groups"),
    ],
)
def test_bad_arguments(index, ask):
    with pytest.raises(QueryError):
        ask(index)


def test_files_of_several_roots(tmp_path, monkeypatch):
    for root in ("one", "two"):
        write_garden(tmp_path / root / "a.iid", extra=[root.encode()])
        write_garden(tmp_path / root / f"{root}.iid")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest([tmp_path / "one", tmp_path / "two"])
        with pytest.raises(QueryError, match=r"one/a\.iid, .*two/a\.iid"):
            index.shared("a.iid")
        assert IID(b"extra", b"two") in index.shared(str(tmp_path / "two" / "a.iid"))
        assert [row.path for row in index.related("two.iid")] == ["a.iid", "a.iid", "one.iid"]
        assert len(index.link_graph()) == 4 + 5
        assert len(index.link_graph(project="files").edges) == 6
        monkeypatch.chdir(tmp_path / "one")
        assert IID(b"extra", b"one") in index.shared("a.iid")
        assert index.shared("../two/../one/a.iid") == index.shared("a.iid")
        (tmp_path / "one" / "a.iid").unlink()
        index.ingest(tmp_path / "one")
        assert IID(b"extra", b"two") in index.shared("a.iid")


def test_files_named_through_links(tmp_path):
    write_garden(tmp_path / "real" / "a.iid", extra=[b"a"])
    write_garden(tmp_path / "real" / "b.iid")
    (tmp_path / "real" / "link.iid").symlink_to("a.iid")
    (tmp_path / "archive").symlink_to("real")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "real")
        for name in ("real/a.iid", "archive/a.iid", "archive/link.iid"):
            assert IID(b"extra", b"a") in index.shared(str(tmp_path / name))


def test_empty_index(tmp_path):
    with opened(tmp_path, {}) as index:
        assert index.iids() == index.groups() == index.cooccurring(b"tree") == []
        assert index.chain(TREE, POND) is None
        for project in (None, "files", "iids"):
            assert len(index.link_graph(project=project)) == 0


def test_ratios_where_a_file_states_less_than_its_masks_have(tmp_path):
    mask = np.ones((4, 4), bool)
    rows = [build.row_of(key, b"d", b"a", (key, 0, key + 4, 4), mask) for key in range(2)]
    for stated in (0, 1):
        rows[1].area = stated
        (tmp_path / f"{stated}.iid").write_bytes(build.odd_file(rows))
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path)
        pairs = list(index.overlaps(store=True))
        assert [(p.pixels, p.iou, p.a_in_b, p.b_in_a) for p in pairs] == [(12, 0.75, 0.75, 1.0)] * 2
        names = ["pixels", "iou", "a_in_b", "b_in_a"]
        expected = [dict(zip(names, (12, 0.75, 0.75, 1.0), strict=True))] * 2
        assert index.overlaps().to_dicts(names) == expected
        assert index.overlaps().to_arrow(names).to_pylist() == expected
        assert list(index.sql(f"SELECT {', '.join(names)} FROM overlapping")) == expected
