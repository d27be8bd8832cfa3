"""Drawing masks, boxes and words onto pictures. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iidindex.masks.regions import Bool2D
from iidindex.model import BBox
from iidindex.render.colors import Color

Picture = npt.NDArray[np.uint8]


def as_rgb(image: Picture, *, dim: float = 1.0) -> Picture:
    """A copy of a grey or colour picture as uint8, shape (h, w, 3), darkened by `dim`."""
    rgb = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., :3]
    return (rgb * dim).astype(np.uint8)


def paint_mask(
    picture: Picture, mask: Bool2D, bbox: BBox, color: Color, *, alpha: float = 0.45
) -> None:
    """Tint a mask and outline it, in place.

    Parameters
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
    mask : ndarray of bool, shape (bbox.height, bbox.width)
    bbox : BBox
        Where the mask lies in the picture; what reaches outside is left out.
    color : (int, int, int)
    alpha : float
        0 leaves the picture as it is inside the outline, 1 fills it.
    """
    from skimage.segmentation import find_boundaries

    common = bbox & BBox(0, 0, *picture.shape[:2])
    part = mask[
        common.minr - bbox.minr : common.maxr - bbox.minr,
        common.minc - bbox.minc : common.maxc - bbox.minc,
    ]
    target = picture[common.minr : common.maxr, common.minc : common.maxc]
    if not part.any():
        return
    tint = np.array(color)
    target[part] = (target[part] * (1 - alpha) + tint * alpha).astype(np.uint8)
    # One pixel around the mask is seen as background, so that the frame's edge is outlined too.
    edge = find_boundaries(np.pad(part, 1), mode="inner")[1:-1, 1:-1]
    target[edge] = tint


def draw_box(picture: Picture, bbox: BBox, color: Color, *, width: int = 1) -> None:
    """Draw a box's outline just inside it, in place."""
    view = picture[bbox.minr : bbox.maxr, bbox.minc : bbox.maxc]
    for edge in (view[:width], view[-width:], view[:, :width], view[:, -width:]):
        edge[...] = color


def write_text(
    picture: Picture, text: str, row: int, col: int, *, size: int = 14, color: Color = (255,) * 3
) -> Picture:
    """Write a line with its upper left corner at a pixel; return the new picture."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((col, row), text, fill=color, font=ImageFont.load_default(size))
    return np.asarray(image).copy()


def enlarge(picture: Picture, factor: int) -> Picture:
    """Repeat every pixel: shape (h * factor, w * factor, …)."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)
