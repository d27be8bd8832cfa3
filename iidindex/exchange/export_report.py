"""What an export did."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class ExportReport:
    """What an export did.

    Attributes
    ----------
    pictures, entries : int
        That were written.
    unread : int
        The number of files that could not be read and are left out; see `Entries.reading`.
    parts_written, parts_kept, parts_removed : int
        For Parquet, the numbers of parts that were written, were up to date, or were removed
        because their files changed or are gone.
    lost : dict of str to int
        What the format cannot keep, and how often that occurred.
    seconds : float
    """

    pictures: int = 0
    entries: int = 0
    unread: int = 0
    parts_written: int = 0
    parts_kept: int = 0
    parts_removed: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
