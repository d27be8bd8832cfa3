"""The filters by groups: an entry is in any of some, in all of them, or in none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    exists,
    func,
    literal_column,
    not_,
    select,
)

from iidindex.catalog.schema import entries, entry_groups, groups
from iidindex.query.question.filter_kinds import AnyOf, Condition

# Members that are counted to tell which of some groups is the smallest.
_COUNTED = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class InAny(AnyOf):
    """An entry is in any of some groups."""

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """Looked up for each entry."""
        return [_is_member(self.named(name, shape))]

    def named(self, name: str, shape: Any) -> Select[Any]:
        """Select the groups of these names."""
        # Not by `super`, which a class with slots has lost.
        return select(groups.c.id).where(*AnyOf.conditions(self, name, shape))

    def members(self, name: str, shape: Any) -> Select[Any]:
        """Select entries, among which are all that fit."""
        return _members(entry_groups.c.group_id.in_(self.named(name, shape)))

    def led(self, name: str, shape: Any) -> list[Condition]:
        """The condition where members lead to the entries."""
        return [entries.c.id.in_(self.members(name, shape))]


@dataclass(frozen=True, slots=True, kw_only=True)
class InAll(InAny):
    """An entry is in every one of some groups."""

    def meet(self, name: str, known: Any, given: Any) -> Any:
        """It is in all of both."""
        return tuple(dict.fromkeys((*known, *self.read(name, given))))

    def shape(self, value: Any) -> Any:
        """As `AnyOf`, but that nothing is asked by none."""
        return AnyOf.shape(self, value) or None

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """As many of the groups have it as are named."""
        memberships = (
            select(func.count())
            .select_from(entry_groups)
            .where(
                entry_groups.c.group_id.in_(self.named(name, shape)),
                entry_groups.c.entry_id == entries.c.id,
            )
            .correlate(entries)
        )
        return [memberships.scalar_subquery() == bindparam(f"{name}_number")]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """The names, and how many they are."""
        return {**AnyOf.values(self, name, value), f"{name}_number": len(value)}

    def members(self, name: str, shape: Any) -> Select[Any]:
        """Select the members of the smallest of the groups."""
        some = (
            _members(entry_groups.c.group_id == groups.c.id)
            .correlate(groups)
            .limit(literal_column(str(_COUNTED)))
            .subquery()
        )
        size = select(func.count()).select_from(some).scalar_subquery()
        smallest = self.named(name, shape).order_by(size, groups.c.id).limit(literal_column("1"))
        return _members(entry_groups.c.group_id == smallest.scalar_subquery())

    def led(self, name: str, shape: Any) -> list[Condition]:
        """Those of the smallest group are looked up in the others."""
        return [*InAny.led(self, name, shape), *self.conditions(name, shape)]


@dataclass(frozen=True, slots=True, kw_only=True)
class InNone(AnyOf):
    """An entry is in none of some groups."""

    is_excluding: ClassVar[bool] = True

    def meet(self, name: str, known: Any, given: Any) -> Any:
        """It is in none of either."""
        return tuple(dict.fromkeys((*known, *self.read(name, given))))

    def shape(self, value: Any) -> Any:
        """As `AnyOf`, but that nothing is asked by none."""
        return AnyOf.shape(self, value) or None

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """Looked up for each entry: those of a group may be more than fit into memory."""
        return [not_(_is_member(select(groups.c.id).where(*AnyOf.conditions(self, name, shape))))]


def _members(condition: Condition) -> Select[Any]:
    return select(entry_groups.c.entry_id).where(condition)


def _is_member(named: Select[Any]) -> ColumnElement[bool]:
    """The entry is in a group."""
    member: Select[Any] = select(literal_column("1")).where(
        entry_groups.c.group_id.in_(named), entry_groups.c.entry_id == entries.c.id
    )
    return exists(member)
