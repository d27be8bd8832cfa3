"""Files and IIDs as a graph, for those who study networks."""

from __future__ import annotations

import re
from base64 import b64encode
from importlib import import_module
from types import ModuleType
from typing import Any, TypeAlias
from urllib.parse import quote

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import Ids, iid_ids, iids_of, numbers, roots_and_paths
from iidindex.errors import QueryError
from iidindex.files.arguments import check_number, is_one_of
from iidindex.model import IID
from iidindex.query.linkage.individual import one_individual
from iidindex.query.linkage.neighbourhood import Neighbourhood, neighbourhood
from iidindex.query.linkage.neighbourhood import Nodes as Around
from iidindex.query.question.resolve import file_of

# Their names and attributes.
Nodes: TypeAlias = list[tuple[str, dict[str, Any]]]

# Of a graph around something.
MOST_NODES = 2000

# What XML cannot hold, not even escaped.
_NOT_XML = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


def link_graph(
    catalog: Catalog,
    *,
    project: str | None = None,
    address: bytes | None = None,
    domain: bytes | None = None,
    path: str | None = None,
    depth: int = 2,
    limit: int = 100,
) -> Any:
    """The graph of files and the IIDs in them, or what lies around one of these.

    A node is a text that begins with ``file:`` or ``iid:`` and can be no other's. Its
    attributes are text, so that any format can hold them, GraphML too:

    - ``kind`` is ``file`` or ``iid``;
    - ``root`` and ``path`` of a file; what is no text in them is U+FFFD;
    - ``address`` and ``domain`` of an IID where they are UTF-8, without control characters;
      ``address_b64`` and ``domain_b64``, which are exact;
    - ``depth``, an integer, only in the graph around something: how many links away it is.

    Parameters
    ----------
    catalog : Catalog
    project : {"files", "iids"}, optional
        Only nodes of this kind, linked if they have a neighbour in common. What is in many
        places links all of these, so this graph may be far larger.
    address, domain : bytes, optional
        Only the part of the graph around this IID. The domain may be left out if the address is in
        only one.
    path : str, optional
        Only what lies around this file: where it lies on disk, or its path inside its root.
    depth : int
        How far around: 1 is the files of an IID, 2 the IIDs of these files, and so on. If
        `project` is given, two of these steps lead from one node to the next.
    limit : int
        Of nodes in the graph around something; the nearest stay, and of equally near ones those
        with the most entries that link them.

    Returns
    -------
    networkx.Graph
        ``graph.graph["left_out"]`` is how many nodes the limit left out where it was reached.
        An edge's ``weight`` is the number of entries, or, if `project` is given, of IIDs or
        files in common.

    Raises
    ------
    QueryError
        If `project` is something else, both `address` and `path` are given, no indexed file
        has that path, or networkx is not installed.
    SeveralDomainsError
        If no domain is given, and the address is in several.

    Notes
    -----
    Everything is in memory at once.
    """
    if not is_one_of(project, "files", "iids"):
        raise QueryError(f"project is {project!r}; expected 'files' or 'iids'")
    if address is not None and path is not None:
        raise QueryError("a graph is around an address or a path; name one of them")
    if domain is not None and address is None:
        raise QueryError("a domain is that of an address; name one")
    bounds = _bounds(depth, limit)
    networkx = networkx_library()
    graph = networkx.Graph()
    with catalog.reading() as connection:
        if address is None and path is None:
            found = _everything(connection)
        else:
            ends = _ends(connection, address, domain, path)
            drawn = (project != "files", project != "iids")
            found = neighbourhood(connection, *ends, *bounds, drawn)
            graph.graph["left_out"] = found.left_out
        file_nodes = [] if project == "iids" else _file_nodes(connection, found.files.id)
        iid_nodes = [] if project == "files" else _iid_nodes(connection, found.iids.id)
    if "left_out" in graph.graph:
        _add_depth(file_nodes, found.files.depth)
        _add_depth(iid_nodes, found.iids.depth)
    iid = np.searchsorted(found.iids.id, found.pairs[:, 0])
    file = np.searchsorted(found.files.id, found.pairs[:, 1])
    n_files = max(len(found.files.id), 1)
    code, weight = np.unique(iid * n_files + file, return_counts=True)
    iid, file = np.divmod(code, n_files)
    for name, attributes in file_nodes + iid_nodes:
        graph.add_node(name, **attributes)
    if project is None:
        _connect(graph, file_nodes, iid_nodes, file, iid, weight)
    else:
        nodes, own, other = (
            (file_nodes, file, iid) if project == "files" else (iid_nodes, iid, file)
        )
        _project(graph, nodes, own, other)
    return graph


def _everything(connection: Connection) -> Neighbourhood:
    """All files that are there, and all IIDs in them."""
    files = numbers(connection, "SELECT id FROM files WHERE state = 'ok' ORDER BY id")[:, 0]
    # From the index alone, and in its order.
    pairs = numbers(connection, "SELECT iid_id, file_id FROM entries ORDER BY 1, 2")
    pairs = pairs[np.isin(pairs[:, 1], files)]
    iids = np.unique(pairs[:, 0])
    return Neighbourhood(
        Around(iids, np.zeros_like(iids)), Around(files, np.zeros_like(files)), pairs, 0
    )


def _ends(
    connection: Connection, address: bytes | None, domain: bytes | None, path: str | None
) -> tuple[Ids, Ids]:
    """Ids of the IID or of the file that a graph is to lie around."""
    nothing = np.empty(0, np.int64)
    if path is not None:
        return nothing, np.array([file_of(connection, path).file_id], np.int64)
    assert address is not None
    one = one_individual(connection, address, domain)
    if one is None:
        return nothing, nothing
    return iid_ids(connection, one.address, one.domain or b""), nothing


def _bounds(depth: int, limit: int) -> tuple[int, int]:
    checked = []
    for name, value, most in (("depth", depth, 100), ("limit", limit, MOST_NODES)):
        number = check_number(value, name)
        if number is None or not 1 <= number <= most:
            raise QueryError(f"{name} is {value!r}; expected 1 … {most}")
        checked.append(number)
    return checked[0], checked[1]


def _add_depth(nodes: Nodes, depth: Ids) -> None:
    # Of a projection, one of the two kinds has no nodes.
    for (_, attributes), away in zip(nodes, depth.tolist(), strict=False):
        attributes["depth"] = away


def networkx_library() -> ModuleType:
    """Import networkx, which is an extra.

    Raises
    ------
    QueryError
        If it is not installed.
    """
    try:
        return import_module("networkx")
    except ImportError:
        raise QueryError(
            "a graph needs networkx: `pip install networkx`, or `pip install 'iidindex[graph]'`"
        ) from None


def _connect(graph: Any, left: Nodes, right: Nodes, one: Ids, other: Ids, weight: Ids) -> None:
    """Add edges, given by the positions of their nodes."""
    rows = zip(one.tolist(), other.tolist(), weight.tolist(), strict=True)
    graph.add_weighted_edges_from((left[a][0], right[b][0], count) for a, b, count in rows)


def _project(graph: Any, nodes: Nodes, own: Ids, other: Ids) -> None:
    """Link nodes that have neighbours in common, by how many these are."""
    by_own, by_other = np.argsort(own, kind="stable"), np.argsort(other, kind="stable")
    neighbours, back = other[by_own], own[by_other]
    begins = np.searchsorted(own[by_own], np.arange(len(nodes) + 1))
    groups = np.bincount(other)
    ends = np.cumsum(groups)
    for node in range(len(nodes)):
        met = neighbours[begins[node] : begins[node + 1]]
        sizes = groups[met]
        # The ranges of `back` that belong to these neighbours, one after the other.
        shift = np.repeat(ends[met] - np.cumsum(sizes), sizes)
        found, count = np.unique(back[np.arange(len(shift)) + shift], return_counts=True)
        later = found > node
        found, count = found[later], count[later]
        _connect(graph, nodes, nodes, np.full_like(found, node), found, count)


def _file_nodes(connection: Connection, file_ids: Ids) -> Nodes:
    nodes = []
    for root, path in roots_and_paths(connection, file_ids):
        name = f"file:{quote(root, safe='')}/{quote(path)}"
        text = {"root": root, "path": path.decode("utf-8", "replace")}
        nodes.append((name, {"kind": "file", **{key: _xml(text[key]) for key in text}}))
    return nodes


def _iid_nodes(connection: Connection, iid_ids: Ids) -> Nodes:
    return [iid_node(iid) for iid in iids_of(connection, iid_ids)]


def iid_node(iid: IID) -> tuple[str, dict[str, Any]]:
    """The name and the attributes of the node that stands for an individual."""
    attributes: dict[str, Any] = {"kind": "iid"}
    for name, value in (("domain", iid.domain or b""), ("address", iid.address)):
        attributes[f"{name}_b64"] = b64encode(value).decode()
        try:
            attributes[name] = _xml(value.decode("utf-8"))
        except UnicodeDecodeError:
            continue
    return f"iid:{attributes['domain_b64']}:{attributes['address_b64']}", attributes


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
