"""Pictures that were sent, kept for who asks for them again: thumbnails, above all."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

# Bytes of all of them together.
MOST_BYTES = 64 << 20


class KeptPictures:
    """Encoded pictures, of which the one that was asked for longest ago goes first.

    Parameters
    ----------
    most_bytes : int
        That they may take together; one of more than a quarter of it is not kept.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.n_bytes = 0

    def get(self, key: Hashable) -> bytes | None:
        """The picture of a key, or None."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: Hashable, content: bytes) -> None:
        """Keep a picture under a key, which is another one if the picture is."""
        if len(content) > self._most // 4:
            return
        with self._lock:
            self.n_bytes += len(content) - len(self._kept.pop(key, b""))
            self._kept[key] = content
            while self.n_bytes > self._most:
                self.n_bytes -= len(self._kept.popitem(last=False)[1])
