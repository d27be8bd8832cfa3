"""An image, files whose masks lie on it, and pictures read back."""

import numpy as np
from PIL import Image

from iidindex import IIDFile

SIZE = (200, 260)


def photograph(height=SIZE[0], width=SIZE[1]):
    """Something with no two rows or columns alike, and darker than outlines are."""
    row, col = np.mgrid[:height, :width]
    return np.stack([row % 120, col % 120, (row + col) % 120], axis=-1).astype(np.uint8)


def opened(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def write(path, entries, meta=None):
    file = IIDFile()
    file.meta.data = meta or {}
    for address, domain, (row, col), mask in entries:
        file.add(address, domain, (row, col, row + mask.shape[0], col + mask.shape[1]), mask)
    file.save(path)


def inside(*masks):
    """Where masks, each with its corner, lie in the frame."""
    found = np.zeros(SIZE, bool)
    for (row, col), mask in masks:
        found[row : row + mask.shape[0], col : col + mask.shape[1]] |= mask
    return found
