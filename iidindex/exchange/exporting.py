"""From answers to files of other formats."""

from __future__ import annotations

import os
import posixpath
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import ExchangeError
from iidindex.exchange.chosen import (
    ChosenFile,
    chosen_files,
    has_twins,
    is_indexed,
    pictures_of_masks,
)
from iidindex.exchange.crops import Crops
from iidindex.exchange.export_report import ExportReport
from iidindex.exchange.sink import Guard, LocalSink
from iidindex.exchange.subsets import write_subset
from iidindex.exchange.tables import write_table
from iidindex.files.frame_size import size_of
from iidindex.formats.annotation import Annotation, Picture
from iidindex.formats.registry import WRITERS, writer_named
from iidindex.formats.writing import NumbersGroups, Session, WritableFormat
from iidindex.masks.regions import Bool2D, Bytes
from iidindex.model import BBox
from iidindex.query.answers.entry import segments_of
from iidindex.query.entries import Entries
from iidindex.query.pixels.frames import image_named, image_of
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Original
from iidindex.query.pixels.sift import read_masks
from iidindex.query.question.asked import Filters
from iidindex.storage.paths import SUFFIX, is_iid

# Files whose masks are read together, and pixels of them after which that is enough.
_FILES_TOGETHER = 100
_PIXELS_TOGETHER = 1 << 24

# What is written without looking at a mask.
WITHOUT_MASKS = {
    "iid": "the entries alone in .iid files, bytes copied",
    "csv": "a table of entries",
    "parquet": "sorted tables of entries, for DuckDB, Polars and Spark",
}


def export_formats() -> dict[str, str]:
    """Names of the formats that answers are written in, each with a line for people."""
    return {**WITHOUT_MASKS, **{name: told for name, (_, told) in WRITERS.items()}}


def export(
    question: Entries,
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    out: str | os.PathLike[str],
    to: str,
    dry_run: bool = False,
    progress: Callable[[Any], object] | None = None,
    by: str | None = None,
) -> ExportReport:
    """Write the entries of a question, and what is known of their files.

    Parameters
    ----------
    question : Entries
    catalog : Catalog
    originals : Originals
    filters : Filters
        Those of the question.
    out : path-like
    to : str
        One of `export_formats`.
    dry_run : bool
        Count what would be written.
    progress : callable, optional
    by : {"iid", "place"}, optional
        The one order in which Parquet is sorted; both without this.

    Returns
    -------
    ExportReport

    Raises
    ------
    ExchangeError
        If there is no such format, or an original would be replaced.
    SourceError
        As `Entry.mask`; or if the disk refuses.
    """
    begin = time.monotonic()
    if to not in export_formats():
        told = ", ".join(sorted(export_formats()))
        raise ExchangeError(f"to is {to!r}; expected one of {told}")
    if by is not None and to != "parquet":
        raise ExchangeError(f"by works only with parquet, which is sorted; {to} is not")
    guard = _Guard(catalog)
    telling = _in_entries(question, filters, progress)
    if to == "parquet":
        from iidindex.exchange.lake import export_lake

        report = export_lake(
            question, catalog, originals, filters, out, by, guard, dry_run, telling
        )
    else:
        report = _written(question, catalog, originals, filters, out, to, guard, dry_run, telling)
    report.seconds = time.monotonic() - begin
    return report


def _in_entries(
    question: Entries, filters: Filters, progress: Callable[[Any], object] | None
) -> Callable[[int], object] | None:
    """What is told how many entries are written, and tells `progress`."""
    if progress is None:
        return None
    total = 0 if filters.regions else question.count()
    return lambda written: progress(ExportProgress(written, max(total, written)))


def _written(
    question: Entries,
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    out: str | os.PathLike[str],
    to: str,
    guard: Guard,
    dry_run: bool,
    progress: Callable[[int], object] | None,
) -> ExportReport:
    """Write file after file, or count what would be written."""
    writer = None if to in WITHOUT_MASKS else writer_named(to)
    is_one_file = to == "csv" if writer is None else writer.is_one_file
    if not is_one_file:
        _check_paths(question, catalog, filters)
    chosen = chosen_files(question, catalog, filters)
    report = ExportReport()
    if dry_run:
        for file in chosen:
            report.pictures += 1
            report.entries += len(file.entries)
        return report
    with closing(LocalSink(out, is_one_file, guard)) as sink:
        if to == "csv":
            write_table(chosen, sink, report)
        elif writer is None:
            for file in chosen:
                write_subset(file, originals, filters.on_stale, sink, report)
        else:
            session = _begun(writer, sink, chosen_files(question, catalog, filters))
            for picture in _pictures(chosen, originals, filters, report):
                session.add(picture)
                report.pictures += 1
                report.entries += len(picture.entries)
                if progress is not None:
                    progress(report.entries)
            session.finish()
            report.lost = dict(session.lost)
    return report


def _begun(writer: WritableFormat, sink: LocalSink, files: Iterator[ChosenFile]) -> Session:
    if not isinstance(writer, NumbersGroups):
        return writer.begin(sink)
    firsts = (next(iter(entry.groups), None) for file in files for entry in file.entries)
    return writer.begin_with_groups(sink, firsts)


def _check_paths(question: Entries, catalog: Catalog, filters: Filters) -> None:
    """Refuse files of one path before anything is written.

    Raises
    ------
    ExchangeError
        If files of several roots have the same path; both are named.
    """
    with catalog.reading() as connection:
        if not has_twins(connection):
            return
    seen: dict[str, str] = {}
    for file in chosen_files(question, catalog, filters):
        name = without_suffix(file.path)
        if name in seen:
            raise ExchangeError(
                f"two files would be written to one path, those of {seen[name]} and "
                f"{file.location}; narrow the question down, by root or path"
            )
        seen[name] = file.location


@dataclass(frozen=True)
class ExportProgress:
    """How far an export has come, in entries."""

    files: int
    total: int

    def __str__(self) -> str:
        return f"{self.files:,} of {self.total:,} entries"


class _Guard:
    """Knows the files that no export may replace: the index, originals, and their pictures."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._pictures: set[str] | None = None

    def __call__(self, place: str) -> None:
        real = os.path.realpath(place)
        index = os.path.realpath(self._catalog.store.location)
        if real.startswith(index) and real[len(index) :] in ("", "-wal", "-shm", "-lock"):
            raise ExchangeError(f"{place} is the index itself; name another place")
        with self._catalog.reading() as connection:
            if is_indexed(connection, {place, real}):
                raise ExchangeError(f"{place} is an original, which is never written to")
            if self._pictures is None:
                # Only where something would be replaced is it worth to look at all metadata.
                self._pictures = set(pictures_of_masks(connection))
        if real in self._pictures:
            raise ExchangeError(f"{place} is a picture that masks belong to; name another place")


def _pictures(
    chosen: Iterator[ChosenFile],
    originals: Originals,
    filters: Filters,
    report: ExportReport,
) -> Iterator[Picture]:
    """Files with the masks of their entries; those that cannot be believed are left out."""
    for some in _together(chosen):
        entries = [entry for file in some for entry in file.entries]
        masks: dict[int, Bool2D] = {}
        if entries:
            where = {one.file_id: Original(one.location, one.stamp) for one in entries}
            entries.sort(key=lambda entry: (entry.file_id, entry.bufloc.offset))
            segments = segments_of(entries)
            for row, mask in read_masks(originals, where, segments, filters.on_stale):
                masks[entries[row].id] = mask
        for file in some:
            if file.entries and not any(entry.id in masks for entry in file.entries):
                # To write it without masks would say that there is nothing in it.
                report.unread += 1
                continue
            yield _picture(file, masks)


def _together(chosen: Iterator[ChosenFile]) -> Iterator[list[ChosenFile]]:
    """Files whose masks are read together: some of the calls that each takes serve all."""
    some: list[ChosenFile] = []
    n_pixels = 0
    for file in chosen:
        some.append(file)
        n_pixels += sum(entry.bbox.n_pixels for entry in file.entries)
        if len(some) >= _FILES_TOGETHER or n_pixels > _PIXELS_TOGETHER:
            yield some
            some, n_pixels = [], 0
    if some:
        yield some


def _picture(file: ChosenFile, masks: dict[int, Bool2D]) -> Picture:
    size = size_of(file.meta)
    meta = file.meta if isinstance(file.meta, dict) else {"meta": file.meta}
    return Picture(
        name=without_suffix(file.path),
        width=None if size is None else size[1],
        height=None if size is None else size[0],
        meta=meta,
        entries=[
            Annotation(
                entry.iid.address,
                entry.iid.domain,
                entry.bbox,
                masks[entry.id],
                entry.groups,
                entry.key,
            )
            for entry in file.entries
            if entry.id in masks
        ],
        image=_image_within(file),
        pixels=_pixels_of(file),
    )


def _image_within(file: ChosenFile) -> str | None:
    """The picture's file relative to the root, where all pictures of an archive are found."""
    image = image_named(file.meta)
    if image is None or os.path.isabs(image):
        return image
    lead = file.path.rpartition("/")[0]
    return posixpath.normpath(posixpath.join(lead, image))


def _pixels_of(file: ChosenFile) -> Callable[[BBox], Bytes] | None:
    """What gives the pixels of a file's picture, if that is there."""
    meta = file.meta if isinstance(file.meta, dict) else {}
    path = image_of(meta, file.location)
    return None if path is None else Crops(path)


def without_suffix(path: str) -> str:
    """The path of a ``.iid`` file without ``.iid``."""
    return path[: -len(SUFFIX)] if is_iid(path) else path
