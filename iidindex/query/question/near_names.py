"""Names like one that is unknown: what somebody may have meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Select, select

from iidindex.catalog.schema import MISSING, OK, files

# How bytes are written in an answer.
Show = Callable[[bytes], str]

# Names among which similar ones are looked for; those told if there are any, or else.
COMPARED = 5000
_NEAR, TOLD = 3, 5


def values(connection: Connection, statement: Select[Any]) -> list[Any]:
    """The values of a column, as many as are looked at."""
    return list(connection.execute(statement.limit(COMPARED)).scalars())


def near_path(connection: Connection, path: str) -> tuple[str, str]:
    """What is so of a path that no file has which is there, and what may help."""
    for found in values(connection, select(files.c.state).where(files.c.path == path)):
        if found != OK:
            what = "is missing" if found == MISSING else "could not be read"
            return f"the file {path!r} {what}", f"`iidindex files --state {found}` tells more"
    # Somebody may name a file as it is seen from here, with directories above its root.
    tails = [path.split("/", nth)[nth] for nth in range(1, path.count("/") + 1)]
    tailed = select(files.c.path).where(files.c.path.in_(tails), files.c.state == OK).distinct()
    for found in values(connection, tailed):
        return f"no indexed file has the path {path!r}", f"did you mean {found!r}?"
    known = values(connection, select(files.c.path).where(files.c.state == OK).distinct())
    return f"no indexed file has a path that fits {path!r}", similar(path, known)


def similar(
    wanted: str | bytes, known: Sequence[Any], show: Show = repr, all_of: str | None = None
) -> str:
    """The names most like one that is unknown; or the first of all, or what lists them."""
    if not known:
        return "there are none"

    def text(name: str | bytes) -> str:
        return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name

    def shown(name: str | bytes) -> str:
        return show(name) if isinstance(name, bytes) else repr(name)

    by_text = {text(name).casefold(): name for name in known}
    sought = text(wanted).casefold()
    near = get_close_matches(sought, by_text, _NEAR)
    near = near or [name for name in by_text if name.startswith(sought)][:_NEAR]
    if near:
        return f"did you mean {' or '.join(shown(by_text[name]) for name in near)}?"
    return f"known: {several(known, shown)}" if all_of is None else f"`iidindex {all_of}` lists all"


def several(names: Sequence[Any], shown: Callable[[Any], str]) -> str:
    """Some names, and whether there are more."""
    return ", ".join([*map(shown, names[:TOLD]), *(["…"] if len(names) > TOLD else [])])
