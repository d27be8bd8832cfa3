"""The link graph: valid XML whatever it holds, and its nodes."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
from iidindex import IID, QueryError
from test_linkage import POND, node_of, opened

ON_BOTH = True


@given(
    address=strategies.raw_bytes | st.text().map(str.encode),
    domain=strategies.raw_bytes | st.text().map(str.encode),
    name=st.binary(min_size=1, max_size=9).filter(lambda name: not {0, 47} & set(name)),
)
@settings(max_examples=25)
def test_any_graph_is_xml(address, domain, name):
    import networkx

    place = Path(tempfile.mkdtemp())
    path = os.fsdecode(name + b".iid")
    try:
        with opened(place, {path: [(IID(domain, address), [])], "a\t\x01.iid": []}) as index:
            for project in (None, "files", "iids"):
                graph = index.link_graph(project=project)
                networkx.write_graphml(graph, place / "graph.xml")
                again = networkx.read_graphml(place / "graph.xml")
                assert set(again) == set(graph)
                assert len(again.edges) == len(graph.edges)
            bytes_of = [node["address_b64"] for _, node in graph.nodes(data=True)]
            assert bytes_of == [node_of(IID(domain, address)).rpartition(":")[2]]
    finally:
        shutil.rmtree(place)


def test_attributes_of_nodes(tmp_path):
    path = os.fsdecode(b"\xff\x01.iid")
    with opened(tmp_path, {path: [(IID(b"\xff", b"a\0b"), []), (POND, [])]}) as index:
        nodes = dict(index.link_graph().nodes(data=True))
    assert nodes["file:archive/%FF%01.iid"] == {
        "kind": "file",
        "root": "archive",
        "path": "\ufffd\ufffd.iid",
    }
    assert nodes["iid:/w==:YQBi"] == {
        "kind": "iid",
        "domain_b64": "/w==",
        "address": "a\ufffdb",
        "address_b64": "YQBi",
    }
    assert nodes[node_of(POND)]["domain"] == "garden"


def test_without_networkx(index, monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(QueryError, match=r"pip install 'iidindex\[graph\]'"):
        index.link_graph()


def test_arguments_of_the_graph_that_would_be_ignored(index):
    for wrong in ({"domain": b"garden"}, {"limit": 0}, {"depth": -1}, {"limit": "x"}):
        with pytest.raises(QueryError):
            index.link_graph(**wrong)


def test_the_limit_of_a_projection_counts_what_is_in_it(tmp_path):
    """A file of a hundred individuals, each in a few of ten files."""
    files = {f"{nth}.iid": [] for nth in range(10)}
    for nth in range(100):
        for name in ("0.iid", f"{1 + nth % 9}.iid"):
            files[name].append((IID(None, b"%d" % nth), []))
    with opened(tmp_path, files) as index:
        for limit in (2, 5, 10, 50):
            graph = index.link_graph(path="0.iid", project="files", limit=limit)
            assert len(graph) == min(limit, 10)
            assert graph.graph["left_out"] == max(0, 10 - limit)
            assert graph.number_of_edges() >= len(graph) - 1
        graph = index.link_graph(address=b"7", project="iids", limit=20)
        assert len(graph) == 20
        whole = index.link_graph(path="0.iid", limit=20)
        assert len(whole) == 20
