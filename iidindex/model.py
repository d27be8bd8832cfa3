"""The small frozen records that every room shares."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence, Set
from numbers import Integral
from typing import NamedTuple, Self, SupportsIndex, TypeAlias

from iidindex.errors import EncodeError, QueryError

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
            ``(minr, minc, maxr, maxc)``, half-open. NumPy integers work, too.
        name : str
            The name to use in errors.

        Returns
        -------
        BBox

        Raises
        ------
        QueryError
            If there are not four integers, or a maximum is smaller than its minimum.
        """
        try:
            if isinstance(box, (bytes, bytearray, memoryview, Set, Mapping)):
                # They would give numbers, too, or give them in no order.
                raise TypeError
            minr, minc, maxr, maxc = (operator.index(value) for value in box)
        except (TypeError, ValueError):
            raise QueryError(
                f"{name} must be four integers (minr, minc, maxr, maxc), not {box!r:.200}"
            ) from None
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
            Return the middle of the box as x and y, not its corner with the smallest row and
            column.

        Returns
        -------
        tuple of (x, y, width, height)
            x counts columns and y rows; with `center` they are floats, otherwise integers.
        """
        if center:
            return self.minc + self.width / 2, self.minr + self.height / 2, self.width, self.height
        return self.minc, self.minr, self.width, self.height

    def polygon(self) -> list[tuple[int, int]]:
        """The corners as (x, y), clockwise from that with the smallest row and column."""
        return [
            (self.minc, self.minr),
            (self.maxc, self.minr),
            (self.maxc, self.maxr),
            (self.minc, self.maxr),
        ]


def check_bytes(
    value: object, name: str, error: type[QueryError] | type[EncodeError] = QueryError
) -> None:
    """Refuse what is not bytes, and say how it would be.

    No encoding is taken for granted: text is not taken for the bytes that it may mean.

    Raises
    ------
    QueryError
        Or `error`, if it is something else.
    """
    if not isinstance(value, bytes):
        raise error(f"{name} must be bytes, not {told_with_hint(value)}")


def told_with_hint(value: object) -> str:
    """What was given in place of bytes, and what was probably meant.

    Examples
    --------
    >>> told_with_hint("tree"), told_with_hint(119)
    ("str: 'tree' (try 'tree'.encode())", "int: 119 (try b'119')")
    """
    hint = ""
    if isinstance(value, str):
        hint = f" (try {value!r:.200}.encode())"
    elif isinstance(value, (bytearray, memoryview)):
        hint = " (try bytes(…) of it)"
    elif isinstance(value, Integral) and not isinstance(value, bool):
        hint = f" (try {str(int(value)).encode()!r:.200})"
    return f"{type(value).__name__}: {value!r:.200}{hint}"


class _IIDFields(NamedTuple):
    domain: bytes | None
    address: bytes


class IID(_IIDFields):
    """An Individual IDentifier: an address within a domain, both raw bytes.

    It is a tuple ``(domain, address)``, domain first as in the file. In the format, an empty
    domain means no domain, so ``b""`` becomes None.

    Examples
    --------
    >>> IID(b"example", b"tree") == (b"example", b"tree")
    True
    >>> IID(b"", b"tree").domain is None
    True

    Raises
    ------
    QueryError
        If the address is not bytes, or the domain is neither bytes nor None.
    """

    __slots__ = ()

    def __new__(cls, domain: bytes | None, address: bytes) -> Self:  # noqa: D102
        # One comparison of types, as an IID is made for every entry that is looked at.
        if type(address) is not bytes or (domain is not None and type(domain) is not bytes):
            check_bytes(address, "address")
            if domain is not None:
                check_bytes(domain, "domain")
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
    """What distinguishes two versions of a file without reading them.

    ``size`` is in bytes, ``mtime_ns`` in nanoseconds since the epoch; a time before 1678 or after
    2262, which 64 bits do not hold, is taken modulo 2^64.
    """

    size: int
    mtime_ns: int

    @property
    def etag(self) -> str | None:
        """What a store calls the content of an object; None of a file on a disk."""
        return None


class ObjectStamp(FileStamp):
    """What tells one content of an object in a store from another.

    It equals a `FileStamp` of the same size and number, as which it is listed and compared; to
    read from the store, its ETag is needed.

    Parameters
    ----------
    size : int
        In bytes.
    number : int
        Made of the ETag, and below zero. It stands in place of a time, which tells less: two
        contents may be of one second.
    etag : str
    """

    _etag: str

    def __new__(cls, size: int, number: int, etag: str) -> Self:  # noqa: D102
        stamp = super().__new__(cls, size, number)
        stamp._etag = etag
        return stamp

    @property
    def etag(self) -> str:
        """What the store calls this content."""
        return self._etag

    def __repr__(self) -> str:
        return f"ObjectStamp(size={self.size}, etag={self._etag!r})"

    def __reduce__(self) -> tuple[type[ObjectStamp], tuple[int, int, str]]:
        return ObjectStamp, (self.size, self.mtime_ns, self._etag)


def stamp_as_indexed(size: int, mtime_ns: int, etag: str | None) -> FileStamp:
    """The stamp of a file or of an object, as the catalogue has it."""
    return FileStamp(size, mtime_ns) if etag is None else ObjectStamp(size, mtime_ns, etag)


def time_in_64_bits(nanoseconds: int) -> int:
    """A file's time as it is compared and stored.

    64 bits count nanoseconds from 1677 to 2262, and file systems go on. A time outside is taken
    modulo 2^64, some 584 years: no time, but still another one when the file has changed.

    Examples
    --------
    >>> time_in_64_bits(1_700_000_000 * 10**9)
    1700000000000000000
    >>> time_in_64_bits(2**63), time_in_64_bits(-(2**63) - 1)
    (-9223372036854775808, 9223372036854775807)
    """
    if -(2**63) <= nanoseconds < 2**63:
        return nanoseconds
    return (nanoseconds + 2**63) % 2**64 - 2**63
