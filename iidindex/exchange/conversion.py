"""What a process does of an import: some pictures, from their source to files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.errors import EncodeError, ExchangeError, IIDFormatError, SourceNotFoundError
from iidindex.exchange.output_paths import check_within, place_of, tile_place
from iidindex.exchange.packing import encode_picture
from iidindex.files.iidfile import IIDFile
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused
from iidindex.formats.finishing import read_pictures
from iidindex.formats.planes import Keeper, kept_open
from iidindex.formats.reading import Options, SourceFiles, Task
from iidindex.storage.atomic import write_atomically
from iidindex.storage.folder import Folder


@dataclass(frozen=True)
class Unit:
    """Pictures that are written to one path; None, if their name is none."""

    place: str | None
    tasks: Sequence[Task]


@dataclass(frozen=True)
class Work:
    """Some pictures of a source, and where they go."""

    format: str
    source: SourceFiles
    source_place: str
    options: Options
    shared: Any
    units: Sequence[Unit]
    out: str
    dry_run: bool


@dataclass
class Outcome:
    """What came of some pictures.

    Attributes
    ----------
    pictures, entries, unchanged, replaced, with_image : int
        How many there were; of how many the same file, or another one, was there already; and
        of how many the picture itself was found.
    domains : set of bytes
        Some of the domains.
    individuals : ndarray of uint64
        A hash of each individual of each picture.
    refused : Refusals
    notes : dict of str to int
    """

    pictures: int = 0
    entries: int = 0
    unchanged: int = 0
    replaced: int = 0
    with_image: int = 0
    domains: set[bytes] = field(default_factory=set)
    individuals: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    refused: Refusals = field(default_factory=Refusals)
    notes: dict[str, int] = field(default_factory=dict)


class _Process:
    """What a process that was started for an import keeps from one work to the next."""

    def __init__(self) -> None:
        self.keeper = Keeper()
        self.source: SourceFiles | None = None

    def same(self, source: SourceFiles) -> SourceFiles:
        """The source as it was sent with the work before, with all that it has open."""
        here, new = self.source, source
        is_same = (
            isinstance(here, Folder)
            and isinstance(new, Folder)
            and (here.location, here.is_folder) == (new.location, new.is_folder)
        )
        if here is None or not is_same:
            here = self.source = source
        return here


_PROCESS = _Process()


def convert_apart(work: Work) -> Outcome:
    """Convert in a process that ends with the import: what it has open serves its next work."""
    with kept_open(_PROCESS.keeper):
        return convert(replace(work, source=_PROCESS.same(work.source)))


def convert(work: Work) -> Outcome:
    """Read some pictures and write them; a bad one costs only itself."""
    outcome = Outcome()
    people: list[set[int]] = []
    for unit in work.units:
        try:
            found: set[int] = set()
            for picture in _pictures_of(work, unit, outcome):
                _write(work, unit, picture, outcome)
                found.update(_hashes(picture))
                outcome.pictures += 1
                outcome.entries += len(picture.entries)
                outcome.with_image += picture.image is not None
                outcome.domains.update(entry.domain or b"" for entry in picture.entries[:100])
        except MemoryError:
            name = unit.tasks[0].name
            outcome.refused.add(Refused("memory", name, "does not fit into memory"))
        except ExchangeError as error:
            record = error.record or unit.tasks[0].name
            outcome.refused.add(Refused(getattr(error, "reason", "picture"), record, error.problem))
        people.append(found)
    outcome.individuals = np.array([one for found in people for one in found], np.uint64)
    return outcome


def _hashes(picture: Picture) -> Iterator[int]:
    for entry in picture.entries:
        domain = entry.domain or b""
        named = len(domain).to_bytes(8, "little") + domain + entry.address
        yield int.from_bytes(blake2b(named, digest_size=8).digest(), "little")


def _pictures_of(work: Work, unit: Unit, outcome: Outcome) -> Iterator[Picture]:
    """The pictures of one path: one, its tiles, or several that are joined."""
    if unit.place is None:
        place_of(unit.tasks[0].name)
    joined: Picture | None = None
    for task in unit.tasks:
        for picture in read_pictures(work.format, work.source, work.options, work.shared, task):
            for refused in picture.refused:
                outcome.refused.add(refused)
            for told, count in picture.notes.items():
                outcome.notes[told] = outcome.notes.get(told, 0) + count
            if len(unit.tasks) == 1:
                yield picture
            elif joined is None:
                joined = picture
            elif (joined.width, joined.height) != (picture.width, picture.height):
                raise ExchangeError(
                    f"is {picture.width} x {picture.height} pixels; expected the "
                    f"{joined.width} x {joined.height} of the other picture of this name",
                    task.name,
                )
            else:
                joined.entries += picture.entries
    if joined is not None:
        yield joined


def _write(work: Work, unit: Unit, picture: Picture, outcome: Outcome) -> None:
    assert unit.place is not None
    is_tile = "offset" in picture.meta
    place = tile_place(unit.place, picture.name) if is_tile else unit.place
    target = os.path.join(work.out, *place.split("/"))
    check_within(work.out, target, place)
    image = _image_from(work, picture, target)
    # Another source may have files of the same names: what it made is not this one's to replace.
    picture.meta["source"]["place"] = _relative(work.source_place, target)
    data = _encoded(picture, image, outcome)
    try:
        with open(target, "rb") as file:
            there = file.read()
    except (FileNotFoundError, NotADirectoryError):
        there = None
    except OSError as error:
        raise ExchangeError(
            f"{place} cannot be compared: {error.strerror}", picture.name
        ) from error
    if there == data:
        outcome.unchanged += 1
        return
    if there and not _is_of_same_source(there, picture):
        raise ExchangeError(
            f"{place} is there already and was not made from this source; name another directory",
            picture.name,
        )
    outcome.replaced += bool(there)
    if work.dry_run:
        return
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
    except OSError as error:
        told = f"{os.path.dirname(target)} cannot be made: {error.strerror}"
        raise ExchangeError(told, picture.name) from error
    # To wait for the disk at every file makes an import half as long again; what the power cuts
    # off is empty, and is written by the next import.
    write_atomically(target, [data], durable=False)


def _image_from(work: Work, picture: Picture, target: str) -> str | None:
    """The picture's own file as it is found from the ``.iid`` file."""
    images = work.options.images
    if picture.image is None or not isinstance(images, Folder):
        return None
    return _relative(images.path(picture.image), target)


def _relative(place: str, target: str) -> str:
    """A place as it is found from the ``.iid`` file."""
    try:
        return os.path.relpath(place, os.path.dirname(target)).replace(os.sep, "/")
    except ValueError:  # another drive
        return place


def _encoded(picture: Picture, image: str | None, outcome: Outcome) -> bytes:
    def refuse(entry: Annotation, error: EncodeError) -> None:
        told = entry.address.decode("utf-8", "backslashreplace")
        outcome.refused.add(Refused("entry", f"{picture.name}, {told}", str(error)))

    meta = picture.meta if image is None else {"image": image, **picture.meta}
    try:
        data, picture.entries = encode_picture(picture.entries, meta, refuse)
    except EncodeError as error:
        raise ExchangeError(str(error), picture.name) from error
    return data


def _is_of_same_source(there: bytes, picture: Picture) -> bool:
    """Whether a file was made by an import of the same source, and may be made anew."""
    try:
        meta = IIDFile(there).meta.data
    except (IIDFormatError, SourceNotFoundError):
        return False
    made = meta.get("source") if isinstance(meta, dict) else None
    mine = picture.meta["source"]
    return isinstance(made, dict) and all(
        made.get(name) == mine.get(name) for name in ("format", "file", "place")
    )
