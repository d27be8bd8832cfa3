"""The rows that answers are told in: a promise that scripts rely on."""

import base64
import csv
import io
import json
import os
import pickle
import subprocess
import sys

import pytest
from sqlalchemy import event

import iidindex
from conftest import write_garden
from iidindex import IID, QueryError
from iidindex.cli.main import VERBS, run
from iidindex.query.answers.indexed_file import IndexedFile
from iidindex.query.comparison.agreement_figures import (
    GroupAgreement,
    PictureAgreement,
    TotalAgreement,
)
from iidindex.query.comparison.identity_faults import IdentityFault
from iidindex.query.comparison.tracks import Track
from iidindex.query.holdings.inventory import GroupCount, IIDCount
from iidindex.query.holdings.verify import Problem
from iidindex.query.linkage.cooccurring import Cooccurrence
from iidindex.query.linkage.lineage import Relative
from iidindex.query.linkage.links import Link
from iidindex.query.linkage.sharing import Related
from iidindex.rows import (
    AGREEMENT,
    AGREEMENT_IN_ALL,
    AGREEMENT_IN_GROUP,
    COOCCURRENCE,
    FILE,
    GROUP,
    IDENTITY_FAULT,
    IID_COUNT,
    LINK,
    PROBLEM,
    RELATED,
    RELATIVE,
    TRACK,
    TRACK_BY_METADATA,
    FileEntry,
    Type,
)

IIDS = "address domain address_b64 domain_b64"
FILE_ENTRY = f"path key {IIDS} bbox area offset length groups"
ENTRY = f"{FILE_ENTRY} id location"
PAIR = " ".join(
    f"{side}_key {' '.join(f'{side}_{name}' for name in IIDS.split())} {side}_area" for side in "ab"
)
DESCENT = f"{IIDS} parent parent_b64 generation children files first last problem"
FIGURES = "pixels iou a_in_b b_in_a location distance b_path b_location"

# Version 1. A key that is here stays; new ones come behind the others.
CONTRACT = {
    "find": (["tree"], ENTRY),
    "at": ([70, 125], ENTRY),
    "region": ([100, 50, 141, 91], ENTRY),
    "nearest": ([70, 99, "-k", 2], f"{ENTRY} distance"),
    "show": (["archive/2020/a.iid"], FILE_ENTRY),
    "overlaps": ([], f"path {PAIR} {FIGURES}"),
    "duplicates": (["--iou", 0], f"path {PAIR} {FIGURES}"),
    "compare": (["2020/a.iid", "2020/b.iid"], f"{IIDS} change iou area_a area_b"),
    "agree": (
        ["garden", "extra"],
        "path_a path_b matched only_a only_b split merged mean_iou pq location_a location_b",
    ),
    "files": ([], "path location state reason entries size"),
    "links": (["tree"], "path entries area location domain domain_b64"),
    "iids": ([], f"{IIDS} files entries"),
    "groups": ([], "name files entries"),
    "tracks": (
        [],
        f"{IIDS} first last files entries gaps area_min area_mean area_max displacement",
    ),
    "shared": (["2020/a.iid", "2021/c.iid"], IIDS),
    "related": (["2020/a.iid"], "path shared score location"),
    "cooccur": (["tree"], f"{IIDS} count pixels"),
    "chain": (["tree", "hex:ff0062696e"], f"path {IIDS} location"),
    "identities": (
        [],
        f"fault path key {IIDS} other other_b64 before iou location",
    ),
    "descendants": (["seed"], DESCENT),
    "ancestors": (["tree"], DESCENT),
    "roots": ([], "path id name location files"),
    "verify": ([], "path location problem"),
    "changes": ([], "time kind path old_path"),
}
SQL = ["sql", "SELECT path, address_bytes AS who, area FROM found"]

# Verbs that write something else, or what they are asked for.
NO_ROWS = {
    "copy",
    "page",
    "import",
    "export",
    "ingest",
    "status",
    "relocate",
    "doctor",
    "prune",
    "migrate",
    "optimize",
} | {
    "graph",
    "mask",
    "demo",
    "sql",
    "completion",
    "heat",
    "render",
    "serve",
    "sheet",
}


@pytest.fixture
def call(tmp_path, archive, capsysbinary, monkeypatch):
    """Call the program beside an ingested archive, of which one file has changed since."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IIDINDEX_DB", raising=False)

    def called(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsysbinary.readouterr()
        return code, captured.out.decode(), captured.err.decode()

    write_garden(archive / "2022" / "d.iid", parents={"tree": "seed"})
    assert called("ingest", archive)[0] == 0
    with (archive / "2022" / "d.iid").open("ab") as file:
        file.write(b" ")
    return called


def narrowed(verb, arguments):
    """Without the file that has changed, where masks are looked at."""
    return [verb, *arguments, *(["--path", "202[01]/*"] if verb in SPATIAL else [])]


SPATIAL = {"at", "region", "nearest", "overlaps", "duplicates", "agree"}


def test_answers_can_be_sent_to_another_process(tmp_path, archive):
    with iidindex.open(tmp_path / "p.db", create=True) as index:
        index.ingest(archive)
        for answer in (
            index.iids(),
            index.tracks(),
            index.tracks("meta.day"),
            index.links(b"tree"),
            index.cooccurring(b"tree"),
            index.files(),
        ):
            assert pickle.loads(pickle.dumps(answer)) == answer
            assert pickle.loads(pickle.dumps(answer)).to_dicts() == answer.to_dicts()


def test_the_contract_has_every_verb():
    assert CONTRACT.keys() | NO_ROWS == VERBS.keys()


@pytest.mark.parametrize("verb", CONTRACT)
def test_keys_of_a_verb(call, verb):
    arguments, keys = CONTRACT[verb]
    command = narrowed(verb, arguments)
    out = call(*command, "--format", "jsonl", "--format-version", 1)[1]
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows
    assert {tuple(row) for row in rows} == {tuple(keys.split())}
    assert json.loads(call(*command, "--format", "json", "--format-version", "1")[1]) == rows
    table = list(csv.reader(io.StringIO(call(*command, "--format", "csv")[1])))
    assert table[0] == keys.split()
    assert len(table) == len(rows) + 1
    assert keys.replace(" ", ", ") in " ".join(call(verb, "--help")[1].split())


@pytest.mark.parametrize("verb", CONTRACT)
def test_fields_choose_and_order(call, verb):
    arguments, keys = CONTRACT[verb]
    names = keys.split()
    command = narrowed(verb, arguments)
    whole = json.loads(call(*command, "--format", "json")[1])
    for chosen in ([names[-1], names[0]], names[::-1], [names[1]]):
        fields = ["--fields", ",".join(chosen)]
        wanted = [{name: row[name] for name in chosen} for row in whole]
        found = json.loads(call(*command, *fields, "--format", "json")[1])
        assert found == wanted
        assert [list(row) for row in found] == [chosen] * len(whole)
        lines = call(*command, *fields, "--format", "jsonl")[1].splitlines()
        assert [json.loads(line) for line in lines] == wanted
        table = call(*command, *fields)[1].split("\n")
        header = next(line for line in table if line.split() == chosen)
        assert len(table) - table.index(header) == len(whole) + 3
        assert call(*command, *fields, "--format", "csv")[1].split("\n")[0] == ",".join(chosen)


@pytest.mark.parametrize("verb", CONTRACT)
def test_fields_and_versions_that_are_not_there(call, verb):
    arguments, keys = CONTRACT[verb]
    name = keys.split()[-1]
    code, out, err = call(verb, *arguments, "--fields", name[:-1])
    assert (code, out) == (2, "")
    assert f"did you mean {name!r}?" in err
    assert keys.replace(" ", ", ") in " ".join(err.split())
    assert call(verb, *arguments, "--fields", f"{name},{name}")[0] == 2
    assert call(verb, *arguments, "--fields", "")[0] == 2
    for version in (0, 2, "one"):
        code, out, err = call(verb, *arguments, "--format-version", version)
        assert (code, out) == (2, "")
        assert "the versions there are: 1" in err


def test_an_address_alone_is_shown_so_that_it_can_be_typed(call):
    _, out, _ = call("find", "--domain", "extra", "--fields", "address")
    assert sorted(out.split()[2:]) == ["hex:ff0062696e", "über"]
    _, out, _ = call("find", "hex:ff0062696e", "--fields", "address_b64,address")
    assert out.split("\n")[2].split() == ["/wBiaW4=", "hex:ff0062696e"]


def test_what_is_not_asked_for_is_not_looked_up(index):
    statements = []

    @event.listens_for(index._catalog.engine, "checkout")
    def _note(connection, *_):
        connection.set_trace_callback(statements.append)

    assert index.entries.to_dicts(["path", "key"])[0] == {"path": "2020/a.iid", "key": 0}
    assert not any("entry_groups" in statement for statement in statements)
    assert index.entries.to_dicts(["groups"])[0] == {"groups": ["plants", "tall"]}
    assert any("entry_groups" in statement for statement in statements)


def test_columns_of_a_question_in_sql(call):
    rows = [json.loads(line) for line in call(*SQL, "--format", "jsonl")[1].splitlines()]
    assert {tuple(row) for row in rows} == {("path", "who", "area")}
    assert {row["who"] for row in rows} == {"tree", "pond", "ghost", "über", "hex:ff0062696e"}
    table = list(csv.DictReader(io.StringIO(call(*SQL, "--format", "csv")[1])))
    assert [row["who"] for row in table] == [row["who"] for row in rows]
    _, out, _ = call(*SQL, "--format", "jsonl", "--fields", "area,who")
    chosen = [{name: row[name] for name in ("area", "who")} for row in rows]
    assert [json.loads(line) for line in out.splitlines()] == chosen
    assert "hex:ff0062696e" in call(*SQL, "--fields", "who")[1]
    assert set(call(*SQL, "-0")[1].split("\0")) == {row["path"] for row in rows} | {""}
    code, _, err = call(*SQL, "--fields", "are")
    assert code == 2
    assert "did you mean 'area'?" in err
    assert call(*SQL, "--format-version", 3)[0] == 2
    assert call("sql", "SELECT 1 AS a WHERE 0", "--fields", "a", "--format", "json")[:2] == (
        1,
        "[]\n",
    )


# ------------------------------------------------------------------------- paths


def test_paths(call, tmp_path):
    paths = ["2020/a.iid", "2020/b.iid", "2021/c.iid", "2022/d.iid"]
    assert call("find", "--format", "paths")[1] == "".join(f"{path}\n" for path in paths)
    nul = "".join(f"{path}\0" for path in paths)
    assert call("find", "-0")[1] == call("find", "-0", "--format", "paths")[1] == nul
    places = "".join(f"{tmp_path}/archive/{path}\0" for path in paths)
    assert call("find", "-0", "--fields", "location")[1] == places
    assert call("files", "-0")[1] == nul
    assert call("chain", "tree", "hex:ff0062696e", "-0")[1] == "2020/b.iid\0"
    assert call("verify", "-0")[1] == f"{tmp_path}/archive/2022/d.iid\0"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["find", "-0", "--format", "jsonl"], "leave out --format jsonl"),
        (["find", "-0", "--fields", "key"], "one of path, location"),
        (["find", "--format", "paths", "--fields", "path,location"], "one of path, location"),
        (["iids", "--format", "paths"], "'paths' is not one of"),
        (["groups", "-0"], "-0"),
    ],
)
def test_wrong_use_of_paths(call, arguments, told):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert told in err


def test_paths_reach_xargs_whatever_they_are(tmp_path):
    names = [b"two words", b"a\nb", b"\xff", b"'quoted\""]
    for name in names:
        write_garden(tmp_path / "archive" / os.fsdecode(name + b".iid"))
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "archive")
    program = [sys.executable, "-m", "iidindex", "--db", "x.db", "find", "-0"]
    found = subprocess.run(
        [*program, "--fields", "location"], cwd=tmp_path, capture_output=True, check=True
    )
    listed = subprocess.run(
        ["xargs", "-0", "-n1", "wc", "-c"], input=found.stdout, capture_output=True, check=True
    )
    assert listed.stdout.count(b".iid") == len(names)
    result = subprocess.run(program, cwd=tmp_path, capture_output=True, check=True)
    assert sorted(result.stdout.split(b"\0")) == sorted([b"", *(name + b".iid" for name in names)])


# --------------------------------------------------------------------------- csv

HARMFUL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1"]
HARMLESS = ["a=1", "tree", "'=1", " x", "1e5", 'a,"b"', "a\r=1", "a\n=1", "äöü"]


def test_cells_that_are_no_formulas(tmp_path, capfdbinary):
    addresses = [text.encode() for text in HARMFUL + HARMLESS]
    # In base64, too, a text may begin with a plus.
    addresses.append(b"\xf8\x00")
    write_garden(tmp_path / "archive" / "=a.iid", extra=addresses)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "archive")
        rows = index.entries.where(domain=b"extra").to_dicts()
    assert any(row["address_b64"].startswith("+") for row in rows)
    arguments = ["--db", str(tmp_path / "x.db"), "find", "--domain", "extra"]
    assert run([*arguments, "--format", "csv"]) == 0
    out = capfdbinary.readouterr().out.decode()
    table = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [row["path"] for row in table] == ["'=a.iid"] * len(rows)
    assert [row["bbox"] for row in table] == ["5 5 9 9"] * len(rows)
    assert [row["key"] for row in table] == [str(row["key"]) for row in rows]
    for cells, row in zip(table, rows, strict=True):
        text = row["address"] or ""
        assert cells["address"] == (f"'{text}" if text in HARMFUL else text)
        assert base64.b64decode(cells["address_b64"]) == base64.b64decode(row["address_b64"])
        assert not any(cell.startswith(tuple("=+-@\t\r\n\0")) for cell in cells.values())
    assert run([*arguments, "--format", "jsonl"]) == 0
    out = capfdbinary.readouterr().out
    assert [json.loads(line)["address"] for line in out.splitlines()] == [
        *HARMFUL,
        *HARMLESS,
        None,
    ]


# ------------------------------------------------------------------------ python


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (Link, LINK),
        (Related, RELATED),
        (Cooccurrence, COOCCURRENCE),
        (IIDCount, IID_COUNT),
        (GroupCount, GROUP),
        (Track, TRACK),
        (Track, TRACK_BY_METADATA),
        (IndexedFile, FILE),
        (PictureAgreement, AGREEMENT),
        (TotalAgreement, AGREEMENT_IN_ALL),
        (GroupAgreement, AGREEMENT_IN_GROUP),
        (Problem, PROBLEM),
        (IdentityFault, IDENTITY_FAULT),
        (Relative, RELATIVE),
    ],
)
def test_every_field_of_a_record_is_a_column(record, kind):
    """And a field that somebody adds must become one."""
    fields = [
        name for field in record._fields for name in (IIDS.split() if field == "iid" else [field])
    ]
    names = [name for name in kind.names if name in fields]
    assert names == fields
    beside = {
        "path",
        "location",
        "domain",
        "domain_b64",
        "other_b64",
        "parent_b64",
        "before",
        "iou",
    }
    assert set(kind.names) - set(fields) <= beside


def test_rows_in_python_are_those_of_the_shell(call, tmp_path):
    with iidindex.open(tmp_path / "iidindex.db") as index:
        near = index.entries.where(path="202[01]/*")
        answers = {
            "find": index.entries.where(address=b"tree"),
            "at": near.at(70, 125),
            "region": near.region((100, 50, 141, 91)),
            "nearest": near.nearest(70, 99, k=2),
            "overlaps": near.overlaps(),
            "duplicates": index.duplicates(near, iou=0),
            "compare": index.compare("2020/a.iid", "2020/b.iid"),
            "agree": near.agreement("garden", "extra"),
            "files": index.files(),
            "links": index.links(b"tree"),
            "iids": index.iids(),
            "groups": index.groups(),
            "tracks": index.tracks(),
            "shared": index.shared("2020/a.iid", "2021/c.iid"),
            "related": index.related("2020/a.iid"),
            "cooccur": index.cooccurring(b"tree"),
        }
        for verb, answer in answers.items():
            rows = answer.to_dicts()
            shell = call(*narrowed(verb, CONTRACT[verb][0]), "--format", "json")[1]
            assert json.loads(shell) == rows, verb
        assert [entry.to_dict() for entry in answers["nearest"]] == answers["nearest"].to_dicts()


def test_records_are_read_like_a_list(index):
    assert index.links(b"tree") + index.links(b"pond") == [
        *index.links(b"tree"),
        *index.links(b"pond"),
    ]
    found = index.links(b"tree")
    listed = list(found)
    assert len(found) == 3
    assert found == listed == index.links(b"tree")
    assert listed == found
    assert found != listed[:2]
    assert found != "tree"
    assert found[0] == listed[0]
    assert found[-1] in found
    assert found[1:] == listed[1:]
    assert found[1:].to_dicts() == found.to_dicts()[1:]
    assert list(reversed(found)) == listed[::-1]
    assert repr(found) == repr(listed)
    assert not index.links(b"nobody")
    assert index.links(b"nobody").to_dicts() == []
    assert IID(b"garden", b"tree") in index.shared("2020/a.iid")


def test_fields_in_python(index):
    assert index.groups().to_dicts(["name"]) == [
        {"name": "plants"},
        {"name": "tall"},
        {"name": "water"},
    ]
    for fields, told in [
        (["nam"], "did you mean 'name'"),
        (["xyz"], "known are name, files, entries"),
        ([], "each of them once"),
        (["name", "name"], "each of them once"),
        ("name", "a list of names"),
    ]:
        with pytest.raises(QueryError, match=told):
            index.groups().to_dicts(fields)


def test_overlaps_are_an_iterator_still(index):
    whole = [tuple(pair) for pair in index.overlaps()]
    assert len(whole) == 3
    found = index.overlaps()
    assert iter(found) is found
    assert tuple(next(found)) == whole[0]
    assert [row["a_key"] for row in found.to_dicts()] == [pair[0].key for pair in whole[1:]]
    assert next(found, None) is None
    found = index.overlaps()
    next(found)
    found.close()
    assert list(found) == []


def test_every_type_of_column_is_met(index):
    kind = index.entries.nearest(0, 0)._kind_of_rows()
    kinds = {column.type for column in (*kind.columns, *kind.select(["meta.day"]).columns)}
    assert kinds == set(Type)
    assert set(FileEntry._fields) - {"iid", "bufloc"} <= set(FILE_ENTRY.split())
