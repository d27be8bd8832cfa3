"""Which links of a graph are drawn, where all of them could not be told apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def strongest(edges: Ints, weight: Ints, n_nodes: int, most: int) -> Ints:
    """Choose links: those that hold the graph together first, then the strongest.

    Parameters
    ----------
    edges : ndarray of int64, shape (m, 2)
        Positions of nodes.
    weight : ndarray of int64, shape (m,)
    n_nodes : int
    most : int
        Links at the most.

    Returns
    -------
    ndarray of int64, shape (k,)
        Positions of links, ascending. As long as `most` allows, what is connected stays so: by the
        strongest links that can do it (a maximum spanning forest; J. B. Kruskal, "On the shortest
        spanning subtree of a graph", Proc. AMS 7, 1956). Of equal ones, each node keeps its first
        before another keeps its second.

    Examples
    --------
    >>> edges = np.array([[0, 1], [1, 2], [0, 2]])
    >>> strongest(edges, np.array([5, 1, 3]), 3, 2).tolist()
    [0, 2]
    """
    if len(weight) <= most:
        return np.arange(len(weight))
    order = np.lexsort((_turn(edges), -weight))
    parent = list(range(n_nodes))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    kept: list[int] = []
    n_apart = n_nodes
    for nth in order.tolist():
        if n_apart == 1 or len(kept) == most:
            break
        a, b = (root(node) for node in edges[nth].tolist())
        if a != b:
            parent[a] = b
            n_apart -= 1
            kept.append(nth)
    chosen = np.zeros(len(order), np.bool_)
    chosen[kept] = True
    rest = order[~chosen[order]][: most - len(kept)]
    chosen[rest] = True
    return np.flatnonzero(chosen)


def _turn(edges: Ints) -> Ints:
    """Which of the links of its nodes each link is: of the two, the later turn."""
    turn = np.zeros(len(edges), np.int64)
    for node in edges.T:
        order = np.argsort(node, kind="stable")
        begins = np.flatnonzero(np.diff(node[order], prepend=-1))
        nth = np.arange(len(order))
        own = np.empty(len(order), np.int64)
        own[order] = nth - np.repeat(begins, np.diff(begins, append=len(order)))
        turn = np.maximum(turn, own)
    return turn
