"""How many files a process may have open."""

from __future__ import annotations

from iidindex.system.portable import FORCED

try:
    import resource
except ImportError:  # not on this system
    _TELLS = False
else:
    _TELLS = not FORCED


def most_held(wanted: int) -> int:
    """How many files to hold open: no more than a quarter of what this process may have."""
    if not _TELLS:
        return wanted
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if allowed < 0 else max(1, min(wanted, allowed // 4))
