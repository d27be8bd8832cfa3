"""Which files of two sides are of the same picture."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, zip_longest
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Select, select

from iidindex.catalog.schema import files, roots
from iidindex.catalog.statement import Statement
from iidindex.errors import QueryError
from iidindex.metadata_names import META, asked_of, value_in
from iidindex.query.overlaps.between import NO_FILE, Pictures
from iidindex.query.question.asked import Filters
from iidindex.query.question.conditions import of_files
from iidindex.query.question.shape import shape_of, values_of
from iidindex.storage.paths import SUFFIX, is_iid
from iidindex.storage.places import is_absolute, location_of

# By what files of two sides may be paired.
PATH, STEM = "path", "stem"

_WILD = frozenset("*?[")
_ENDS_WILD = frozenset("*?[]")


class _File(NamedTuple):
    """A file: its id, its path inside its root, where it lies, and its metadata if asked for."""

    id: int
    path: str
    location: str
    meta: str | None


class _Fixed(NamedTuple):
    """What a pattern says of the beginning and the end of paths, and of where they begin."""

    begin: str
    end: str
    is_location: bool


def check_pair(pair: Any) -> str:
    """Refuse what pairs no files.

    Raises
    ------
    QueryError
        If it is neither ``path`` nor ``stem`` nor ``meta.`` and a name.
    """
    if isinstance(pair, str) and (
        pair in (PATH, STEM) or pair.removeprefix(META) not in ("", pair)
    ):
        return pair
    raise QueryError(
        f"pair is {pair!r:.200}; expected {PATH!r}, {STEM!r}, or {META!r} and a name in metadata"
    )


def check_paths(paths: Any) -> tuple[str, str]:
    """Read two patterns.

    Raises
    ------
    QueryError
        If they are something else.
    """
    try:
        if isinstance(paths, (str, bytes)):
            raise TypeError
        one, other = (os.fsdecode(path) for path in paths)
    except (TypeError, ValueError):
        raise QueryError(
            f"paths is {paths!r:.200}; expected two: patterns, paths, or names of roots"
        ) from None
    return one, other


def same_files(connection: Connection, filters: Filters) -> Pictures:
    """Every file that fits what is asked of files, by path: each is a picture of its own."""
    statement = (
        select(files.c.id)
        .where(*of_files(shape_of(filters)))
        .order_by(files.c.root_id, files.c.path)
    )
    rows = Statement(statement).run(connection, values_of(filters))
    found = np.fromiter(chain.from_iterable(rows), np.int64)
    return Pictures(found, found)


def paired_files(
    connection: Connection, filters: Filters, paths: Sequence[str], pair: str
) -> Pictures:
    """Pair the files of two sides.

    Parameters
    ----------
    connection : Connection
    filters : Filters
        What is asked of files, on both sides.
    paths : sequence of str
        Of either side a pattern, as a path is asked for; a directory with a slash behind it, for
        all that is below; or the name of a root.
    pair : str
        ``path``: what the wildcards of both patterns stand for is the same, from the first to the
        last, but for an ending ``.iid``. ``stem``: the file's name is, without directories, that
        ending, and what the pattern has behind its last wildcard. ``meta.`` and a name: the
        metadata say the same there.

    Returns
    -------
    Pictures
        In the order of the first side, by root and path, then those that the second has alone.

    Raises
    ------
    QueryError
        If two files of one side would be paired with the same one.
    """
    a, b = (_side(connection, filters, path, pair) for path in paths)
    of_b = [b[key].id if key in b else NO_FILE for key in a]
    alone = [b[key].id for key in b if key not in a]
    return Pictures(
        np.array([*(a[key].id for key in a), *(NO_FILE for _ in alone)], np.int64),
        np.array([*of_b, *alone], np.int64),
    )


def unpaired_names(
    connection: Connection, filters: Filters, paths: Sequence[str], pair: str
) -> tuple[str, str] | None:
    """How a picture of either side is called, where both sides have files and no picture is paired.

    Parameters
    ----------
    connection, filters, paths, pair
        As in `paired_files`.

    Returns
    -------
    tuple of str, optional
        What the first file of each side is paired by; None, if any are paired, or a side is empty.
    """
    seen: tuple[dict[object, None], dict[object, None]] = {}, {}
    # By turns, as a rule the first ones are paired.
    for both in zip_longest(*(_keyed(connection, filters, path, pair) for path in paths)):
        for place, keyed in enumerate(both):
            if keyed is not None:
                seen[place][keyed[0]] = None
                if keyed[0] in seen[1 - place]:
                    return None
    firsts = [next(iter(keys), None) for keys in seen]
    if None in firsts:
        return None
    one, other = (
        key if isinstance(key, str) else f"nothing, as of {key[1]}"  # type: ignore[index]
        for key in firsts
    )
    return one, other


def _side(connection: Connection, filters: Filters, path: str, pair: str) -> dict[object, _File]:
    """The files of one side, in order, by what each is paired by."""
    found: dict[object, _File] = {}
    for key, file in _keyed(connection, filters, path, pair):
        if key in found:
            raise QueryError(
                f"{found[key].location} and {file.location} are both of one picture, paired by "
                f"{pair}: {key!r:.200}; narrow {path!r} down, or pair them by something else"
            )
        found[key] = file._replace(meta=None)
    return found


def _keyed(
    connection: Connection, filters: Filters, path: str, pair: str
) -> Iterator[tuple[object, _File]]:
    """The files of one side, in order, and what each is paired by."""
    root = path.rstrip("/")
    if _is_root(connection, root):
        asked, fixed = filters.where(root=root), _Fixed("", "", False)
    else:
        pattern = f"{path}*" if path.endswith("/") else path
        asked, fixed = filters.where(path=pattern), _fixed(pattern)
    names = asked_of(pair)
    key_of: Callable[[_File], object]
    if names is not None:
        key_of = partial(_said, names)
    else:
        key_of = partial(_between if pair == PATH else _stem, fixed)
    for file in _listed(connection, asked, with_meta=names is not None):
        yield key_of(file), file


def _is_root(connection: Connection, name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    found = connection.execute(select(roots.c.id).where(roots.c.name == name)).first()
    return found is not None


def _listed(connection: Connection, filters: Filters, with_meta: bool = False) -> Iterator[_File]:
    """The files that fit, by root and path."""
    shape = shape_of(filters)
    columns = (files.c.id, files.c.path, roots.c.location)
    statement: Select[Any] = (
        select(*columns, *([files.c.meta] if with_meta else []))
        .join(roots, roots.c.id == files.c.root_id)
        .where(*of_files(shape))
        .order_by(files.c.root_id, files.c.path)
    )
    for number, path, root, *meta in Statement(statement).run(connection, values_of(filters)):
        inside = os.fsdecode(path)
        yield _File(number, inside, location_of(os.fsdecode(root), inside), *(meta or [None]))


def _fixed(pattern: str) -> _Fixed:
    """What stands before the first wildcard and behind the last one; all, if there is none."""
    wild = [place for place, character in enumerate(pattern) if character in _WILD]
    if not wild:
        return _Fixed(pattern, "", is_absolute(pattern))
    last = max(place for place, character in enumerate(pattern) if character in _ENDS_WILD)
    return _Fixed(pattern[: wild[0]], _without_suffix(pattern[last + 1 :]), is_absolute(pattern))


def _between(fixed: _Fixed, file: _File) -> str:
    """What the wildcards stand for, and all between them.

    Examples
    --------
    >>> _between(_fixed("a/*"), _File(1, "a/x.iid", "", None))
    'x'
    >>> _between(_fixed("*_anna.iid"), _File(1, "x/1_anna.iid", "", None))
    'x/1'
    """
    text = file.location if fixed.is_location else file.path
    return _without_suffix(text.removeprefix(fixed.begin)).removesuffix(fixed.end)


def _stem(fixed: _Fixed, file: _File) -> str:
    """The file's name, without what the pattern says of its end."""
    name = file.path.rpartition("/")[2]
    return _without_suffix(name).removesuffix(fixed.end.rpartition("/")[2])


def _said(names: tuple[str, ...], file: _File) -> object:
    """What the metadata say under names, as it can be compared; the file itself, if nothing."""
    value = None if file.meta is None else value_in(json.loads(file.meta), names)
    if value is None:
        return file.id, file.location
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _without_suffix(name: str) -> str:
    return name[: -len(SUFFIX)] if is_iid(name) else name
