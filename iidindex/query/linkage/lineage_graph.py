"""Who descends from whom, as a graph."""

from __future__ import annotations

from typing import Any

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError
from iidindex.files.arguments import check_number
from iidindex.query.linkage.lineage import check_depth, family, seen_of
from iidindex.query.linkage.link_graph import MOST_NODES, iid_node, networkx_library
from iidindex.query.linkage.parents import PARENTS, names_in_key


def lineage_graph(
    catalog: Catalog,
    address: bytes,
    domain: bytes | None = None,
    depth: int | None = None,
    limit: int = 100,
    meta_key: str = PARENTS,
) -> Any:
    """The descendants and ancestors of an individual, each linked from parent to child.

    Parameters
    ----------
    catalog : Catalog
    address : bytes
    domain : bytes, optional
        ``b""`` stands for none given; without it, the only domain that has the address.
    depth : int, optional
        The largest number of generations, in both directions.
    limit : int
        Of individuals; those of the nearest generations stay.
    meta_key : str
        Where in the metadata of files a mapping of children to parents lies.

    Returns
    -------
    networkx.DiGraph
        Nodes are named, and have ``kind address domain address_b64 domain_b64``, as in
        `link_graph`; and ``generation``, 0 for the individual itself, below for ancestors;
        ``depth``, the same without its sign; ``children`` and ``files``, as `Relative`. The
        ``weight`` of each edge is 1. ``graph.graph["left_out"]`` is how many the limit left out.

    Raises
    ------
    QueryError
        If an argument is not valid, or networkx is not installed.
    SeveralDomainsError
        If no domain is given, and the address is in several.
    """
    most, names = check_depth(depth), names_in_key(meta_key)
    room = check_number(limit, "limit")
    if room is None or not 1 <= room <= MOST_NODES:
        raise QueryError(f"limit is {limit!r}; expected 1 … {MOST_NODES}")
    graph = networkx_library().DiGraph()
    with catalog.reading() as connection:
        found = family(connection, address, domain, names, (most, most))
        if found.one is None:
            return graph
        # Who is both, in a circle, stands among the descendants.
        generations = {iid: -number for iid, number in found.ancestors.items()}
        generations |= {**found.descendants, found.one: 0}
        nearest = sorted(generations, key=lambda iid: (abs(generations[iid]), iid.address))[:room]
        seen = seen_of(connection, nearest)
    nodes = {}
    for iid in nearest:
        nodes[iid], attributes = iid_node(iid)
        generation = generations[iid]
        graph.add_node(
            nodes[iid],
            **attributes,
            generation=generation,
            depth=abs(generation),
            children=len(found.parents.children.get(iid, ())),
            files=seen[iid].files if iid in seen else 0,
        )
    for iid, name in nodes.items():
        for parent in found.parents.of.get(iid, ()):
            if parent in nodes:
                graph.add_edge(nodes[parent], name, weight=1)
    graph.graph["left_out"] = len(generations) - len(nearest)
    return graph
