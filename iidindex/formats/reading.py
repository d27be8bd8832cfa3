"""The contract of a format: from the files of a source to pictures, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple, Protocol

from iidindex.formats.annotation import Picture, Refusals
from iidindex.formats.json_ranges import ByteRange


class SourceFiles(Protocol):
    """The files of a source: a directory's, or the one that was named. It can be pickled.

    JSON that was packed with gzip (``.json.gz``, ``.geojson.gz``) is read as what is in it.
    """

    @property
    def name(self) -> str:
        """The last part of what was named, for errors and as the domain: ``coco.json``."""

    @property
    def is_folder(self) -> bool:
        """Whether a directory was named."""

    def names(self) -> Sequence[str]:
        """Paths of all files, relative, parted by ``/``, sorted; of hidden ones none."""

    def holds(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def size(self, name: str) -> int:
        """Bytes of a file."""

    def read(self, name: str) -> bytes:
        """All bytes of a file."""

    def range(self, name: str, offset: int, length: int) -> bytes:
        """Some bytes of a file; fewer at its end."""

    def open(self, name: str) -> BinaryIO:
        """A file, to be read at any place, and closed."""


@dataclass(frozen=True)
class Options:
    """What was asked for, as far as formats are concerned.

    Attributes
    ----------
    domain : bytes or None
        The domain of all individuals; by default the name of the source without its suffix.
    identity : str or None
        The field of an annotation's record that tells whose it is: ``track_id``, or
        ``attributes.name`` within another.
    group_by : str or None
        The field that names the groups; by default the category.
    images : SourceFiles or None
        Where the pictures themselves are.
    axes : str or None
        The axes of a stack, such as ``TYX``.
    exif : {"raw", "turned"} or None
        Whether coordinates are those of the stored pixels or of the picture as it is shown.
    colors : bool
        Make each colour of a coloured label image a label.
    split : bool
        Make each connected part of a label an entry of its own.
    threshold : int or None
        The smallest value of a pixel that is inside a grey mask.
    """

    domain: bytes | None = None
    identity: str | None = None
    group_by: str | None = None
    images: SourceFiles | None = None
    axes: str | None = None
    exif: str | None = None
    colors: bool = False
    split: bool = False
    threshold: int | None = None

    def domain_of(self, source: SourceFiles, sequence: str = "") -> bytes:
        """The domain of a source's individuals, or of one sequence's in it.

        Numbers that are given anew in each sequence tell nobody who is who in another one.
        """
        base = stem(source.name).encode("utf-8", "surrogateescape")
        whole = base if self.domain is None else self.domain
        if not sequence:
            return whole
        return whole + b"/" + sequence.encode("utf-8", "surrogateescape")


class Task(NamedTuple):
    """One picture that is to be read.

    Attributes
    ----------
    name : str
        Its path relative to the source, parted by ``/``.
    at : object
        What its format needs to find it; pickled.
    image : str or None
        The name of the picture's file among the images, if it is there.
    """

    name: str
    at: Any = None
    image: str | None = None


@dataclass
class Survey:
    """What a source holds, found without drawing anything.

    Attributes
    ----------
    tasks : iterable of Task
        One a picture, in the order of the source.
    n_pictures : int
    identity : str
        Where addresses come from, in words: ``track_id``, ``the label``, ``the annotation's id``.
    shared : object
        What the reading of every picture needs; it is pickled.
    refused : Refusals
        What was left out already.
    notes : dict of str to int
        Notes for the user, and how often each applied.
    masks_are_images : bool
        Whether tasks are named after images that hold the masks: those are not the pictures.
    """

    tasks: Iterable[Task]
    n_pictures: int
    identity: str
    shared: Any = None
    refused: Refusals = field(default_factory=Refusals)
    notes: dict[str, int] = field(default_factory=dict)
    masks_are_images: bool = False


class Format(Protocol):
    """A format that can be read. One module each; `iidindex.formats.registry` lists them."""

    def recognise(self, source: SourceFiles) -> str | None:
        """Why the source is of this format, in a few words; None if it is not.

        Reads names and the beginnings of a few files.
        """

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Find the pictures of a source, and whose masks they hold.

        Raises
        ------
        ExchangeError
            If the source cannot be read as this format.
        """

    def read(self, source: SourceFiles, options: Options, shared: Any, task: Task) -> Picture:
        """Read one picture. Bad annotations are left out and named in the picture.

        Raises
        ------
        ExchangeError
            If nothing of the picture can be read; the others are not concerned.
        """


def stem(name: str) -> str:
    """A file's name without its directory and suffix; ``.gz`` is none.

    Examples
    --------
    >>> stem("a/tissue.geojson.gz"), stem("01"), stem(".hidden")
    ('tissue', '01', '.hidden')
    """
    last = name.rstrip("/").rpartition("/")[2]
    if last.lower().endswith(".gz"):
        last = last[:-3]
    dot = last.rfind(".")
    return last[:dot] if dot > 0 else last


def suffix(name: str) -> str:
    """A file's suffix in small letters, with its dot; of ``a.json.gz`` that is ``.json``.

    Examples
    --------
    >>> suffix("a/B.TIF"), suffix("a.json.gz"), suffix("a.b/c")
    ('.tif', '.json', '')
    """
    last = name.rpartition("/")[2].lower().removesuffix(".gz")
    dot = last.rfind(".")
    return last[dot:] if dot > 0 else ""


def without_suffix(name: str) -> str:
    """A file's path without its suffix; ``.gz`` is none.

    Examples
    --------
    >>> without_suffix("a/b.json.gz"), without_suffix("a.b/c")
    ('a/b', 'a.b/c')
    """
    lead, slash, last = name.rpartition("/")
    return lead + slash + stem(last)


def only_json(source: SourceFiles) -> str | None:
    """The one JSON file of a source."""
    found = [name for name in source.names() if suffix(name) == ".json"]
    return found[0] if len(found) == 1 else None


def byte_range(source: SourceFiles, name: str) -> ByteRange:
    """What gives bytes of a file by offset and length."""
    return lambda offset, length: source.range(name, offset, length)
