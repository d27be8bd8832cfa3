"""Arrays of integers as parameters, without an object for each; and sums of them as answers."""

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
        n_dimensions = values.ndim if values.size else 0
        header = [n_dimensions, 0, _BIGINT]
        for extent in values.shape[:n_dimensions]:
            header += (extent, 1)
        cells = np.empty(values.size if n_dimensions else 0, _CELL)
        cells["length"] = 8
        cells["value"] = values.ravel()
        return np.array(header, ">i4").tobytes() + cells.tobytes()


class IntegersDumper(Dumper):
    """How psycopg sends `Integers`."""

    format = pq.Format.BINARY
    oid = _BIGINTS

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)

    def dump(self, obj: Integers) -> bytes:
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
