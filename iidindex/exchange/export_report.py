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
        Files of which nothing could be read, and that are left out; see `Entries.reading`.
    parts_written, parts_kept, parts_removed : int
        Of Parquet: parts that were written, were up to date, or had files that changed or went.
    lost : dict of str to int
        What the format cannot keep, and how often.
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
