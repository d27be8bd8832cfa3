"""The tables beside masks of the Cell Tracking Challenge: tracks, and who they were here.

A line of ``man_track.txt`` or ``res_track.txt`` is ``L B E P``: a label, the first and last frame
in which it is, both counted from 0, and the label of its parent, or 0. A parent ends before its
children begin ("Naming and file content conventions" of http://celltrackingchallenge.net).

What such masks cannot hold stands in tables of our own beside them: ``tracks.csv`` has the domain
and address of each label, ``frames.csv`` the path of each frame, ``groups.csv`` the groups.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Refusals, Refused
from iidindex.formats.label_table import as_bytes, as_text

TRACKS, FRAMES, GROUPS = "tracks.csv", "frames.csv", "groups.csv"

# Masks have 16 bits.
MOST_LABEL = 65535

_TRACK_FIELDS = ("label", "domain", "address")
_FRAME_FIELDS = ("frame", "plane", "path")
_GROUP_FIELDS = ("frame", "plane", "label", "groups")

_LINE = re.compile(rb"(\d{1,10})[ \t]+(\d{1,10})[ \t]+(\d{1,10})[ \t]+(\d{1,10})")
_TABLE = "track table"

Ints = npt.NDArray[np.int64]
Individual = tuple[bytes | None, bytes]
Place = tuple[int, int]


class Track(NamedTuple):
    """A label, its first and last frame, and its parent's label or 0."""

    label: int
    begin: int
    end: int
    parent: int


class Tracks:
    """A table of tracks. Each parent is one of them, and ends before its child begins.

    Parameters
    ----------
    tracks : sequence of Track
    """

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._rows = np.array(sorted(tracks), np.int64).reshape(-1, 4)

    def in_frame(self, frame: int) -> Ints:
        """The labels that a frame should have."""
        label, begin, end, _ = self._rows.T
        return label[(begin <= frame) & (frame <= end)]

    def parent_of(self, label: int) -> int:
        """The label of a track's parent; 0 if there is none, or no such track."""
        at = int(np.searchsorted(self._rows[:, 0], label))
        if at == len(self._rows) or int(self._rows[at, 0]) != label:
            return 0
        return int(self._rows[at, 3])


def read_tracks(data: bytes, file: str, refused: Refusals) -> Tracks:
    """Read a table of tracks; what cannot be is left out and named by its line.

    Parameters
    ----------
    data : bytes
    file : str
        Its name, for what is left out.
    refused : Refusals
        Is added to.

    Returns
    -------
    Tracks
    """
    tracks: dict[int, Track] = {}
    line_of: dict[int, int] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        text = line.strip()
        if not text:
            continue
        problem = _take(text, tracks)
        if isinstance(problem, str):
            refused.add(Refused(_TABLE, f"{file}, line {number}", problem))
        else:
            tracks[problem.label] = problem
            line_of[problem.label] = number
    for track in list(tracks.values()):
        parent = tracks.get(track.parent)
        if not track.parent or (parent is not None and parent.end < track.begin):
            continue
        told = f"the parent of track {track.label}, {track.parent}, "
        if parent is None:
            told += "is not among the tracks"
        else:
            told += f"ends in frame {parent.end}; expected one before {track.begin}"
        refused.add(Refused("parent", f"{file}, line {line_of[track.label]}", told))
        tracks[track.label] = track._replace(parent=0)
    return Tracks(list(tracks.values()))


def _take(text: bytes, tracks: Mapping[int, Track]) -> Track | str:
    """A line as a track, or what is wrong with it."""
    match = _LINE.fullmatch(text)
    if match is None:
        told = text[:40].decode("utf-8", "backslashreplace")
        return f"found {told!r}; expected four whole numbers: label, begin, end, parent"
    track = Track(*map(int, match.groups()))
    if not track.label:
        return "the label is 0, which is the background"
    if track.label in tracks:
        return f"track {track.label} stands there already"
    if track.end < track.begin:
        return f"track {track.label} ends in frame {track.end} and begins in frame {track.begin}"
    return track


# ---------------------------------------------------------------------- our own tables


@dataclass
class Known:
    """What our own tables tell of a folder of masks.

    Attributes
    ----------
    individuals : dict of int to (bytes or None, bytes)
        Domain and address by label.
    paths : dict of (int, int) to str
        Names of pictures by frame and plane; the plane is -1 in pictures that have none.
    groups : dict of (int, int, int) to tuple of str
        By frame, plane and label.
    """

    individuals: dict[int, Individual] = field(default_factory=dict)
    paths: dict[Place, str] = field(default_factory=dict)
    groups: dict[tuple[int, int, int], tuple[str, ...]] = field(default_factory=dict)


def read_known(tables: Mapping[str, bytes]) -> Known:
    """Read our own tables.

    Parameters
    ----------
    tables : mapping of str to bytes
        By name, those that are there.

    Raises
    ------
    ExchangeError
        If they are not as `tables_of` writes them; the line is named.
    """
    known = Known()
    for number, row in _rows(tables, TRACKS, _TRACK_FIELDS):
        domain, address = _bytes(row["domain"], number), _bytes(row["address"], number)
        known.individuals[_whole(row["label"], TRACKS, number)] = (domain or None, address)
    for number, row in _rows(tables, FRAMES, _FRAME_FIELDS):
        known.paths[_place(row, FRAMES, number)] = row["path"]
    for number, row in _rows(tables, GROUPS, _GROUP_FIELDS):
        key = (*_place(row, GROUPS, number), _whole(row["label"], GROUPS, number))
        known.groups[key] = _group_names(row["groups"], number)
    return known


def tables_of(known: Known) -> dict[str, bytes]:
    """Write our own tables; that of groups is there if there are any."""
    tracks = [
        (label, as_text(domain or b""), as_text(address))
        for label, (domain, address) in sorted(known.individuals.items())
    ]
    frames = [
        (frame, plane if plane >= 0 else "", path)
        for (frame, plane), path in sorted(known.paths.items())
    ]
    groups = [
        (frame, plane if plane >= 0 else "", label, json.dumps(named, ensure_ascii=False))
        for (frame, plane, label), named in sorted(known.groups.items())
    ]
    tables = {TRACKS: _written(_TRACK_FIELDS, tracks), FRAMES: _written(_FRAME_FIELDS, frames)}
    if groups:
        tables[GROUPS] = _written(_GROUP_FIELDS, groups)
    return tables


def _written(fields: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _rows(
    tables: Mapping[str, bytes], name: str, fields: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with the numbers of their lines."""
    if name not in tables:
        return
    try:
        text = tables[name].decode("utf-8", "surrogatepass")
        reader = csv.reader(io.StringIO(text, newline=""))
        first = next(reader, [])
        if tuple(first) != fields:
            raise ExchangeError(f"begins with {first!r:.80}; expected {list(fields)}", name)
        for row in reader:
            if len(row) != len(fields):
                told = f"has {len(row)} fields; expected {len(fields)}"
                raise ExchangeError(told, f"{name}, line {reader.line_num}")
            yield reader.line_num, dict(zip(fields, row, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ExchangeError(f"is no table: {error}", name) from error


def _place(row: Mapping[str, str], name: str, number: int) -> Place:
    frame = _whole(row["frame"], name, number)
    return frame, _whole(row["plane"], name, number) if row["plane"] else -1


def _whole(text: str, name: str, number: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ExchangeError(
            f"found {text!r:.40}; expected a whole number", f"{name}, line {number}"
        )
    return int(text)


def _bytes(text: str, number: int) -> bytes:
    try:
        return as_bytes(text)
    except ValueError as error:
        raise ExchangeError(f"holds no base64: {error}", f"{TRACKS}, line {number}") from error


def _group_names(text: str, number: int) -> tuple[str, ...]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    is_text = isinstance(found, list) and all(isinstance(name, str) for name in found)
    if not is_text or any("\ud800" <= mark <= "\udfff" for name in found for mark in name):
        told = f"groups are {text!r:.40}; expected a JSON list of texts"
        raise ExchangeError(told, f"{GROUPS}, line {number}")
    return tuple(found)
