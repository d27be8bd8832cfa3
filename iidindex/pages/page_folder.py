"""The directory of a page: made beside its place, and moved there when it is whole."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from iidindex.errors import ExchangeError, SourceError
from iidindex.storage.local import reason_of
from iidindex.storage.paths import absolute

# Tells that a directory was written as a page.
MARK = "data/page.json"
_WRITTEN = re.compile(
    r"index(-\d+)?\.html|style\.css|file/\d+(\.html|\.webp|\.small\.webp)"
    r"|iid/(\d+|index(-\d+)?)\.html|data/(page\.json|(entries|files|iids)\.jsonl)"
    r"|data/masks/\d+\.bin"
)
_DIRECTORIES = ("file", "iid", "data", "data/masks")


def check_replaceable(out: str | os.PathLike[str]) -> None:
    """Look whether a page may be written to a place.

    Raises
    ------
    ExchangeError
        If a file is there, or a directory that holds anything but a page.
    """
    place = _real(out)
    if not os.path.lexists(place):
        return
    if not os.path.isdir(place):
        raise ExchangeError(f"{place} is a file; expected a directory to write to")
    found = sorted(_files_in(place))
    if not found and not os.listdir(place):
        return
    other = next((name for name in found if not _WRITTEN.fullmatch(name)), None)
    if other is None and MARK in found:
        return
    told = f"holds {other}, which" if other is not None else f"has no {MARK}, so it"
    raise ExchangeError(
        f"{place} {told} is not of a page written before; name a directory that is not there yet"
    )


@contextmanager
def page_folder(out: str | os.PathLike[str]) -> Iterator[str]:
    """A directory to write to, which takes the place of `out` if no error ends the context.

    Raises
    ------
    ExchangeError
        As `check_replaceable`.
    SourceError
        If the disk refuses; what was at `out` is as before.
    """
    check_replaceable(out)
    place = _real(out)
    lead = os.path.dirname(place)
    begun, old = (os.path.join(lead, f".iidindex.{os.getpid()}.{end}") for end in ("new", "old"))
    try:
        os.makedirs(lead, exist_ok=True)
        os.mkdir(begun)
        try:
            for name in _DIRECTORIES:
                os.mkdir(os.path.join(begun, *name.split("/")))
            yield begun
            # Somebody may have put something there meanwhile.
            check_replaceable(out)
            _exchange(begun, place, old)
        finally:
            shutil.rmtree(begun, ignore_errors=True)
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{place}: cannot be written: {reason_of(error)}") from error


def _exchange(begun: str, place: str, old: str) -> None:
    has_old = os.path.lexists(place)
    if has_old:
        os.rename(place, old)
    try:
        os.rename(begun, place)
    except BaseException:
        if has_old:
            with suppress(OSError):
                os.rename(old, place)
        raise
    if has_old:
        shutil.rmtree(old, ignore_errors=True)


def _real(out: str | os.PathLike[str]) -> str:
    return os.path.realpath(absolute(out))


def _files_in(place: str) -> Iterator[str]:
    """Names of all that lies in a directory and is no directory a page has."""
    for lead, directories, files in os.walk(place):
        inner = os.path.relpath(lead, place).replace(os.sep, "/")
        before = "" if inner == "." else f"{inner}/"
        yield from (before + name for name in files)
        for name in directories:
            if before + name not in _DIRECTORIES or os.path.islink(os.path.join(lead, name)):
                yield before + name
