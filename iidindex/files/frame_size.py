"""How large the picture of a file is, as its metadata state it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# No coordinate of the format is larger.
_MOST = 65535


def size_of(meta: Any) -> tuple[int, int] | None:
    """Height and width that metadata tell: at the top, or in a mapping ``size``.

    Examples
    --------
    >>> size_of({"height": 20, "width": 30}), size_of({"size": {"height": 20, "width": 30}})
    ((20, 30), (20, 30))
    """
    if not isinstance(meta, Mapping):
        return None
    inner = meta.get("size")
    for told in (meta, inner if isinstance(inner, dict) else {}):
        height, width = _length(told.get("height")), _length(told.get("width"))
        if height and width:
            return height, width
    return None


def _length(value: Any) -> int:
    """A whole number of pixels that a frame may have; 0 for anything else."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if whole and not isinstance(value, bool) and 0 < value <= _MOST else 0
