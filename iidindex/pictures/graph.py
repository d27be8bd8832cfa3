"""The links between files and individuals, as a picture."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from iidindex.errors import QueryError
from iidindex.files.arguments import check_number
from iidindex.model import IID
from iidindex.pictures.fonts import typeface
from iidindex.pictures.naming import common_beginning
from iidindex.plural import counted
from iidindex.query.linkage.link_graph import MOST_NODES
from iidindex.render.colors import color_of
from iidindex.render.legend import Key, Ramp
from iidindex.render.link_matrix import matrix_of, matrix_picture, matrix_svg
from iidindex.render.network import Network, apart, file_color, network_picture, network_svg
from iidindex.render.palettes import scale_of
from iidindex.render.text import Typeface
from iidindex.render.thinning import strongest
from iidindex.render.write import encode

_LETTERS = 13
# Nodes up to which each pair's distance is taken into account.
_EXACT = 150
_MARGIN = 60
_LABEL_WIDTH = 16
FORMS = ("auto", "network", "matrix")
# Pixels of the weakest link, and of the strongest.
_THIN, _WIDE = 0.9, 4.5
# Links for each node that can be told apart.
_LINKS = 3


class GraphDrawing(NamedTuple):
    """A graph as a picture.

    Attributes
    ----------
    content : bytes
        The picture as a file.
    form : {"network", "matrix"}
    links, left_out : int
        Links that are drawn, and those that are not.
    """

    content: bytes
    form: str
    links: int
    left_out: int


def draw_graph(
    graph: Any,
    ending: str,
    *,
    size: int = 1200,
    links: int | None = None,
    form: str = "auto",
    font: str | None = None,
) -> bytes:
    """Draw a graph of `Index.link_graph`, or of `Index.lineage_graph`, from top to bottom.

    Parameters
    ----------
    graph : networkx.Graph or networkx.DiGraph
    ending : {".png", ".jpg", ".webp", ".svg"}
    size : int
        Width in pixels; the height is three quarters of it.
    links : int, optional
        So many links at the most: those that hold the graph together, then the strongest. Three
        for each node, without it. What is left out is told on the picture.
    form : {"auto", "network", "matrix"}
        A matrix has a row and a column for each node, and a cell for each link. Without it,
        projections are drawn so of which a network would leave out more than half.
    font : str, optional
        A font file for the names.

    Returns
    -------
    bytes
        The picture as a file.

    Raises
    ------
    QueryError
        If there are too many nodes to be told apart, or an argument has not its form.
    """
    return graph_picture(graph, ending, size=size, links=links, form=form, font=font).content


def graph_picture(
    graph: Any,
    ending: str,
    *,
    size: int = 1200,
    links: int | None = None,
    form: str = "auto",
    font: str | None = None,
) -> GraphDrawing:
    """Draw a graph, and tell what is not on the picture; see `draw_graph`."""
    if len(graph) > MOST_NODES:
        raise QueryError(
            f"a graph of {len(graph)} nodes is too much for a picture; ask for what lies around "
            f"an address or a path, or write GraphML (at most {MOST_NODES} nodes are drawn)"
        )
    if form not in FORMS:
        raise QueryError(f"form is {form!r:.99}; expected one of {', '.join(FORMS)}")
    if links is not None and check_number(links, "links") == 0:
        raise QueryError("links is 0; expected 1 or more")
    is_projection = not graph.is_directed() and len({kind for _, kind in graph.nodes("kind")}) == 1
    if form == "matrix" and not is_projection:
        raise QueryError("a matrix is drawn of nodes of one kind; ask for a projection")
    face = typeface(_LETTERS, font)
    n_links = graph.number_of_edges()
    most = _LINKS * max(len(graph), 1) if links is None else links
    is_too_dense = is_projection and links is None and n_links > 2 * most
    if form == "matrix" or (form == "auto" and is_too_dense):
        return GraphDrawing(_as_matrix(graph, ending, size, face), "matrix", n_links, 0)
    thin = graph if graph.is_directed() else _thinned(graph, most)
    left_out = n_links - thin.number_of_edges()
    network = laid_out(thin, size, face, any_character=ending == ".svg")
    network = replace(network, caption=_caption(graph, n_links, left_out))
    if ending == ".svg":
        content = network_svg(network, face).encode("utf-8")
    else:
        content = encode(network_picture(network, face), ending)
    return GraphDrawing(content, "network", n_links - left_out, left_out)


def _thinned(graph: Any, most: int) -> Any:
    """The graph with so many of its links at the most."""
    if graph.number_of_edges() <= most:
        return graph
    position = {name: nth for nth, name in enumerate(graph)}
    pairs = list(graph.edges(data="weight", default=1))
    table = np.array([(position[a], position[b], weight) for a, b, weight in pairs], np.int64)
    kept = strongest(table[:, :2], table[:, 2], len(graph), most)
    thin = graph.__class__()
    thin.add_nodes_from(graph.nodes(data=True))
    thin.add_weighted_edges_from(pairs[nth] for nth in kept.tolist())
    return thin


def _caption(graph: Any, n_links: int, left_out: int) -> str:
    """What the picture does not show, and what its lines mean."""
    weights = {weight for *_, weight in graph.edges(data="weight", default=1)}
    parts = []
    if left_out:
        which = "the strongest " if len(weights) > 1 else ""
        parts.append(f"{which}{n_links - left_out:,} of {n_links:,} links")
    nodes = graph.graph.get("left_out", 0)
    if nodes:
        parts.append(f"{counted(nodes, 'node')} more as near")
    if len(weights) > 1:
        parts.append("wider: more in common" if _is_one_kind(graph) else "wider: more entries")
    return " · ".join(parts)


def _is_one_kind(graph: Any) -> bool:
    return len({kind for _, kind in graph.nodes("kind")}) == 1


def _as_matrix(graph: Any, ending: str, size: int, face: Typeface) -> bytes:
    """The graph as a matrix, nodes by path, or by domain and address."""
    any_character = ending == ".svg"
    nodes = sorted(graph.nodes(data=True), key=lambda node: _in_order(node[1]))
    position = {name: nth for nth, (name, _) in enumerate(nodes)}
    weight = np.zeros((len(nodes), len(nodes)), np.int64)
    for a, b, count in graph.edges(data="weight", default=1):
        weight[position[a], position[b]] = weight[position[b], position[a]] = count
    is_files = bool(nodes) and nodes[0][1]["kind"] == "file"
    raw = [data["path"].encode() if is_files else _name(data) for _, data in nodes]
    names = [face.readable(one, any_character) for one in raw]
    begin = common_beginning(names)
    linked = weight[weight > 0]
    least, most = (int(linked.min()), int(linked.max())) if len(linked) else (1, 1)
    what = "individuals in common" if is_files else "files in common"
    ramp = Ramp(scale_of("sea"), least, most, most >= 20 * least, what)
    notes = [Key((6, 6, 9), "none")]
    if begin:
        notes.append(Key(None, f"all names begin with “{begin}”"))
    left_out = graph.graph.get("left_out", 0)
    if left_out:
        notes.append(Key(None, f"{counted(left_out, 'node')} more as near"))
    matrix = matrix_of(
        weight, [name.removeprefix(begin) for name in names], size, face, ramp, notes
    )
    if ending == ".svg":
        return matrix_svg(matrix, face).encode("utf-8")
    return encode(matrix_picture(matrix, face), ending)


def _in_order(data: dict[str, Any]) -> tuple[Any, ...]:
    if data["kind"] == "file":
        return data["root"], data["path"]
    return b64decode(data["domain_b64"]), b64decode(data["address_b64"])


def laid_out(graph: Any, size: int, face: Typeface, *, any_character: bool) -> Network:
    """Give each node a place, a name and a colour."""
    shape = (size * 3 // 4, size)
    nodes = list(graph.nodes(data=True))
    position = {name: nth for nth, (name, _) in enumerate(nodes)}
    edges = [(position[a], position[b], weight) for a, b, weight in graph.edges(data="weight")]
    table = np.array(edges, np.int64).reshape(-1, 3)
    degree = np.bincount(table[:, :2].reshape(-1), minlength=len(nodes))
    is_file = np.array([data["kind"] == "file" for _, data in nodes], np.bool_)
    scale = 0.7 if len(nodes) > _EXACT else 1.0
    depth = np.array([data.get("depth", 1) for _, data in nodes], np.int64)
    radius = scale * (4.5 + 1.1 * np.sqrt(np.minimum(degree, 60)))
    radius *= np.where(depth == 0, 1.5, 1.0)
    names, titles, colors = [], [], []
    for _, data in nodes:
        raw = _name(data)
        names.append(face.within(face.readable(raw, any_character), _LABEL_WIDTH * face.height))
        titles.append(_title(data))
        colors.append(file_color() if data["kind"] == "file" else color_of(_iid(data)))
    return Network(
        apart(_places(graph, shape), radius, shape),
        radius,
        is_file,
        colors,
        names,
        titles,
        table[:, :2],
        _widths(table[:, 2]),
        shape,
        np.lexsort((-degree, depth)).argsort(),
    )


def _widths(weight: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Any:
    """How wide links are, in pixels: float64, shape (m,)."""
    low, high = weight.min(initial=1), weight.max(initial=1)
    if len(weight):
        low = weight.min()
    part = (weight - low) / max(high - low, 1)
    # Of many, each is thinner.
    return (_THIN + (_WIDE - _THIN) * part) * min(1, 30 / max(len(weight), 1) ** 0.5)


def _places(graph: Any, shape: tuple[int, int]) -> Any:
    """Where nodes lie: x and y in pixels, float64, shape (n, 2)."""
    import networkx

    height, width = shape
    if not len(graph):
        return np.empty((0, 2))
    if graph.is_directed():
        found = _by_generations(graph)
    elif len(graph) <= _EXACT:
        found = networkx.kamada_kawai_layout(graph, weight=None)
    else:
        found = networkx.spring_layout(graph, seed=0, weight=None)
    place = np.array([found[name] for name in graph], np.float64)
    low, high = place.min(axis=0), place.max(axis=0)
    room = np.array([width - 3 * _MARGIN, height - 2 * _MARGIN])
    spread = np.where(high > low, (place - low) / np.maximum(high - low, 1e-12), 0.5)
    return spread * room + np.array([1.5 * _MARGIN, _MARGIN])


def _by_generations(graph: Any) -> dict[str, tuple[float, float]]:
    """A generation below the other, and parents above the middle of their children."""
    column: dict[str, float] = {}
    met: set[str] = set()
    n_leaves = 0
    founders = [name for name, parents in graph.in_degree() if not parents]
    # In a circle, nobody is first.
    for begin in [*founders, *graph]:
        way = [] if begin in met else [(begin, iter(graph[begin]))]
        met.add(begin)
        while way:
            name, children = way[-1]
            child = next((one for one in children if one not in met), None)
            if child is not None:
                met.add(child)
                way.append((child, iter(graph[child])))
                continue
            way.pop()
            below = [column[one] for one in graph[name] if one in column]
            column[name] = (min(below) + max(below)) / 2 if below else float(n_leaves)
            n_leaves += not below
    return {name: (column[name], data["generation"]) for name, data in graph.nodes(data=True)}


def _iid(data: dict[str, Any]) -> IID:
    return IID(b64decode(data["domain_b64"]), b64decode(data["address_b64"]))


def _name(data: dict[str, Any]) -> bytes:
    """What is written beside a node: an address, or the last part of a path."""
    if data["kind"] == "iid":
        return b64decode(data["address_b64"])
    name: bytes = data["path"].rpartition("/")[2].encode()
    return name


def _title(data: dict[str, Any]) -> str:
    """All that is known of a node; the attributes hold nothing that XML cannot."""
    if data["kind"] == "file":
        return f"{data['root']}: {data['path']}"
    exact = [data.get(name, f"b64:{data[f'{name}_b64']}") for name in ("address", "domain")]
    return " · ".join(part for part in exact if part)
