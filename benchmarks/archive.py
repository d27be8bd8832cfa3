"""Masks and files to measure with: made from a seed, the same every time.

A mask is a round field with bumps, cut at a level: blobs with rough edges, as drawn by hand
or found by a network. Some fall into several regions, some have holes, and some have a box
that is larger than they need.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from skimage.measure import label

from iidindex.files.iidfile import IIDFile
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

# The picture, in pixels, is square.
FRAME = 2000

# About how many pixels across a mask is.
SMALL, MEDIUM, LARGE = 40, 120, 400

# How many of each in ten.
MIXED = (SMALL,) * 6 + (MEDIUM,) * 3 + (LARGE,)

_SEVERAL = 0.2
_LOOSE = 0.2
_INDIVIDUALS = 5000
_DOMAINS = (b"example", b"garden", None)
_GROUPS = ("sys", "plants", None)

Floats = npt.NDArray[np.float64]


class Labelled(NamedTuple):
    """What `add` takes."""

    address: bytes
    domain: bytes | None
    bbox: BBox
    mask: Bool2D
    group: str | None


class Adding(Protocol):
    """A file of either library, new and empty."""

    def add(
        self,
        address: bytes,
        domain: bytes | None,
        bbox: tuple[int, int, int, int],
        mask: Bool2D,
        group: str | None = None,
    ) -> object:
        """Add an entry."""
        ...


def labelled(seed: int, count: int, sizes: Sequence[int] = MIXED) -> list[Labelled]:
    """Make masks and who they are of.

    Parameters
    ----------
    seed : int
    count : int
    sizes : sequence of int
        Pixels across. One is drawn for each mask.

    Returns
    -------
    list of Labelled
    """
    rng = np.random.default_rng(seed)
    return [_labelled(rng, int(rng.choice(sizes))) for _ in range(count)]


def _labelled(rng: np.random.Generator, size: int) -> Labelled:
    mask = blob(rng, size, several=rng.random() < _SEVERAL)
    if rng.random() < _LOOSE:
        mask = np.pad(mask, rng.integers(0, size // 4, (2, 2)))
    height, width = mask.shape
    top, left = rng.integers(0, (FRAME - height, FRAME - width)).tolist()
    return Labelled(
        address=b"individual-%d" % rng.integers(_INDIVIDUALS),
        domain=_DOMAINS[rng.integers(len(_DOMAINS))],
        bbox=BBox(top, left, top + height, left + width),
        mask=mask,
        group=_GROUPS[rng.integers(len(_GROUPS))],
    )


def blob(rng: np.random.Generator, size: int, *, several: bool) -> Bool2D:
    """Make one mask, cut to its tight box.

    Parameters
    ----------
    rng : Generator
    size : int
        Pixels across, about.
    several : bool
        Let it fall into several regions; otherwise only the largest is kept.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    # The level lies somewhat inside the square that the field is drawn in.
    height, width = (size * rng.uniform(0.8, 1.6, 2)).astype(int).tolist()
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    field = (0.4 if several else 0.7) - rows**2 - columns**2
    field += (1.4 if several else 0.3) * _noise(rng, height, width, 5)
    # Edges are rough at the scale of some pixels, whatever the size.
    field += 0.1 * _noise(rng, height, width, 2 + size // 6)
    mask = field > 0
    if not several:
        labels = label(mask, connectivity=2)
        mask = labels == 1 + int(np.argmax(np.bincount(labels.reshape(-1))[1:]))
    down, across = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    tight: Bool2D = mask[down[0] : down[-1] + 1, across[0] : across[-1] + 1].copy()
    return tight


def _noise(rng: np.random.Generator, height: int, width: int, cells: int) -> Floats:
    """Random values at the nodes of a grid of so many cells a side, and lines between them."""
    nodes = rng.uniform(-1, 1, (cells + 1, cells + 1))
    return _weights(height, cells) @ nodes @ _weights(width, cells).T


def _weights(length: int, cells: int) -> Floats:
    """What each node counts for at each pixel of a line."""
    at = np.linspace(0, cells, length)
    weights: Floats = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells + 1)))
    return weights


def add_all(file: Adding, entries: Iterable[Labelled]) -> None:
    """Add entries to a file of either library."""
    for address, domain, bbox, mask, group in entries:
        file.add(address=address, domain=domain, bbox=bbox, mask=mask, group=group)


def encode(entries: Iterable[Labelled], **meta: object) -> bytes:
    """Encode a file of these entries with this metadata."""
    file = IIDFile()
    file.meta.data = {"camera": "x", "frame": [FRAME, FRAME], **meta}
    add_all(file, entries)
    return file.to_bytes()


def write_files(
    directory: Path,
    count: int,
    entries: int,
    *,
    sizes: Sequence[int] = MIXED,
    seed: int = 0,
    different: int = 50,
) -> list[Path]:
    """Write files of so many entries each.

    Parameters
    ----------
    directory : Path
        Made if it is not there.
    count : int
        Files.
    entries : int
        Entries of each.
    sizes : sequence of int
        As for `labelled`.
    seed : int
        That of the first file; the others count on from it.
    different : int
        So many contents are made. With more files they come again: making masks takes
        longer than all that is measured.

    Returns
    -------
    list of Path
    """
    directory.mkdir(parents=True, exist_ok=True)
    contents = [
        encode(labelled(seed + number, entries, sizes), number=number)
        for number in range(min(count, different))
    ]
    paths = [directory / f"{number:06}.iid" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(contents[number % len(contents)])
    return paths
