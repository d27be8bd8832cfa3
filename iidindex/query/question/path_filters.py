"""The filters by the path of a file: it fits a pattern, or none of some."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import not_

from iidindex.errors import QueryError, SourceError
from iidindex.files.arguments import BYTES_LIKE, several
from iidindex.query.question.filter_kinds import FEW, Condition, Filter, one_text
from iidindex.query.question.path_matching import fits_path, shape_of_path, values_of_path
from iidindex.storage.places import refuse_secrets

# Characters of a pattern; SQLite takes so many bytes, and no path is as long.
_LONGEST_PATH = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Path(Filter):
    """The file's path fits a pattern, or is it."""

    type_told: ClassVar[str] = "str"

    def read(self, name: str, given: Any) -> str:
        """Text that a file's name can be."""
        return _read(name, given)

    def shape(self, value: Any) -> Hashable:
        """How it is compared."""
        return shape_of_path(value)

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """The path is what is asked for, or fits it as a pattern."""
        return [fits_path(name, shape)]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """The path, and where it may lead to."""
        return values_of_path(name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPath(Filter):
    """The file's path fits none of some patterns."""

    is_repeatable: ClassVar[bool] = True
    is_excluding: ClassVar[bool] = True
    type_told: ClassVar[str] = "str or iterable of str"

    def read(self, name: str, given: Any) -> tuple[str, ...]:
        """One or several, each once."""
        one = isinstance(given, BYTES_LIKE) or not isinstance(given, Iterable)
        listed = (given,) if one else several(given)
        return _few(name, dict.fromkeys(_read(name, one) for one in listed))

    def meet(self, name: str, known: Any, given: Any) -> tuple[str, ...]:
        """It fits none of either."""
        return _few(name, dict.fromkeys((*known, *self.read(name, given))))

    def shape(self, value: Any) -> Hashable:
        """How each is compared."""
        return tuple(map(shape_of_path, value)) or None

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """The path neither is one of them nor fits it."""
        return [not_(fits_path(f"{name}{place}", one)) for place, one in enumerate(shape)]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """Each as the database stores it."""
        found: dict[str, Any] = {}
        for place, one in enumerate(value):
            found |= values_of_path(f"{name}{place}", one)
        return found


def _few(name: str, paths: dict[str, None]) -> tuple[str, ...]:
    if len(paths) > FEW:
        raise QueryError(
            f"{name} has {len(paths)} paths; expected at most {FEW}, of which each may be a pattern"
        )
    return tuple(paths)


def _read(name: str, given: Any) -> str:
    """Text that a file's name can be."""
    try:
        os.fsencode(one_text(given, name))
        refuse_secrets(given)
    except UnicodeEncodeError:
        raise QueryError(f"{given!r}: no file can have this path") from None
    except SourceError as error:
        raise QueryError(str(error)) from None
    if len(given) > _LONGEST_PATH:
        raise QueryError(f"{name} has {len(given)} characters; expected at most {_LONGEST_PATH}")
    return str(given)
