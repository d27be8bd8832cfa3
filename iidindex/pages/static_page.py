"""A page of an answer: documents and pictures that any web server, or a disk, can hold."""

from __future__ import annotations

import io
import json
import os
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from importlib import import_module
from importlib.resources import files as resources
from itertools import chain
from typing import Any, BinaryIO, TextIO

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import (
    IIDFormatError,
    QueryError,
    SourceError,
    SourceNotFoundError,
    StaleFileError,
)
from iidindex.exchange.chosen import ChosenFile, chosen_files
from iidindex.exchange.exporting import ExportProgress
from iidindex.files.arguments import is_positive
from iidindex.files.frame_size import size_of
from iidindex.masks.cells import Grid
from iidindex.masks.regions import packed_sizes
from iidindex.model import IID, BBox
from iidindex.pages.page_folder import MARK, check_replaceable, page_folder
from iidindex.pages.page_markup import (
    Appearance,
    Shape,
    Shown,
    card,
    document,
    file_body,
    individual_body,
    individual_row,
    path_name,
    steps,
    who,
)
from iidindex.pages.page_report import PageReport
from iidindex.pictures.images import Photo, photo_for
from iidindex.pictures.plain_picture import places_of_pictures
from iidindex.pictures.scene import Style, draw
from iidindex.plural import counted
from iidindex.query.answers.entry import Entry, segments_of
from iidindex.query.entries import Entries
from iidindex.query.heat.coverage import check_size
from iidindex.query.pixels.frames import Frame, image_of, largest
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.picture_places import PicturePlaces
from iidindex.query.pixels.segments import Original
from iidindex.query.pixels.sift import read_masks
from iidindex.render.canvas import Picture
from iidindex.render.outline_paths import svg_path
from iidindex.rows import ENTRY, as_base64, as_text

# Files and individuals on one list, and tiles of one individual.
_FILES, _INDIVIDUALS, _TILES = 500, 1000, 60
_SMALL = 320
# Characters of the outline of one mask, and of all of one file; beyond that, boxes.
_LONGEST_OUTLINE, _LONGEST_OF_FILE = 1 << 18, 1 << 22
# Nothing that says where on a disk things lie: a page goes to others.
_ROW = ENTRY.select(
    ["path", "key", "address", "domain", "address_b64", "domain_b64", "bbox", "area", "groups"]
)
_HEAD = ENTRY.select(
    ["key", "address", "domain", "address_b64", "domain_b64", "bbox", "area", "groups"]
)
_STYLES = ("base.css", "page.css")


def write_page(
    question: Entries,
    catalog: Catalog,
    originals: Originals,
    out: str | os.PathLike[str],
    pictures: Iterable[str],
    size: int,
    most: int,
    dry_run: bool,
    progress: Callable[[Any], object] | None,
) -> PageReport:
    """Write a page of the hits; see `Index.page`."""
    begin = time.monotonic()
    size = check_size(size, most=4096)
    if not is_positive(most):
        raise QueryError(f"individuals is {most!r}; expected at least 1")
    check_replaceable(out)
    report = PageReport()
    chosen = chosen_files(question, catalog, question.filters)
    first = next(chosen, None)
    if first is None or not question.exists():
        return report
    total = 0 if progress is None or question.filters.regions else question.count()
    chosen = chain([first], chosen)
    if dry_run:
        met: set[IID] = set()
        for file in chosen:
            report.files += 1
            report.entries += len(file.entries)
            met.update(entry.iid for entry in file.entries)
        report.individuals = min(len(met), most)
        report.left_out = len(met) - report.individuals
    else:
        places = places_of_pictures(catalog, tuple(pictures))
        with page_folder(out) as folder, _Page(folder, originals, places, size, most) as page:
            for file, is_last in _with_last(chosen):
                page.add(file, is_last, report)
                if progress is not None:
                    progress(ExportProgress(report.entries, max(total, report.entries)))
            page.finish(report)
    report.seconds = time.monotonic() - begin
    return report


def _with_last(chosen: Iterator[ChosenFile]) -> Iterator[tuple[ChosenFile, bool]]:
    """Each file, and whether it is the last."""
    before = next(chosen)
    for file in chosen:
        yield before, False
        before = file
    yield before, True


class _Page:
    """A page that is being written.

    Of a file, its name is kept; of an individual that has a page, its IID, and ten numbers of each
    of its entries; of others, a number. Outlines, which the pages of individuals show again, wait
    in a file.
    """

    def __init__(
        self, folder: str, originals: Originals, places: PicturePlaces, size: int, most: int
    ) -> None:
        self._folder = folder
        self._originals = originals
        self._places = places
        self._size = size
        self._files: list[Shown] = []
        self._numbers: dict[IID, int] = {}
        self._most = most
        self._others: set[int] = set()
        self._entries = array("q")
        self._open = ExitStack()

    def __enter__(self) -> _Page:
        self._outlines: BinaryIO = self._open.enter_context(
            open(self._place("outlines.tmp"), "w+b")
        )
        self._rows = self._text("data/entries.jsonl")
        self._file_rows = self._text("data/files.jsonl")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _place(self, name: str) -> str:
        return os.path.join(self._folder, *name.split("/"))

    def _text(self, name: str) -> TextIO:
        return self._open.enter_context(
            open(self._place(name), "w", encoding="utf-8", newline="\n")
        )

    def _write(self, name: str, parts: Iterable[str]) -> None:
        with open(self._place(name), "w", encoding="utf-8", newline="\n") as file:
            file.writelines(parts)

    # ------------------------------------------------------------------ files

    def add(self, file: ChosenFile, is_last: bool, report: PageReport) -> None:
        """Write the page of a file, and take note of its entries."""
        number = len(self._files) + 1
        n_entries = len(file.entries)
        shown = Shown(number, file.path, n_entries, _size_of(file))
        paths = [""] * n_entries
        try:
            picture, shown = self._drawn(file, shown)
            paths, n_boxes = self._outlined(file, number)
            self._save(picture, number)
        except (SourceError, IIDFormatError) as error:
            if isinstance(getattr(error, "__context__", None), MemoryError):
                raise
            shown = shown._replace(problem=_told(error))
            paths = [""] * n_entries
            report.unread += 1
        else:
            if n_boxes:
                note = f"{n_boxes:,} of the outlines are boxes: the masks are too intricate."
                shown = shown._replace(note=" ".join(filter(None, (shown.note, note))))
        self._files.append(shown)
        shapes = [
            Shape(entry.iid, self._number(entry.iid), entry.key, entry.area, entry.bbox, path)
            for entry, path in zip(file.entries, paths, strict=True)
        ]
        before, after = f"{number - 1}.html" if number > 1 else "", f"{number + 1}.html"
        body = file_body(shown, shapes, before, "" if is_last else after)
        self._write(f"file/{number}.html", document(path_name(file.path), "../", body))
        self._note(file, shown, shapes)
        report.files += 1
        report.entries += n_entries

    def _number(self, iid: IID) -> int:
        """The number of an individual's page; 0, if it has none."""
        known = self._numbers.get(iid)
        if known is None and len(self._numbers) < self._most:
            known = self._numbers[iid] = len(self._numbers) + 1
        if known is None:
            self._others.add(hash(iid))
        return known or 0

    def _drawn(self, file: ChosenFile, shown: Shown) -> tuple[Picture, Shown]:
        """The picture under its masks; where the picture cannot be used, the masks alone."""
        meta = file.meta if isinstance(file.meta, dict) else {}
        frame = self._places.within(
            Frame(file.location, size_of(meta), image_of(meta, file.location))
        )
        photo: Photo | None = None
        try:
            photo = photo_for(frame, _extent(file.entries), None, self._places)
        except (QueryError, SourceError):
            shown = shown._replace(note="Its picture cannot be shown.")
        if photo is not None:
            shown = shown._replace(size=photo.size)
            try:
                return self._over(file.entries, shown.size, photo), shown
            except SourceError:
                # If it was not the picture, it comes again.
                shown = shown._replace(note="Its picture cannot be shown.")
        return self._over(file.entries, shown.size, None), shown

    def _over(self, entries: list[Entry], size: tuple[int, int], photo: Photo | None) -> Picture:
        grid = Grid.over(BBox(0, 0, *size), self._size)
        return draw(self._originals, entries, grid, photo, Style()).picture

    def _outlined(self, file: ChosenFile, number: int) -> tuple[list[str], int]:
        """Outlines of all masks, and how many are boxes; the masks' bits go to a file."""
        entries = file.entries
        if not entries:
            return [], 0
        paths = [""] * len(entries)
        n_boxes, letters = 0, 0
        segments = segments_of(entries)
        sizes = packed_sizes(segments.bbox)
        start = np.cumsum(sizes) - sizes
        rows = [
            row | {"start": begin}
            for row, begin in zip(_HEAD.rows(entries), start.tolist(), strict=True)
        ]
        size = size_of(file.meta)
        frame = None if size is None else list(size)
        head = json.dumps({"frame": frame, "masks": rows}).encode()
        name = self._place(f"data/masks/{number}.bin")
        where = {entries[0].file_id: Original(entries[0].location, entries[0].stamp)}
        try:
            with open(name, "wb") as packed:
                packed.write(len(head).to_bytes(4, "little") + head)
                for row, mask in read_masks(self._originals, where, segments, "error"):
                    packed.seek(4 + len(head) + int(start[row]))
                    packed.write(np.packbits(mask).tobytes())
                    box = entries[row].bbox
                    path = svg_path(mask, box)
                    if len(path) > min(_LONGEST_OUTLINE, _LONGEST_OF_FILE - letters):
                        path = f"M{box.minc} {box.minr}h{box.width}v{box.height}h-{box.width}z"
                        n_boxes += 1
                    letters += len(path)
                    paths[row] = path
        except (SourceError, IIDFormatError):
            os.unlink(name)
            raise
        return paths, n_boxes

    def _save(self, picture: Picture, number: int) -> None:
        from PIL import Image

        image = Image.fromarray(picture)
        for name, side in ((f"{number}.webp", self._size), (f"{number}.small.webp", _SMALL)):
            image.thumbnail((side, side))
            buffer = io.BytesIO()
            image.save(buffer, format="WEBP", quality=88, method=2)
            with open(self._place(f"file/{name}"), "wb") as file:
                file.write(buffer.getvalue())

    def _note(self, file: ChosenFile, shown: Shown, shapes: list[Shape]) -> None:
        told = {
            "file": shown.number,
            "root": file.root,
            "path": file.path,
            "entries": shown.entries,
            "frame": list(shown.size),
            "problem": shown.problem or None,
        }
        self._file_rows.write(json.dumps(told) + "\n")
        for row, shape in zip(_ROW.rows(file.entries), shapes, strict=True):
            more = {"file": shown.number, "individual": shape.number or None}
            self._rows.write(json.dumps(more | row) + "\n")
            if not shape.number:
                continue
            path = shape.path.encode()
            at = self._outlines.tell()
            self._outlines.write(path)
            self._entries.extend(
                (shape.number, shown.number, shape.key, shape.area, *shape.bbox, at, len(path))
            )

    # ------------------------------------------------------------ the rest

    def finish(self, report: PageReport) -> None:
        """Write what can be told when all files are known."""
        self._lists(
            "index", "", "Files", [card(file) for file in self._files], _FILES, "ul", "grid"
        )
        self._individuals()
        own = resources("iidindex.pages")
        self._write("style.css", [own.joinpath(name).read_text("utf-8") for name in _STYLES])
        report.individuals, report.left_out = len(self._numbers), len(self._others)
        told = {"iidindex": import_module("iidindex").__version__, "files": report.files}
        told |= {"entries": report.entries, "individuals": report.individuals}
        self._write(MARK, [json.dumps(told) + "\n"])
        self._open.close()
        os.unlink(self._place("outlines.tmp"))

    def _individuals(self) -> None:
        table = np.frombuffer(self._entries, np.int64).reshape(-1, 10)
        order = np.argsort(table[:, 0], kind="stable")
        cuts = np.searchsorted(table[order, 0], np.arange(1, len(self._numbers) + 2)).tolist()
        listed: list[tuple[bytes, bytes, str]] = []
        with open(self._place("data/iids.jsonl"), "w", encoding="utf-8", newline="\n") as rows:
            for (iid, number), begin in zip(self._numbers.items(), cuts[:-1], strict=True):
                own = order[begin : cuts[number]]
                tiles = [self._appearance(row, True) for row in table[own[:_TILES]].tolist()]
                others = (self._appearance(table[row].tolist(), False) for row in own[_TILES:])
                body = individual_body(iid, len(own), tiles, others)
                self._write(f"iid/{number}.html", document(who(iid), "../", body))
                told = {
                    "individual": number,
                    "address": as_text(iid.address),
                    "domain": as_text(iid.domain or b""),
                    "address_b64": as_base64(iid.address),
                    "domain_b64": as_base64(iid.domain or b""),
                    "entries": len(own),
                }
                rows.write(json.dumps(told) + "\n")
                row = individual_row(iid, number, len(own))
                listed.append((iid.domain or b"", iid.address, row))
        listed.sort()
        rows_only = [row for _, _, row in listed]
        note = ""
        if self._others:
            left_out = counted(len(self._others), "other individual")
            note = f"Without a page: {left_out}. The pages of files show their masks."
        self._lists(
            "iid/index", "../", "Individuals", rows_only, _INDIVIDUALS, "ol", "entries", note
        )

    def _appearance(self, row: list[int], is_drawn: bool) -> Appearance:
        _, number, key, area, minr, minc, maxr, maxc, at, length = row
        path = ""
        if is_drawn:
            self._outlines.seek(at)
            path = self._outlines.read(length).decode()
        return Appearance(self._files[number - 1], key, area, BBox(minr, minc, maxr, maxc), path)

    def _lists(
        self,
        name: str,
        up: str,
        title: str,
        rows: list[str],
        most: int,
        tag: str,
        style: str,
        note: str = "",
    ) -> None:
        """Write a list in parts that a browser can show."""
        parts = [rows[low : low + most] for low in range(0, max(1, len(rows)), most)]
        last = name.rpartition("/")[2]
        told = f'<p class="count">{note}</p>\n' if note else ""
        names = [last if nth == 1 else f"{last}-{nth}" for nth in range(1, len(parts) + 1)]
        for nth, part in enumerate(parts):
            before = f"{names[nth - 1]}.html" if nth else ""
            after = f"{names[nth + 1]}.html" if nth + 1 < len(parts) else ""
            links = steps([("Before", before), ("More", after)])
            body = chain(
                [f'<h1>{title}</h1>\n<p class="count">{len(rows):,}</p>\n{told}{links}'],
                [f'<{tag} class="{style}">\n'],
                part,
                [f"</{tag}>\n{links}"],
            )
            place = f"{name[: -len(last)]}{names[nth]}.html"
            self._write(place, document(title, up, body, title))


def _extent(entries: list[Entry]) -> tuple[int, int]:
    boxes = [entry.bbox for entry in entries]
    return max((box.maxr for box in boxes), default=0), max((box.maxc for box in boxes), default=0)


def _size_of(file: ChosenFile) -> tuple[int, int]:
    """Of the frame: what the metadata state, or what holds all boxes."""
    size = size_of(file.meta)
    return largest([(1, 1), *([] if size is None else [size])], _extent(file.entries))


def _told(error: Exception) -> str:
    """What is wrong with a file, for people who need not know where it lies."""
    if isinstance(error, SourceNotFoundError):
        return "This file is gone."
    if isinstance(error, StaleFileError):
        return "This file has changed since it was indexed."
    return "This file cannot be read, or is damaged."
