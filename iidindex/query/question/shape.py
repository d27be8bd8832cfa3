"""What the SQL of a question depends on, and the values that go into it.

Questions of one shape differ by nothing but values, and so have the same statements. These are
built for a shape, which holds no value, and are kept; so a value cannot get into one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from iidindex.catalog.schema import path_value
from iidindex.model import BBox
from iidindex.query.question.asked import Filters, Meta, end_of_prefix

# Values that a statement is given one by one; more than these go as one list, which takes no
# bytes.
FEW = 512
MANY = -1

PathShape: TypeAlias = Literal["exact", "pattern", "location"]


class MetaShape(NamedTuple):
    """How deep a value of the metadata lies, and what it is.

    Attributes
    ----------
    depth : int
    kind : {"null", "true", "false", "text", "number"}
        As SQLite's ``json_type`` calls them, but for numbers, of which it has two.
    has_nul : bool
        Whether there is a NUL in it or in one of its names.
    """

    depth: int
    kind: str
    has_nul: bool


class Shape(NamedTuple):
    """What is asked for, without the values.

    Attributes
    ----------
    n_addresses, n_domains, n_groups, n_keys : int or None
        How many are asked for, or the next power of two, so that there are few shapes;
        ``MANY`` if they are given as one value.
    has_prefix, has_end : bool
        Whether the address must begin with something, and lie before something.
    iids_are_known : bool
        Whether the ids of the IIDs have been looked up before.
    path : {"exact", "pattern", "location"}, optional
    has_root : bool
    meta : tuple of MetaShape
    has_least, has_most : bool
        Which ends of the range of areas are given.
    has_after, has_limit : bool
        Whether SQL is to leave out what comes before, and what comes later.
    n_regions : int
    is_nowhere : bool
        Whether one of the regions has no pixel.
    order_by : tuple of str
    """

    n_addresses: int | None = None
    n_domains: int | None = None
    n_groups: int | None = None
    n_keys: int | None = None
    has_prefix: bool = False
    has_end: bool = False
    iids_are_known: bool = False
    path: PathShape | None = None
    has_root: bool = False
    meta: tuple[MetaShape, ...] = ()
    has_least: bool = False
    has_most: bool = False
    has_after: bool = False
    has_limit: bool = False
    n_regions: int = 0
    is_nowhere: bool = False
    order_by: tuple[str, ...] = ()

    @property
    def asks_of_iids(self) -> bool:
        """Whether anything is asked of IIDs."""
        return self.has_prefix or (self.n_addresses, self.n_domains) != (None, None)

    @property
    def asks_of_files(self) -> bool:
        """Whether anything is asked of files, but that they are there."""
        return bool(self.path or self.has_root or self.meta)

    @property
    def is_of_whole_files(self) -> bool:
        """Whether nothing is asked of the entries themselves, so that files can be counted."""
        others = (self.has_least, self.has_most, self.has_after, self.has_limit, self.n_regions)
        return not (self.asks_of_iids or any(others)) and (self.n_groups, self.n_keys) == (
            None,
            None,
        )


def shape_of(filters: Filters, iid_ids: Sequence[int] | None = None) -> Shape:
    """The shape of a question.

    Parameters
    ----------
    filters : Filters
    iid_ids : sequence of int, optional
        The ids of the IIDs that fit, if they have been looked up.
    """
    least, most = filters.area or (None, None)
    known = iid_ids is not None
    return Shape(
        n_addresses=_number(filters.addresses, known),
        n_domains=_number(filters.domains, known),
        n_groups=_number(filters.groups),
        n_keys=_number(filters.keys),
        has_prefix=bool(filters.prefix),
        has_end=bool(filters.prefix) and end_of_prefix(filters.prefix or b"") is not None,
        iids_are_known=known,
        path=None if filters.path is None else _path_shape(filters.path),
        has_root=filters.root is not None,
        meta=tuple(map(_meta_shape, filters.meta)),
        has_least=least is not None,
        has_most=most is not None,
        has_after=filters.after is not None,
        has_limit=filters.limit is not None and not needs_pixels(filters),
        n_regions=len(filters.regions),
        is_nowhere=not all(box.n_pixels for box in filters.regions),
        order_by=filters.order_by,
    )


def needs_pixels(filters: Filters) -> bool:
    """Whether boxes alone cannot answer."""
    return bool(filters.regions) and filters.exact


def values_of(filters: Filters, iid_ids: Sequence[int] | None = None) -> dict[str, Any]:
    """The values of a question, under the names that its statements have for them."""
    values: dict[str, Any] = {
        "after": filters.after,
        "limit": filters.limit,
        "root": filters.root,
    }
    if filters.path is not None:
        values["path"] = path_value(filters.path)
    if filters.area is not None:
        values["least"], values["most"] = filters.area
    if filters.prefix:
        values["prefix"], values["end"] = filters.prefix, end_of_prefix(filters.prefix)
    if iid_ids is not None:
        values["iid_ids"] = list(iid_ids)
    else:
        values |= _listed("address", filters.addresses)
        values |= _listed("domain", filters.domains)
    values |= _listed("group", filters.groups)
    values |= _listed("key", filters.keys)
    for place, meta in enumerate(filters.meta):
        values |= _of_meta(f"meta{place}", meta)
    for place, box in enumerate(filters.regions):
        values |= _of_box(f"region{place}", box)
    if filters.regions:
        values |= _of_box("smallest", min(filters.regions, key=lambda box: box.n_pixels))
    return values


def before_nul(text: str) -> str:
    """What SQLite takes a text for, which ends it at a NUL."""
    return text.partition("\0")[0]


def _number(values: Sequence[Any] | None, as_one: bool = False) -> int | None:
    if values is None:
        return None
    return MANY if as_one or len(values) > FEW else _rounded(len(values))


def _rounded(number: int) -> int:
    """The next power of two; 0 for none."""
    return 1 << (number - 1).bit_length() if number else 0


def _listed(name: str, values: Sequence[Any] | None) -> dict[str, Any]:
    if values is None:
        return {}
    if len(values) > FEW:
        return {name: list(values)}
    # The last of them fills what is left, which changes nothing.
    filled = [*values, *[values[-1]] * (_rounded(len(values)) - len(values))] if values else []
    return {f"{name}{place}": value for place, value in enumerate(filled)}


def _path_shape(path: str) -> PathShape:
    # What begins with a slash is no path inside a root, but where files lie on disk.
    if path.startswith("/"):
        return "location"
    return "pattern" if set(path) & set("*?[") else "exact"


def _meta_shape(meta: Meta) -> MetaShape:
    if meta.value is None or isinstance(meta.value, bool):
        kind = json.dumps(meta.value)
    else:
        kind = "text" if isinstance(meta.value, str) else "number"
    return MetaShape(len(meta.names), kind, "\0" in "".join(map(str, (*meta.names, meta.value))))


def _of_meta(name: str, meta: Meta) -> dict[str, Any]:
    values: dict[str, Any] = {
        f"{name}_name{depth}": before_nul(part) for depth, part in enumerate(meta.names)
    }
    # What is written in the file, as a NUL is not an end there.
    values[f"{name}_written"] = f"{json.dumps(meta.names[-1])}: {json.dumps(meta.value)}"
    value = meta.value
    if isinstance(value, str):
        value = before_nul(value)
    elif value is not None and not -(2**63) <= value < 2**63:
        # An integer that no database holds is a float to it, in the metadata as well.
        value = float(value)
    values[f"{name}_value"] = value
    return values


def _of_box(name: str, box: BBox) -> dict[str, int]:
    return {f"{name}_{side}": value for side, value in zip(box._fields, box, strict=True)}
