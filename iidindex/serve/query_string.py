"""What stands behind the question mark of a URL, as bytes: names of files are bytes, too."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes


def pairs_in(query: bytes) -> list[tuple[bytes, bytes]]:
    r"""Names and values, decoded, in their order.

    Examples
    --------
    >>> pairs_in(b"path=a%FF+b&x=&y")
    [(b'path', b'a\xff b'), (b'x', b''), (b'y', b'')]
    """
    parts = (part.partition(b"=") for part in query.split(b"&") if part)
    return [(_decoded(name), _decoded(value)) for name, _, value in parts]


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))
