"""Which mask of the Cell Tracking Challenge a file is: told by its name and its folders.

"Naming and file content conventions" of http://celltrackingchallenge.net/submission-of-results/
has the names: ``01_GT/TRA/man_track000.tif``, ``01_GT/SEG/man_seg000.tif``, which of 3-D pictures
may be slices ``man_seg_000_012.tif``, ``01_ST/SEG/man_seg000.tif``, ``01_RES/mask000.tif``, and
``01/t000.tif`` for the pictures; numbers have three or four digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from iidindex.formats.planes import IMAGES
from iidindex.formats.reading import stem, suffix


class Kind(Enum):
    """What the labels of a mask mean."""

    TRACK = "man_track.txt"
    SEGMENTATION = ""
    RESULT = "res_track.txt"

    @property
    def table(self) -> str:
        """The table beside such masks; none beside those that know no tracks."""
        return self.value


class MaskFile(NamedTuple):
    """A file of masks.

    Attributes
    ----------
    file : str
        Its name within the source.
    kind : Kind
    sequence : str
        ``01``; empty where no folder tells it.
    corpus : str
        ``TRA``, ``SEG``, ``ST``, or what stands behind the sequence's number, such as ``RES``.
    digits : str
        The number of the frame as it is written.
    plane : int or None
        Of a slice of a 3-D picture.
    is_standard : bool
        Whether the challenge names masks so.
    """

    file: str
    kind: Kind
    sequence: str
    corpus: str
    digits: str
    plane: int | None = None
    is_standard: bool = True

    @property
    def folder(self) -> str:
        """Where it lies within the source."""
        return self.file.rpartition("/")[0]

    @property
    def place(self) -> str:
        """The folder that its picture goes to: results are apart from what is true."""
        if self.kind is Kind.RESULT and self.sequence:
            return f"{self.sequence}_{self.corpus}"
        return self.sequence

    @property
    def picture(self) -> str:
        """The name of its picture, with the suffix of pictures."""
        name = f"t{self.digits}.tif" if self.is_standard else self.file.rpartition("/")[2]
        return f"{self.place}/{name}" if self.place else name


_NAMES = (
    (Kind.TRACK, re.compile(r"man_track(\d+)()\.tiff?", re.ASCII | re.IGNORECASE)),
    (Kind.SEGMENTATION, re.compile(r"man_seg_?(\d+)(?:_(\d+))?\.tiff?", re.ASCII | re.IGNORECASE)),
    (Kind.RESULT, re.compile(r"mask(\d+)()\.tiff?", re.ASCII | re.IGNORECASE)),
)
_SEQUENCE = re.compile(r"(\d+)_([A-Za-z].*)", re.ASCII)
_WITHIN = ("TRA", "SEG")
_NUMBERED = re.compile(r"(.*?)(\d+)", re.ASCII | re.DOTALL)
# So many digits are no number of a frame.
_MOST_DIGITS = 9


def mask_files(names: Iterable[str], top: str = "") -> list[MaskFile]:
    """The files of masks among those of a source.

    Parameters
    ----------
    names : iterable of str
    top : str
        The name of the source's folder, which may be ``01_GT``.

    Returns
    -------
    list of MaskFile
        In the order of the names. Beside a table of tracks, images of other names that end in a
        number count as masks, if there are none of the challenge's names.
    """
    names = list(names)
    tables = {name for name in names if _last(name) in (Kind.TRACK.table, Kind.RESULT.table)}
    found = [mask for mask in (_standard(name, top, tables) for name in names) if mask is not None]
    folders = {mask.folder for mask in found}
    for table in sorted(tables):
        folder = table.rpartition("/")[0]
        if folder not in folders:
            kind = Kind(_last(table))
            found.extend(_other(names, folder, kind, top))
            folders.add(folder)
    return found


def _standard(name: str, top: str, tables: set[str]) -> MaskFile | None:
    for kind, pattern in _NAMES:
        match = pattern.fullmatch(_last(name))
        if match is None or len(match.group(1)) > _MOST_DIGITS:
            continue
        folder = name.rpartition("/")[0]
        sequence, corpus = _sequence_of(folder, top)
        if kind is Kind.RESULT:
            # Anybody's files may be called so.
            beside = f"{folder}/{kind.table}" if folder else kind.table
            if not corpus and beside not in tables:
                return None
            corpus = corpus or "RES"
        elif kind is Kind.TRACK:
            corpus = "TRA"
        else:
            corpus = "ST" if corpus.startswith("ST") else "SEG"
        slice_of = match.group(2)
        if slice_of and len(slice_of) > _MOST_DIGITS:
            continue
        plane = int(slice_of) if slice_of else None
        return MaskFile(name, kind, sequence, corpus, match.group(1), plane)
    return None


def _other(names: list[str], folder: str, kind: Kind, top: str) -> list[MaskFile]:
    """Images of any name beside a table, if they are numbered in one way."""
    sequence, corpus = _sequence_of(folder, top)
    corpus = "TRA" if kind is Kind.TRACK else corpus or "RES"
    by_lead: dict[str, list[MaskFile]] = {}
    for name in names:
        if name.rpartition("/")[0] != folder or suffix(name) not in IMAGES:
            continue
        match = _NUMBERED.fullmatch(stem(name))
        if match is not None and len(match.group(2)) <= _MOST_DIGITS:
            mask = MaskFile(name, kind, sequence, corpus, match.group(2), None, False)
            by_lead.setdefault(match.group(1), []).append(mask)
    return next(iter(by_lead.values())) if len(by_lead) == 1 else []


def _sequence_of(folder: str, top: str) -> tuple[str, str]:
    """Sequence and what stands behind its number: of ``a/01_GT/TRA`` those are a/01 and GT."""
    parts = [part for part in folder.split("/") if part]
    for place in range(len(parts) - 1, -1, -1):
        match = _SEQUENCE.fullmatch(parts[place])
        if match is not None:
            return "/".join([*parts[:place], match.group(1)]), match.group(2)
    match = _SEQUENCE.fullmatch(top)
    if match is not None:
        return match.group(1), match.group(2)
    while parts and parts[-1] in _WITHIN:
        parts.pop()
    return "/".join(parts), ""


def _last(name: str) -> str:
    return name.rpartition("/")[2]
