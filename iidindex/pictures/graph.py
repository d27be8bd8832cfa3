"""The links between files and individuals, as a picture."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import numpy as np

from iidindex.errors import QueryError
from iidindex.model import IID
from iidindex.pictures.fonts import typeface
from iidindex.query.linkage.link_graph import MOST_NODES
from iidindex.render.colors import color_of
from iidindex.render.network import Network, apart, file_color, network_picture, network_svg
from iidindex.render.text import Typeface
from iidindex.render.write import encode

_LETTERS = 13
# Nodes up to which each pair's distance is taken into account.
_EXACT = 150
_MARGIN = 60
_LABEL_WIDTH = 16


def draw_graph(graph: Any, ending: str, *, size: int = 1200, font: str | None = None) -> bytes:
    """Draw a graph of `Index.link_graph`, or of `Index.lineage_graph`, from top to bottom.

    Parameters
    ----------
    graph : networkx.Graph or networkx.DiGraph
    ending : {".png", ".jpg", ".webp", ".svg"}
    size : int
        Width in pixels; the height is three quarters of it.
    font : str, optional
        A font file for the names.

    Returns
    -------
    bytes
        The picture as a file.

    Raises
    ------
    QueryError
        If there are too many nodes to be told apart.
    """
    if len(graph) > MOST_NODES:
        raise QueryError(
            f"a graph of {len(graph)} nodes is too much for a picture; ask for what lies around "
            f"an address or a path, or write GraphML (at most {MOST_NODES} nodes are drawn)"
        )
    face = typeface(_LETTERS, font)
    network = laid_out(graph, size, face, any_character=ending == ".svg")
    if ending == ".svg":
        return network_svg(network, face).encode("utf-8")
    return encode(network_picture(network, face), ending)


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
        np.minimum(0.9 + 0.35 * np.log2(table[:, 2]), 4.0) * min(1, 30 / max(len(table), 1) ** 0.5),
        shape,
        np.lexsort((-degree, depth)).argsort(),
    )


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
