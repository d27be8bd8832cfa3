"""Arguments that name IIDs, and what is said of IIDs."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

import click

from iidindex.errors import SeveralDomainsError
from iidindex.model import IID
from iidindex.typed_iids import parse, parse_named, show, show_individual


def address_and_domain(
    named: bytes | IID, domain: bytes | None, option: str = "--domain"
) -> tuple[bytes, bytes | None]:
    """The address that was typed, and the domain: its own, or that of an option.

    Raises
    ------
    UsageError
        If the two are not the same.
    """
    if not isinstance(named, IID):
        return named, domain
    own = named.domain or b""
    if domain not in (None, own):
        raise click.UsageError(
            f"{show_individual(named)} is in the domain {quoted(own)}; {option} names "
            f"{quoted(domain or b'')}"
        )
    return named.address, own


def quoted(value: bytes) -> str:
    """Bytes as they can be typed again."""
    return f"'{show(value)}'"


def told(error: Exception, option: str = "--domain") -> str:
    """What an error says, with addresses and options as they are typed."""
    if isinstance(error, SeveralDomainsError):
        choice = option if error.keys is not None else f"{option} or as iid:DOMAIN.ADDRESS"
        return error.told(quoted, choice)
    return str(error)


class IIDText(click.ParamType):
    """Bytes in one of the three forms."""

    name = "text"
    _parsed: Callable[[str], bytes | IID] = staticmethod(parse)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes | IID:
        """Read the argument."""
        if isinstance(value, (bytes, IID)):
            return value
        try:
            return self._parsed(value)
        except (ValueError, binascii.Error) as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class AddressText(IIDText):
    """An address in one of the three forms, or an individual after ``iid:``."""

    _parsed = staticmethod(parse_named)
