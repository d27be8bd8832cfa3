"""The formats that there are. A format is a module of this room, and a line here."""

from __future__ import annotations

from importlib import import_module

from iidindex.errors import ExchangeError, FormatGuessError
from iidindex.formats.reading import Format, SourceFiles
from iidindex.formats.writing import WritableFormat

# Each format, the module whose FORMAT it is, and a line for people.
FORMATS = {
    "coco": ("coco", "COCO instances: a JSON of annotations, or a list of results"),
    "ctc": ("ctc", "Cell Tracking Challenge: folders of masks with man_track.txt or res_track.txt"),
    "mots": (
        "mots",
        "MOTS: text of run lengths, or 16-bit PNG, a file or folder for each sequence",
    ),
    "davis": ("davis", "DAVIS and YouTube-VOS: palette PNG, a folder for each sequence"),
    "voc": ("voc", "Pascal VOC: palette PNG in SegmentationObject"),
    "youtube-vis": (
        "youtube_vis",
        "YouTube-VIS: a JSON of videos and tracks, or a list of results",
    ),
    "labels": ("label_images", "label images: PNG, TIFF or NPY, single, in stacks or in a folder"),
    "masks": (
        "binary_masks",
        "binary PNG: a folder of masks for each picture, or one mask for each picture",
    ),
    "panoptic": ("panoptic", "COCO panoptic: a JSON of segments, and a folder of coloured PNG"),
    "sam": ("sam", "Segment Anything: a JSON of masks for each picture, as in SA-1B, or a list"),
    "ome-zarr": ("ome_zarr", "OME-Zarr: the label images of a .zarr directory"),
    "yolo": ("yolo", "YOLO segmentation: a text of polygons for each picture, with the pictures"),
    "geojson": ("geojson", "GeoJSON as QuPath writes it: a file of polygons for each picture"),
    "labelme": ("labelme", "LabelMe: a JSON of shapes for each picture"),
    "cvat": ("cvat", "CVAT's XML 1.1: annotations of images, or tracks of a video"),
    "label-studio": ("label_studio", "Label Studio's JSON: tasks with brushes and polygons"),
}

# Each format that can be written, the module whose WRITER it is, and a line for people.
WRITERS = {
    "coco": ("coco_writing", "COCO instances with run lengths, one JSON"),
    "labels": (
        "label_writing",
        "label images: TIFF, in planes where masks overlap, and labels.csv",
    ),
    "ctc": (
        "ctc_writing",
        "Cell Tracking Challenge: folders of results, a directory for each sequence",
    ),
    "chips": ("chips", "crops of pictures and masks, a directory for each individual"),
    "yolo": ("yolo_writing", "YOLO segmentation: a text of polygons for each picture"),
    "geojson": ("geojson_writing", "GeoJSON for QuPath: a file of polygons for each picture"),
}


def format_named(name: str) -> Format:
    """The format of a name.

    Raises
    ------
    ExchangeError
        If there is none.
    """
    if name not in FORMATS:
        raise ExchangeError(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    found: Format = import_module(f"{__package__}.{FORMATS[name][0]}").FORMAT
    return found


def writer_named(name: str) -> WritableFormat:
    """The format of a name, to be written.

    Raises
    ------
    ExchangeError
        If there is none.
    """
    if name not in WRITERS:
        raise ExchangeError(f"{name!r} cannot be written; there are {', '.join(WRITERS)}")
    found: WritableFormat = import_module(f"{__package__}.{WRITERS[name][0]}").WRITER
    return found


def _doubt(format: Format, source: SourceFiles) -> str | None:  # noqa: A002
    """What a format says of a source that is nearly its own, if it says anything."""
    ask = getattr(format, "doubt", None)
    found: str | None = None if ask is None else ask(source)
    return found


def guess(source: SourceFiles) -> str:
    """Which format a source is of.

    Parameters
    ----------
    source : SourceFiles

    Returns
    -------
    str

    Raises
    ------
    FormatGuessError
        If it could be of none, or of several, which are named with what speaks for each.
    """
    reasons = {name: format_named(name).recognise(source) for name in FORMATS}
    found = {name: reason for name, reason in reasons.items() if reason is not None}
    if len(found) == 1:
        return next(iter(found))
    if not found:
        doubts = [doubt for name in FORMATS if (doubt := _doubt(format_named(name), source))]
        nearly = "".join(f"; it {doubt}" for doubt in doubts)
        known = ", ".join(FORMATS)
        raise FormatGuessError(
            f"has no known format{nearly}; name it with --format: one of {known}",
            source=source.name,
        )
    told = "; ".join(f"{name} ({reason})" for name, reason in found.items())
    raise FormatGuessError(f"could be of several formats; name one: {told}", source=source.name)
