"""Telling somebody who waits at a terminal that work goes on."""

from __future__ import annotations

import sys
import threading
from time import monotonic
from typing import Self

from iidindex.cli.streams import is_terminal

_FIRST_AFTER = 1.0
_EVERY = 0.5


class Waiting:
    """Within this context, the seconds that have passed are shown on a terminal.

    Nothing is shown in the first second, nor after `stop`, which is called before anything is
    written that may be followed by more waiting.
    """

    _of_this_process: Waiting | None = None

    def __init__(self) -> None:
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._is_shown = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if is_terminal(sys.stderr):
            Waiting._of_this_process = self
            self._thread = threading.Thread(target=self._tick, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        Waiting._of_this_process = None

    @classmethod
    def stop(cls) -> None:
        """Show nothing more, and leave the line empty."""
        if cls._of_this_process is not None:
            cls._of_this_process._end()

    def _tick(self) -> None:
        begin = monotonic()
        wait = _FIRST_AFTER
        while not self._done.wait(wait):
            wait = _EVERY
            with self._lock:
                if self._done.is_set():
                    return
                self._is_shown = True
                # What is written next begins at the line's beginning.
                sys.stderr.write(f"\r… {monotonic() - begin:.0f} s\r")
                sys.stderr.flush()

    def _end(self) -> None:
        with self._lock:
            self._done.set()
            if self._is_shown:
                self._is_shown = False
                sys.stderr.write("\033[K")
                sys.stderr.flush()
