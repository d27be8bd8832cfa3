"""One entry of one file, by its key or by whose it is; and all the hits in one file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError, SeveralDomainsError
from iidindex.model import IID
from iidindex.query.answers.entry import Entry
from iidindex.query.entries import Entries
from iidindex.query.pixels.frames import Frame, frames_of
from iidindex.query.question.resolve import Span, file_of, places_meant


def entry_of(
    entries: Entries,
    path: str,
    key: int | None,
    address: bytes | IID | None = None,
    domain: bytes | None = None,
) -> Entry | None:
    """One entry of one file, by its key or by whose it is, or None if there is none.

    Raises
    ------
    SeveralDomainsError
        If the file has the address in several domains, and no domain is given.
    QueryError
        If files of several roots have that path, several entries fit, or neither key nor address
        is named, or both.
    """
    if (key is None) is (address is None):
        raise QueryError("name an entry by its key or by an address, and not by both")
    if domain is not None and address is None:
        raise QueryError("a domain is that of an address; name one")
    found = _in_file(entries.where(key=key, address=address, domain=domain), path)
    if len(found) > 1:
        keys: dict[IID, list[int]] = {}
        for entry in found:
            keys.setdefault(entry.iid, []).append(entry.key)
        if len(keys) > 1:
            domains = [iid.domain or b"" for iid in keys]
            raise SeveralDomainsError(found[0].iid.address, domains, [*keys.values()])
        named = ", ".join(str(entry.key) for entry in found)
        raise QueryError(f"{path}: several entries have this address: keys {named}; name one")
    return found[0] if found else None


class FileHits(NamedTuple):
    """A file, what its metadata say of its picture, and the hits in it."""

    span: Span
    frame: Frame
    hits: list[Entry]


def hits_in_file(catalog: Catalog, question: Entries, path: str) -> FileHits:
    """The hits in one file, by where it lies on disk or its path inside its root.

    Raises
    ------
    QueryError
        If files of several roots have that path, or none has it.
    """
    with catalog.reading() as connection:
        span = file_of(connection, path)
        frame = frames_of(connection, np.array([span.file_id]))[span.file_id]
    # A path is a pattern to `where`; here it is meant as it stands.
    found = question.where(path=frame.location)
    return FileHits(span, frame, [one for one in found if one.file_id == span.file_id])


def _in_file(question: Entries, path: str) -> list[Entry]:
    """The hits in one file.

    Where the file lies on disk comes first; a path inside a root must fit one root only.
    """
    question.where(path=path)  # for its checks
    for place in places_meant(path):
        found = [entry for entry in question.where(path=place) if entry.location == place]
        if found:
            return found
    # A path is a pattern to `where`; here it is meant as it stands.
    found = [entry for entry in question.where(path=path) if entry.path == path]
    places = sorted({entry.location for entry in found})
    if len(places) > 1:
        raise QueryError(f"{path}: several files have this path; name one of {', '.join(places)}")
    return found
