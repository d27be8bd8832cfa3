"""The graph around something, and how it is drawn."""

import os
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import iidindex
from iidindex import QueryError
from iidindex.pictures.graph import draw_graph
from pond import write


def nodes_around(archive, start, depth):
    """Levels of nodes, by following every link; `archive` has sets of IIDs by path."""
    depths, level = {start: 0}, {start}
    for away in range(1, depth + 1):
        found = set()
        for node in level:
            if node in archive:
                found |= archive[node]
            else:
                found |= {path for path, iids in archive.items() if node in iids}
        level = found - set(depths)
        depths |= dict.fromkeys(level, away)
    return depths


def told(graph):
    from base64 import b64decode

    return {
        data["path"]
        if data["kind"] == "file"
        else (b64decode(data["domain_b64"]), b64decode(data["address_b64"])): data["depth"]
        for _, data in graph.nodes(data=True)
    }


@given(st.lists(st.sets(st.sampled_from("abcdefg")), min_size=1, max_size=6), st.integers(1, 5))
def test_the_graph_around_something(tmp_path_factory, files, depth):
    root = tmp_path_factory.mktemp("graph")
    dot = np.ones((1, 1), bool)
    archive = {}
    for nth, names in enumerate(files):
        write(root / f"{nth}.iid", [(name.encode(), b"d", (0, 0), dot) for name in sorted(names)])
        archive[f"{nth}.iid"] = {(b"d", name.encode()) for name in names}
    with iidindex.open(root / "x.db", create=True) as index:
        index.ingest(root)
        graph = index.link_graph(path="0.iid", depth=depth)
        assert told(graph) == nodes_around(archive, "0.iid", depth)
        assert graph.graph["left_out"] == 0
        for name in sorted(files[0])[:1]:
            around = index.link_graph(address=name.encode(), domain=b"d", depth=depth)
            expected = nodes_around(archive, (b"d", name.encode()), depth)
            assert told(around) == expected
            links = sum(
                len(iids & set(expected)) for path, iids in archive.items() if path in expected
            )
            assert around.number_of_edges() == links
            few = index.link_graph(address=name.encode(), depth=depth, limit=2)
            assert len(few) == min(2, len(expected))
            assert bool(few.graph["left_out"]) == (len(expected) > 2)
        assert len(index.link_graph(address=b"nobody")) == 0


def test_a_projection_of_what_lies_around(pond):
    graph = pond.link_graph(address=b"lily", domain=b"pond", depth=2, project="iids")
    assert told(graph) == {(b"pond", b"lily"): 0, (b"pond", b"frog"): 2}
    assert [weight for *_, weight in graph.edges(data="weight")] == [1]
    graph = pond.link_graph(address=b"frog", domain=b"pond", depth=1, project="files")
    assert told(graph) == dict.fromkeys(["one/a.iid", "one/b.iid", "c.iid"], 1)
    assert draw_graph(graph, ".png")[:4] == b"\x89PNG"


def test_wrong_graphs(pond):
    for wrong in ({"depth": 0}, {"depth": 101}, {"limit": 0}, {"limit": 2001}):
        with pytest.raises(QueryError, match=next(iter(wrong))):
            pond.link_graph(address=b"frog", **wrong)
    with pytest.raises(QueryError, match="no indexed file"):
        pond.link_graph(path="gone.iid")


HOSTILE = [b"<&>\"'", b"\0\x1b]", b"\xff\xfe", "樹\u200b\ufffe".encode(), b"]]>", b"", b"a" * 999]


def test_svg_is_well_formed_whatever_names_hold(tmp_path):
    name = os.fsdecode(b"\xff<\x01&.iid")
    write(tmp_path / name, [(one, one, (0, 0), np.ones((2, 2), bool)) for one in HOSTILE])
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        graph = index.link_graph(address=HOSTILE[0])
    assert len(graph) == 1 + len(HOSTILE)
    svg = draw_graph(graph, ".svg")
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    assert len(root.findall(f".//{space}circle")) == len(HOSTILE)
    assert len(root.findall(f".//{space}line")) == len(HOSTILE)
    assert len(root.findall(f".//{space}title")) == len(graph)
    texts = {text.text for text in root.findall(f".//{space}text")}
    assert HOSTILE[0].decode() in texts
    assert "hex:fffe" in texts
    assert draw_graph(graph, ".svg") == svg
    assert draw_graph(graph, ".png")[:4] == b"\x89PNG"


def test_a_graph_that_is_too_large_is_refused():
    import networkx

    with pytest.raises(QueryError, match="2001 nodes is too much"):
        draw_graph(networkx.path_graph(2001), ".png")
