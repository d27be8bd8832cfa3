"""Bytes as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


def as_bytes(buffer: object) -> Bytes:
    """View any buffer as a one-dimensional array of uint8, without copying."""
    if type(buffer) is bytes and buffer:
        return np.frombuffer(buffer, np.uint8)
    view = memoryview(buffer)  # type: ignore[arg-type]
    if not view.nbytes:
        return np.empty(0, np.uint8)
    return np.frombuffer(view, np.uint8)


def bytes_behind(data: Bytes) -> bytes | None:
    """The bytes that an array is a view of, if it is one of all of them."""
    base: object = data.base
    return base if isinstance(base, bytes) and len(base) == len(data) else None
