"""How long the campaigns go on, and what they have to show for it.

`make test` gives each a few rounds, the same each time; `make nightly` as many, others each time.
`make torture` sets ``IIDINDEX_TORTURE`` to a number of
minutes, which the campaigns divide among themselves by their shares, and prints what they
counted. A round is a seed: what fails names its own, and ``IIDINDEX_TORTURE_SEED`` begins there.
"""

import os
import random
import time
from contextlib import contextmanager

from hypothesis import settings

MINUTES = float(os.environ.get("IIDINDEX_TORTURE") or 0)
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT") or 1)
_FIRST = os.environ.get("IIDINDEX_TORTURE_SEED")


def seconds(share):
    """The time that a share of the whole comes to; none, without torture."""
    return MINUTES * 60 * _WORKERS * share


def first_seed():
    """Where a campaign begins: at 0, or anywhere if its draws are to be fresh."""
    is_fresh = MINUTES or not settings().derandomize
    return int(_FIRST or (time.time_ns() // 10**6 % 10**9 if is_fresh else 0))


def rounds(few, share):
    """Seeds: so many, and under torture more, until the time is over."""
    first = first_seed()
    end = time.monotonic() + seconds(share)
    done = 0
    while done < few or time.monotonic() < end:
        yield first + done
        done += 1


@contextmanager
def seeded(seed):
    """A source of chance, whose seed is told with whatever fails."""
    try:
        yield random.Random(seed)
    except BaseException as error:
        error.add_note(f"IIDINDEX_TORTURE_SEED={seed}")
        raise
