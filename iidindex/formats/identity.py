"""Who is who: the address of an annotation, as its source tells it or as nobody told.

An annotation's number is not an individual's. It is taken as one only where it cannot link
pictures by accident: https://github.com/cocodataset/cocoapi/issues/95 and
https://github.com/mapillary/mapillary_vistas/issues/11 are about numbers that come again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

# Fields in which annotations carry an identity, the first that is found counts.
IDENTITY_FIELDS = ("track_id", "attributes.track_id", "instance_id")


class Numbering(Enum):
    """What stands for an identity where a source tells none."""

    ID = "the annotation's id"
    PICTURE_ID = "picture and annotation id, as ids come again in other pictures"
    PICTURE_PLACE = "picture and position, as annotations have no id"


def field_of(record: Any, field: str) -> Any:
    """A field of a record, within others if its name has dots; None if it is not there.

    Examples
    --------
    >>> field_of({"attributes": {"track_id": 7}}, "attributes.track_id")
    7
    """
    if isinstance(record, Mapping) and field in record:
        return record[field]
    for part in field.split("."):
        if not isinstance(record, Mapping) or part not in record:
            return None
        record = record[part]
    return record


def as_address(value: Any) -> bytes | None:
    """A value of a record as an address: text as it stands, a number in decimal.

    Examples
    --------
    >>> as_address("7 "), as_address(7), as_address(7.0), as_address(True), as_address(None)
    (b'7 ', b'7', b'7', None, None)
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass") or None
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(int(value)).encode() if value.is_integer() else None
    return str(value).encode() if isinstance(value, int) else None


def first_field(records: Iterable[Any], fields: Iterable[str] = IDENTITY_FIELDS) -> str | None:
    """The first of the fields in which any record carries an identity."""
    left = list(fields)
    best: int | None = None
    for record in records:
        for place, field in enumerate(left if best is None else left[:best]):
            if as_address(field_of(record, field)) is not None:
                best = place
                break
        if best == 0:
            break
    return None if best is None else left[best]
