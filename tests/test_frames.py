"""Answers as Arrow tables and data frames."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import iidindex
from conftest import write_garden
from iidindex import IIDFile, QueryError
from iidindex.query.answers import arrow
from iidindex.query.overlaps import pair_columns, pairs
from iidindex.query.question import asking as question

pa = pytest.importorskip("pyarrow")


def answers(index):
    """One of every kind, and the names of its columns."""
    entries = index.entries
    return {
        "entries": entries,
        "filtered": entries.where(domain=b"garden", area=(1, None)),
        "ordered": entries.order_by("-area", "path"),
        "limited": entries.order_by("key").limit(4),
        "exact": entries.region((100, 50, 141, 91)),
        "exact and limited": entries.region((100, 0, 141, 91)).limit(2),
        "boxes": entries.at(50, 100, exact=False),
        "nearest": entries.nearest(70, 99, k=3),
        "nearest in order": entries.where(group=["plants", "water"]).nearest(0, 0, k=5),
        "overlaps": index.overlaps(),
        "links": index.links(b"tree"),
        "shared": index.shared("2020/a.iid", "2021/c.iid"),
        "related": index.related("2020/a.iid"),
        "cooccurring": index.cooccurring(b"tree"),
        "iids": index.iids(),
        "tracks": index.tracks(),
        "tracks by metadata": index.tracks("meta.day"),
        "groups": index.groups(),
        "files": index.files(),
    }


def nothing(index):
    """The same without a single row."""
    nobody = index.entries.where(address=b"nobody")
    return {
        "entries": nobody,
        "exact": nobody.at(5, 5),
        "nearest": nobody.nearest(5, 5),
        "overlaps": nobody.overlaps(),
        "links": index.links(b"nobody"),
        "cooccurring": index.cooccurring(b"nobody"),
        "iids": index.iids(prefix=b"nobody"),
        "tracks": index.tracks(prefix=b"nobody"),
        "files": index.files(state="failed"),
    }


NAMES = [
    "entries",
    "filtered",
    "ordered",
    "limited",
    "exact",
    "exact and limited",
    "boxes",
    "nearest",
    "nearest in order",
    "overlaps",
    "links",
    "shared",
    "related",
    "cooccurring",
    "iids",
    "tracks",
    "groups",
    "files",
]


@pytest.fixture
def failed(archive):
    """A file that cannot be read, beside the others."""
    (archive / "bad.iid").write_bytes(b"\0" * 47)


@pytest.mark.parametrize("name", NAMES)
def test_arrow_has_the_rows_that_dictionaries_have(failed, index, name):
    rows = answers(index)[name].to_dicts()
    assert rows
    table = answers(index)[name].to_arrow()
    assert table.column_names == list(rows[0])
    assert table.to_pylist() == rows
    table.validate(full=True)
    for field in table.schema:
        assert field.nullable or not table[field.name].null_count
    assert pa.table(answers(index)[name]).equals(table)
    chosen = table.column_names[::-2]
    part = answers(index)[name].to_arrow(chosen)
    assert part.equals(table.select(chosen))


def test_the_schemas():
    from iidindex import rows

    texts, exact = "string", "string not null"
    iid = [texts, texts, exact, exact]
    integer, real = "int64 not null", "double not null"
    box, groups = "fixed_size_list<item: int32>[4] not null", "list<item: string> not null"
    entry = [exact, integer, *iid, box, *[integer] * 3, groups, integer, exact]
    pair = [integer, *iid, integer]
    for kind, types in [
        (rows.ENTRY, entry),
        (rows.NEAREST, [*entry, real]),
        (rows.OVERLAP, [exact, *pair, *pair, integer, *[real] * 3, exact, integer, exact, exact]),
        (rows.FILE, [exact, exact, exact, texts, integer, integer]),
        (rows.LINK, [exact, integer, integer, exact, texts, exact]),
        (rows.RELATED, [exact, integer, real, exact]),
        (rows.IID_COUNT, [*iid, integer, integer]),
        (rows.GROUP, [exact, integer, integer]),
        (rows.TRACK, [*iid, exact, exact, *[integer] * 4, real, integer, "double"]),
        (rows.TRACK_BY_METADATA, [*iid, texts, texts, *[integer] * 4, real, integer, "double"]),
    ]:
        schema = arrow.schema_of(kind)
        told = [f"{field.type}{'' if field.nullable else ' not null'}" for field in schema]
        assert told == types


def test_the_schema_is_the_same_without_rows(index):
    for name, answer in nothing(index).items():
        table = answer.to_arrow()
        assert table.num_rows == 0, name
        assert table.schema == answers(index)[name].to_arrow().schema
        assert pa.table(nothing(index)[name]).schema == table.schema


def test_many_batches(index, monkeypatch):
    monkeypatch.setattr(arrow, "BATCH_ROWS", 1)
    monkeypatch.setattr(pair_columns, "BATCH_ROWS", 1)
    monkeypatch.setattr(question, "_ROWS", 2)
    monkeypatch.setattr(pairs, "_BATCH_BYTES", 1)
    for name in ("entries", "ordered", "overlaps", "iids"):
        table = answers(index)[name].to_arrow()
        assert table.to_pylist() == answers(index)[name].to_dicts()
        assert table.column(0).num_chunks > 1


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@settings(max_examples=30, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    st.lists(
        st.tuples(
            st.binary(min_size=1, max_size=5), st.binary(max_size=5), st.sets(names, max_size=4)
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_address_and_any_groups(tmp_path_factory, entries):
    place = tmp_path_factory.mktemp("any")
    for nth in range(2):
        file = IIDFile()
        for address, domain, groups in entries[nth:]:
            wanted = [name for name in groups if name]
            file.add(address, domain, (0, 0, 2, 2), np.ones((2, 2), bool), wanted)
        file.save(place / f"{nth}.iid")
    with iidindex.open(place / "x.db", create=True) as index:
        index.ingest(place)
        asked = index.entries.order_by("-key")
        assert asked.to_arrow().to_pylist() == asked.to_dicts()
        assert index.overlaps().to_arrow().to_pylist() == index.overlaps().to_dicts()
        assert index.iids().to_arrow().to_pylist() == index.iids().to_dicts()


def test_names_of_files_that_are_no_text(archive, tmp_path):
    write_garden(archive / os.fsdecode(b"\xff\xfe.iid"))
    with iidindex.open(tmp_path / "index.db", create=True) as index:
        index.ingest(archive)
        asked = index.entries.where(path=os.fsdecode(b"\xff\xfe.iid"))
        table = asked.to_arrow()
        assert table["path"].to_pylist() == ["\\udcff\\udcfe.iid"] * 3
        assert table["location"].to_pylist() == [f"{archive}/\\udcff\\udcfe.iid"] * 3
        found = [row["path"] for row in index.files().to_arrow().to_pylist()]
        assert "\\udcff\\udcfe.iid" in found
        assert asked.overlaps().to_arrow()["path"].to_pylist() == ["\\udcff\\udcfe.iid"]


def test_what_is_left_of_overlaps(index):
    whole = index.overlaps().to_dicts()
    found = index.overlaps()
    next(found)
    assert found.to_arrow().to_pylist() == whole[1:]
    assert found.to_arrow().num_rows == 0
    assert list(found) == []


def test_kept_overlaps(index):
    whole = index.overlaps().to_arrow()
    assert index.overlaps(store=True).to_arrow().equals(whole)


def test_a_stale_original(archive, index):
    write_garden(archive / "2020" / "a.iid", shift=9)
    asked = index.entries.at(70, 125)
    with pytest.raises(iidindex.StaleFileError):
        asked.to_arrow()
    with pytest.raises(Exception, match=r"a\.iid"):
        pa.table(asked)
    skipped = asked.reading(on_stale="skip")
    assert skipped.to_arrow().to_pylist() == skipped.to_dicts()


def test_a_stream_that_is_not_read_to_its_end(index, monkeypatch):
    monkeypatch.setattr(arrow, "BATCH_ROWS", 1)
    monkeypatch.setattr(pair_columns, "BATCH_ROWS", 1)
    monkeypatch.setattr(pairs, "_BATCH_BYTES", 1)
    reader = pa.RecordBatchReader.from_stream(index.overlaps())
    assert reader.read_next_batch().num_rows == 1
    reader.close()
    assert index.entries.count() == 11


# ------------------------------------------------------------------------ readers


@pytest.mark.parametrize("name", NAMES)
def test_pandas(index, name):
    pd = pytest.importorskip("pandas")
    rows = answers(index)[name].to_dicts()
    frame = answers(index)[name].to_pandas()
    assert list(frame.columns) == list(rows[0])
    for column in frame.columns:
        values = frame[column].tolist()
        if column in ("bbox", "groups"):
            values = [list(value) for value in values]
        else:
            values = [None if pd.isna(value) else value for value in values]
        assert values == [row[column] for row in rows]
    for column in ("key", "area", "pixels", "files", "entries"):
        assert column not in frame or frame[column].dtype == np.int64
    assert list(answers(index)[name].to_pandas([frame.columns[-1]])) == [frame.columns[-1]]


def test_pandas_reads_streams(index):
    pd = pytest.importorskip("pandas", minversion="3.0")
    for name in NAMES:
        frame = pd.DataFrame.from_arrow(answers(index)[name])
        pd.testing.assert_frame_equal(frame, answers(index)[name].to_pandas())


@pytest.mark.parametrize("name", NAMES)
def test_polars(index, name):
    pl = pytest.importorskip("polars")
    rows = answers(index)[name].to_dicts()
    frame = pl.DataFrame(answers(index)[name])
    assert frame.columns == list(rows[0])
    assert [{**row, **_listed(row)} for row in frame.to_dicts()] == rows


def _listed(row):
    return {name: list(row[name]) for name in ("bbox", "groups") if name in row}


@pytest.mark.parametrize("name", NAMES)
def test_duckdb(index, name):
    duckdb = pytest.importorskip("duckdb")
    rows = answers(index)[name].to_dicts()
    answer = answers(index)[name]  # DuckDB finds it by the name of the variable
    with duckdb.connect() as connection:
        found = connection.sql("FROM answer")
        assert found.columns == list(rows[0])
        cells = [
            tuple(list(cell) if isinstance(cell, tuple) else cell for cell in row)
            for row in found.fetchall()
        ]
    assert cells == [tuple(row.values()) for row in rows]
    assert answer is not None


def test_duckdb_joins_answers(index):
    duckdb = pytest.importorskip("duckdb")
    entries, files = index.entries, index.files()
    assert entries.exists()
    assert files
    found = duckdb.sql(
        "SELECT f.path, count(*), sum(area)::BIGINT FROM entries JOIN files f USING (location) "
        "GROUP BY f.path ORDER BY f.path"
    ).fetchall()
    rows = index.entries.to_dicts()
    for path, count, area in found:
        areas = [row["area"] for row in rows if row["path"] == path]
        assert (count, area) == (len(areas), sum(areas))
    assert len(found) == 3


# ----------------------------------------------------------------- without extras


def test_without_the_libraries(index, monkeypatch):
    for missing, extra, ask in [
        ("pyarrow", "arrow", lambda: index.entries.to_arrow()),
        ("pyarrow", "arrow", lambda: index.links(b"tree").__arrow_c_stream__()),
        ("pyarrow", "pandas", lambda: index.entries.to_pandas()),
        ("pandas", "pandas", lambda: index.groups().to_pandas()),
    ]:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)  # as if it were not installed
            told = rf"{missing} is not installed; .*`pip install 'iidindex\[{extra}\]'`"
            with pytest.raises(QueryError, match=told):
                ask()


def test_libraries_are_not_imported_until_they_are_asked_for(index, tmp_path):
    code = """
import sys, iidindex
with iidindex.open(sys.argv[1]) as index:
    index.entries.to_dicts(), index.links(b"tree").to_dicts(), index.overlaps().to_dicts()
    print({"pyarrow", "pandas", "polars", "duckdb"} & set(sys.modules))
"""
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "index.db"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "set()\n"
