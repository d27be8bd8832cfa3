"""Descendants and ancestors, compared with a slow search over what files say."""

import json
import pickle
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import iidindex
from databases import at
from effort import traced
from iidindex import IID, IIDFile, QueryError, SeveralDomainsError
from iidindex.cli.main import run
from iidindex.pictures.graph import draw_graph
from iidindex.query.linkage import parents as parents_module
from iidindex.query.linkage.parents import spelt
from test_ctc import put, sequence

ON_BOTH = True

pytest.importorskip("networkx")


def save(path, individuals, meta):
    file = IIDFile()
    file.meta.data = meta
    for domain, address in individuals:
        file.add(address, domain, (0, 0, 1, 1), np.ones((1, 1), bool))
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


@pytest.fixture
def indexed(tmp_path):
    """Index files, each a list of addresses of one domain and a mapping of parents."""
    opened = []

    def write(files, domain=b"x", key="parents"):
        for path, (addresses, parents) in files.items():
            meta = {key: parents} if parents is not None else {}
            save(tmp_path / "archive" / path, [(domain, one) for one in addresses], meta)
        index = iidindex.open(at(tmp_path / "x.db"), create=True)
        opened.append(index)
        index.ingest(tmp_path / "archive")
        return index

    yield write
    for index in opened:
        index.close()


def told(rows):
    return [(row.address, row.parent, row.generation, row.problem) for row in rows]


FAMILY = {
    "1.iid": ([b"1"], {}),
    "2.iid": ([b"2", b"3"], {"2": "1", "3": "1"}),
    "3.iid": ([b"2", b"4", b"5"], {"2": "1", "4": "3", "5": "3"}),
    "4.iid": ([b"2", b"6"], {"2": "1", "6": "5"}),
}


def test_a_family(indexed):
    index = indexed(FAMILY)
    found = index.descendants(b"1")
    assert [tuple(row) for row in found] == [
        (IID(b"x", b"2"), b"1", 1, 0, 3, "2.iid", "4.iid", None),
        (IID(b"x", b"3"), b"1", 1, 2, 1, "2.iid", "2.iid", None),
        (IID(b"x", b"4"), b"3", 2, 0, 1, "3.iid", "3.iid", None),
        (IID(b"x", b"5"), b"3", 2, 1, 1, "3.iid", "3.iid", None),
        (IID(b"x", b"6"), b"5", 3, 0, 1, "4.iid", "4.iid", None),
    ]
    assert [row.address for row in found if not row.children] == [b"2", b"4", b"6"]
    assert index.descendants(b"1", depth=2) == found[:4]
    assert index.descendants(b"1", domain=b"x") == found
    assert told(index.ancestors(b"6")) == [
        (b"5", b"3", 1, None),
        (b"3", b"1", 2, None),
        (b"1", None, 3, None),
    ]
    assert told(index.ancestors(b"6", depth=1)) == [(b"5", b"3", 1, None)]
    assert index.ancestors(b"1") == index.descendants(b"6") == index.descendants(b"7") == []
    assert index.descendants(b"1", domain=b"y") == []
    rows = found.to_dicts()
    assert found.to_arrow().to_pylist() == pickle.loads(pickle.dumps(found)).to_dicts() == rows
    assert rows[0] == {
        "address": "2",
        "domain": "x",
        "address_b64": "Mg==",
        "domain_b64": "eA==",
        "parent": "1",
        "parent_b64": "MQ==",
        "generation": 1,
        "children": 0,
        "files": 3,
        "first": "2.iid",
        "last": "4.iid",
        "problem": None,
    }
    assert list(found.to_pandas().columns) == list(rows[0])


def test_no_file_is_opened(indexed, tmp_path):
    index = indexed(FAMILY)
    for path in (tmp_path / "archive").iterdir():
        path.unlink()
    assert len(index.descendants(b"1")) == 5


def test_contradictions_are_told(indexed):
    index = indexed(
        {
            "1.iid": ([b"1", b"2"], {"3": ["1", "2"]}),
            "2.iid": ([b"3"], {"3": "1", "1": "9"}),
            "3.iid": ([b"4"], {"4": "3"}),
        }
    )
    assert told(index.descendants(b"1")) == [
        (b"3", b"1", 1, "has 2 parents"),
        (b"3", b"2", 1, "has 2 parents"),
        (b"4", b"3", 2, None),
    ]
    assert told(index.ancestors(b"4")) == [
        (b"3", b"1", 1, "has 2 parents"),
        (b"3", b"2", 1, "has 2 parents"),
        (b"1", b"9", 2, "its parent is in no file"),
        (b"2", None, 2, None),
        (b"9", None, 3, "is in no file"),
    ]
    # One that is in no file is known all the same.
    assert [row.address for row in index.descendants(b"9")] == [b"1", b"3", b"3", b"4"]


def test_circles_are_followed_once(indexed):
    index = indexed(
        {
            "1.iid": ([b"1", b"2", b"3", b"4", b"5"], {"2": "1", "1": "3", "3": "2", "4": "3"}),
            "2.iid": ([b"5"], {"5": "5"}),
        }
    )
    circular = "descends from itself"
    assert told(index.descendants(b"1")) == [
        (b"2", b"1", 1, circular),
        (b"3", b"2", 2, circular),
        (b"1", b"3", 3, circular),
        (b"4", b"3", 3, None),
    ]
    assert told(index.ancestors(b"4")) == [
        (b"3", b"2", 1, circular),
        (b"2", b"1", 2, circular),
        (b"1", b"3", 3, circular),
    ]
    assert told(index.descendants(b"5")) == told(index.ancestors(b"5"))
    assert told(index.descendants(b"5")) == [(b"5", b"5", 1, circular)]
    for begin in (b"1", b"5"):
        assert draw_graph(index.lineage_graph(begin), ".png")[:4] == b"\x89PNG"


def test_mappings_speak_of_the_domains_of_their_file(tmp_path):
    save(tmp_path / "a" / "1.iid", [(b"x", b"1"), (b"x", b"2"), (b"y", b"2")], {})
    save(tmp_path / "a" / "2.iid", [(b"x", b"2"), (b"y", b"1")], {"parents": {"2": "1", "3": "1"}})
    # Whose entries are all of one domain.
    save(tmp_path / "a" / "3.iid", [(b"z", b"8")], {"parents": {"2": "1"}})
    save(tmp_path / "a" / "4.iid", [], {"parents": {"31": "30"}})
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "a")
        with pytest.raises(SeveralDomainsError):
            index.descendants(b"1")
        assert [row.address for row in index.descendants(b"1", domain=b"x")] == [b"2", b"3"]
        assert [row.address for row in index.descendants(b"1", domain=b"y")] == [b"3"]
        with pytest.raises(SeveralDomainsError):
            index.ancestors(b"3")
        assert index.descendants(b"1", domain=b"z") == []
        assert [row.iid for row in index.ancestors(b"31")] == [IID(None, b"30")]


def test_other_shapes_and_names(indexed):
    said = {"2": 1, "3": [1], "4": 0, "5": None, "6": 1.0, "7": True, "8": {"a": 1}, "9": [[1]]}
    index = indexed({"1.iid": ([b"%d" % one for one in range(1, 10)], said)}, key="tree.of")
    found = index.descendants(b"1", meta_key='"tree.of"')
    assert [row.address for row in found] == [b"2", b"3", b"6"]
    assert found.told == pickle.loads(pickle.dumps(found)).told == 3
    assert index.descendants(b"1") == index.descendants(b"1", meta_key="tree.of") == []
    assert not index.descendants(b"1").told


@pytest.mark.parametrize("key", ["a.b.c", '"a\0b".c', "ü", '""'])
def test_names_of_the_mapping(tmp_path, key):
    names = parents_module.names_in_key(key)
    meta = {"2": "1"}
    for name in reversed(names):
        meta = {name: meta, f"{name}x": {"2": "7"}, f"{name}\0b": {"2": "8"}}
    save(tmp_path / "a" / "1.iid", [(b"x", b"1"), (b"x", b"2")], meta)
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "a")
        assert [row.address for row in index.ancestors(b"2", meta_key=key)] == [b"1"]


def test_metadata_that_are_no_mapping_say_nothing(tmp_path):
    for nth, meta in enumerate([[], {"parents": []}, {"parents": "1"}, {"parents": {}}, None, 7]):
        save(tmp_path / "a" / f"{nth}.iid", [(b"x", b"1")], meta)
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "a")
        assert index.descendants(b"1") == []


@pytest.mark.parametrize("address", [b"\xff\0", b"\\xff", b"\xed\xa0\x80", "ü".encode(), b"", b'"'])
def test_addresses_that_are_no_text(indexed, address):
    written = address.decode("utf-8", "backslashreplace")
    files = {
        "1.iid": ([address, b"kid"], {"kid": written, written: "old"}),
        "2.iid": ([b"old"], {}),
    }
    index = indexed(files)
    assert told(index.ancestors(b"kid")) == [(address, b"old", 1, None), (b"old", None, 2, None)]
    assert told(index.descendants(b"old")) == [
        (address, b"old", 1, None),
        (b"kid", address, 2, None),
    ]


ADDRESSES = [b"1", b"2", b"3", b"4", b"5", b"\xff"]
individuals = st.tuples(st.sampled_from([b"x", b"y"]), st.sampled_from(ADDRESSES))
texts = st.sampled_from([one.decode("utf-8", "backslashreplace") for one in ADDRESSES])
contents = st.tuples(
    st.lists(individuals, max_size=4),
    st.dictionaries(texts, texts | st.lists(texts, max_size=2) | st.just(0) | st.integers(1, 5)),
)


def slow_links(files):
    """Every child with a parent, by the rules as they are told."""
    holding, naming, there = defaultdict(set), {}, defaultdict(set)
    for held, _ in files:
        for domain, address in held:
            there[address].add(domain)
    for held, mapping in files:
        for child, value in mapping.items():
            some = value if isinstance(value, list) else [] if value == 0 else [value]
            for parent in map(str, some):
                link = child.encode(), parent.encode()
                link = tuple(one.replace(b"\\xff", b"\xff") for one in link)
                naming.setdefault(link, held)
                holding[link] |= {domain for domain, address in held if address == link[0]}
    found = set()
    for link, first in naming.items():
        domains = holding[link] or {domain for domain, _ in first} or there[link[0]] or {b""}
        # What is nowhere is taken as it is written.
        spelling = {
            (domain, one): one if domain in there[one] else one.replace(b"\xff", b"\\xff")
            for domain in domains
            for one in link
        }
        found |= {(IID(d, spelling[d, link[0]]), IID(d, spelling[d, link[1]])) for d in domains}
    return found


@settings(max_examples=40)
@given(st.lists(contents, min_size=1, max_size=5), st.sampled_from([1, 1000]))
def test_relatives_are_those_of_a_slow_search(tmp_path_factory, files, at_a_time):
    place = tmp_path_factory.mktemp("drawn")
    for nth, (held, mapping) in enumerate(files):
        save(place / "a" / f"{nth}.iid", held, {"parents": mapping})
    links = slow_links(files)
    people = {one for link in links for one in link} | {
        IID(*one) for some, _ in files for one in some
    }
    with (
        iidindex.open(at(place / "x.db"), create=True) as index,
        pytest.MonkeyPatch.context() as patch,
    ):
        index.ingest(place / "a")
        patch.setattr(parents_module, "_FILES", at_a_time)
        patch.setattr(parents_module, "_ADDRESSES", at_a_time)
        for one in sorted(people, key=str)[:4]:
            domain = one.domain or b""
            for ask, links_from in (
                (index.descendants, links),
                (index.ancestors, {(parent, child) for child, parent in links}),
            ):
                wanted = slow_relatives(one, links_from)
                found = ask(one.address, domain=domain)
                assert {row.iid: row.generation for row in found} == wanted
                for row in found:
                    parents = {parent.address for child, parent in links if child == row.iid}
                    assert row.parent in (parents or {None})
                    assert row.children == sum(parent == row.iid for _, parent in links)
                    circular = row.iid in slow_relatives(row.iid, links)
                    assert circular == ("descends from itself" in (row.problem or ""))
                    n_files = sum(tuple(row.iid) in some for some, _ in files)
                    assert (row.files, row.first is None) == (n_files, not n_files)
                assert len({(row.iid, row.parent) for row in found}) == len(found)


def slow_relatives(one, links):
    found, level, generation = {}, {one}, 0
    while level:
        generation += 1
        level = {low for low, high in links if high in level} - found.keys()
        found |= dict.fromkeys(level, generation)
    return found


def test_long_lines_of_descent(indexed):
    n = 3000
    parents = {f"{nth + 1}": f"{nth}" for nth in range(n)}
    index = indexed({"1.iid": ([b"%d" % nth for nth in range(n + 1)], parents)})
    found = index.descendants(b"0")
    assert [row.generation for row in found] == list(range(1, n + 1))
    assert len(index.ancestors(b"%d" % n)) == n
    graph = index.lineage_graph(b"1500", limit=2000)
    assert (len(graph), graph.graph["left_out"]) == (2000, n + 1 - 2000)
    assert draw_graph(graph, ".svg")


def test_what_all_files_say_is_looked_up_once(indexed):
    parents = {"2": "1", "3": "1", "4": "2"}
    files = {f"{nth:03d}.iid": ([b"1", b"2", b"3", b"4"], parents) for nth in range(30)}
    index = indexed(files)
    asked = []
    with traced(index, asked.append):
        assert len(index.descendants(b"1")) == 3
    assert sum("EXISTS (SELECT 1 FROM entries" in one and "NOT" not in one for one in asked) < 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"depth": 0},
        {"depth": -1},
        {"depth": "2"},
        {"meta_key": ""},
        {"meta_key": None},
        {"meta_key": b"parents"},
        {"meta_key": ".".join("a" * 40)},
        {"domain": "x"},
    ],
)
def test_wrong_arguments(indexed, wrong):
    index = indexed(FAMILY)
    for ask in (index.descendants, index.ancestors, index.lineage_graph):
        with pytest.raises(QueryError):
            ask(b"1", **wrong)
        with pytest.raises(QueryError):
            ask("1")
    with pytest.raises(QueryError):
        index.lineage_graph(b"1", limit=0)


def test_the_graph_of_a_family(indexed):
    index = indexed(FAMILY)
    graph = index.lineage_graph(b"3")
    nodes = {data["address"]: data for _, data in graph.nodes(data=True)}
    assert {name: data["generation"] for name, data in nodes.items()} == {
        "3": 0,
        "1": -1,
        "4": 1,
        "5": 1,
        "6": 2,
    }
    assert (nodes["3"]["children"], nodes["3"]["files"]) == (2, 1)
    named = {name: data["address"] for name, data in graph.nodes(data=True)}
    assert {(named[a], named[b]) for a, b in graph.edges} == {
        *(("1", "3"), ("3", "4"), ("3", "5"), ("5", "6"))
    }
    assert {data["address"] for _, data in index.lineage_graph(b"3", depth=1).nodes(data=True)} == {
        *("3", "1", "4", "5")
    }
    assert len(index.lineage_graph(b"nobody")) == 0


def test_parents_are_drawn_above_their_children(indexed):
    from iidindex.pictures.fonts import typeface
    from iidindex.pictures.graph import laid_out

    index = indexed(FAMILY)
    graph = index.lineage_graph(b"1")
    network = laid_out(graph, 600, typeface(13, None), any_character=False)
    place = dict(zip(network.names, network.place.tolist(), strict=True))
    heights = {name: y for name, (_, y) in place.items()}
    assert heights["1"] < heights["2"] == heights["3"] < heights["4"] == heights["5"] < heights["6"]
    assert place["4"][0] < place["3"][0] < place["5"][0] or (
        place["5"][0] < place["3"][0] < place["4"][0]
    )


def test_an_imported_sequence_of_cells(tmp_path):
    put(tmp_path / "cells", sequence())
    iidindex.import_archive(tmp_path / "cells", tmp_path / "archive")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "archive")
        founders = {one.iid for one in index.iids() if not index.ancestors(one.iid.address)}
        (founder,) = founders
        rows = index.descendants(founder.address)
        assert [(row.generation, row.children, row.parent) for row in rows] == [
            *((1, 0, founder.address), (1, 0, founder.address))
        ]


@pytest.fixture
def call(indexed, tmp_path, monkeypatch, capsys):
    indexed(FAMILY)
    monkeypatch.chdir(tmp_path)

    def called(*arguments):
        code = run(["--db", str(at(tmp_path / "x.db")), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def test_in_the_shell(call, monkeypatch, tmp_path):
    code, out, _ = call("descendants", "1", "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, [row["address"] for row in rows]) == (0, ["2", "3", "4", "5", "6"])
    heading = "address parent generation children files first last"
    assert call("descendants", "iid:eA.MQ", "--depth", "1")[1].splitlines()[0].split() == (
        heading.split()
    )
    code, out, _ = call("ancestors", "6", "--fields", "address,generation", "--format", "csv")
    assert (code, out.split()) == (0, ["address,generation", "5,1", "3,2", "1,3"])
    code, _, err = call("ancestors", "7")
    assert code == 1
    assert "'7'" in err
    code, _, err = call("descendants", "1", "--meta-key", "tree")
    assert code == 1
    assert "'tree'" in err
    for wrong in (["--depth", "0"], ["--meta-key", ""], ["--domain"]):
        assert call("descendants", "1", *wrong)[0] == 2
    assert call("graph", "--lineage", "3", "-o", "x.svg")[:2] == (0, "x.svg: 5 nodes, 4 links\n")
    assert "<circle" in (tmp_path / "x.svg").read_text()
    assert call("graph", "--lineage", "3", "--depth", "1", "-o", "x.png")[1] == (
        "x.png: 4 nodes, 3 links\n"
    )
    assert "left" not in call("graph", "--lineage", "3", "--limit", "2", "-o", "x.png")[1]
    assert call("graph", "--lineage", "9", "-o", "x.png")[0] == 1
    for name, value in (("--address", "1"), ("--path", "1.iid"), ("--project", "iids")):
        code, _, err = call("graph", "--lineage", "3", name, value)
        assert code == 2
        assert name in err
    assert call("graph", "--domain", "x")[0] == 2


def test_spellings():
    assert spelt("a") == [b"a"]
    assert spelt(r"\xfe\x61") == [rb"\xfe\x61", b"\xfe\\x61"]
    assert spelt("\ud800") == [b"\xed\xa0\x80"]
