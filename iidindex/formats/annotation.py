"""What a file of another format says of a picture: the record of every format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from iidindex.masks.regions import Bool2D, Bytes
from iidindex.model import BBox


@dataclass(slots=True)
class Annotation:
    """A mask in a picture, and its individual.

    Attributes
    ----------
    address : bytes
    domain : bytes or None
    bbox : BBox
        Half-open, pixels. In pictures that were read, it is tight.
    mask : ndarray of bool, shape (bbox.height, bbox.width)
    groups : tuple of str
        For example the name of its category.
    key : int or None
        The key of the entry, if it comes from a ``.iid`` file.
    """

    address: bytes
    domain: bytes | None
    bbox: BBox
    mask: Bool2D
    groups: tuple[str, ...] = ()
    key: int | None = None


class Refused(NamedTuple):
    """Something that was left out: the kind of reason, the record, and what was wrong with it."""

    reason: str
    record: str
    problem: str


# Of each reason, so many records are kept by name.
_MOST_NAMED = 5


class Refusals:
    """What was left out of a source, counted by reason; the first few of each are kept."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.first: dict[str, list[Refused]] = {}

    def add(self, refused: Refused, times: int = 1) -> None:
        """Take note of one, or of one of several like it."""
        self.counts[refused.reason] = self.counts.get(refused.reason, 0) + times
        named = self.first.setdefault(refused.reason, [])
        if len(named) < _MOST_NAMED:
            named.append(refused)

    def update(self, other: Refusals) -> None:
        """Take over what another one counted."""
        for reason, count in other.counts.items():
            for which, refused in enumerate(other.first[reason]):
                self.add(refused, count - len(other.first[reason]) + 1 if not which else 1)


@dataclass(slots=True)
class Picture:
    """A picture and its masks.

    Attributes
    ----------
    name : str
        Its path relative to the source, separated by ``/``, with the suffix of the picture.
    width, height : int or None
        Pixels; None if the source does not state it.
    meta : dict
        What is known about it: ``width``, ``height``, and under ``source`` the format, the file
        and the fields of the record itself.
    entries : list of Annotation
    image : str or None
        The name of the picture's file among the images, if it is there.
    pixels : callable or None
        Returns the pixels of the picture itself in a box: uint8, shape (height, width, 3). It is
        set when the picture is exported and its file is there.
    refused : list of Refused
        Annotations that were left out.
    notes : dict of str to int
        Notes for the user, and how often each applied.
    is_shown : bool
        Whether the masks of this format always belong to the picture as it is shown, rotated as
        EXIF says. Otherwise the size decides.
    """

    name: str
    width: int | None
    height: int | None
    meta: dict[str, Any]
    entries: list[Annotation]
    image: str | None = None
    pixels: Callable[[BBox], Bytes] | None = None
    refused: list[Refused] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    is_shown: bool = False

    def note(self, told: str) -> None:
        """Count a note for the user once more."""
        self.notes[told] = self.notes.get(told, 0) + 1


def described(
    format: str,  # noqa: A002
    file: str,
    size: tuple[int, int] | None,
    fields: Mapping[str, Any],
) -> dict[str, Any]:
    """The metadata of a picture that was read.

    Parameters
    ----------
    format, file : str
        The format, and the name of the file within the source.
    size : (width, height) or None
        Pixels.
    fields : mapping
        The picture's own record, such as ``{"id": 17, "license": 3}``.

    Returns
    -------
    dict
    """
    known = {} if size is None else {"width": size[0], "height": size[1]}
    return {**known, "source": {"format": format, "file": file, **fields}}
