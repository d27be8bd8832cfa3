"""What two domains of one file agree on, and what one of them has alone: its look and a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError
from iidindex.query.answers.entry import Entry
from iidindex.query.comparison.agreement import agreement, domain_of
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.question.asked import Filters
from iidindex.render.canvas import Look
from iidindex.render.colors import AGREED, ONLY_A, ONLY_B
from iidindex.render.legend import Key
from iidindex.render.text import Typeface


class Compared(NamedTuple):
    """Two domains, and the least IoU of a match."""

    a: bytes
    b: bytes
    iou: float


def compared_as(compare: Any, iou: float, outlines: bool) -> Compared:
    """Two domains as they were given.

    Raises
    ------
    QueryError
        If they are something else, or no outlines are to be drawn.
    """
    try:
        if isinstance(compare, (str, bytes)):
            raise TypeError
        a, b = (domain_of(one) for one in compare)
    except (TypeError, ValueError):
        raise QueryError(f"compare is {compare!r:.200}; expected two domains") from None
    if not outlines:
        raise QueryError("what is compared has outlines; leave outlines=False out")
    return Compared(a, b, iou)


class Disagreement(NamedTuple):
    """How entries look, and which have no match.

    Attributes
    ----------
    look : Look
        A is tinted, B outlined.
    alone : ndarray of bool, shape (n,)
    counts : (int, int, int)
        Of matches, of entries that A has alone, and of those that B has alone.
    """

    look: Look
    alone: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    counts: tuple[int, int, int]


def disagreement(
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    file_id: int,
    hits: Sequence[Entry],
    compared: Compared,
    on_stale: OnStale,
) -> Disagreement:
    """Match the entries of one file.

    Parameters
    ----------
    catalog : Catalog
    originals : Originals
    filters : Filters
        What is asked of entries, of whatever file.
    file_id : int
    hits : sequence of Entry
        Those of both domains in the file that fit.
    compared : Compared
    on_stale : {"error", "skip", "warn"}
    """
    asked = filters.in_files([file_id]).reading(on_stale, None)
    found = agreement(catalog, originals, asked, compared.a, compared.b, iou=compared.iou)
    ids = {entry.id for pair in found.matched() for entry in (pair.a, pair.b)}
    of_a = np.array([(hit.iid.domain or b"") == compared.a for hit in hits], np.bool_)
    alone = np.array([hit.id not in ids for hit in hits], np.bool_)
    colors = np.empty((len(hits), 3), np.uint8)
    colors[:] = AGREED
    colors[alone & of_a], colors[alone & ~of_a] = ONLY_A, ONLY_B
    counts = len(ids) // 2, int(np.sum(alone & of_a)), int(np.sum(alone & ~of_a))
    return Disagreement(Look(colors, of_a), alone, counts)


def legend_of(
    compared: Compared, counts: tuple[int, int, int], face: Typeface
) -> tuple[Key, Key, Key]:
    """What the colours mean, and how many there are of each."""
    a, b = (face.readable(name) if name else "no domain" for name in compared[:2])
    agreed, only_a, only_b = counts
    return (
        Key(AGREED, f"agreed: {agreed}"),
        Key(ONLY_A, f"only {a}: {only_a}"),
        Key(ONLY_B, f"only {b} (outlines): {only_b}", "line"),
    )
