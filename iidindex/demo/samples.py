"""The pictures of the tour: they come with scikit-image, and are segmented by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and its segments.

    Attributes
    ----------
    name, noun : str
        Of the picture, and of one thing in it.
    source : str
        Where the picture comes from.
    image : ndarray of uint8, shape (h, w) or (h, w, 3)
    labels : ndarray of int, shape (h, w)
        0 is background; every other number is one individual.
    tiles : (int, int)
        Rows and columns of tiles that it is cut into.
    """

    name: str
    noun: str
    source: str
    image: Image
    labels: Labels
    tiles: tuple[int, int]


def pictures() -> list[Picture]:
    """Load and segment all pictures."""
    return [_coins(), _hubble(), _tissue()]


def _coins() -> Picture:
    """Watershed between clear background and clear coin, as in scikit-image's tutorial.

    https://scikit-image.org/docs/stable/user_guide/tutorial_segmentation.html
    """
    from scipy import ndimage
    from skimage import data, filters, measure, segmentation

    image = data.coins()
    markers = np.zeros(image.shape, np.int32)
    markers[image < 30] = 1
    markers[image > 150] = 2
    basins = segmentation.watershed(filters.sobel(image), markers)
    labels = measure.label(ndimage.binary_fill_holes(basins == 2))
    return Picture(
        "coins", "coin", "skimage.data.coins", image, _without_specks(labels, 100), (2, 3)
    )


def _hubble() -> Picture:
    """Everything that shines clearly above the sky."""
    from skimage import color, data, filters, measure

    image = data.hubble_deep_field()
    light = filters.gaussian(color.rgb2gray(image), 1)
    labels = measure.label(light > 0.75 * filters.threshold_otsu(light))
    return Picture(
        "hubble",
        "galaxy",
        "skimage.data.hubble_deep_field (NASA, public domain)",
        image,
        _without_specks(labels, 30),
        (4, 4),
    )


def _tissue() -> Picture:
    """Nuclei by their stain, parted where their distance maps have one peak each."""
    from scipy import ndimage
    from skimage import color, data, feature, filters, measure, segmentation
    from skimage.morphology import disk, opening

    image = data.immunohistochemistry()
    stain = filters.gaussian(color.rgb2hed(image)[..., 0], 1.5)
    nuclei = ndimage.binary_fill_holes(opening(stain > filters.threshold_otsu(stain), disk(2)))
    depth = filters.gaussian(ndimage.distance_transform_edt(nuclei), 1.5)
    peaks = feature.peak_local_max(depth, min_distance=7, labels=measure.label(nuclei))
    markers = np.zeros(nuclei.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = segmentation.watershed(-depth, markers, mask=nuclei)
    source = "skimage.data.immunohistochemistry"
    return Picture("tissue", "nucleus", source, image, _without_specks(labels, 60), (3, 3))


def _without_specks(labels: Labels, least: int) -> Labels:
    """Drop segments of fewer pixels and number the others by their first pixel."""
    from skimage import segmentation

    size = np.bincount(labels.reshape(-1))
    kept = np.where(size[labels] < least, 0, labels)
    relabelled: Labels = segmentation.relabel_sequential(kept)[0]
    return relabelled
