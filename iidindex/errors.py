"""Every error iidindex raises on purpose.

::

    IIDIndexError
     ├── IIDFormatError (ValueError)   the bytes are not a valid .iid file
     ├── EncodeError (ValueError)      the caller asks for what the format cannot hold
     ├── QueryError (ValueError)       a question that makes no sense, or names what is not there
     │    ├── SeveralDomainsError       … because its address is that of several individuals
     │    └── WrongTypeError (TypeError)   … because something was given that is of no use there
     ├── SourceError (OSError)         an original file cannot be read
     │    ├── SourceNotFoundError (FileNotFoundError)   … because it is not there
     │    ├── StaleFileError            … because it is not the file that was indexed
     │    └── DamagedFileError          … because its bytes are not those that were indexed
     ├── CatalogError                  the database cannot be used
     │    ├── CatalogNotFoundError       … because it is not there
     │    ├── SchemaVersionError         … because it is older or newer than this program
     │    └── CatalogLockedError         … because somebody else is writing to it
     ├── IngestError                   an ingest cannot go on
     ├── TimeLimitError                an answer takes longer than it may
     └── ExchangeError (ValueError)    a file of another format cannot be read, or not be written
          └── FormatGuessError           … because it is not clear of which format it is

Every message names the file, the field, what was found and what was expected.
`FileNameWarning` (UserWarning) is a warning: what was asked for was done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence


class IIDIndexError(Exception):
    """The base of every error that this package raises on purpose. As text, it is one line."""

    def __str__(self) -> str:
        return _in_one_line(super().__str__())


def _in_one_line(text: str) -> str:
    """Text without breaks: of an array they are joined, in a file's name they are written."""
    if "\n" not in text and "\r" not in text:
        return text
    return re.sub(r"\n +", " ", text).replace("\n", "\\n").replace("\r", "\\r")


class IIDFormatError(IIDIndexError, ValueError):
    """The bytes are not a valid ``.iid`` file.

    Parameters
    ----------
    problem : str
        What is wrong, with the value found and the value expected.
    section : str, optional
        The part of the file: ``header``, ``lut``, ``iids``, ``meta``, ``groups`` or ``segs``.
    offset : int, optional
        Byte position from the start of the file.
    source : str, optional
        The file, where it is known.
    """

    def __init__(
        self,
        problem: str,
        *,
        section: str | None = None,
        offset: int | None = None,
        source: str | None = None,
    ) -> None:
        super().__init__(problem, section, offset, source)
        self.problem = problem
        self.section = section
        self.offset = offset
        self.source = source

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive BaseException's own pickling,
        # and this error travels between processes.
        return (_rebuild_format_error, (self.problem, self.section, self.offset, self.source))

    def __str__(self) -> str:
        where = [] if self.source is None else [str(self.source)]
        if self.section is not None:
            place = self.section if self.section == "header" else f"section {self.section}"
            where.append(place if self.offset is None else f"{place} at byte {self.offset}")
        return _in_one_line(": ".join([*where, self.problem]))

    def in_file(self, source: str) -> IIDFormatError:
        """Return the same error naming the file it was found in."""
        return IIDFormatError(self.problem, section=self.section, offset=self.offset, source=source)


def _rebuild_format_error(
    problem: str, section: str | None, offset: int | None, source: str | None
) -> IIDFormatError:
    return IIDFormatError(problem, section=section, offset=offset, source=source)


class EncodeError(IIDIndexError, ValueError):
    """The format cannot hold what should be written. Nothing was written."""


class QueryError(IIDIndexError, ValueError):
    """A question that is not valid, or that names something which is not there."""


class SeveralDomainsError(QueryError):
    """An address is in several domains, and is another individual in each of them.

    Parameters
    ----------
    address : bytes
    domains : sequence of bytes
        ``b""`` for none.
    keys : sequence of sequence of int, optional
        For each domain the keys of its entries, if the question is about one file.
    """

    def __init__(
        self,
        address: bytes,
        domains: Sequence[bytes],
        keys: Sequence[Sequence[int]] | None = None,
    ) -> None:
        super().__init__(address, domains, keys)
        self.address = address
        self.domains = domains
        self.keys = keys

    def told(self, show: Callable[[bytes], str], choice: str) -> str:
        """The message, with bytes as `show` writes them, and the `choice` that there is."""
        named = [show(domain) for domain in self.domains]
        if self.keys is not None:
            named = [
                f"{domain} ({'key' if len(keys) == 1 else 'keys'} {', '.join(map(str, keys))})"
                for domain, keys in zip(named, self.keys, strict=True)
            ]
            choice = f"{choice}, or a key"
        return (
            f"the address {show(self.address)} is in several domains: {', '.join(named)}; "
            f"name one with {choice}"
        )

    def __str__(self) -> str:
        return _in_one_line(self.told(repr, "domain="))


class WrongTypeError(QueryError, TypeError):
    """An argument has a wrong type."""


class SourceError(IIDIndexError, OSError):
    """An original file cannot be read."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """An original file is not where the index says it is."""


class StaleFileError(SourceError):
    """An original file is no longer the one that was indexed."""


class DamagedFileError(SourceError):
    """The bytes of an original file have changed, although its size and time have not."""


class CatalogError(IIDIndexError):
    """The database of the index cannot be used."""


class CatalogNotFoundError(CatalogError):
    """There is no index at the given path."""


class SchemaVersionError(CatalogError):
    """The index was made by an older or a newer iidindex."""


class CatalogLockedError(CatalogError):
    """Another process is writing to the index."""


class IngestError(IIDIndexError):
    """An ingest cannot go on. What was committed so far is complete."""


class TimeLimitError(IIDIndexError):
    """An answer takes longer than the time limit."""


class ExchangeError(IIDIndexError, ValueError):
    """A file of another format cannot be read, or cannot be written.

    Parameters
    ----------
    problem : str
        What is wrong, with the value found and the value expected.
    record : str, optional
        The part of the file: ``annotation 17``, ``line 3``.
    source : str, optional
        The file, where it is known.
    """

    def __init__(self, problem: str, record: str | None = None, source: str | None = None) -> None:
        super().__init__(problem, record, source)
        self.problem = problem
        self.record = record
        self.source = source

    def __str__(self) -> str:
        parts = (self.source, self.record, self.problem)
        return _in_one_line(": ".join(part for part in parts if part is not None))


class FormatGuessError(ExchangeError):
    """It is not clear which format a source has. The message names the candidates."""


class FileNameWarning(UserWarning):
    """A file was saved under a name without ``.iid``, so no ingest will find it."""
