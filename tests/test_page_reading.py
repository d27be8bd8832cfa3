"""Rows of integers that are read from pages are those that the driver gives."""

import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import iidindex
from iidindex.catalog.sqlite import page_reading
from iidindex.catalog.sqlite.page_reading import MOST_COLUMNS, read_rows

integers = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0, 1, -1, 2]),
    st.sampled_from(
        [
            sign * 2**bits + more
            for bits in (7, 15, 23, 31, 47)
            for sign in (1, -1)
            for more in (-1, 0, 1)
        ]
    ),
)
tables = st.integers(1, MOST_COLUMNS).flatmap(
    lambda width: st.lists(
        st.lists(integers | st.none(), min_size=width, max_size=width), min_size=1, max_size=60
    )
)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with iidindex.open(tmp_path_factory.mktemp("pages") / "x.db", create=True) as index:
        yield index


@settings(max_examples=60)
@given(tables, st.sampled_from([1, 40, 3000]))
def test_as_the_driver_has_them(index, rows, times):
    expected = [[value or 0 for value in row] for row in rows] * times
    values = ", ".join(
        f"({', '.join('NULL' if value is None else told(value) for value in row)})" for row in rows
    )
    columns = ", ".join(f"column{nth + 1}" for nth in range(len(rows[0])))
    statement = (
        f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1) "
        f"SELECT {columns} FROM n CROSS JOIN (VALUES {values})"
    )
    with index._catalog.reading() as connection:
        for _ in range(2):
            found = read_rows(connection, statement, (times,), len(rows[0]))
            assert found.dtype == np.int64
            assert found.tolist() == expected


def told(value):
    # SQLite takes the least integer for a real number if it is written so.
    return f"({value + 1} - 1)" if value == -(2**63) else str(value)


def test_nothing(index):
    with index._catalog.reading() as connection:
        assert read_rows(connection, "SELECT 1, 2 WHERE 0", (), 2).shape == (0, 2)


def test_a_state_is_kept_while_others_write(tmp_path, archive):
    path = tmp_path / "x.db"
    with iidindex.open(path, create=True) as index, iidindex.open(path) as other:
        index.ingest(archive / "2021")
        statement = "SELECT id, area FROM entries ORDER BY id"
        with other._catalog.reading() as connection:
            before = read_rows(connection, statement, (), 2)
            index.ingest(archive)
            assert (read_rows(connection, statement, (), 2) == before).all()
        with other._catalog.reading() as connection:
            assert len(read_rows(connection, statement, (), 2)) > len(before) > 0


def test_an_index_that_is_only_read(tmp_path, archive):
    path = tmp_path / "x.db"
    with iidindex.open(path, create=True) as index:
        index.ingest(archive)
    with iidindex.open(path, read_only=True) as index, index._catalog.reading() as connection:
        found = read_rows(connection, "SELECT id, area FROM entries ORDER BY id", (), 2)
        assert len(found) == index.entries.count() > 0
        driver = connection.connection.driver_connection
        assert driver.execute("PRAGMA query_only").fetchone() == (1,)
        with pytest.raises(sqlite3.OperationalError):
            driver.execute("DELETE FROM entries")


def test_an_error_leaves_nothing_behind(index):
    with index._catalog.reading() as connection:
        with pytest.raises(sqlite3.OperationalError):
            read_rows(connection, "SELECT no_such FROM nowhere", (), 1)
        assert read_rows(connection, "SELECT 7", (), 1).tolist() == [[7]]


def test_without_serialize(index):
    rows = "SELECT column1, column2 FROM (VALUES (1, NULL), (3, 4))"
    with index._catalog.reading() as connection:
        driver = connection.connection.driver_connection
        assert page_reading._by_driver(driver, rows, (), 2).tolist() == [[1, 0], [3, 4]]


def test_where_nothing_more_can_be_attached(index):
    rows = "SELECT column1 FROM (VALUES (1), (3))"
    index._catalog.engine.dispose()
    with index._catalog.reading() as connection:
        driver = connection.connection.driver_connection
        before = driver.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        try:
            assert read_rows(connection, rows, (), 1).tolist() == [[1], [3]]
        finally:
            driver.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, before)
        assert read_rows(connection, rows, (), 1).tolist() == [[1], [3]]


def test_many_rows_leave_no_pages_for_the_few_that_come_next(index):
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000)"
    many = f"{counting} SELECT i FROM n"
    with index._catalog.reading() as connection:
        driver = connection.connection.driver_connection
        assert len(read_rows(connection, many, (), 1)) == 200_000
        assert len(driver.serialize(name=page_reading._SCHEMA)) <= 3 << 16
        assert read_rows(connection, "SELECT 5", (), 1).tolist() == [[5]]
