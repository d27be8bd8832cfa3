"""Which steps from line to line an input takes through the decoding: what guides the fuzzer."""

import sys
from contextlib import contextmanager
from pathlib import Path

import iidindex

PACKAGE = Path(iidindex.__file__).parent
ROOMS = ("codec", "files", "masks")


class Arcs:
    """Notes each pair of lines that follow one another in the rooms that decode.

    Attributes
    ----------
    met : set of (code, int, int)
        Since `following` began.
    """

    def __init__(self):
        self.met = set()
        self._places = tuple(f"{PACKAGE / room}/" for room in ROOMS)
        self._tracers = {}

    @contextmanager
    def following(self):
        """Follow this thread; what traced it before goes on afterwards."""
        before = sys.gettrace()
        self.met = set()
        sys.settrace(self._entered)
        try:
            yield self
        finally:
            sys.settrace(before)

    def _entered(self, frame, event, _):
        code = frame.f_code
        if code not in self._tracers:
            self._tracers[code] = code.co_filename.startswith(self._places)
        if not self._tracers[code]:
            return None
        frame.f_trace_lines = True
        met, last = self.met, 0

        def step(frame, event, _):
            nonlocal last
            if event == "line":
                met.add((code, last, frame.f_lineno))
                last = frame.f_lineno
            elif event == "exception":
                met.add((code, last, -1))
            return step

        return step
