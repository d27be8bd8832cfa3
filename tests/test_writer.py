"""Rows copied from an image of a database are those that inserting them one by one gives."""

import sqlite3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import iidindex
from conftest import write_garden
from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.sqlite import writer as writing
from iidindex.catalog.sqlite.attached import most_images
from iidindex.catalog.sqlite.pages import image_of, most_rows
from iidindex.catalog.sqlite.writer import Writer
from iidindex.iidwords import IIDWords
from test_ingest import content

TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER NOT NULL)"


def read(image):
    connection = sqlite3.connect(":memory:")
    connection.deserialize(image)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows = connection.execute("SELECT * FROM t").fetchall()
    connection.close()
    return rows


edges = [0, 1, 2, -1] + [sign * (1 << bits) + d for bits in (7, 8, 15, 16, 23, 24, 31, 32, 47, 48)
                         for sign in (1, -1) for d in (-1, 0, 1)]  # fmt: skip
numbers = st.one_of(st.sampled_from(edges), st.integers(-(2**63), 2**63 - 1))


@given(
    st.lists(
        st.one_of(st.integers(0, 300), st.integers(0, 2**55)), min_size=1, max_size=40, unique=True
    ),
    st.data(),
)
def test_an_image_holds_the_rows(keys, data):
    columns = [data.draw(st.lists(numbers, min_size=len(keys), max_size=len(keys))) for _ in "ab"]
    if data.draw(st.booleans()):
        columns[0] = columns[0][:1] * len(keys)
    rows = np.array([sorted(keys), *columns], np.int64).T
    assert read(image_of(TABLE, rows)) == [tuple(row) for row in rows.tolist()]


@pytest.mark.parametrize("n", [1, 9357, 9358, 9359, 20_000, 200_000])
def test_images_of_one_page_and_of_many(n):
    rng = np.random.default_rng(n)
    rows = np.column_stack([np.arange(n) + 100, rng.integers(-9, 9, n), rng.integers(0, 2, n)])
    assert read(image_of(TABLE, rows)) == [tuple(row) for row in rows.tolist()]


def test_the_largest_image():
    n = most_rows(3)
    rows = np.column_stack([np.arange(n) + 2**55 - n, np.arange(n) - 2**62, np.arange(n)])
    connection = sqlite3.connect(":memory:")
    connection.deserialize(image_of(TABLE, rows))
    found = connection.execute("SELECT count(*), max(id), min(a), sum(b) FROM t").fetchone()
    assert found == (n, 2**55 - 1, -(2**62), n * (n - 1) // 2)
    connection.close()


@pytest.fixture
def catalog(tmp_path):
    with Catalog(tmp_path / "x.db", create=True) as catalog:
        yield catalog


def rows_of(catalog, table):
    with catalog.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"')]


@pytest.mark.parametrize("n_images", [0, 1, 10])
def test_as_many_images_as_there_may_be_and_no_more(catalog, monkeypatch, n_images):
    monkeypatch.setattr(writing, "most_images", lambda _: n_images)
    words = [(b"d" * (n % 7), b"%d." % n * (1 + n % 30)) for n in range(3000)]
    pairs = np.column_stack([np.arange(4000) // 9, np.arange(4000)])
    boxes = np.column_stack([np.arange(1, 4001), np.arange(4000) // 50])
    for turn in range(2):
        with catalog.writing() as connection, Writer(connection) as writer:
            low, high = turn * 2000, turn * 2000 + 2000
            writer.insert_iids(1 + turn * 1500, IIDWords.of_pairs(words[turn::2]))
            writer.insert_pairs("entry_groups", ["group_id", "entry_id"], pairs[low:high])
            writer.insert_integers("entry_boxes_rowid", ["rowid", "nodeno"], boxes[low:high])
            assert len(connection.info.get("iidindex_images", [])) <= n_images
            _ = writer.connection
    listed = [*words[0::2], *words[1::2]]
    assert rows_of(catalog, "iids") == [(nth, *iid) for nth, iid in enumerate(listed, 1)]
    assert rows_of(catalog, "entry_groups") == [tuple(pair) for pair in pairs.tolist()]
    assert rows_of(catalog, "entry_boxes_rowid") == [tuple(row) for row in boxes.tolist()]
    with catalog.reading() as connection:
        schemas = connection.exec_driver_sql("PRAGMA database_list").all()
        assert {name for _, name, _ in schemas} <= {"main", "temp"}


def test_as_many_images_as_this_sqlite_allows(catalog):
    with catalog.writing() as connection, Writer(connection) as writer:
        assert most_images(connection) >= 1
        for nth in range(30):
            rows = np.column_stack([nth * 600 + np.arange(600), np.zeros(600, np.int64)])
            writer.insert_integers("entry_boxes_rowid", ["rowid", "nodeno"], rows)
        _ = writer.connection
    assert len(rows_of(catalog, "entry_boxes_rowid")) == 30 * 600


def test_after_an_error_nothing_more_is_written(catalog):
    """SQLite may have undone the transaction; what follows would be one of its own."""

    def fails(connection):
        connection.connection.driver_connection.execute("ROLLBACK")
        connection.exec_driver_sql("SELECT nonsense")

    def adds(connection):
        connection.exec_driver_sql("INSERT INTO groups VALUES (1, 'g')")

    def write():
        with catalog.writing() as connection, Writer(connection) as writer:
            for work in (fails, adds, adds):
                writer.later(work)
            _ = writer.connection

    with pytest.raises(iidindex.CatalogError, match="nonsense"):
        write()
    assert rows_of(catalog, "groups") == []


def test_ingesting_without_images_gives_the_same(tmp_path, monkeypatch):
    write_garden(tmp_path / "archive" / "0.iid")
    raw = (tmp_path / "archive" / "0.iid").read_bytes()
    for number in range(1, 900):
        other = raw.replace(b"tree", b"%04d" % number)
        (tmp_path / "archive" / f"{number}.iid").write_bytes(other)
    contents = []
    for nth, n_images in enumerate((10, 3, 0)):
        monkeypatch.setattr(writing, "most_images", lambda _, n=n_images: n)
        with iidindex.open(tmp_path / f"{nth}.db", create=True) as index:
            index.ingest(tmp_path / "archive")
            assert index.verify() == []
            contents.append(content(index))
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) == 900 * 3
