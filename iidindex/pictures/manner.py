"""How a file is to be drawn, checked once at the door."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypedDict

from iidindex.errors import QueryError
from iidindex.model import BBox, BBoxLike
from iidindex.pictures.coloring import INDIVIDUAL, Paint, paint_of
from iidindex.pictures.disagreement import Compared, compared_as
from iidindex.pictures.scene import Style
from iidindex.pictures.view import Window
from iidindex.query.heat.coverage import check_size
from iidindex.storage.paths import as_path


class HowDrawn(TypedDict, total=False):
    """The arguments of `Index.render` that say how, as they are given."""

    image: str | os.PathLike[str] | bool
    size: int
    zoom: int | None
    crop: BBoxLike | None
    fit: bool
    alpha: float | None
    outlines: bool
    labels: bool
    legend: bool
    colour_by: str
    palette: str | None
    font: str | os.PathLike[str] | None
    compare: tuple[bytes | str, bytes | str] | None
    iou: float


@dataclass(frozen=True, slots=True)
class Manner:
    """How a file is drawn; see `Index.render`."""

    window: Window
    style: Style
    paint: Paint
    image: str | bool = True
    labels: bool = True
    legend: bool = True
    font: str | None = None
    compared: Compared | None = None

    @classmethod
    def of(
        cls,
        *,
        image: str | os.PathLike[str] | bool = True,
        size: int = 2048,
        zoom: int | None = None,
        crop: BBoxLike | None = None,
        fit: bool = False,
        alpha: float | None = None,
        outlines: bool = True,
        labels: bool = True,
        legend: bool = True,
        colour_by: str = INDIVIDUAL,
        palette: str | None = None,
        font: str | os.PathLike[str] | None = None,
        compare: tuple[bytes | str, bytes | str] | None = None,
        iou: float = 0.5,
    ) -> Manner:
        """Arguments as they were given, checked.

        Raises
        ------
        QueryError
            If one has not its form, or two exclude each other.
        """
        size = check_size(size)
        zoom = None if zoom is None else check_size(zoom, "zoom", 64)
        if fit and crop is not None:
            raise QueryError("fit chooses a part, and crop names one; give one of them")
        box = None if crop is None else BBox.of(crop, "crop")
        paint = paint_of(colour_by, palette)
        if compare is not None and paint != Paint():
            raise QueryError("what is compared has colours of its own; leave colour_by out")
        compared = None if compare is None else compared_as(compare, iou, outlines)
        window, style = Window(size, zoom, box, fit), Style(alpha, outlines)
        named = image if isinstance(image, bool) else as_path(image)
        face = None if font is None else as_path(font)
        return cls(window, style, paint, named, labels, legend, face, compared)
