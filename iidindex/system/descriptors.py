"""How many files a process may have open, and what becomes of them in a fork."""

from __future__ import annotations

import os
from collections.abc import Callable

from iidindex.system.portable import FORCED

try:
    import resource
except ImportError:  # not on this system
    _TELLS = False
else:
    _TELLS = not FORCED

# Where the system says nothing. There, as a rule, what is open cannot be removed or replaced
# either, so that nobody should hold what he does not read.
_UNTOLD = 0


def most_held(wanted: int) -> int:
    """How many files to hold open: no more than a quarter of what this process may have."""
    if not _TELLS:
        return _UNTOLD
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if allowed < 0 else max(1, min(wanted, allowed // 4))


def after_fork(call: Callable[[], object]) -> None:
    """Call this in every process that is forked off, where a system has such."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)
