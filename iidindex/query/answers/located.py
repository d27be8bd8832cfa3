"""Records of files that tell, beside their values, where the file can be opened."""

from __future__ import annotations

from typing import TypeVar


class Located:
    """What has a ``location`` beside its value.

    Paths are told inside their roots, so two files may have the same; the location tells them
    apart. It is no part of the tuple or text that it stands beside, of which many know the form.
    """

    location: str = ""


L = TypeVar("L", bound=Located)


def located(record: L, location: str) -> L:
    """Say where the file of a record can be opened; the record itself is returned."""
    record.location = location
    return record
