"""IIDs are bytes; people type and read text, and URLs carry it."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from iidindex.model import IID

# What begins an exact form.
_EXACT = ("hex:", "b64:", "iid:")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


def parse(text: str) -> bytes:
    r"""Read ``tree`` as UTF-8, ``hex:…`` and ``b64:…`` as exact bytes.

    Raises
    ------
    ValueError
        If what follows ``hex:`` or ``b64:`` is neither.

    Examples
    --------
    >>> parse("tree"), parse("hex:00ff"), parse("b64:dHJlZQ==")
    (b'tree', b'\x00\xff', b'tree')
    """
    if text.startswith("hex:"):
        return bytes.fromhex(text[4:])
    if text.startswith("b64:"):
        return binascii.a2b_base64(text[4:], strict_mode=True)
    return text.encode("utf-8", "surrogateescape")


def show(value: bytes) -> str:
    r"""Write bytes so that `parse` reads them back, as text where they are printable.

    Spaces at the ends are not seen, so what has some is not written as text.

    Examples
    --------
    >>> show(b"tree"), show(bytes([0, 255])), show(b"hex:00"), show(b"tree ")
    ('tree', 'hex:00ff', 'hex:6865783a3030', 'hex:7472656520')
    """
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return f"hex:{value.hex()}"
    if text.isprintable() and text.strip(" ") == text and not text.startswith(_EXACT):
        return text
    return f"hex:{value.hex()}"


def parse_named(text: str) -> bytes | IID:
    """Read an address as `parse` does, or an individual after ``iid:``.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> parse_named("tree"), parse_named("iid:Z2FyZGVu.dHJlZQ")
    (b'tree', IID(domain=b'garden', address=b'tree'))
    """
    if not text.startswith("iid:"):
        return parse(text)
    parts = text[4:].split(".")
    if len(parts) != 2:
        raise ValueError("expected iid:DOMAIN.ADDRESS, both base64url without padding")
    return IID(*(_from_base64url(part) for part in parts))


def show_individual(iid: IID) -> str:
    """Write an individual so that `parse_named` reads it back; URLs take it as it is.

    Examples
    --------
    >>> show_individual(IID(b"garden", b"tree")), show_individual(IID(None, b"tree"))
    ('iid:Z2FyZGVu.dHJlZQ', 'iid:.dHJlZQ')
    """
    return f"iid:{_to_base64url(iid.domain or b'')}.{_to_base64url(iid.address)}"


def _to_base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _from_base64url(text: str) -> bytes:
    # Python skips what is no base64, and bits that are too many.
    value = b""
    if _BASE64URL.fullmatch(text) and len(text) % 4 != 1:
        value = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _to_base64url(value) != text:
        raise ValueError(f"expected base64url without padding, not {text!r}")
    return value
