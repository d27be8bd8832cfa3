"""Addresses and domains in JSON: as text where they are text, else in base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any


def text_fields(name: str, value: bytes | None) -> dict[str, str | None]:
    r"""Bytes as a field of a record.

    Examples
    --------
    >>> text_fields("address", b"tree"), text_fields("address", b"\xff")
    ({'address': 'tree'}, {'address_b64': '/w=='})
    """
    if value is None:
        return {name: None}
    try:
        return {name: value.decode("utf-8")}
    except UnicodeDecodeError:
        return {f"{name}_b64": base64.b64encode(value).decode()}


def bytes_of(record: Mapping[str, Any], name: str) -> bytes | None:
    r"""The bytes that `text_fields` wrote; None if there are none.

    Examples
    --------
    >>> bytes_of({"address_b64": "/w=="}, "address"), bytes_of({"address": 7}, "address")
    (b'\xff', None)
    """
    text, packed = record.get(name), record.get(f"{name}_b64")
    if isinstance(text, str):
        return text.encode("utf-8", "surrogatepass")
    if isinstance(packed, str):
        try:
            return base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError):
            return None
    return None
