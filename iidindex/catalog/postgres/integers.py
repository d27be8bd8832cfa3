"""Arrays of integers and of bytes as parameters, without an object for each; sums as answers."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psycopg import pq
from psycopg.adapt import Dumper
from psycopg.types.numeric import NumericBinaryLoader, NumericLoader

if TYPE_CHECKING:
    from psycopg.abc import AdaptContext, Buffer

# Object ids of the types bigint and bigint[], the same in every database.
_BIGINT, _BIGINTS = 20, 1016
_BYTEA, _BYTEAS = 17, 1001
_LENGTH_BYTES = 4

Ints = npt.NDArray[np.int64]

_CELL = np.dtype([("length", ">i4"), ("value", ">i8")])


class Integers:
    """An array of integers, of one dimension or two, that is one parameter.

    Parameters
    ----------
    values : ndarray of integers
    """

    def __init__(self, values: npt.NDArray[Any]) -> None:
        self.values = values

    def as_bytes(self) -> bytes:
        """As PostgreSQL's function array_recv reads it: dimensions, and a length for each value."""
        values = self.values
        cells = np.empty(values.size, _CELL)
        cells["length"] = 8
        cells["value"] = values.ravel()
        return _header(_BIGINT, values.shape) + cells.tobytes()


class Octets:
    """An array of runs of bytes that is one parameter.

    Parameters
    ----------
    data : ndarray of uint8, shape (m,)
    start, length : ndarray of int64, shape (n,)
        Where each of them lies in `data`.
    """

    def __init__(self, data: npt.NDArray[np.uint8], start: Ints, length: Ints) -> None:
        self.data = data
        self.start = start
        self.length = length

    def as_bytes(self) -> bytes:
        """As PostgreSQL's function array_recv reads it."""
        length = self.length
        end = np.cumsum(length + _LENGTH_BYTES)
        sent = np.empty(int(end[-1]) if len(end) else 0, np.uint8)
        at = (end - length - _LENGTH_BYTES)[:, None] + np.arange(_LENGTH_BYTES)
        sent[at] = length.astype(">i4").view(np.uint8).reshape(-1, _LENGTH_BYTES)
        before = np.cumsum(length) - length
        nth = np.arange(int(length.sum()))
        sent[np.repeat(end - length - before, length) + nth] = self.data[
            np.repeat(self.start - before, length) + nth
        ]
        return _header(_BYTEA, length.shape) + sent.tobytes()


def _header(kind: int, shape: tuple[int, ...]) -> bytes:
    """What an array begins with: an empty one has no dimensions."""
    extents = [part for extent in shape for part in (extent, 1)] if all(shape) else []
    return np.array([len(extents) // 2, 0, kind, *extents], ">i4").tobytes()


class IntegersDumper(Dumper):
    """How psycopg sends `Integers`."""

    format = pq.Format.BINARY
    oid = _BIGINTS

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)

    def dump(self, obj: Integers) -> bytes:
        """The bytes of an array."""
        return obj.as_bytes()


class OctetsDumper(Dumper):
    """How psycopg sends `Octets`."""

    format = pq.Format.BINARY
    oid = _BYTEAS

    def dump(self, obj: Octets) -> bytes:
        """The bytes of an array."""
        return obj.as_bytes()


class WholeLoader(NumericLoader):
    """How numerics are read, which sums of integers are: as Python's own numbers."""

    def load(self, data: Buffer) -> Any:
        """A number."""
        return _own(super().load(data))


class WholeBinaryLoader(NumericBinaryLoader):
    """The same from the server's own form."""

    def load(self, data: Buffer) -> Any:
        """A number."""
        return _own(super().load(data))


def _own(number: Decimal) -> int | float:
    exponent = number.as_tuple().exponent
    return int(number) if isinstance(exponent, int) and exponent >= 0 else float(number)
