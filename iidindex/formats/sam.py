"""Segment Anything: the JSON of SA-1B, or the list that its generator of masks returns.

The README of https://github.com/facebookresearch/segment-anything ("Dataset") describes a file a
picture, ``{"image": {...}, "annotations": [...]}`` with COCO's run lengths;
``SamAutomaticMaskGenerator.generate`` returns such annotations without ids, whose segmentation is
run lengths or, as ``output_mode="binary_mask"``, rows of pixels. Nothing says that masks of two
pictures are of one thing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused, described
from iidindex.formats.coco import groups_of
from iidindex.formats.identity import as_address, field_of
from iidindex.formats.json_ranges import decode, peek
from iidindex.formats.mentioned import NOBODY_NOTE, check_mentioned
from iidindex.formats.reading import (
    Options,
    SourceFiles,
    Survey,
    Task,
    byte_range,
    stem,
    suffix,
    without_suffix,
)
from iidindex.formats.segmentation import frame_of, masks_of, whole
from iidindex.masks.regions import Bool2D
from iidindex.masks.rle import runs
from iidindex.model import BBox

NAME = "sam"

# What every annotation has, and none of another program.
_FIELDS = {"segmentation", "predicted_iou", "stability_score"}
_OTHERS = {"images", "videos", "categories", "shapes"}
_LOOKED_AT = 5
_PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
# The record of the picture stands before or behind the annotations.
_GLANCE = 1 << 12
_IMAGE = re.compile(rb'"image"\s*:\s*(\{[^{}]*\})')
# A mask may cover its picture, and is painted whole.
_MOST_PIXELS = 1 << 28


class SegmentAnything:
    """Files of Segment Anything, one a picture."""

    def recognise(self, source: SourceFiles) -> str | None:
        """Annotations with predicted_iou and stability_score, or a picture without any."""
        names = _json_of(source)[:_LOOKED_AT]
        if names and all(_is_one(source, name) for name in names):
            return f"masks with predicted_iou and stability_score in {names[0]}"
        return None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Name the pictures."""
        names = _json_of(source)
        if not names:
            raise ExchangeError("holds no JSON; expected *.json", source=source.name)
        if options.identity is not None:
            check_mentioned((byte_range(source, name) for name in names), options.identity)
        tasks = [Task(_picture_of(source, name), name) for name in names]
        told = options.identity or "picture and mask, as masks are those of one picture"
        return Survey(tasks, len(tasks), told, options.domain_of(source), Refusals())

    def read(self, source: SourceFiles, options: Options, shared: bytes, task: Task) -> Picture:
        """Decode the masks of a picture."""
        file: str = task.at
        try:
            image, records = _parts(decode(source.read(file)))
        except ExchangeError as error:
            raise ExchangeError(error.problem, error.record, file) from error
        size = whole(image.get("width")), whole(image.get("height"))
        frame = _first_frame(records)
        if size[0] is not None and size[1] is not None:
            frame = size[1], size[0]
        told = None if frame is None else (frame[1], frame[0])
        own = {key: value for key, value in image.items() if key not in ("width", "height")}
        picture = Picture(task.name, None, None, described(NAME, file, told, own), [])
        if told is not None:
            picture.width, picture.height = told
            _annotate(picture, records, told, shared, options)
        elif records:
            raise ExchangeError("no mask has a size, nor has the picture", file)
        return picture


# ---------------------------------------------------------------------- files


def _json_of(source: SourceFiles) -> list[str]:
    return [name for name in source.names() if suffix(name) == ".json"]


def _is_one(source: SourceFiles, name: str) -> bool:
    found = peek(byte_range(source, name))
    if None in found:
        return _is_annotation(found[None])
    if set(found) & _OTHERS:
        return False
    first = found.get("annotations")
    is_empty = first is None and {"annotations", "image"} <= set(found)
    return is_empty or _is_annotation(first)


def _is_annotation(record: Any) -> bool:
    # A list whose records name their pictures is one of COCO's results.
    return isinstance(record, dict) and set(record) >= _FIELDS and "image_id" not in record


def _picture_of(source: SourceFiles, name: str) -> str:
    """The path of a file's picture: as it is told, or that of the file."""
    lead = name.rpartition("/")[0]
    lead = f"{lead}/" if lead else ""
    for is_end in (False, True):
        try:
            at = max(0, source.size(name) - _GLANCE) if is_end else 0
            found = _IMAGE.search(source.range(name, at, _GLANCE))
            told = field_of(decode(found[1]), "file_name") if found else None
        except ExchangeError:
            told = None
        last = told.replace("\\", "/").rpartition("/")[2] if isinstance(told, str) else ""
        if last not in ("", ".", "..") and "\0" not in last:
            return lead + last
    own = lead + stem(name)
    return next((own + kind for kind in _PICTURES if source.holds(own + kind)), own)


def _parts(document: Any) -> tuple[Mapping[str, Any], list[Any]]:
    """The record of the picture, and those of the masks."""
    if isinstance(document, list):
        return {}, document
    image, records = field_of(document, "image"), field_of(document, "annotations")
    if not isinstance(records, list):
        raise ExchangeError(f"annotations are {records!r:.60}; expected a list")
    return image if isinstance(image, dict) else {}, records


# ---------------------------------------------------------------------- one picture


def _first_frame(records: list[Any]) -> tuple[int, int] | None:
    """Height and width, as the first mask that has them tells."""
    for record in records:
        try:
            return frame_of(_run_lengths(record).get("size"))
        except ExchangeError:
            continue
    return None


def _annotate(
    picture: Picture, records: list[Any], size: tuple[int, int], domain: bytes, options: Options
) -> None:
    if size[0] * size[1] > _MOST_PIXELS:
        raise ExchangeError(
            f"is {size[0]} x {size[1]} pixels; expected at most {_MOST_PIXELS} together"
        )
    packed: dict[int, dict[str, Any]] = {}
    for place, record in enumerate(records):
        try:
            packed[place] = _run_lengths(record)
        except ExchangeError as error:
            _refuse(picture, records, place, "segmentation", error.problem)
    masks: dict[int, tuple[BBox, Bool2D]] = {}
    for place, mask in zip(packed, masks_of([*packed.values()], size), strict=True):
        if isinstance(mask, ExchangeError):
            _refuse(picture, records, place, "segmentation", mask.problem)
        elif not mask[0].n_pixels:
            _refuse(picture, records, place, "empty", "the mask has no pixel")
        else:
            masks[place] = mask
    # Two files may tell of one picture, so this one's name is the better one.
    lead = without_suffix(picture.meta["source"]["file"]).encode("utf-8", "surrogateescape")
    numbers = [as_address(field_of(record, "id")) for record in records]
    # Ids name masks where there are such, and each once; else places do.
    has_ids = None not in numbers and len(set(numbers)) == len(numbers)
    has_identity = False
    for place, (bbox, inside) in masks.items():
        number = numbers[place] if has_ids else str(place).encode()
        assert number is not None
        address = lead + b"/" + number
        if options.identity is not None:
            known = as_address(field_of(records[place], options.identity))
            has_identity |= known is not None
            address = known or address
        groups = groups_of(records[place], {}, options.group_by)
        picture.entries.append(Annotation(address, domain, bbox, inside, groups))
    if picture.entries and options.identity is not None and not has_identity:
        picture.note(NOBODY_NOTE)


def _refuse(picture: Picture, records: list[Any], place: int, reason: str, problem: str) -> None:
    number = field_of(records[place], "id")
    where = f"number {place} of picture {picture.name}" if number is None else f"{number!r:.60}"
    picture.refused.append(Refused(reason, f"annotation {where}", problem))


def _run_lengths(record: Any) -> dict[str, Any]:
    """The segmentation of a record as run lengths."""
    segmentation = field_of(record, "segmentation")
    if isinstance(segmentation, dict):
        return segmentation
    if isinstance(segmentation, list) and segmentation and isinstance(segmentation[0], list):
        return _of_rows(segmentation)
    raise ExchangeError(f"segmentation is {segmentation!r:.60}; expected run lengths or rows")


def _of_rows(rows: list[Any]) -> dict[str, Any]:
    width = len(rows[0])
    if not width or any(not isinstance(row, list) or len(row) != width for row in rows):
        raise ExchangeError("segmentation has rows of several lengths, or of none")
    if any(value is not True and value is not False for row in rows for value in row):
        raise ExchangeError(f"segmentation has {rows[0][0]!r:.20}; expected true and false")
    mask = np.array(rows, np.bool_)
    box = BBox(0, 0, *mask.shape)
    return {"size": list(mask.shape), "counts": runs(mask, box, *mask.shape).tolist()}


FORMAT = SegmentAnything()
