"""What an import did."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class ImportReport:
    """What an import did.

    Attributes
    ----------
    pictures, entries : int
        The numbers of those that were written, or were there already and are the same.
    individuals : int
        The number of different pairs of address and domain.
    individuals_in_several : int
        The number of these that are in more than one picture.
    identity : str
        Where the addresses come from: a field, ``the label``, or ``the annotation's id``.
    refused : dict of str to int
        What was left out, by reason.
    first_refused : dict of str to list of str
        For each reason, the first few, each with what was wrong.
    notes : dict of str to int
        Notes for the user, and how often each applied.
    unchanged, replaced : int
        The numbers of pictures whose file was there already: with the same content, or with other
        content from the same source.
    formats : list of str
        The formats that the sources were read as.
    domains : list of bytes
        The domains of the individuals, the first few of them.
    with_image : int
        The number of pictures whose image files were found.
    left_behind : int
        The number of files in the archive that an earlier import of these sources wrote, and for
        which the sources have no picture now. They are kept. In an archive with tens of thousands
        of other files, only some are checked; -1 means that none of these is such a file.
    first_left_behind : list of str
        The first few of them, relative to the archive.
    seconds : float
    """

    pictures: int = 0
    entries: int = 0
    individuals: int = 0
    individuals_in_several: int = 0
    identity: str = ""
    refused: dict[str, int] = field(default_factory=dict)
    first_refused: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    unchanged: int = 0
    replaced: int = 0
    formats: list[str] = field(default_factory=list)
    domains: list[bytes] = field(default_factory=list)
    with_image: int = 0
    left_behind: int = 0
    first_left_behind: list[str] = field(default_factory=list)
    seconds: float = 0.0
