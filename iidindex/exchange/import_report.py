"""What an import did."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class ImportReport:
    """What an import did.

    Attributes
    ----------
    pictures, entries : int
        That were written, or were there already and are the same.
    individuals : int
        Different pairs of address and domain.
    individuals_in_several : int
        Those of them that are in more than one picture.
    identity : str
        Where the addresses come from: a field, ``the label``, or ``the annotation's id``.
    refused : dict of str to int
        What was left out, by reason.
    first_refused : dict of str to list of str
        By reason the first few, each with what was wrong.
    notes : dict of str to int
        What a person should know, and how often it was so.
    unchanged, replaced : int
        Pictures of which the same file was there already, or another one of the same source.
    formats : list of str
        What the sources were read as.
    domains : list of bytes
        The domains of the individuals, the first few of them.
    with_image : int
        Pictures whose own files were found.
    left_behind : int
        Files in the archive that an earlier import of these sources wrote, and for which they
        have no picture now. They are as they were. Of an archive with tens of thousands of
        other files, some are looked at; -1, if none of these is one.
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
