"""Where a page ended, as text that only this server can have written."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from iidindex.rows import as_base64
from iidindex.serve.refusals import Refused

_MAC_BYTES = 16


class Cursors:
    """Writes and reads cursors.

    A cursor is of one question, and holds what is known of the last row: where it stands in the
    order, not how many came before.

    Parameters
    ----------
    token : str
        The server's.
    """

    def __init__(self, token: str) -> None:
        self._key = hashlib.sha256(b"cursor " + token.encode()).digest()

    def write(self, question: bytes, place: Any) -> str:
        """The cursor of a place: numbers, text, bytes, null, and lists of them."""
        body = json.dumps(place, default=_as_json, separators=(",", ":")).encode()
        return urlsafe_b64encode(self._mac(question, body) + body).rstrip(b"=").decode()

    def read(self, question: bytes, cursor: str) -> Any:
        """The place of a cursor.

        Raises
        ------
        Refused
            If it is none of this question and this server.
        """
        try:
            data = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            if urlsafe_b64encode(data).rstrip(b"=").decode() != cursor:
                data = b""  # what is no base64 was passed over
        except ValueError:
            data = b""
        mac, body = data[:_MAC_BYTES], data[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(question, body)):
            raise Refused(
                400,
                "after is no cursor of this question",
                "take the `next` of the page before, with all other parameters but limit as they "
                "were; after the server was started anew, begin again",
            )
        return json.loads(body, object_hook=lambda found: b64decode(found["b64"]))

    def _mac(self, question: bytes, body: bytes) -> bytes:
        told = hashlib.sha256(question).digest() + body
        return hmac.new(self._key, told, hashlib.sha256).digest()[:_MAC_BYTES]


def _as_json(value: Any) -> dict[str, str]:
    return {"b64": as_base64(value)}
