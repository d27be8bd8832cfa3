"""The kinds of filters: how a value is read, what the SQL depends on, and the condition in SQL.

A filter of one of these kinds is declared in `filters`, and needs nothing else anywhere.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    bindparam,
    false,
    select,
)

from iidindex.catalog.schema import files, roots
from iidindex.catalog.statement import is_among
from iidindex.errors import QueryError
from iidindex.files.arguments import BYTES_LIKE, several
from iidindex.model import check_bytes

# The largest that a database holds.
MAX_INTEGER = 2**63 - 1
# As a limit, in every database's words, it lets all through.
NO_LIMIT = str(MAX_INTEGER)

# Values that a statement is given one by one; more than these go as one list, which takes no
# bytes.
FEW = 512
MANY = -1

Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(ABC):
    """Something that entries can be asked for.

    Attributes
    ----------
    asks_of : {"files", "iids", "groups", "entries"}
        What must fit: the table whose columns are compared.
    told : str
        What the docstring of ``where`` says of it.
    help : str
        What the help of its option says.
    known : Column, optional
        Whose values are names of it: they complete what is typed, and are suggested where
        nothing was found.
    """

    asks_of: Literal["files", "iids", "groups", "entries"]
    told: str
    help: str
    known: Column[Any] | None = None

    # Whether the option may be repeated.
    is_repeatable: ClassVar[bool] = False
    # Whether what is named must not be so: then it may be unknown, and leads to no entries.
    is_excluding: ClassVar[bool] = False
    # As numpydoc writes the type.
    type_told: ClassVar[str] = ""

    @abstractmethod
    def read(self, name: str, given: Any) -> Any:
        """Check a value that was given, and bring it into its form.

        Raises
        ------
        QueryError
            If it is none of that kind.
        """

    def meet(self, name: str, known: Any, given: Any) -> Any:  # noqa: ARG002
        """Read a value where one was given before: both must fit."""
        raise QueryError(f"{name} was given before, as {known!r}")

    @abstractmethod
    def shape(self, value: Any) -> Hashable:
        """What the SQL depends on; None, if it asks for nothing."""

    @abstractmethod
    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """The condition, whose values are named after the filter."""

    @abstractmethod
    def values(self, name: str, value: Any) -> dict[str, Any]:
        """The values of the condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf(Filter):
    """A column has one of some values.

    Attributes
    ----------
    column : ColumnElement
    type : {bytes, str, int}
    check : callable, optional
        Refuses a value.
    can_meet : bool
        Whether an entry has one of them only, so that what is asked for twice can fit both
        times.
    """

    column: ColumnElement[Any]
    type: type
    check: Callable[[Any], object] | None = None
    can_meet: bool = True

    is_repeatable: ClassVar[bool] = True

    @property
    def type_told(self) -> str:  # type: ignore[override]
        """As numpydoc writes the type."""
        return f"{self.type.__name__} or iterable of {self.type.__name__}"

    def read(self, name: str, given: Any) -> tuple[Any, ...]:
        """One value or several, each of one kind, without repetition."""
        one = isinstance(given, BYTES_LIKE) or not isinstance(given, Iterable)
        listed = (given,) if one else several(given)
        if self.type is int:
            return _integers(name, given, listed)
        for value in listed:
            if self.type is bytes:
                check_bytes(value, name)
            elif not isinstance(value, self.type):
                raise QueryError(
                    f"{name} must be {self.type.__name__}, not {type(value).__name__}: "
                    f"{value!r:.200}"
                )
            if self.check is not None:
                self.check(value)
        return tuple(dict.fromkeys(listed))

    def meet(self, name: str, known: Any, given: Any) -> Any:
        """What is asked for twice must fit both times."""
        if not self.can_meet:
            return Filter.meet(self, name, known, given)
        wanted = set(self.read(name, given))
        return tuple(value for value in known if value in wanted)

    def shape(self, value: Any) -> int:
        """How many are asked for, or the next power of two, so that there are few shapes."""
        return MANY if len(value) > FEW else rounded(len(value))

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """The column has one of the values, be they none, few or many."""
        if shape == MANY:
            return [is_among(self.column, name)]
        if not shape:
            return [false()]
        return [self.column.in_([bindparam(f"{name}{place}") for place in range(shape)])]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """Each on its own, or all as one list."""
        if len(value) > FEW:
            return {name: list(value)}
        # The last of them fills what is left, which changes nothing.
        filled = [*value, *[value[-1]] * (rounded(len(value)) - len(value))] if value else []
        return {f"{name}{place}": one for place, one in enumerate(filled)}


def _integers(name: str, given: Any, listed: Sequence[Any]) -> tuple[int, ...]:
    try:
        integers = dict.fromkeys(operator.index(value) for value in listed)
    except TypeError:
        raise QueryError(f"{name} must be an integer or several, not {given!r}") from None
    # No entry has one that no database can hold.
    return tuple(value for value in integers if abs(value) <= MAX_INTEGER)


def rounded(number: int) -> int:
    """The next power of two; 0 for none."""
    return 1 << (number - 1).bit_length() if number else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix(Filter):
    """A column of bytes begins with some."""

    column: ColumnElement[Any]

    type_told: ClassVar[str] = "bytes"

    def read(self, name: str, given: Any) -> bytes:
        """Bytes."""
        check_bytes(given, name)
        return bytes(given)

    def shape(self, value: Any) -> Hashable:
        """Whether anything lies behind all that begin so."""
        return end_of_prefix(value) is not None if value else None

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """A range of the column's index."""
        found: list[Condition] = [self.column >= bindparam(name)]
        if shape:
            found.append(self.column < bindparam(f"{name}_end"))
        return found

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """Where the range begins and ends."""
        return {name: value, f"{name}_end": end_of_prefix(value)}


def end_of_prefix(prefix: bytes) -> bytes | None:
    """The least bytes after all that begin with a prefix; None, if there are none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Between(Filter):
    """A number lies in a range, both ends inclusive."""

    column: ColumnElement[Any]

    type_told: ClassVar[str] = "(min, max)"

    def read(self, name: str, given: Any) -> tuple[int | None, int | None]:
        """Two integers, or None for an end that is open."""
        try:
            low, high = given
            bounds: tuple[Any, ...] = tuple(
                None if end is None else max(-MAX_INTEGER, min(MAX_INTEGER, operator.index(end)))
                for end in (low, high)
            )
        except (TypeError, ValueError):
            raise QueryError(
                f"{name} must be (min, max), integers or None, not {given!r}"
            ) from None
        if None not in bounds and bounds[0] > bounds[1]:
            raise QueryError(f"{name} {given!r} is reversed: expected (min, max)")
        return bounds[0], bounds[1]

    def shape(self, value: Any) -> Hashable:
        """Which ends are given."""
        low, high = value
        return None if low is None and high is None else (low is not None, high is not None)

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """No less, and no more."""
        has_low, has_high = shape
        found: list[Condition] = []
        if has_low:
            found.append(self.column >= bindparam(f"{name}_low"))
        if has_high:
            found.append(self.column <= bindparam(f"{name}_high"))
        return found

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """Both ends."""
        return {f"{name}_low": value[0], f"{name}_high": value[1]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Root(Filter):
    """The file is in the root of a name."""

    type_told: ClassVar[str] = "str"

    def read(self, name: str, given: Any) -> str:
        """Text."""
        return encodable(one_text(given, name))

    def shape(self, value: Any) -> Hashable:  # noqa: ARG002
        """Always the same."""
        return True

    def conditions(self, name: str, shape: Any) -> list[Condition]:  # noqa: ARG002
        """The root has this name."""
        named = select(roots.c.id).where(roots.c.name == bindparam(name))
        return [files.c.root_id.in_(named)]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """The name."""
        return {name: value}


def encodable(text: str) -> str:
    """Text that is valid Unicode.

    Raises
    ------
    QueryError
        If it is not.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise QueryError(f"{text!a} is not valid Unicode") from None
    return text


def one_text(value: Any, name: str) -> str:
    """Text.

    Raises
    ------
    QueryError
        If it is something else.
    """
    if not isinstance(value, str):
        raise QueryError(f"{name} must be text, not {type(value).__name__}: {value!r}")
    return value
