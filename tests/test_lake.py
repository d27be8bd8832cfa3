"""Parquet: sorted rows that lead back to the bytes, and exports that write only what changed."""

import json
import os
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

import brute
import iidindex
from conftest import write_garden
from iidindex import IIDFile
from iidindex.errors import ExchangeError
from iidindex.exchange import lake, lake_rows
from iidindex.masks.hilbert import along_curve

COLUMNS = [
    "root",
    "path",
    "key",
    "domain",
    "address",
    "minr",
    "minc",
    "maxr",
    "maxc",
    "area",
    "offset",
    "length",
    "groups",
]


def rows(out, by):
    """All rows of a sorting, file by file in the order of their names."""
    found = []
    for path in sorted((Path(out) / f"by={by}").glob("*.parquet")):
        found += pq.ParquetFile(path).read().to_pylist()
    return found


def expected(index, root):
    found = []
    for entry in index.entries:
        domain, address = entry.iid.domain or b"", entry.iid.address
        found.append(
            dict(
                zip(
                    COLUMNS,
                    (
                        *(root, entry.path, entry.key, domain, address, *entry.bbox, entry.area),
                        *(*entry.bufloc, list(entry.groups)),
                    ),
                    strict=True,
                )
            )
        )
    return found


def by_iid(row):
    return row["domain"], row["address"], row["root"], row["path"], row["key"]


def by_place(row):
    middle = (np.array([row[a] + row[b]]) // 2 for a, b in (("minr", "maxr"), ("minc", "maxc")))
    return int(along_curve(*middle)[0]), row["root"], row["path"], row["key"]


def files_in(out):
    return {
        str(path.relative_to(out)): path.stat().st_mtime_ns
        for path in Path(out).rglob("*")
        if path.is_file()
    }


def test_rows_are_the_entries_in_order(index, tmp_path):
    out = tmp_path / "lake"
    report = index.entries.export(out, to="parquet")
    every = expected(index, index.roots()[0].name)
    assert (report.entries, report.parts_written) == (len(every), 1)
    assert rows(out, "iid") == sorted(every, key=by_iid)
    assert rows(out, "place") == sorted(every, key=by_place)
    schema = pq.read_schema(next((out / "by=iid").iterdir()))
    assert schema.names == COLUMNS


def test_a_mask_by_its_row(index, archive, tmp_path):
    index.entries.export(tmp_path / "lake", to="parquet", by="iid")
    for row in rows(tmp_path / "lake", "iid"):
        file = brute.read_path(archive / row["path"])
        entry = file.by_key()[row["key"]]
        assert (entry.offset, entry.length) == (row["offset"], row["length"])
    assert not (tmp_path / "lake" / "by=place").exists()


def test_cut_into_parts_and_groups_of_rows(index, tmp_path, monkeypatch):
    monkeypatch.setattr(lake, "_PART_ENTRIES", 5)
    monkeypatch.setattr(lake, "_MANY_SMALL", 100)
    monkeypatch.setattr(lake_rows, "_ROW_GROUP", 2)
    out = tmp_path / "lake"
    report = index.entries.export(out, to="parquet")
    assert report.parts_written > 1
    for by, order in (("iid", by_iid), ("place", by_place)):
        for path in (out / f"by={by}").iterdir():
            part = pq.ParquetFile(path)
            found = part.read().to_pylist()
            assert found == sorted(found, key=order)
            assert part.num_row_groups == -(-len(found) // 2)
        every = expected(index, index.roots()[0].name)
        assert sorted(rows(out, by), key=by_iid) == sorted(every, key=by_iid)


def test_only_what_changed_is_written(archive, tmp_path):
    other = tmp_path / "other"
    for name in "xyz":
        write_garden(other / f"{name}.iid", extra=[name.encode()])
    out = tmp_path / "lake"
    with iidindex.open(tmp_path / "i.db", create=True) as index:
        index.ingest([archive, other])
        first = index.entries.export(out, to="parquet")
        assert (first.parts_written, first.parts_kept) == (2, 0)
        before = files_in(out)

        again = index.entries.export(out, to="parquet")
        assert (again.parts_written, again.parts_kept, again.parts_removed) == (0, 2, 0)
        assert again.entries == first.entries
        after = files_in(out)
        assert {name: after[name] for name in after if name.endswith(".parquet")} == {
            name: before[name] for name in before if name.endswith(".parquet")
        }

        # One file changes, one goes, one comes; the other root is as it was.
        write_garden(other / "x.iid", shift=3)
        os.unlink(other / "y.iid")
        write_garden(other / "w.iid", extra=[b"w"])
        index.ingest([archive, other])
        dry = index.entries.export(out, to="parquet", dry_run=True)
        assert files_in(out) == after
        changed = index.entries.export(out, to="parquet")
        for report in (dry, changed):
            told = report.parts_written, report.parts_kept, report.parts_removed
            assert told == (1, 1, 1)
        assert len([name for name in files_in(out) if name in before]) == 3  # the state, too
        assert sorted(rows(out, "iid"), key=by_iid) == sorted(
            (row for root in index.roots() for row in _of_root(index, root)), key=by_iid
        )


def _of_root(index, root):
    for row, entry in zip(expected(index, root.name), index.entries, strict=True):
        if entry.location.startswith(root.location):
            yield row


def test_what_is_added_has_a_part_of_its_own(archive, tmp_path):
    out = tmp_path / "lake"
    with iidindex.open(tmp_path / "i.db", create=True) as index:
        index.ingest(archive)
        index.entries.export(out, to="parquet")
        before = files_in(out)
        for number in range(7):
            write_garden(archive / f"new{number}.iid", shift=number)
            index.ingest(archive)
            report = index.entries.export(out, to="parquet")
            if number < 6:
                assert (report.parts_written, report.parts_removed) == (1, 0)
                assert before.items() - files_in(out).items() <= {
                    ("_iidindex.json", before["_iidindex.json"])
                }
        # Many small parts become one.
        index.entries.export(out, to="parquet")
        assert len(list((out / "by=iid").iterdir())) == 1
        assert len(rows(out, "place")) == index.entries.count()


@pytest.mark.parametrize(
    "ask",
    [
        lambda entries: entries.where(domain=b""),
        lambda entries: entries.where(group="plants", area=(10, None)),
        lambda entries: entries.where(group="no such group"),
        lambda entries: entries.region((0, 0, 20, 20)),
        lambda entries: entries.region((0, 0, 20, 20), exact=False),
        lambda entries: entries.order_by("-area").limit(3),
        lambda entries: entries.nearest(5, 5, k=2),
    ],
)
def test_any_question(index, tmp_path, ask):
    out = tmp_path / "lake"
    index.entries.export(out, to="parquet")
    question = ask(index.entries)
    question.export(out, to="parquet")
    every = {(entry.path, entry.key) for entry in question}
    assert {(row["path"], row["key"]) for row in rows(out, "iid")} == every
    assert len(rows(out, "place")) == len(every)


def test_one_order_after_the_other(index, archive, tmp_path):
    out = tmp_path / "lake"
    index.entries.export(out, to="parquet", by="iid")
    second = index.entries.export(out, to="parquet", by="place")
    assert (second.parts_written, second.parts_kept) == (1, 0)
    every = rows(out, "iid")
    assert sorted(rows(out, "place"), key=by_iid) == every
    both = index.entries.export(out, to="parquet")
    assert (both.parts_written, both.parts_kept, both.entries) == (0, 1, len(every))
    # One is brought up to date, and then the other, too.
    write_garden(archive / "2022" / "d.iid")
    index.ingest(archive)
    assert index.entries.export(out, to="parquet", by="iid").parts_written == 1
    assert len(rows(out, "iid")) == len(rows(out, "place")) + 3
    both = index.entries.export(out, to="parquet")
    assert (both.parts_written, both.entries) == (1, len(every) + 3)
    assert sorted(rows(out, "iid"), key=by_iid) == sorted(rows(out, "place"), key=by_iid)


def test_who_is_among_the_first_depends_on_the_others(index, archive, tmp_path):
    out = tmp_path / "lake"
    largest = index.entries.order_by("-area").limit(2)
    largest.export(out, to="parquet")
    before = {(row["path"], row["key"]) for row in rows(out, "iid")}
    file = IIDFile()
    file.add(b"sea", b"", (0, 0, 300, 300), np.ones((300, 300), bool))
    file.save(archive / "2022.iid")
    index.ingest(archive)
    largest.export(out, to="parquet")
    after = {(row["path"], row["key"]) for row in rows(out, "iid")}
    assert after == {(entry.path, entry.key) for entry in largest}
    assert after != before
    assert len(after) == len(before) == 2


def test_a_lake_whose_state_is_lost_or_damaged(index, tmp_path):
    out = tmp_path / "lake"
    index.entries.export(out, to="parquet")
    every = rows(out, "iid")
    state = out / "_iidindex.json"
    good = state.read_text()
    named = json.loads(good)
    named["iid"]["parts"] = [{"name": "../../index.db", "entries": 1, "files": ""}]
    odd = ("", "{", "[]", '{"iid": 1, "place": {"asked": 1}}', '{"iid": {}, "x": []}')
    for bad in (*odd, json.dumps(named), good.replace('"files"', '"f"')):
        state.write_text(bad)
        index.entries.export(out, to="parquet")
        assert rows(out, "iid") == every
        assert state.read_text() == good
    # A part that is gone is written again; one that a kill left behind goes.
    (part,) = (out / "by=iid").iterdir()
    part.unlink()
    (out / "by=iid" / f"{'0' * 32}.parquet").write_bytes(b"half")
    (out / "by=place" / f".{'0' * 32}.parquet").write_bytes(b"half")
    (out / "by=place" / "mine.txt").write_bytes(b"stays")
    index.entries.export(out, to="parquet")
    assert rows(out, "iid") == every
    assert sorted(path.name for path in (out / "by=place").iterdir()) == [part.name, "mine.txt"]


def test_names_that_are_no_text(tmp_path):
    root = tmp_path / "a"
    root.mkdir()
    file = IIDFile()
    mask = np.ones((2, 2), bool)
    file.add(b"\xff\0", b"\xfe", (0, 0, 2, 2), mask, "gr\0up")
    file.add(b"", b"", (65533, 65533, 65535, 65535), mask)
    file.save(os.fsencode(root) + b"/\xff.iid")
    with iidindex.open(tmp_path / "i.db", create=True) as index:
        index.ingest(root)
        index.entries.export(tmp_path / "lake", to="parquet")
    found = rows(tmp_path / "lake", "iid")
    assert [(row["domain"], row["address"], row["groups"]) for row in found] == [
        (b"", b"", []),
        (b"\xfe", b"\xff\0", ["gr\0up"]),
    ]
    assert {row["path"] for row in found} == {"\\udcff.iid"}


def test_row_groups_are_passed_over(tmp_path, index, monkeypatch):
    monkeypatch.setattr(lake_rows, "_ROW_GROUP", 4)
    index.entries.export(tmp_path / "lake", to="parquet")
    (path,) = (tmp_path / "lake" / "by=iid").iterdir()
    part = pq.ParquetFile(path).metadata
    place = COLUMNS.index("address")
    spans = [part.row_group(nth).column(place).statistics for nth in range(part.num_row_groups)]
    assert len(spans) > 2
    assert all(span.has_min_max for span in spans)
    found = duckdb.sql(
        f"SELECT count(*), min(path) FROM '{tmp_path}/lake/by=iid/*.parquet' "
        "WHERE address = 'tree'::BLOB"
    ).fetchall()
    assert found[0][0] == index.entries.where(address=b"tree").count() > 0


def test_an_order_for_parquet_alone(index, tmp_path):
    with pytest.raises(ExchangeError, match="by is 'size'"):
        index.entries.export(tmp_path / "lake", to="parquet", by="size")
    with pytest.raises(ExchangeError, match="by works only with parquet"):
        index.entries.export(tmp_path / "x.json", to="coco", by="iid")


def test_in_the_shell(call, tmp_path):
    code, out, _ = call("export", "--to", "parquet", "-o", tmp_path / "lake", "--by", "place")
    assert code == 0
    assert "1 part written, 0 up to date, 0 removed" in out
    assert rows(tmp_path / "lake", "place")
    assert call("export", "--to", "coco", "-o", tmp_path / "x", "--by", "iid")[0] == 2
