"""What each database says in its own way, for statements that are written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

Ints = npt.NDArray[np.int64]

# Under this name the engine of a store carries its dialect to all its connections.
OPTION = "iidindex_dialect"


class Rows(NamedTuple):
    """Rows of integers that are one parameter.

    Attributes
    ----------
    source : str
        What stands behind ``FROM``; it has the one mark of the parameter.
    nth : str
        The position of a row among them.
    values : tuple of str
        The integers of a row.
    """

    source: str
    nth: str
    values: tuple[str, ...]


class WayCosts(NamedTuple):
    """What the ways to answer cost, by their names (`FILES`, `GROUPS`, `BOXES`, `IIDS`).

    The unit is what it costs to look at the box of one entry after another.

    Attributes
    ----------
    each : dict of str to float
        Of an entry that the way leads to.
    looked_up : dict of str to float
        Of each entry of all, which are looked at instead, to find out whether it fits.
    """

    each: dict[str, float]
    looked_up: dict[str, float]


@dataclass(frozen=True)
class Dialect:
    """The words of a database.

    Attributes
    ----------
    name : str
        SQLAlchemy's.
    paramstyle : str
        As the Python database API calls it: ``qmark`` or ``format``.
    then : str
        A join for which the database takes the left side first.
    rows : callable
        From how many integers each has, to `Rows`.
    array : callable
        From a list or an array of numbers, or of rows of them, to the parameter.
    explain : str
        What stands before a statement to be told of; the last column of each row tells.
    cursor, stream : callable
        From the driver's connection to a cursor: for rows that are few, and for any number of rows,
        of which some are held at a time.
    read_rows : callable
        From a connection, a statement, its values, and how many integers each of its rows has, to
        all rows as an array, quickly even if they are millions. Null is told as 0.
    path : callable
        From a path to what the database compares with a column of paths.
    group_name : callable
        From the name of a group to what it compares with a column of these.
    keeps_order : bool
        Whether what is joined to rows comes in their order, and behind that in the order of its
        index.
    also_of_file : str
        What else to say where a file ``f`` leads to its entries ``e``.
    of_bytes : str
        A function that finds an extreme, and a column of bytes or paths, as an expression.
    new_id : str
        What a table's next id is, as an expression: ``{table}`` is its name.
    way_costs : WayCosts
    altering : str
        What a transaction runs first that changes what writers share, tables or the names of
        roots, so that one comes after the other; empty if one does anyway.
    """

    name: str
    paramstyle: str
    then: str
    rows: Callable[[int], Rows]
    array: Callable[[Any], object]
    explain: str
    cursor: Callable[[Any], Any]
    stream: Callable[[Any], Any]
    read_rows: Callable[[Connection, str, Sequence[object], int], Ints]
    path: Callable[[str], str | bytes]
    group_name: Callable[[str], str | bytes]
    keeps_order: bool
    also_of_file: str
    of_bytes: str
    new_id: str
    way_costs: WayCosts
    altering: str


def dialect_of(connection: Connection) -> Dialect:
    """The dialect of the database that is connected."""
    return cast("Dialect", connection.get_execution_options()[OPTION])


_E_OF_F = "e.id BETWEEN f.first_entry_id AND f.first_entry_id + f.n_entries - 1"


class Text:
    """A statement that is written by hand, and put into the words of each dialect.

    Parameters
    ----------
    text : str
        With ``?`` as marks, ``{rows}`` for rows of integers as `Rows.source` has them, ``{nth}``
        and ``{value}`` or ``{values[0]}`` for what is in them, ``{then}`` for `Dialect.then`, and
        ``{e_of_f}`` for the condition that an entry ``e`` is of a file ``f``, and ``{first_path}``
        and ``{last_path}`` for the least and the greatest ``f.path``.
    width : int
        How many integers each of the rows has.
    in_order : str, optional
        By what the answer is sorted, as SQLite finds it without being told: ``{nth}``, and perhaps
        columns behind it. Other databases are told.
    """

    def __init__(self, text: str, width: int = 1, in_order: str | None = None) -> None:
        self._texts = (text, text if in_order is None else f"{text} ORDER BY {in_order}")
        self._width = width
        self._written: dict[str, str] = {}

    def of(self, dialect: Dialect) -> str:
        """The statement in a dialect."""
        found = self._written.get(dialect.name)
        if found is None:
            rows = dialect.rows(self._width)
            text = self._texts[not dialect.keeps_order].format(
                rows=rows.source,
                nth=rows.nth,
                value=rows.values[0],
                values=rows.values,
                then=dialect.then,
                e_of_f=f"{_E_OF_F}{dialect.also_of_file}",
                first_path=dialect.of_bytes.format("min", "f.path"),
                last_path=dialect.of_bytes.format("max", "f.path"),
            )
            found = self._written[dialect.name] = marked(text, dialect)
        return found


def marked(text: str, dialect: Dialect) -> str:
    """A statement of ours with the marks of a dialect; there are no others in it."""
    return text if dialect.paramstyle == "qmark" else text.replace("?", "%s")
