"""The filters for individuals: an address in any domain, or an IID; and domains to leave out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Boolean, Text, and_, bindparam, false, func, not_, or_

from iidindex.catalog.schema import iids
from iidindex.catalog.statement import Worded, is_among
from iidindex.errors import QueryError
from iidindex.files.arguments import BYTES_LIKE, several
from iidindex.model import IID
from iidindex.query.question.filter_kinds import FEW, MANY, AnyOf, Condition, rounded

# An address in any domain, or an IID.
Named = bytes | IID


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyIndividual(AnyOf):
    """An entry is of one of some individuals.

    Each is named by an address alone, which may be in several domains, or by an `IID`.
    """

    type_told: ClassVar[str] = "bytes or IID, or iterable of them"

    def read(self, name: str, given: Any) -> tuple[Named, ...]:
        """One or several, each once."""
        # An IID is a tuple, but not one of several addresses.
        listed = (given,) if isinstance(given, IID) else given
        if isinstance(listed, BYTES_LIKE) or not hasattr(listed, "__iter__"):
            return AnyOf.read(self, name, listed)
        every: tuple[Any, ...] = several(listed)
        AnyOf.read(self, name, [one for one in every if not isinstance(one, IID)])
        for one in every:
            if isinstance(one, IID):
                parts = (one.domain or b"", one.address)
                if not all(isinstance(part, bytes) for part in parts):
                    raise QueryError(f"{name} must be an IID of bytes, not {tuple(one)!r}")
        return tuple(dict.fromkeys(every))

    def meet(self, name: str, known: Any, given: Any) -> tuple[Named, ...]:
        """What is asked for twice must fit both times; an IID fits its address."""
        wanted = self.read(name, given)
        both = [*_that_fit(known, wanted), *_that_fit(wanted, known)]
        return tuple(dict.fromkeys(both))

    def shape(self, value: Any) -> Any:
        """How many of either kind, or the next powers of two, so that there are few shapes."""
        if len(value) > FEW:
            return MANY
        addresses, exact = _parted(value)
        return rounded(len(addresses)), rounded(len(exact))

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """The address is one of some, or address and domain are those of an IID."""
        if shape == MANY:
            # So many are looked up before, by their ids.
            return AnyOf.conditions(self, name, shape)
        n_addresses, n_exact = shape
        found = AnyOf.conditions(self, name, n_addresses) if n_addresses else []
        found += [
            and_(
                iids.c.address == bindparam(f"{name}_of{place}"),
                iids.c.domain == bindparam(f"{name}_domain_of{place}"),
            )
            for place in range(n_exact)
        ]
        return [or_(*found)] if found else [false()]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """Addresses, and then both parts of each IID."""
        if len(value) > FEW:
            return AnyOf.values(self, name, value)
        addresses, exact = _parted(value)
        found = AnyOf.values(self, name, addresses)
        # The last of them fills what is left, which changes nothing.
        filled = [*exact, *exact[-1:] * (rounded(len(exact)) - len(exact))]
        for place, iid in enumerate(filled):
            found[f"{name}_of{place}"] = iid.address
            found[f"{name}_domain_of{place}"] = iid.domain or b""
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDomain(AnyOf):
    """An entry is of none of some domains."""

    is_excluding: ClassVar[bool] = True

    def meet(self, name: str, known: Any, given: Any) -> Any:
        """It is of none of either."""
        return tuple(dict.fromkeys((*known, *self.read(name, given))))

    def shape(self, value: Any) -> Any:
        """As `AnyOf`, but that nothing is asked by none."""
        return AnyOf.shape(self, value) or None

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """The domain is none of them."""
        if shape == MANY:
            # SQLite's list takes no bytes.
            in_sqlite = is_among(func.hex(self.column), name)
            written = func.upper(func.encode(self.column, "hex"), type_=Text)
            elsewhere = is_among(written, name)
            return [not_(Worded(in_sqlite, elsewhere, Boolean()))]
        return [not_(one) for one in AnyOf.conditions(self, name, shape)]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """As `AnyOf`, or many as they are written in hexadecimal."""
        if len(value) > FEW:
            return {name: [one.hex().upper() for one in value]}
        return AnyOf.values(self, name, value)


def _parted(value: tuple[Named, ...]) -> tuple[list[bytes], list[IID]]:
    return (
        [one for one in value if not isinstance(one, IID)],
        [one for one in value if isinstance(one, IID)],
    )


def _that_fit(some: tuple[Named, ...], others: tuple[Named, ...]) -> list[Named]:
    """Those of some that are among others, or whose address is."""
    known = set(others)
    return [one for one in some if one in known or (isinstance(one, IID) and one.address in known)]


def fits(domain: bytes, address: bytes, named: tuple[Named, ...] | set[Named]) -> bool:
    """Whether an individual is among those named."""
    return address in named or IID(domain, address) in named
