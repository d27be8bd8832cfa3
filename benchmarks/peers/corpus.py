"""The entries that all peers hold, and the questions that all are asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import archive
from benchmarks.archive import FRAME, Labelled
from iidindex.model import BBox

PER_FILE = 100
DOMAIN = b"garden"
# Times that an individual comes, on average.
_TIMES = 20

# How many different questions make up one job; one alone is over too soon to be timed.
_QUESTIONS = 10

# Different masks of a corpus that is spread out, and the pixels of its frame's side for the square
# root of its entries: about two boxes lie over each pixel.
_SHAPES = 2_000
_SIDE = 30
# The founding library keeps two descriptors for each file: a million entries in files of a hundred
# would be more than many systems give to a process.
SPREAD_PER_FILE = 125


@dataclass(frozen=True)
class Corpus:
    """All entries, in memory, as they are before anybody has stored them.

    Attributes
    ----------
    files : dict
        From the name of a file to its entries, in the order of their keys.
    frame : int
        All of them are in pictures of so many pixels a side.
    """

    files: dict[str, list[Labelled]]
    frame: int = FRAME

    def __len__(self) -> int:
        return sum(map(len, self.files.values()))

    @classmethod
    def made(cls, n_files: int, seed: int = 9000) -> Corpus:
        """Draw entries: mixed masks, every one different."""
        rng = np.random.default_rng(seed)
        individuals = max(2, n_files * PER_FILE // _TIMES)
        files = {}
        for number in range(n_files):
            drawn = archive.labelled(seed + 1 + number, PER_FILE)
            files[f"{number:06}.iid"] = [
                entry._replace(address=b"individual-%d" % rng.integers(individuals), domain=DOMAIN)
                for entry in drawn
            ]
        return cls(files)

    @classmethod
    def spread(cls, n_entries: int, seed: int = 9000) -> Corpus:
        """Lay small masks into a frame that grows with them, so that places stay as crowded."""
        rng = np.random.default_rng(seed)
        shapes = archive.labelled(seed, min(n_entries, _SHAPES), (archive.SMALL,))
        frame = int(_SIDE * n_entries**0.5)
        files: dict[str, list[Labelled]] = {}
        for first in range(0, n_entries, SPREAD_PER_FILE):
            entries = files[f"{first // SPREAD_PER_FILE:06}.iid"] = []
            for which, who, row, column in zip(
                rng.integers(len(shapes), size=SPREAD_PER_FILE).tolist(),
                rng.integers(max(2, n_entries // _TIMES), size=SPREAD_PER_FILE).tolist(),
                *rng.random((2, SPREAD_PER_FILE)).tolist(),
                strict=True,
            ):
                mask = shapes[which].mask
                height, width = mask.shape
                top, left = int(row * (frame - height)), int(column * (frame - width))
                entries.append(
                    Labelled(
                        b"individual-%d" % who,
                        DOMAIN,
                        BBox(top, left, top + height, left + width),
                        mask,
                        None,
                    )
                )
        return cls(files, frame)

    def write(self, root: Path) -> None:
        """Write them as ``.iid`` files."""
        root.mkdir(parents=True)
        for name, entries in self.files.items():
            (root / name).write_bytes(archive.encode(entries))


@dataclass(frozen=True)
class Questions:
    """What is asked, of every peer alike.

    Attributes
    ----------
    addresses : list of bytes
    pixels : list of (x, y)
    boxes : list of BBox
    decoded, overlapped : list of str
        Names of files.
    """

    addresses: list[bytes]
    pixels: list[tuple[int, int]]
    boxes: list[BBox]
    decoded: list[str]
    overlapped: list[str]

    @classmethod
    def about(cls, corpus: Corpus, n_decoded: int, n_overlapped: int) -> Questions:
        """Draw questions about entries; each has some answer at least."""
        rng = np.random.default_rng(1)
        entries = [entry for found in corpus.files.values() for entry in found]
        asked = [entries[at] for at in rng.choice(len(entries), 4 * _QUESTIONS, replace=False)]
        names = list(corpus.files)
        corners = rng.integers(0, corpus.frame - 100, (_QUESTIONS, 2)).tolist()
        return cls(
            addresses=[entry.address for entry in asked[:_QUESTIONS]],
            pixels=_clear_pixels(rng, entries, corpus.frame),
            boxes=[BBox(row, column, row + 100, column + 100) for row, column in corners],
            decoded=names[:n_decoded],
            overlapped=names[:n_overlapped],
        )

    def save(self, path: Path) -> None:
        """Write them for another process."""
        text = {**vars(self), "addresses": [address.decode() for address in self.addresses]}
        path.write_text(json.dumps(text), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Questions:
        """Read what `save` wrote."""
        text = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            addresses=[address.encode() for address in text["addresses"]],
            pixels=[(x, y) for x, y in text["pixels"]],
            boxes=[BBox(*box) for box in text["boxes"]],
            decoded=text["decoded"],
            overlapped=text["overlapped"],
        )


def _clear_pixels(
    rng: np.random.Generator, entries: Sequence[Labelled], frame: int
) -> list[tuple[int, int]]:
    """Pixels about which iidfile 0.2.0 says the same as everybody else.

    It looks at the two by two pixels that end in the one it is asked for. So a pixel is taken if
    no mask has one of the other three, but not this one.
    """
    boxes = np.array([entry.bbox for entry in entries])
    found: list[tuple[int, int]] = []
    while len(found) < _QUESTIONS:
        x, y = rng.integers(1, frame, 2).tolist()
        near = np.flatnonzero(_meets(boxes, (y - 1, x - 1, y + 1, x + 1))).tolist()
        if near and all(_is_clear(entries[at], x, y) for at in near):
            found.append((x, y))
    return found


def _is_clear(entry: Labelled, x: int, y: int) -> bool:
    row, column = y - entry.bbox.minr, x - entry.bbox.minc
    looked_at = entry.mask[max(0, row - 1) : row + 1, max(0, column - 1) : column + 1]
    held = entry.mask[max(0, row) : row + 1, max(0, column) : column + 1]
    return bool(looked_at.any() == held.any())


def _meets(boxes: npt.NDArray[np.int64], box: tuple[int, int, int, int]) -> npt.NDArray[np.bool_]:
    minr, minc, maxr, maxc = boxes.T
    found: npt.NDArray[np.bool_] = (
        (minr < box[2]) & (maxr > box[0]) & (minc < box[3]) & (maxc > box[1])
    )
    return found
