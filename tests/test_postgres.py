"""A catalogue on PostgreSQL: what is its alone."""

import contextlib
import os
from pathlib import Path

import numpy as np
import psycopg
import pytest

import iidindex
from conftest import write_garden
from iidindex import IIDFile
from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.schema import last_ids, metadata
from iidindex.catalog.views import VIEWS
from iidindex.errors import CatalogError, CatalogNotFoundError, QueryError


@pytest.fixture
def filled(schema_url, archive):
    """An index of the garden."""
    with iidindex.open(schema_url, create=True) as opened:
        opened.ingest(archive)
        yield opened


def test_tables_are_made_when_they_are_asked_for(schema_url):
    with pytest.raises(CatalogNotFoundError, match="ingest DIR"):
        Catalog(schema_url)
    with Catalog(schema_url, create=True):
        pass
    with Catalog(schema_url) as catalog, catalog.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM entries").scalar() == 0


def test_tables_have_the_columns_that_statements_know(schema_url):
    with Catalog(schema_url, create=True), psycopg.connect(schema_url) as connection:
        for table in metadata.sorted_tables:
            rows = connection.execute(
                "SELECT column_name, is_nullable FROM information_schema.columns "
                "WHERE table_schema = current_schema() AND table_name = %s ORDER BY 1",
                (table.name,),
            ).fetchall()
            wanted = [(column.name, "YES" if column.nullable else "NO") for column in table.columns]
            assert rows == ([] if table is last_ids else sorted(wanted))


def test_tables_of_others_are_left_alone(schema_url):
    with psycopg.connect(schema_url) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text); CREATE TABLE x ()")
    for create in (False, True):
        with pytest.raises(CatalogError, match="but not an iidindex index"):
            Catalog(schema_url, create=create)


def test_password_is_not_told(schema_url):
    secret = schema_url.replace("iidindex@", "iidindex:sesame@").replace("host=", "host=/nowhere")
    for url in (secret, f"{secret.replace(':sesame', '')}&password=sesame"):
        with pytest.raises(CatalogError, match="cannot be reached") as caught:
            Catalog(url)
        assert "sesame" not in str(caught.value)
        assert "***" in caught.value.args[0].replace("%2A", "*")
    with pytest.raises(CatalogError, match="is not a database URL") as caught:
        Catalog("postgresql://me:ses@ame@somewhere:nine/db")
    assert "ame@" not in str(caught.value)


def test_schema_that_is_not_there(schema_url):
    with pytest.raises(CatalogNotFoundError, match="CREATE SCHEMA"):
        Catalog(schema_url.replace("%3Dtest_", "%3Dno_test_"), create=True)


def test_who_may_only_read(filled, schema_url):
    with psycopg.connect(schema_url, autocommit=True) as connection:
        (schema,) = connection.execute("SELECT current_schema()").fetchone()
        reader = f"reader_of_{schema}"
        connection.execute(f"CREATE ROLE {reader} LOGIN")
        try:
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {reader}")
            connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}")
            url = schema_url.replace("iidindex@", f"{reader}@")
            with iidindex.open(url) as index:
                assert [*index.sql("SELECT count(*) AS n FROM found")] == [{"n": 11}]
                with pytest.raises(CatalogError, match="permission denied"):
                    index.prune()
        finally:
            connection.execute(f"DROP OWNED BY {reader}")
            connection.execute(f"DROP ROLE {reader}")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("EXPLAIN SELECT 1; COMMIT; DROP TABLE entries", "one statement at a time"),
        ("SHOW fsync; DROP TABLE entries", "one statement at a time"),
        ("DELETE FROM entries", "DELETE"),
        ("WITH x AS (DELETE FROM entries RETURNING id) SELECT * FROM x", "data-modifying"),
        ("EXPLAIN ANALYZE DELETE FROM entries", "a statement may only read"),
        ("COMMIT", "commit"),
        ("SELECT nextval('files_id_seq')", "a statement may only read"),
        ("SELECT * FROM nowhere", "the views are indexed_files, found"),
        ("SELECT a_key FROM found", "it is in the views overlapping, matches"),
        ("SELECT :x", "missing: x"),
        ("SELECT 1 AS x, 2 AS x", "two columns are called x"),
    ],
)
def test_sql_may_only_read(filled, statement, told):
    with pytest.raises(QueryError, match=f"(?i){told}"):
        filled.sql(statement)
    assert [*filled.sql("SELECT count(*) AS n FROM found")] == [{"n": 11}]


def test_values_of_sql(filled):
    (row,) = filled.sql(
        "SELECT sum(area) AS whole, avg(area) AS mean, ARRAY[1, NULL] AS listed, true AS yes, "
        "CAST('{\"a\": 1}' AS json) AS told, :x AS given, ':x' AS text, $$:x$$ AS quoted, "
        "1::text AS cast, 7 % 4 AS rest, NULL AS nothing /* :y */ FROM entries -- :z",
        {"x": b"\x00\xff"},
    )
    assert row == {
        "whole": 39779,
        "mean": pytest.approx(39779 / 11),
        "listed": "{1,NULL}",
        "yes": True,
        "told": '{"a": 1}',
        "given": b"\x00\xff",
        "text": ":x",
        "quoted": ":x",
        "cast": "1",
        "rest": 3,
        "nothing": None,
    }
    assert [*filled.sql("SHOW server_encoding")] == [{"server_encoding": "UTF8"}]
    assert "Seq Scan" in next(filled.sql("EXPLAIN SELECT * FROM entries"))["QUERY PLAN"]


def test_what_sql_sets_is_not_kept(filled):
    list(filled.sql("SELECT set_config('search_path', 'nowhere', false), pg_advisory_lock(7)"))
    assert [*filled.sql("SELECT count(*) AS n FROM found")] == [{"n": 11}]
    held = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND objid = 7"
    assert [*filled.sql(held)] == [{"n": 0}]


def test_rows_are_streamed(filled):
    # In FROM, the server itself would make all of them first.
    rows = filled.sql("SELECT generate_series(1, 100000000) AS n")
    assert next(rows) == {"n": 1}
    rows.close()


def test_views_are_those_of_sqlite(filled, archive, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as other:
        other.ingest(archive)
        for view in VIEWS:
            found, wanted = ([*index.sql(f"SELECT * FROM {view}")] for index in (filled, other))
            for row in (*found, *wanted):
                for name in ("indexed_at", "id", "file_id", "iid_id"):
                    row.pop(name, None)
                # Text holds neither the bytes of a number nor a NUL; both write them as they can.
                if row.get("address_bytes") == b"\xff\x00bin":
                    del row["address"]
            assert len(found) == len(wanted)
            assert sorted(map(repr, found)) == sorted(map(repr, wanted)), view


def test_an_iid_that_no_index_holds_costs_its_file_alone(schema_url, archive, tmp_path):
    rng = np.random.default_rng(0)
    for name, length in (("long", 2600), ("longer", 2601), ("longest", 100_000)):
        file = IIDFile()
        file.add(b"short", b"", (0, 0, 2, 2), np.ones((2, 2), bool))
        file.add(rng.bytes(length - 1), b"d", (0, 0, 2, 2), np.ones((2, 2), bool))
        file.save(archive / f"{name}.iid")
    with iidindex.open(schema_url, create=True) as index:
        report = index.ingest(archive)
        assert (report.added, report.failed) == (4, 2)
        assert "has an IID of 2601 bytes" in report.failures[str(archive / "longer.iid")]
        assert index.entries.where(path="long.iid").count() == 2
        assert index.ingest(archive).failed == 2
        assert index.verify() == []


def test_a_name_that_no_index_holds_costs_its_file_alone(schema_url, tmp_path):
    place = tmp_path / "long"
    deep = place.joinpath(*[f"{n:03}" + "x" * 200 for n in range(13)])
    with contextlib.chdir(tmp_path):  # longer than a system call takes at once
        for part in deep.relative_to(tmp_path).parts:
            os.mkdir(part)
            os.chdir(part)
        write_garden(Path("deep.iid"))
    write_garden(place / "fit.iid", extra=[b"g"])
    rng = np.random.default_rng(0)
    group = "".join(map(chr, rng.integers(0x100, 0x2FF, 1500)))
    file = IIDFile()
    file.add(b"a", b"d", (0, 0, 2, 2), np.ones((2, 2), bool), group=group)
    file.save(place / "group.iid")
    with iidindex.open(schema_url, create=True) as index:
        for _ in range(2):
            report = index.ingest(place)
            assert report.failed == 2
            reasons = sorted(report.failures.values())
            assert reasons[0].startswith("has a group with a name of 3000 bytes")
            assert reasons[1].startswith("has a path of 26")
        assert [file.path for file in index.files() if file.state == "ok"] == ["fit.iid"]
        assert index.verify() == []
