"""What an ingest tells while it runs and when it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from iidindex.plural import counted

# Files of each kind that are named.
_MOST_NAMES = 1000


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an ingest. Its `str` is a line of text.

    ``files`` of ``total`` files were read, with ``entries`` entries, in ``seconds``.
    """

    files: int
    total: int
    entries: int
    seconds: float

    def __str__(self) -> str:
        rate = self.entries / self.seconds if self.seconds else 0.0
        done = f"{self.files} of {counted(self.total, 'file')}"
        return f"{done}, {counted(self.entries, 'entry', 'entries')}, {rate:,.0f} entries/s"


@dataclass(slots=True)
class IngestReport:
    """What an ingest did, in files.

    Attributes
    ----------
    added, updated, touched, moved, returned, unchanged, missing, failed : int
        The numbers of files that were new; had other content or could not be read before; had only
        a new modification time; were found under another path; were missing and are back; are as
        they were; are gone; or could not be read.
    kept : int
        The number of files that are gone together with all others. They are not marked as missing,
        because their disk may not be mounted.
    entries : int
        Entries of the files added and updated.
    seconds : float
    failures : dict of str to str
        The location of each file that could not be read, and the reason.
    unreadable : dict of str to str
        The location of each directory that could not be listed or is not there, and the reason.
    moves : dict of str to str
        The location of each file that moved, and where it was before.
    gone : list of str
        The location of each file that this ingest found missing.
    names : dict of str to list of str
        Locations of the files that were added, updated, touched, moved, returned, missing or
        failed since the last time: of each kind, the first thousand.
    absent : dict of str to str
        The name and the location of each root of the index whose directory is not there.
    relocated : dict of str to str
        The name of each root that was found at another place by its files, and that place.
    layers : float
        If something was added: how many parts of the spatial index lie over each other, so that a
        question about a pixel reads each of them. From 30 on, `Index.optimize` is worth its time.
    others : dict of str to int
        If no ``.iid`` file was found or is known: the number of files with each suffix.
    """

    added: int = 0
    updated: int = 0
    touched: int = 0
    moved: int = 0
    returned: int = 0
    unchanged: int = 0
    missing: int = 0
    failed: int = 0
    kept: int = 0
    entries: int = 0
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    moves: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    relocated: dict[str, str] = field(default_factory=dict)
    layers: float = 0.0
    others: dict[str, int] = field(default_factory=dict)

    def note(self, kind: str, location: str) -> None:
        """Count a file among those of a kind, and name it, unless it is unchanged."""
        setattr(self, kind, getattr(self, kind) + 1)
        if kind != "unchanged":
            names = self.names.setdefault(kind, [])
            if len(names) < _MOST_NAMES:
                names.append(location)

    @property
    def counts(self) -> dict[str, int]:
        """The number of files of each kind."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, int)}

    @property
    def has_found_none(self) -> bool:
        """Whether nothing that could have been ingested was found or known."""
        return not (any(self.counts.values()) or self.unreadable)
