"""The graph around something, and how it is drawn."""

import io
import os
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import iidindex
from iidindex import QueryError
from iidindex.cli.main import run
from iidindex.pictures.graph import draw_graph, graph_picture
from iidindex.render.palettes import scale_of
from iidindex.render.thinning import strongest
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


# ------------------------------------------------------------------ links that can be read


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.integers(1, 4)), max_size=60),
    st.integers(1, 40),
)
def test_the_strongest_links_are_kept(rows, most):
    import networkx

    rows = list({(a, b): (a, b, w) for a, b, w in rows if a < b}.values())
    table = np.array(rows, np.int64).reshape(-1, 3)
    kept = strongest(table[:, :2], table[:, 2], 12, most)
    assert len(kept) == min(most, len(table))
    assert (np.diff(kept) > 0).all()
    whole, thin = networkx.Graph(), networkx.Graph()
    for graph, chosen in ((whole, table), (thin, table[kept])):
        graph.add_nodes_from(range(12))
        graph.add_weighted_edges_from(chosen.tolist())
    tree = networkx.maximum_spanning_tree(whole)
    if most >= tree.number_of_edges():
        # What is connected stays so, by links that are as strong as they can be.
        assert set(map(frozenset, networkx.connected_components(whole))) == set(
            map(frozenset, networkx.connected_components(thin))
        )
        best = networkx.maximum_spanning_tree(thin)
        assert best.size("weight") == tree.size("weight")
    others = np.setdiff1d(np.arange(len(table)), kept)
    if len(others) and most > tree.number_of_edges():
        # Beyond those, none that is left out is stronger than all that are in.
        free = [w for a, b, w in table[kept].tolist() if not tree.has_edge(a, b)]
        assert not free or table[others, 2].max() <= max(table[kept, 2])


@pytest.fixture
def party(tmp_path):
    """Files that share more individuals the nearer they are."""
    dot = np.ones((1, 1), bool)
    (tmp_path / "in").mkdir()
    for nth in range(14):
        names = [b"guest-%02d" % one for one in range(14) if abs(one - nth) < 8]
        write(tmp_path / "in" / f"day-{nth:02}.iid", [(name, b"d", (0, 0), dot) for name in names])
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "in")
        yield index


def test_a_projection_that_cannot_be_read_is_a_matrix(party):
    graph = party.link_graph(project="files", path="day-00.iid", depth=6)
    n_links = graph.number_of_edges()
    assert len(graph) == 14
    drawn = graph_picture(graph, ".png", size=600)
    assert (drawn.form, drawn.links, drawn.left_out) == ("matrix", n_links, 0)
    picture = decoded(drawn.content)
    # Cell by cell: its colour is that of the number in common.
    days = [f"day-{nth:02}.iid" for nth in range(14)]
    day = np.arange(14)
    seen = (np.abs(day[:, None] - day) < 8).astype(int)
    common = seen @ seen.T
    weights = common[~np.eye(14, dtype=bool)]
    low, high = weights[weights > 0].min(), weights.max()
    assert {data["path"] for _, data in graph.nodes(data=True)} == set(days)
    cells = cells_in(picture, 14)
    for a in range(14):
        for b in range(14):
            if a == b:
                expected = [60, 60, 70]
            elif common[a, b]:
                step = round((common[a, b] - low) / (high - low) * 255)
                expected = scale_of("sea")[step].tolist()
            else:
                expected = [6, 6, 9]
            assert cells[a, b].tolist() == expected, (a, b)
    # The ends of the scale are in the legend.
    strip = {tuple(color) for color in picture[-60:].reshape(-1, 3).tolist()}
    assert {tuple(scale_of("sea")[0].tolist()), tuple(scale_of("sea")[-1].tolist())} <= strip


def decoded(content):
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def cells_in(picture, n):
    """The middles of the cells, found by those on the diagonal."""
    diagonal = (picture == [60, 60, 70]).all(axis=2)
    rows, cols = np.flatnonzero(diagonal.any(axis=1)), np.flatnonzero(diagonal.any(axis=0))
    side = (rows[-1] - rows[0] + 2) // n
    middle = np.arange(n) * side + side // 2
    return picture[rows[0] + middle][:, cols[0] + middle]


def test_forms_and_links_that_are_asked_for(party):
    graph = party.link_graph(project="files", path="day-00.iid", depth=6)
    n_links = graph.number_of_edges()
    network = graph_picture(graph, ".svg", form="network")
    assert (network.form, network.links, network.left_out) == ("network", 42, n_links - 42)
    svg = network.content.decode()
    assert svg.count("<line ") == 42
    assert f"the strongest 42 of {n_links} links" in svg
    widths = {float(one) for one in re.findall(r'stroke-width="([.0-9]+)"/>', svg)}
    assert max(widths) > 2 * min(widths)
    few = graph_picture(graph, ".svg", links=20)
    assert (few.form, few.links) == ("network", 20)
    every = graph_picture(graph, ".svg", links=10_000)
    assert (every.links, every.left_out) == (n_links, 0)
    both = party.link_graph(path="day-00.iid", depth=6)
    assert graph_picture(both, ".png").form == "network"
    for wrong in ({"form": "tree"}, {"links": 0}, {"links": "x"}):
        with pytest.raises(QueryError, match=next(iter(wrong))):
            draw_graph(graph, ".png", **wrong)
    with pytest.raises(QueryError, match="nodes of one kind"):
        draw_graph(both, ".png", form="matrix")
    matrix = ET.fromstring(draw_graph(graph, ".svg", form="matrix"))
    texts = [text.text for text in matrix.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("07.iid") == 2
    assert "all names begin with “day-”" in texts


def test_what_is_not_drawn_is_told_in_the_shell(party, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IIDINDEX_DB", party._catalog.name)
    monkeypatch.chdir(tmp_path)
    words = ["graph", "--path", "day-00.iid", "--project", "files", "--depth", "6"]
    assert run([*words, "-o", "m.png"]) == 0
    assert capsys.readouterr().err == ""
    graph = party.link_graph(project="files", path="day-00.iid", depth=6)
    assert (tmp_path / "m.png").read_bytes() == draw_graph(graph, ".png")
    assert run([*words, "-o", "n.png", "--form", "network"]) == 0
    left_out = graph.number_of_edges() - 42
    assert f"{left_out} links are not drawn" in capsys.readouterr().err
    assert run([*words, "-o", "n.graphml"]) == 0
    assert run(["graph", "--path", "day-00.iid", "-o", "x.png", "--form", "matrix"]) == 2
