"""Whose the annotations of a COCO file are, decided by a look at all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iidindex.errors import ExchangeError
from iidindex.formats.byte_texts import bytes_of
from iidindex.formats.identity import (
    IDENTITY_FIELDS,
    Numbering,
    as_address,
    field_of,
    first_field,
)
from iidindex.formats.json_ranges import Ints


@dataclass(frozen=True)
class Addresses:
    """How the annotations of one source are named.

    Attributes
    ----------
    field : str or None
        The field that tells the identity, if the source has one.
    numbering : Numbering
        What stands for it else.
    is_own : bool
        Whether this program wrote the file, and so the attributes tell domain and address.
    """

    field: str | None
    numbering: Numbering
    is_own: bool = False

    def iids(
        self, records: Sequence[Any], picture_id: Any, domain: bytes, is_asked: bool
    ) -> list[tuple[bytes | None, bytes]]:
        """Domain and address of a picture's annotations, in their order.

        Parameters
        ----------
        records : sequence
        picture_id : object
        domain : bytes
            Of those that do not name their own.
        is_asked : bool
            Whether `domain` was asked for, and stands above what a file says.
        """
        found: list[tuple[bytes | None, bytes]] = [
            (domain, address) for address in self.of(records, picture_id)
        ]
        if self.is_own:
            for place, record in enumerate(records):
                own = own_bytes(record, "domain"), own_bytes(record, "address")
                if own[1] is not None:
                    found[place] = (domain if is_asked else own[0] or None, own[1])
        return found

    def of(self, records: Sequence[Any], picture_id: Any) -> list[bytes]:
        """The addresses of a picture's annotations, in their order."""
        lead = str(picture_id).encode("utf-8", "surrogatepass") + b"/"
        ids = [as_address(field_of(record, "id")) for record in records]
        # Programs that number nothing write 0 everywhere, which would make one of all.
        times = Counter(ids)
        alone = len(times) == len(ids)
        found = []
        for place, (record, number) in enumerate(zip(records, ids, strict=True)):
            known = None if self.field is None else as_address(field_of(record, self.field))
            if known is None and self.field is None and self.numbering is Numbering.ID:
                known = number if times[number] == 1 else None
            if known is None:
                # Numbers and places are not mixed within a picture, as one may be the other's.
                by_id = alone and None not in times
                by_id &= self.numbering is not Numbering.PICTURE_PLACE
                known = lead + (number if by_id and number else str(place).encode())
            found.append(known)
        return found


def own_bytes(record: Any, name: str) -> bytes | None:
    """A domain or an address among the attributes, as `coco_writing` writes it."""
    attributes = field_of(record, "attributes")
    return bytes_of(attributes, name) if isinstance(attributes, dict) else None


class Ids:
    """What annotations carry to tell them apart, gathered block by block."""

    def __init__(self, asked: str | None) -> None:
        self._asked = asked
        self._fields: tuple[str, ...] = (asked,) if asked is not None else IDENTITY_FIELDS
        self._found: str | None = None
        self._fields_seen: set[str] = set()
        self._numbers: list[Ints] = []
        self._of: list[Ints] = []

    def add(self, records: Sequence[dict[str, Any]], of: Ints) -> None:
        """Look at some annotations.

        Parameters
        ----------
        records : sequence of dict
        of : ndarray of int64
            Whose picture each is in, by any number.
        """
        better = self._fields
        if self._found is not None:
            better = self._fields[: self._fields.index(self._found)]
        if better:
            self._found = first_field(records, better) or self._found
        if self._asked is not None and len(self._fields_seen) < _MOST_FIELDS and records:
            self._fields_seen.update(records[0])
        # 7, "7" and 7.0 become one address.
        numbers = [as_address(record.get("id")) for record in records]
        has = np.array([number is not None for number in numbers], np.bool_)
        # Equal ids have equal hashes, and others hardly ever; then more is kept apart than need be.
        hashes = [hash(number) for number in numbers if number is not None]
        self._numbers.append(np.array(hashes, np.int64))
        self._of.append(of[has])

    def decide(self, is_own: bool) -> tuple[Addresses, str]:
        """How annotations are named, and that in words.

        Parameters
        ----------
        is_own : bool
            Whether this program wrote the file.

        Raises
        ------
        ExchangeError
            If a field was asked for that no annotation has.
        """
        numbering = self._numbering()
        if self._asked is not None and self._found is None:
            seen = ", ".join(sorted(self._fields_seen)) or "none"
            raise ExchangeError(
                f"no annotation has an identity in the field {self._asked!r}; "
                f"fields of the first: {seen}"
            )
        if is_own and self._asked is None:
            return Addresses(None, Numbering.PICTURE_ID, True), "attributes.address"
        return Addresses(self._found, numbering), self._found or numbering.value

    def _numbering(self) -> Numbering:
        none = np.empty(0, np.int64)
        numbers, of = np.concatenate([none, *self._numbers]), np.concatenate([none, *self._of])
        if not len(numbers):
            return Numbering.PICTURE_PLACE
        order = np.argsort(numbers, kind="stable")
        again = numbers[order][1:] == numbers[order][:-1]
        again &= of[order][1:] != of[order][:-1]
        return Numbering.PICTURE_ID if again.any() else Numbering.ID


_MOST_FIELDS = 50
