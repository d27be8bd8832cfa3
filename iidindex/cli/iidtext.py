"""IIDs are bytes; people type and read text."""

from __future__ import annotations

import binascii
from typing import Any

import click


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

    Examples
    --------
    >>> show(b"tree"), show(bytes([0, 255])), show(b"hex:00")
    ('tree', 'hex:00ff', 'hex:6865783a3030')
    """
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return f"hex:{value.hex()}"
    if text.isprintable() and not text.startswith(("hex:", "b64:")):
        return text
    return f"hex:{value.hex()}"


class IIDText(click.ParamType):
    """An argument in one of the three forms."""

    name = "text"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Read the argument."""
        if isinstance(value, bytes):
            return value
        try:
            return parse(value)
        except (ValueError, binascii.Error) as error:
            self.fail(f"{value!r}: {error}", param, ctx)
