"""What writing a page did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class PageReport:
    """What writing a page did.

    Attributes
    ----------
    files, entries, individuals : int
        That the page shows.
    left_out : int
        Individuals beyond those that may have a page; their masks are shown.
    unread : int
        The number of files whose masks could not be read. The page says so in their place.
    seconds : float
    """

    files: int = 0
    entries: int = 0
    individuals: int = 0
    left_out: int = 0
    unread: int = 0
    seconds: float = 0.0
