"""Planes of image files: what Pillow, tifffile and NumPy read, as stored and one at a time."""

from __future__ import annotations

import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError, SourceError
from iidindex.formats.reading import SourceFiles, suffix
from iidindex.formats.tiff_chain import check_chain

_PILLOW = {".png", ".bmp", ".gif"}
_TIFF = {".tif", ".tiff"}
_NUMPY = {".npy"}
# What changes values: it is read where nobody takes them for numbers.
LOSSY = {".jpg", ".jpeg"}
IMAGES = _PILLOW | _TIFF | _NUMPY

# The format's boxes end at 65,535; a plane may be several tiles, but not without end.
_MOST_PIXELS = 1 << 34
_MOST_PLANES = 1 << 20
_COLOR_AXIS = "S"
# Deflate makes a byte of at most 1,032 (https://zlib.net/zlib_tech.html), others of some more.
_MOST_RATIO = 1 << 14
_FEW = 1 << 24


class Planes:
    """The planes of one file.

    Attributes
    ----------
    axes : str
        One letter a dimension, such as ``TYX``; ``S`` are samples of a colour.
    shape : tuple of int
    indices : list of tuple of int
        Each plane's place along the axes that are not Y, X or S.
    """

    def __init__(self, axes: str, shape: tuple[int, ...]) -> None:
        if len(axes) != len(shape) or len(set(axes)) != len(axes):
            raise ExchangeError(
                f"has {len(shape)} dimensions {shape}; expected the {len(axes)} of axes {axes!r}"
            )
        if not {"Y", "X"} <= set(axes):
            raise ExchangeError(f"axes are {axes!r}; expected letters with Y and X among them")
        n_planes = math.prod(
            length for name, length in zip(axes, shape, strict=True) if name not in "YXS"
        )
        if n_planes > _MOST_PLANES:
            raise ExchangeError(f"has {n_planes} planes; expected at most {_MOST_PLANES}")
        if math.prod(shape) > _MOST_PIXELS:
            raise ExchangeError(f"has shape {shape}; expected at most {_MOST_PIXELS} pixels")
        self.axes = axes
        self.shape = shape
        self._others = [place for place, name in enumerate(axes) if name not in "YXS"]
        self.indices = list(product(*(range(shape[place]) for place in self._others)))

    def check_size(self, file: BinaryIO) -> None:
        """Refuse a plane of many more bytes than any compression would make of the file."""
        sides = (
            length for name, length in zip(self.axes, self.shape, strict=True) if name in "YXS"
        )
        n_pixels = math.prod(sides)
        at = file.tell()
        size = file.seek(0, 2)
        file.seek(at)
        if n_pixels > _FEW and n_pixels > _MOST_RATIO * size:
            raise ExchangeError(f"tells planes of {n_pixels} values, in a file of {size} bytes")

    @property
    def is_color(self) -> bool:
        """Whether each pixel has several samples."""
        return _COLOR_AXIS in self.axes

    def named(self, index: tuple[int, ...]) -> dict[str, int]:
        """A plane's place by the letters of its axes."""
        return {self.axes[place]: at for place, at in zip(self._others, index, strict=True)}

    def is_binary(self) -> bool:
        """Whether the first plane holds a single value beside 0."""
        if not self.indices:
            return False
        plane = self.read(self.indices[0], False)
        found = plane[plane != 0]
        return bool(found.size) and bool((found == found.flat[0]).all())

    def read(self, index: tuple[int, ...], colors: bool) -> npt.NDArray[Any]:
        """Read one plane, as stored; of colours each is a number, if they are wanted.

        Raises
        ------
        ExchangeError
            If it cannot be decoded, or has colours.
        """
        places: list[int | slice] = [slice(None)] * len(self.axes)
        for place, at in zip(self._others, index, strict=True):
            places[place] = at
        plane = self._part(tuple(places))
        left = [name for name in self.axes if name in "YXS"]
        plane = np.moveaxis(plane, left.index("Y"), 0)
        left.insert(0, left.pop(left.index("Y")))
        plane = np.moveaxis(plane, left.index("X"), 1)
        return _as_numbers(plane, colors) if plane.ndim == 3 else plane

    def _part(self, places: tuple[int | slice, ...]) -> npt.NDArray[Any]:
        raise NotImplementedError


def _as_numbers(samples: npt.NDArray[Any], colors: bool) -> npt.NDArray[Any]:
    """Colours as R + 256 G + 256² B; one of no opacity is 0."""
    if samples.shape[2] == 1:
        return samples[:, :, 0]
    if not colors:
        raise ExchangeError(
            f"has colours ({samples.shape[2]} samples a pixel); expected labels "
            "(--colors makes each colour one; --axes TYX, if these are planes)"
        )
    if samples.dtype != np.uint8:
        raise ExchangeError(f"has colours of type {samples.dtype}; expected 8 bits a sample")
    parts = samples.astype(np.uint32)
    numbers = parts[:, :, 0] + (parts[:, :, 1] << 8 if samples.shape[2] > 2 else 0)
    if samples.shape[2] > 2:
        numbers = numbers + (parts[:, :, 2] << 16)
    if samples.shape[2] in (2, 4):
        numbers = np.where(parts[:, :, -1] > 0, numbers, 0)
    return numbers


@contextmanager
def open_planes(
    source: SourceFiles,
    name: str,
    axes: str | None,
    *,
    probing: bool = False,
    lossy: bool = False,
) -> Iterator[Planes]:
    """Open an image file.

    Parameters
    ----------
    source : SourceFiles
    name : str
    axes : str, optional
        What its dimensions are, such as ``TYX``; else what the file says.
    probing : bool
        Take the first two of unknown dimensions for planes, as only a look is wanted.
    lossy : bool
        Read JPEG, too, whose values are near those that were meant.

    Yields
    ------
    Planes

    Raises
    ------
    ExchangeError
        If it cannot be decoded, or has dimensions of which nothing says what they are.
    """
    kind = suffix(name)
    opened: dict[str, Any] = {
        **dict.fromkeys(_PILLOW, _PillowPlanes),
        **dict.fromkeys(_TIFF, _TiffPlanes),
        **dict.fromkeys(_NUMPY, _NumpyPlanes),
        **dict.fromkeys(LOSSY if lossy else (), _PillowPlanes),
    }
    if kind not in opened:
        raise ExchangeError(f"ends in {kind or 'no suffix'}; expected {', '.join(sorted(IMAGES))}")

    def opened_planes(file: BinaryIO) -> Planes:
        planes: Planes = opened[kind](file, axes, probing)
        planes.check_size(file)
        return planes

    with _quiet(), _told_as(kind):
        keeper = _STACK.innermost()
        if keeper is not None:
            key = (source, name, axes, probing)
            yield keeper.planes(key, lambda: source.open(name), opened_planes)
        else:
            with source.open(name) as file:
                yield opened_planes(file)


@contextmanager
def kept_open(keeper: Keeper | None = None) -> Iterator[None]:
    """Where the file of which a plane was read stays open for the next one, in this thread.

    To find where each plane of a stack lies takes as long as the stack has planes.

    Parameters
    ----------
    keeper : Keeper, optional
        What keeps it, and is not closed at the end. Without it, one that is there already goes
        on, or there is one until the end.
    """
    if keeper is None and _STACK.innermost() is not None:
        yield
        return
    here = keeper or Keeper()
    _STACK.keepers.append(here)
    try:
        yield
    finally:
        _STACK.keepers.remove(here)
        if keeper is None:
            here.close()


class Keeper:
    """The image file that was opened last."""

    def __init__(self) -> None:
        self._key: object = None
        self._file: BinaryIO | None = None
        self._planes: Planes | None = None

    def planes(
        self,
        key: object,
        open_file: Callable[[], BinaryIO],
        opened_planes: Callable[[BinaryIO], Planes],
    ) -> Planes:
        """Those of the file that is open, or of another one."""
        if self._planes is None or self._key != key:
            self.close()
            self._file = open_file()
            self._planes = opened_planes(self._file)
            self._key = key
        return self._planes

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = self._planes = self._key = None


class _Stack(threading.local):
    """The keepers that a thread is using, the innermost last."""

    def __init__(self) -> None:
        self.keepers: list[Keeper] = []

    def innermost(self) -> Keeper | None:
        return self.keepers[-1] if self.keepers else None


_STACK = _Stack()


@contextmanager
def _told_as(kind: str) -> Iterator[None]:
    """Tell what decoders raise as our own error."""
    try:
        yield
    except (ExchangeError, SourceError):
        raise
    except MemoryError as error:
        raise ExchangeError("does not fit into memory") from error
    except Exception as error:  # any bytes may come, and decoders raise of all kinds
        told = str(error) or type(error).__name__
        if "imagecodecs" in told:
            told += " (pip install imagecodecs)"
        raise ExchangeError(f"cannot be decoded as {kind[1:].upper()}: {told:.200}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """What decoders warn of is either an error, which they raise, or nothing of the pixels."""
    logger = logging.getLogger("tifffile")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled


class _PillowPlanes(Planes):
    """A PNG and its like, palette indices kept as they are."""

    def __init__(self, file: BinaryIO, axes: str | None, probing: bool) -> None:  # noqa: ARG002
        from PIL import Image

        limit = Image.MAX_IMAGE_PIXELS
        try:
            # Label images are often larger than photographs; `check_size` has limits of its own.
            Image.MAX_IMAGE_PIXELS = None
            self._image = Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
        if getattr(self._image, "n_frames", 1) > 1:
            raise ExchangeError(f"has {self._image.n_frames} frames; expected one")  # type: ignore[attr-defined]
        width, height = self._image.size
        n_samples = len(self._image.getbands())
        samples = (n_samples,) if n_samples > 1 else ()
        super().__init__("YXS" if samples else "YX", (height, width, *samples))

    def _part(self, places: tuple[int | slice, ...]) -> npt.NDArray[Any]:
        return np.asarray(self._image)[places]


class _TiffPlanes(Planes):
    """A TIFF of one or many pages."""

    def __init__(self, file: BinaryIO, axes: str | None, probing: bool) -> None:
        from tifffile import TiffFile

        check_chain(file)
        self._tiff = TiffFile(file)
        series = self._tiff.series[0]
        found = "".join(series.axes)
        shape = tuple(map(int, series.shape))
        if axes is not None and len(axes) == len(shape):
            found = axes.upper()
        elif axes is not None:
            raise ExchangeError(f"has shape {shape}; expected the dimensions {axes}")
        elif len(self._tiff.series) > 1:
            raise ExchangeError(f"holds {len(self._tiff.series)} series of images; expected one")
        elif not _is_told(found) and not probing:
            raise ExchangeError(_which(shape))
        self._series = series
        super().__init__(_distinct(found), shape)

    def _part(self, places: tuple[int | slice, ...]) -> npt.NDArray[Any]:
        # Pages are decoded one by one where each is a plane, as in nearly every stack.
        pages = self._series.pages
        others = [self.shape[place] for place in self._others]
        wanted = [places[place] for place in self._others]
        if self.axes.endswith("YX") and not self.is_color and len(pages) == math.prod(others):
            page = pages[int(np.ravel_multi_index(wanted, others)) if others else 0]  # type: ignore[arg-type]
            if page is not None:
                return np.asarray(page.asarray()).reshape(self.shape[-2:])
        return np.asarray(self._series.asarray())[places]


class _NumpyPlanes(Planes):
    """An NPY file, of which a plane's bytes alone are read."""

    def __init__(self, file: BinaryIO, axes: str | None, probing: bool) -> None:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ExchangeError(f"is NPY of version {version}; expected 1.0 or 2.0")
        shape, self._fortran, self._dtype = read(file)
        if self._dtype.hasobject:
            raise ExchangeError("holds Python objects; expected numbers")
        if axes is None and len(shape) != 2:
            if not probing:
                raise ExchangeError(_which(shape))
            axes = "TZCQYX"[-len(shape) :] if 2 <= len(shape) <= 6 else ""
        super().__init__((axes or "YX").upper(), shape)
        self._file, self._begin = file, file.tell()

    def _part(self, places: tuple[int | slice, ...]) -> npt.NDArray[Any]:
        n_lead = next(
            (at for at, place in enumerate(places) if isinstance(place, slice)), len(places)
        )
        lead: Any = places[:n_lead]
        if self._fortran or not n_lead:
            n_items, skip, shape, rest = math.prod(self.shape), 0, self.shape, places
        else:
            shape, rest = self.shape[n_lead:], places[n_lead:]
            n_items = math.prod(shape)
            skip = int(np.ravel_multi_index(lead, self.shape[:n_lead])) * n_items
        size = self._dtype.itemsize
        there = self._file.seek(0, 2) - self._begin - skip * size
        if there < n_items * size:
            raise ExchangeError(
                f"ends after {max(0, there)} bytes of a plane; expected {n_items * size}"
            )
        self._file.seek(self._begin + skip * size)
        data = self._file.read(n_items * size)
        found = np.frombuffer(data, self._dtype)
        return found.reshape(shape, order="F" if self._fortran else "C")[rest]


def _is_told(axes: str) -> bool:
    """Whether a TIFF says what its dimensions are; I and Q stand for not knowing."""
    unknown = [name for name in axes if name in "QI"]
    return len(unknown) <= 1 if "Y" in axes and "X" in axes else False


def _distinct(axes: str) -> str:
    """Axes with a letter each; a page's number counts as time."""
    return axes.replace("I", "T", 1) if "T" not in axes else axes


def _which(shape: tuple[int, ...]) -> str:
    return f"has shape {shape}; say what the dimensions are: --axes TYX, ZYX, CYX or YXS"
