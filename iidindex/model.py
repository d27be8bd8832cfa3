"""The small frozen records that every room shares."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple, Self, SupportsIndex, TypeAlias

from iidindex.errors import QueryError

BBoxLike: TypeAlias = "BBox | Sequence[SupportsIndex]"


class BBox(NamedTuple):
    """A half-open box in pixels: rows ``minr … maxr-1``, columns ``minc … maxc-1``.

    The order is scikit-image's and the ``.iid`` format's: rows before columns, minima first.

    Examples
    --------
    >>> box = BBox(10, 20, 14, 23)
    >>> box.height, box.width, box.n_pixels
    (4, 3, 12)
    >>> box & BBox(12, 0, 99, 22)
    BBox(minr=12, minc=20, maxr=14, maxc=22)
    """

    minr: int
    minc: int
    maxr: int
    maxc: int

    @classmethod
    def of(cls, box: BBoxLike, name: str = "bbox") -> Self:
        """Read any sequence of four integers as a box.

        Parameters
        ----------
        box : sequence of int
            ``(minr, minc, maxr, maxc)``, half-open. NumPy integers are welcome.
        name : str
            What to call it in the error.

        Returns
        -------
        BBox

        Raises
        ------
        QueryError
            If there are not four integers, or a maximum lies before its minimum.
        """
        try:
            minr, minc, maxr, maxc = (operator.index(value) for value in box)
        except (TypeError, ValueError) as error:
            raise QueryError(
                f"{name} must be four integers (minr, minc, maxr, maxc), not {box!r}"
            ) from error
        if maxr < minr or maxc < minc:
            raise QueryError(
                f"{name} {(minr, minc, maxr, maxc)} is reversed: "
                "expected (minr, minc, maxr, maxc) with minr <= maxr and minc <= maxc"
            )
        return cls(minr, minc, maxr, maxc)

    @property
    def height(self) -> int:
        """Rows."""
        return self.maxr - self.minr

    @property
    def width(self) -> int:
        """Columns."""
        return self.maxc - self.minc

    @property
    def n_pixels(self) -> int:
        """Rows times columns."""
        return self.height * self.width

    def __and__(self, other: BBox) -> BBox:
        """The common box; empty (zero rows or columns) where the two do not meet."""
        minr, minc = max(self.minr, other.minr), max(self.minc, other.minc)
        return BBox(
            minr,
            minc,
            max(minr, min(self.maxr, other.maxr)),
            max(minc, min(self.maxc, other.maxc)),
        )

    def __or__(self, other: BBox) -> BBox:
        """The smallest box around both."""
        return BBox(
            min(self.minr, other.minr),
            min(self.minc, other.minc),
            max(self.maxr, other.maxr),
            max(self.maxc, other.maxc),
        )

    def xywh(self, center: bool = False) -> tuple[float, float, int, int]:
        """The box as x, y, width and height.

        Parameters
        ----------
        center : bool
            Give the middle of the box as x and y, not its corner of least row and column.

        Returns
        -------
        tuple of (x, y, width, height)
            x counts columns and y rows; with `center` they are floats, otherwise integers.
        """
        if center:
            return self.minc + self.width / 2, self.minr + self.height / 2, self.width, self.height
        return self.minc, self.minr, self.width, self.height

    def polygon(self) -> list[tuple[int, int]]:
        """The four corners as (x, y), from the corner of least row and column, clockwise."""
        return [
            (self.minc, self.minr),
            (self.maxc, self.minr),
            (self.maxc, self.maxr),
            (self.minc, self.maxr),
        ]


class _IIDFields(NamedTuple):
    domain: bytes | None
    address: bytes


class IID(_IIDFields):
    """An Individual IDentifier: an address within a domain, both raw bytes.

    It is a tuple ``(domain, address)``, domain first as in the file. An empty domain and no
    domain are the same thing to the format, so ``b""`` becomes None.

    Examples
    --------
    >>> IID(b"example", b"tree") == (b"example", b"tree")
    True
    >>> IID(b"", b"tree").domain is None
    True
    """

    __slots__ = ()

    def __new__(cls, domain: bytes | None, address: bytes) -> Self:  # noqa: D102
        return super().__new__(cls, domain or None, address)


class BufLoc(NamedTuple):
    """A range of bytes: `offset` from the start of what contains it, and `length`."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The first byte after the range."""
        return self.offset + self.length


class FileStamp(NamedTuple):
    """What tells one version of a file from another without reading it.

    ``size`` is in bytes, ``mtime_ns`` in nanoseconds since the epoch.
    """

    size: int
    mtime_ns: int
