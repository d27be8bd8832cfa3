"""What the metadata of files say, as columns of rows, in every form of them."""

import csv
import io
import json
import os
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

import iidindex
import strategies
from conftest import write_garden
from databases import at
from iidindex import IIDFile, QueryError
from iidindex.cli.main import run
from iidindex.metadata_names import value_in, written
from test_scan import without_nan

ON_BOTH = True

# One after the other in the order of their paths.
SAID = [
    {"minutes": 7, "camera": {"lens": "wide", "f.number": 2.8}, "big": 2**70, "any": [1, "é"]},
    {"minutes": 20, "camera": {"lens": "tele"}, "big": 2**53 + 1, "any": {"a": None}},
    {"minutes": 30.5, "camera": "none", "big": 1, "any": "text"},
    {"camera": {"lens": None}, "any": True, "night": True, "odd": "\ud800 \udcff\n=1", "-": "=1"},
    {"minutes": float("nan"), "any": -0.0, "night": False, "": 5, "list": [float("inf")]},
    ["no", "mapping"],
    None,
]
FIELDS = {
    "meta.minutes": [7, 20, 30.5, None, None, None, None],
    "meta.camera.lens": ["wide", "tele", None, None, None, None, None],
    'meta.camera."f.number"': [2.8, None, None, None, None, None, None],
    "meta.camera.f.number": [None] * 7,
    "meta.camera": [
        *({"lens": "wide", "f.number": 2.8}, {"lens": "tele"}, "none", {"lens": None}),
        *(None, None, None),
    ],
    "meta.big": [2**70, 2**53 + 1, 1, None, None, None, None],
    "meta.any": [[1, "é"], {"a": None}, "text", True, -0.0, None, None],
    "meta.night": [None, None, None, True, False, None, None],
    "meta.odd": [None, None, None, "\ud800 \udcff\n=1", None, None, None],
    "meta.-": [None, None, None, "=1", None, None, None],
    "meta.": [None, None, None, None, 5, None, None],
    "meta.list": [None, None, None, None, [None], None, None],
    "meta.nothing": [None] * 7,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory, backend):
    place = tmp_path_factory.mktemp("said")
    for number, meta in enumerate(SAID):
        file = IIDFile()
        file.meta.data = meta
        for nth, address in enumerate((b"a", b"b")):
            file.add(address, None, (nth, 0, nth + 3, 3), np.ones((3, 3), bool))
        (place / "archive").mkdir(exist_ok=True)
        (place / "archive" / f"{number}.iid").write_bytes(file.to_bytes())
    with iidindex.open(at(place / "iidindex.db"), create=True) as index:
        index.ingest(place / "archive")
    return place


@pytest.fixture
def said(place):
    with iidindex.open(at(place / "iidindex.db")) as index:
        yield index


@pytest.fixture
def call(place, capsysbinary, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("IIDINDEX_DB", str(at(place / "iidindex.db")))

    def called(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsysbinary.readouterr()
        return code, captured.out.decode(), captured.err.decode()

    return called


def answers(index):
    """Every answer of rows that are each of one file."""
    return {
        "find": index.entries,
        "find a": index.entries.where(address=b"a"),
        "region 0 0 9 9": index.entries.region((0, 0, 9, 9)),
        "at 1 1": index.entries.at(1, 1),
        "nearest 1 1 -k 99": index.entries.nearest(1, 1, 99),
        "overlaps": index.overlaps(),
        "files": index.files(),
        "links a": index.links(b"a"),
        "related 1.iid": index.related("1.iid"),
    }


VERBS = (
    *("find", "find a", "region 0 0 9 9", "at 1 1", "nearest 1 1 -k 99"),
    *("overlaps", "files", "links a", "related 1.iid"),
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_whose_rows_are_of_one_file(said, call, verb):
    fields = ["path", *FIELDS, "location"]
    answer = answers(said)[verb]
    rows = answer.to_dicts(fields)
    assert answers(said).keys() == {*VERBS}
    assert len(rows) >= 6
    for row in rows:
        number = int(row["path"][:-4])
        assert list(row) == fields
        assert {name: row[name] for name in FIELDS} == {
            name: values[number] for name, values in FIELDS.items()
        }
    # An integer or a float, as the file has it.
    assert {str(row["meta.minutes"]) for row in rows} >= {"7", "30.5", "None"}
    command = [*verb.split(), "--fields", ",".join(fields)]
    out = call(*command, "--format", "jsonl")[1]
    assert [json.loads(line) for line in out.splitlines()] == rows
    assert json.loads(call(*command, "--format", "json")[1]) == rows
    found = list(csv.DictReader(io.StringIO(call(*command, "--format", "csv")[1], newline="")))
    assert [row["path"] for row in found] == [row["path"] for row in rows]
    for row in found:
        number = int(row["path"][:-4])
        for name, values in FIELDS.items():
            assert row[name] == in_csv(values[number]), name
    table = call(*command)[1]
    assert "\\ud800 \\udcff\\n=1" in table
    assert '[1, "é"]' in table
    # What data frames have.
    answer = answers(said)[verb]
    assert answer.to_arrow(fields).column("meta.any").to_pylist() == [
        None if row["meta.any"] is None else json.dumps(row["meta.any"]) for row in rows
    ]
    shown = " ".join(call(verb.split()[0], "--help")[1].split())
    assert "and meta.NAME, a value of the file's metadata" in shown


def in_csv(value):
    """A cell: text and numbers as they are, the rest as JSON."""
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value, ensure_ascii=False)
    text = "" if value is None else str(value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return f"'{text}" if text.startswith("=") else text


def test_show_reads_them_from_the_file(call):
    for number in range(len(SAID)):
        fields = ",".join(["key", *FIELDS])
        out = call("show", f"archive/{number}.iid", "--fields", fields, "--format", "jsonl")[1]
        rows = [json.loads(line) for line in out.splitlines()]
        wanted = {name: values[number] for name, values in FIELDS.items()}
        assert rows == [{"key": 0} | wanted, {"key": 1} | wanted]


def test_rows_that_are_of_no_one_file(said, call):
    for verb in ("iids", "groups", "shared 0.iid 1.iid", "cooccur a", "chain a b", "roots"):
        code, out, err = call(*verb.split(), "--fields", "meta.minutes")
        assert (code, out) == (2, ""), verb
        assert "there is no field 'meta.minutes'" in err
        assert "meta.NAME" not in err
    with pytest.raises(QueryError, match="there is no field 'meta.minutes'"):
        said.iids().to_dicts(["meta.minutes"])


def test_fields_that_are_not_there(said, call):
    code, out, err = call("find", "--fields", "path,met.minutes")
    assert (code, out) == (2, "")
    assert "location, and meta.NAME" in " ".join(err.split())
    for fields in (["meta.minutes", "meta.minutes"], ["meta"]):
        with pytest.raises(QueryError):
            said.entries.to_dicts(fields)
    assert call("find", "--format", "paths", "--fields", "meta.minutes")[0] == 2


def test_in_a_batch(call, monkeypatch, tmp_path):
    for verb, question in (("find", "a --path 0.iid"), ("links", "a"), ("files", None)):
        if question is None:
            continue
        (tmp_path / "lines").write_text(f"{question}\n{question}\nnobody\n")
        with (tmp_path / "lines").open() as lines:
            monkeypatch.setattr("sys.stdin", lines)
            command = [verb, "--batch", "--fields", "path,meta.minutes", "--format", "jsonl"]
            rows = [json.loads(line) for line in call(*command)[1].splitlines()]
        assert rows[: len(rows) // 2] == rows[len(rows) // 2 :]
        assert rows[0] == {"question": question, "path": "0.iid", "meta.minutes": 7}


def test_an_entry_knows_what_its_file_says(said):
    for entry in said.entries:
        assert entry.meta == without_nan(SAID[int(entry.path[:-4])])
        assert pickle.loads(pickle.dumps(entry)).meta == entry.meta
        assert "meta" not in entry.to_dict()


def test_an_entry_of_a_file_that_has_changed_since(tmp_path):
    write_garden(tmp_path / "a" / "a.iid")
    write_garden(tmp_path / "a" / "b.iid")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "a")
        first, *_, last = index.entries
        write_garden(tmp_path / "a" / "b.iid", shift=3)
        index.ingest(tmp_path / "a")
        assert first.meta == {"day": "a", "camera": {"iso": 200}}
        with pytest.raises(QueryError, match="no longer in the index"):
            _ = last.meta
        assert {entry.meta["day"] for entry in index.entries} == {"a", "b"}


def test_files_that_could_not_be_read_say_nothing(tmp_path):
    write_garden(tmp_path / "a" / "a.iid")
    (tmp_path / "a" / "b.iid").write_bytes(b"x")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "a")
        found = index.files().to_dicts(["path", "meta.day"])
    assert found == [{"path": "a.iid", "meta.day": "a"}, {"path": "b.iid", "meta.day": None}]


def test_files_of_one_path_in_two_roots_and_names_that_are_no_text(tmp_path):
    odd = os.fsdecode(b"\xff.iid")
    for root in ("one", "two"):
        for name in ("same.iid", odd):
            file = IIDFile()
            file.meta.data = {"root": root, "name": os.fsencode(name).hex()}
            file.add(b"a", None, (0, 0, 1, 1), np.ones((1, 1), bool))
            (tmp_path / root).mkdir(exist_ok=True)
            (tmp_path / root / name).write_bytes(file.to_bytes())
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest([tmp_path / "one", tmp_path / "two"])
        fields = ["location", "meta.root", "meta.name"]
        for answer in (index.files(), index.links(b"a"), index.entries):
            rows = answer.to_dicts(fields)
            assert len(rows) == 4
            for row in rows:
                directory, name = os.path.split(row["location"])
                assert row["meta.root"] == os.path.basename(directory)
                assert row["meta.name"] == os.fsencode(name).hex()
            copy = pickle.loads(pickle.dumps(answer))
            assert copy.to_dicts(fields) == rows
        assert index.files()[1:3].to_dicts(fields) == index.files().to_dicts(fields)[1:3]


def test_many_files(tmp_path):
    """More than are looked up together."""
    (tmp_path / "a").mkdir()
    file = IIDFile()
    file.add(b"a", None, (0, 0, 1, 1), np.ones((1, 1), bool))
    for number in range(1100):
        file.meta.data = {"n": number}
        (tmp_path / "a" / f"{number:04}.iid").write_bytes(file.to_bytes())
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "a")
        for answer in (index.files(), index.entries, index.entries.order_by("-path")):
            rows = answer.to_dicts(["path", "meta.n"])
            assert [row["meta.n"] for row in rows] == [int(row["path"][:-4]) for row in rows]
            assert len(rows) == 1100
            frame = answer.to_pandas(fields=["meta.n"])
            assert frame["meta.n"].tolist() == [row["meta.n"] for row in rows]
        # Nothing is looked up that is not asked for, and what is asked for, once for many files.
        statements = []
        event.listen(
            index._catalog.engine,
            "before_cursor_execute",
            lambda connection, cursor, statement, *_: statements.append(statement),
        )
        index.files().to_dicts(["path"])
        assert not any("f.meta" in statement for statement in statements)
        index.files().to_dicts(["path", "meta.n"])
        assert sum("f.meta" in statement for statement in statements) == 3


# -------------------------------------------------------------------- types


TYPES = [
    ([1, 2, None], pa.int64(), [1, 2, None]),
    ([2**63 - 1, -(2**63) + 1], pa.int64(), [2**63 - 1, -(2**63) + 1]),
    ([1, 2.5], pa.float64(), [1.0, 2.5]),
    ([2**53, 0.5], pa.string(), [str(2**53), "0.5"]),
    ([2**63, 1], pa.string(), [str(2**63), "1"]),
    ([True, False, None], pa.bool_(), [True, False, None]),
    ([True, 1], pa.string(), ["true", "1"]),
    (["a", "é\n", ""], pa.string(), ["a", "é\n", ""]),
    (["\ud800", "a"], pa.string(), ["\\ud800", "a"]),
    (["a", 1, None], pa.string(), ['"a"', "1", None]),
    ([[1], [2]], pa.string(), ["[1]", "[2]"]),
    ([{"a": "é"}, None], pa.string(), ['{"a": "\\u00e9"}', None]),
    ([None, None], pa.null(), [None, None]),
]


@pytest.mark.parametrize(("values", "type_", "wanted"), TYPES)
def test_types_of_data_frames(tmp_path, values, type_, wanted):
    (tmp_path / "a").mkdir()
    for number, value in enumerate(values):
        file = IIDFile()
        file.meta.data = {"x": value}
        file.add(b"a", None, (0, 0, 1, 1), np.ones((1, 1), bool))
        (tmp_path / "a" / f"{number}.iid").write_bytes(file.to_bytes())
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "a")
        for answer in (index.entries, index.files(), index.links(b"a")):
            table = answer.to_arrow(fields=["meta.x", "path"])
            assert table.schema.field("meta.x").type == type_
            assert table.column("meta.x").to_pylist() == wanted
            frame = answer.to_pandas(fields=["path", "meta.x"])
            assert frame["path"].tolist() == [f"{number}.iid" for number in range(len(values))]
            known = frame["meta.x"][frame["meta.x"].notna()].tolist()
            assert known == [value for value in wanted if value is not None]
        nothing = index.entries.where(key=77).to_arrow(fields=["meta.x"])
        assert (nothing.schema.field("meta.x").type, len(nothing)) == (pa.null(), 0)


@settings(max_examples=15)
@given(
    st.lists(
        st.dictionaries(st.text(max_size=3), strategies.json_values, max_size=3)
        | strategies.json_values,
        max_size=8,
    ),
    st.lists(st.text(max_size=3), min_size=1, max_size=2),
)
def test_anything_under_any_names(tmp_path_factory, metas, more):
    place = tmp_path_factory.mktemp("any")
    for number, meta in enumerate(metas):
        file = IIDFile()
        file.meta.data = meta
        file.add(b"a", None, (0, 0, 1, 1), np.ones((1, 1), bool))
        (place / f"{number}.iid").write_bytes(file.to_bytes())
    asked = {f"meta.{written(names)}": names for names in [*names_in(metas), more]}
    with iidindex.open(at(place / "x.db"), create=True) as index:
        if metas:
            index.ingest(place)
        question = index.entries.order_by("path")
        rows = question.to_dicts([*asked])
        assert rows == [
            {field: value_in(without_nan(meta), names) for field, names in asked.items()}
            for meta in metas
        ]
        table = question.to_arrow([*asked]).to_pylist()
        for row, told in zip(table, rows, strict=True):
            for field, value in row.items():
                assert value == told[field] or json.loads(value) == told[field]


def names_in(metas):
    """Names that something is said under, up to two of them."""
    for meta in metas:
        for name, value in meta.items() if isinstance(meta, dict) else ():
            yield [name]
            yield from ([name, inner] for inner in value) if isinstance(value, dict) else ()
