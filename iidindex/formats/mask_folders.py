"""Folders of binary masks: which picture each file is a mask of.

Segment Anything's ``scripts/amg.py`` makes a folder a picture, ``0.png``, ``1.png``, … and
``metadata.csv``. Kaggle's Data Science Bowl of 2018 has ``<id>/masks/*.png`` beside
``<id>/images/<id>.png`` (its data page, "stage1_train"). Others have one mask a picture, in a
folder ``masks`` beside ``images``, or alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.planes import LOSSY, open_planes
from iidindex.formats.reading import SourceFiles, stem, suffix

_MASKS, _IMAGES = "masks", "images"
_TABLE = "metadata.csv"
_LOSSLESS = {".png"}
_PICTURES = {*_LOSSLESS, *LOSSY, ".bmp", ".tif", ".tiff", ".webp"}
_LOOKED_AT = 5
# What programs write for inside; also white in colours, as they are numbered.
_INSIDE = (1, 255, 65535, 0xFFFFFF)


class MaskedPicture(NamedTuple):
    """A picture, and the files of its masks.

    Attributes
    ----------
    place : str
        The picture's name, without suffix.
    files : list of str
    is_one : bool
        Whether there is one mask, which is named as the picture is.
    image : str or None
        The picture's own file within the source, where a folder beside tells it.
    """

    place: str
    files: list[str]
    is_one: bool
    image: str | None


def masked_pictures(source: SourceFiles, lossy: bool = False) -> list[MaskedPicture]:
    """The pictures that a source has files of masks of.

    Parameters
    ----------
    source : SourceFiles
    lossy : bool
        Take JPEG for masks where there are no others.
    """
    if not source.is_folder:
        (name,) = source.names()
        kinds = _LOSSLESS | LOSSY if lossy else _LOSSLESS
        one = MaskedPicture(stem(name), [name], True, None)
        return [one] if suffix(name) in kinds else []
    folders: dict[str, list[str]] = {}
    for kinds in (_LOSSLESS, LOSSY)[: 1 + lossy]:
        folders = _folders(source, kinds)
        if folders:
            break
    images = _images(source)
    tables = {name.rpartition("/")[0] for name in source.names() if name.endswith(_TABLE)}
    found: list[MaskedPicture] = []
    for folder, files in folders.items():
        found += _of_folder(source, folder, files, images, folder in tables)
    return found


def _folders(source: SourceFiles, kinds: set[str]) -> dict[str, list[str]]:
    """Files by folder: of those named masks, or else of all that are not named images."""
    found: dict[str, list[str]] = {}
    for name in source.names():
        if suffix(name) in kinds:
            found.setdefault(name.rpartition("/")[0], []).append(name)
    named = {folder: files for folder, files in found.items() if _last(folder) == _MASKS}
    return named or {
        folder: files for folder, files in found.items() if _last(folder or source.name) != _IMAGES
    }


def _last(folder: str) -> str:
    return folder.rpartition("/")[2]


def _images(source: SourceFiles) -> dict[str, dict[str, str]]:
    """What lies in folders named images: by the folder above, file by stem."""
    found: dict[str, dict[str, str]] = {}
    for name in source.names():
        folder = name.rpartition("/")[0]
        if _last(folder) == _IMAGES and suffix(name) in _PICTURES:
            found.setdefault(folder.rpartition("/")[0], {})[stem(name)] = name
    return found


def _of_folder(
    source: SourceFiles,
    folder: str,
    files: list[str],
    images: dict[str, dict[str, str]],
    has_table: bool,
) -> list[MaskedPicture]:
    is_named = _last(folder) == _MASKS
    place = folder.rpartition("/")[0] if is_named else folder
    beside = images.get(place, {}) if is_named else {}
    own = _last(place) or source.name
    if is_named:
        # A picture's folder of its own holds it alone, or tells nothing of pictures.
        is_one = own not in beside and (bool(beside) or not place)
    else:
        is_one = not (place or has_table)
    if not is_one:
        return [MaskedPicture(place or source.name, files, False, beside.get(own))]
    lead = f"{place}/" if place else ""
    return [
        MaskedPicture(lead + stem(name), [name], True, beside.get(stem(name))) for name in files
    ]


# ---------------------------------------------------------------------- looking at pixels


def masks_of_pictures(source: SourceFiles) -> list[MaskedPicture]:
    """The pictures of a source, if a look at some files finds nothing but binary masks."""
    found = masked_pictures(source)
    files = [name for picture in found for name in picture.files]
    step = max(1, len(files) // _LOOKED_AT)
    seen = [_inside(source, name) for name in files[::step][: _LOOKED_AT + 1]]
    return found if any(seen) and None not in seen else []


def _inside(source: SourceFiles, name: str) -> int | None:
    """The value of what is inside, 0 if nothing is; None if it is no binary mask."""
    try:
        values = _few_values(mask_pixels(source, name))
    except ExchangeError:
        return None
    if values is None:
        return None
    inside = [value for value in values if value]
    if not inside:
        return 0
    is_usual = len(inside) == 1 and inside[0] in _INSIDE
    return inside[0] if is_usual else None


def mask_pixels(source: SourceFiles, name: str) -> npt.NDArray[Any]:
    """The pixels of a file, colours as R + 256 G + 256² B, and 0 where nothing is opaque.

    Raises
    ------
    ExchangeError
        If it cannot be decoded.
    """
    try:
        with open_planes(source, name, None, lossy=True) as planes:
            plane = planes.read((), True)
            if planes.is_color and planes.shape[planes.axes.index("S")] == 2:
                plane = plane.astype(np.uint8)  # grey with opacity
            return plane.view(np.uint8) if plane.dtype == np.bool_ else plane
    except ExchangeError as error:
        raise ExchangeError(error.problem, name) from error


def _few_values(plane: npt.NDArray[Any]) -> list[int] | None:
    """The values of a plane in order, if they are one or two."""
    if not plane.size:
        return []
    low, high = int(plane.min()), int(plane.max())
    if high > low + 1 and not ((plane == low) | (plane == high)).all():
        return None
    return [low, high] if low < high else [low]


def inside_of(plane: npt.NDArray[Any], threshold: int | None) -> npt.NDArray[np.bool_]:
    """Which pixels of a plane are inside.

    Parameters
    ----------
    plane : ndarray, shape (height, width)
        As `mask_pixels` gives it.
    threshold : int or None
        From which grey on; None where the plane holds 0 and one value.

    Raises
    ------
    ExchangeError
        If there are more values, or colours to which a threshold says nothing.
    """
    if threshold is None:
        values = _few_values(plane)
        if values is None or (len(values) == 2 and values[0] != 0):
            told = "more than two values" if values is None else f"the values {values}"
            raise ExchangeError(
                f"holds {told}; expected 0 and another one, or --threshold N, from which on a "
                "pixel is inside"
            )
        is_set: npt.NDArray[np.bool_] = plane != 0
        return is_set
    if plane.dtype == np.uint32:
        grey = plane & 255
        if (plane != grey * 0x010101).any():
            raise ExchangeError("has colours; a threshold is one of greys")
        plane = grey
    inside: npt.NDArray[np.bool_] = plane >= threshold
    return inside
