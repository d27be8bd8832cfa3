"""Which JSON files are COCO panoptic: their annotations have ``segments_info``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iidindex.formats.json_ranges import peek
from iidindex.formats.reading import SourceFiles, byte_range, suffix

SEGMENTS = "segments_info"
# Records of pictures stand before the annotations, and may be longer than what a peek sees.
_N_LOOKS = 16
_LOOK = 1 << 15


def holds_segments(source: SourceFiles, name: str, found: Mapping[str | None, Any]) -> bool:
    """Whether a JSON's annotations have segments.

    Parameters
    ----------
    source : SourceFiles
    name : str
    found : mapping
        What a `peek` at it found.
    """
    if "annotations" in found:
        first = found["annotations"]
        return isinstance(first, dict) and SEGMENTS in first
    if "images" not in found or found["images"] is None:
        return False
    step = max(1, source.size(name) // _N_LOOKS)
    key = f'"{SEGMENTS}"'.encode()
    return any(key in source.range(name, step * look, _LOOK) for look in range(_N_LOOKS))


def panoptic_files(source: SourceFiles) -> list[str]:
    """The JSON files of a source that have segments."""
    return [name for name in source.names() if suffix(name) == ".json" and _is_one(source, name)]


def _is_one(source: SourceFiles, name: str) -> bool:
    found = peek(byte_range(source, name))
    return holds_segments(source, name, found)
