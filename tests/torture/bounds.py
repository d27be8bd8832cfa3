"""What an input may take: time of the processor, address space, and no frame that never returns."""

import gc
import resource
import signal
import time
from contextlib import contextmanager
from pathlib import Path

from hostile import Hang

# No input of the fuzzer takes a hundredth of it.
CPU_SECONDS = 2.0
# Beside what the process has already.
ROOM_BYTES = 256 << 20


class Bounds:
    """Ends what takes too long, and fails what takes too much.

    Attributes
    ----------
    slowest : float
        Seconds of the processor that the slowest piece of work took.
    """

    def __init__(self, seconds=CPU_SECONDS):
        self.seconds = seconds
        self.slowest = 0.0

    @contextmanager
    def watched(self):
        """Within it, `work` is watched by a timer that runs with the processor's time."""

        def stop(*_):
            raise Hang(f"more than {self.seconds} seconds of the processor")

        before = signal.signal(signal.SIGVTALRM, stop)
        # What the process has already is nothing that the work has to collect.
        gc.collect()
        gc.freeze()
        try:
            yield self
        finally:
            gc.unfreeze()
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)

    def work(self, question, *args, **named):
        """Do it in the time that is allowed."""
        signal.setitimer(signal.ITIMER_VIRTUAL, self.seconds)
        begin = time.process_time()
        found = question(*args, **named)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self.slowest = max(self.slowest, time.process_time() - begin)
        return found


@contextmanager
def little_room(n_bytes=ROOM_BYTES):
    """Let the process have so much more memory, and end in a `MemoryError` beyond."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + n_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
