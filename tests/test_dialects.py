"""Statements for a database other than SQLite: what is written by hand, and what is chosen."""

from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select

import iidindex
from iidindex.catalog.dialect import Dialect, Rows, Text, dialect_of, marked
from iidindex.catalog.schema import entries
from iidindex.catalog.sqlite.wording import SQLITE
from iidindex.catalog.statement import Statement, execute, run
from iidindex.catalog.stores import store_at
from iidindex.errors import CatalogError

PACKAGE = Path(__file__).parents[1] / "iidindex"


def rows(width):
    names = ", ".join(f"v{place}" for place in range(width))
    return Rows(
        f"unnest({', '.join(['?'] * width)}) WITH ORDINALITY j({names}, nth)",
        "j.nth",
        tuple(f"j.v{place}" for place in range(width)),
    )


# As PostgreSQL will say it.
OTHER = Dialect(
    *("other", "format", "JOIN", rows, list, "EXPLAIN ", None, None, None, str, str),
    *(False, "", "{}({})", "", SQLITE.way_costs, ""),
)


def texts():
    """Every statement that is written by hand."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if "Text(" in path.read_text() and path.parent.name != "sqlite":
            dotted = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            module = import_module(dotted)
            yield from (
                pytest.param(value, id=f"{path.stem}.{name}")
                for name, value in vars(module).items()
                if isinstance(value, Text)
            )


@pytest.mark.parametrize("text", [*texts()])
def test_hand_written_statements_have_words_for_each_dialect(text):
    one, other = text.of(SQLITE), text.of(OTHER)
    assert "{" not in one + other
    assert "CROSS JOIN" not in other
    assert "json" not in other
    assert ("%s" in other) == ("?" in one)
    assert "%s" not in one
    assert text.of(OTHER) is other


def test_there_are_some():
    assert len([*texts()]) >= 9


def test_marks():
    assert marked("a = ? AND b = ?", OTHER) == "a = %s AND b = %s"
    assert marked("a = ?", SQLITE) == "a = ?"


def test_a_statement_is_compiled_once_for_each_dialect(index):
    statement = Statement(
        select(entries.c.key).where(entries.c.key == bindparam("key")).order_by(entries.c.id)
    )
    with index._catalog.reading() as connection:
        assert dialect_of(connection) is SQLITE
        found = statement.compiled(connection)
        assert statement.compiled(connection) is found
        assert found.text.count("?") == 1
        assert statement.run(connection, {"key": 1}).fetchone() == (1,)
    with index._catalog.reading() as connection:
        # The same database in other words.
        connection.execution_options(iidindex_dialect=OTHER)
        assert statement.compiled(connection).text == found.text.replace("?", "%s")
    with index._catalog.reading() as connection:
        assert statement.compiled(connection) is found


def test_arrays_are_one_parameter(index):
    import numpy as np

    with index._catalog.reading() as connection:
        for ids in ([1, 2], np.array([1, 2])):
            cursor = run(connection, "SELECT value FROM json_each(?)", [ids])
            assert cursor.fetchall() == [(1,), (2,)]
        assert execute(connection, "SELECT ?", [7]).scalar_one() == 7


def test_who_keeps_a_catalogue_is_chosen_by_its_url(tmp_path):
    store = store_at(tmp_path / "x.db")
    assert store.location == str(tmp_path / "x.db")
    assert not store.exists()
    assert store.can_write()
    assert store_at(f"sqlite:///{tmp_path}/x.db").location == store.location
    with iidindex.open(f"sqlite:///{tmp_path}/x.db", create=True):
        assert store.exists()
        assert not store.is_blank()
    for url, told in {
        "mysql://somewhere/db": "held by SQLite or PostgreSQL",
        "sqlite+aiosqlite:///x.db": "a catalogue is a SQLite file",
        "sqlite://": "in memory is not supported",
        "://": "is not a database URL",
    }.items():
        with pytest.raises(CatalogError, match=told):
            store_at(url)
    with pytest.raises(CatalogError) as caught:
        store_at("mysql://me:secret@somewhere/db")
    assert "secret" not in str(caught.value)
