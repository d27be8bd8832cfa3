"""Files and IIDs as a graph, for those who study networks."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from importlib import import_module
from types import ModuleType
from typing import Any, TypeAlias
from urllib.parse import quote

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.engine import Catalog
from iidindex.errors import QueryError
from iidindex.model import IID
from iidindex.query.lookup import Ids, as_json, iids_of, numbers

# Their names and attributes.
Nodes: TypeAlias = list[tuple[str, dict[str, str]]]

# What XML cannot hold, not even escaped.
_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_FILES = (
    "SELECT r.name, f.path FROM json_each(?) j CROSS JOIN files f ON f.id = j.value "
    "CROSS JOIN roots r ON r.id = f.root_id ORDER BY j.key"
)


def link_graph(catalog: Catalog, *, project: str | None = None) -> Any:
    """The graph of files and the IIDs in them.

    A node is a text that begins with ``file:`` or ``iid:`` and can be no other's. Its
    attributes are text, so that any format can hold them, GraphML too:

    - ``kind`` is ``file`` or ``iid``;
    - ``root`` and ``path`` of a file; what is no text in them is U+FFFD;
    - ``address`` and ``domain`` of an IID where they are UTF-8, without control characters;
      ``address_b64`` and ``domain_b64``, which are exact.

    Parameters
    ----------
    catalog : Catalog
    project : {"files", "iids"}, optional
        Only nodes of this kind, linked if they have a neighbour in common. What is in many
        places links all of these, so this graph may be far larger.

    Returns
    -------
    networkx.Graph
        An edge's ``weight`` is the number of entries, or, if `project` is given, of IIDs or
        files in common.

    Raises
    ------
    QueryError
        If `project` is something else, or networkx is not installed.

    Notes
    -----
    Everything is in memory at once.
    """
    if project not in (None, "files", "iids"):
        raise QueryError(f"project is {project!r}; expected 'files' or 'iids'")
    networkx = _networkx()
    with catalog.reading() as connection:
        files = numbers(connection, "SELECT id FROM files WHERE state = 'ok' ORDER BY id")[:, 0]
        # From the index alone, and in its order.
        pairs = numbers(connection, "SELECT iid_id, file_id FROM entries ORDER BY 1, 2")
        pairs = pairs[np.isin(pairs[:, 1], files)]
        iids, iid = np.unique(pairs[:, 0], return_inverse=True)
        file = np.searchsorted(files, pairs[:, 1])
        file_nodes = [] if project == "iids" else _file_nodes(connection, files)
        iid_nodes = [] if project == "files" else _iid_nodes(connection, iids)
    code, weight = np.unique(iid * max(len(files), 1) + file, return_counts=True)
    iid, file = np.divmod(code, max(len(files), 1))
    graph = networkx.Graph()
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


def _networkx() -> ModuleType:
    try:
        return import_module("networkx")
    except ImportError:
        raise QueryError("the link graph needs networkx: pip install 'iidindex[graph]'") from None


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
    for root, stored in connection.exec_driver_sql(_FILES, (as_json(file_ids),)):
        path = stored if isinstance(stored, bytes) else os.fsencode(stored)
        name = f"file:{quote(root, safe='')}/{quote(path)}"
        text = {"root": root, "path": path.decode("utf-8", "replace")}
        nodes.append((name, {"kind": "file", **{key: _xml(text[key]) for key in text}}))
    return nodes


def _iid_nodes(connection: Connection, iid_ids: Ids) -> Nodes:
    return [_iid_node(iid) for iid in iids_of(connection, iid_ids)]


def _iid_node(iid: IID) -> tuple[str, dict[str, str]]:
    attributes = {"kind": "iid"}
    for name, value in (("domain", iid.domain or b""), ("address", iid.address)):
        attributes[f"{name}_b64"] = b64encode(value).decode()
        try:
            attributes[name] = _xml(value.decode("utf-8"))
        except UnicodeDecodeError:
            continue
    return f"iid:{attributes['domain_b64']}:{attributes['address_b64']}", attributes


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
