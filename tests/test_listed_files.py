"""Files by filters: those that have an entry which fits, whichever way leads to them."""

import pytest

import iidindex
from conftest import disk, write_garden
from iidindex import IID, IIDFile, QueryError
from iidindex.cli.main import run
from iidindex.query.holdings import archive_files

QUESTIONS = [
    {},
    {"address": b"tree"},
    {"address": [b"tree", IID(b"odd", b"3")]},
    {"address": IID(b"extra", b"tree")},
    {"address": []},
    {"address": [str(nth).encode() for nth in range(700)]},
    {"domain": b"odd"},
    {"domain": b""},
    {"domain": [b"odd", b"garden"], "prefix": b"t"},
    {"not_domain": b"garden"},
    {"not_domain": [b"garden", b""]},
    {"prefix": b"1"},
    {"group": "tall"},
    {"group": ["water", "nobody"]},
    {"all_groups": ["plants", "tall"]},
    {"all_groups": ["plants", "water"]},
    {"not_group": ["plants", "water"], "area": (1, None)},
    {"group": "few", "domain": b"odd"},
    {"path": "b/*"},
    {"not_path": ["a/*", "*1.iid"]},
    {"root": "one"},
    {"root": "nowhere"},
    {"meta": {"number": (3, 7)}},
    {"meta": {"number": 3}, "group": "tall"},
    {"area": (5000, None)},
    {"key": [4, 5]},
    {"key": 0, "area": (0, 0)},
]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return tmp_path_factory.mktemp("listed") / "x.db"


@pytest.fixture(scope="module")
def listed(database):
    """Two roots of files, of which some have no entries, some are missing and some failed."""
    place = database.parent
    for nth in range(12):
        write_garden(place / "one" / "ab"[nth % 2] / f"{nth}.iid", shift=nth, number=nth)
    for nth in range(9):
        file = IIDFile()
        file.meta.data = {"number": nth if nth % 3 else None}
        for address in range(nth):
            groups = ["few"] if address == 2 else []
            file.add(str(address).encode(), b"odd", (0, 0, 41, 41), disk(20), groups)
        (place / "two" / "a").mkdir(parents=True, exist_ok=True)
        file.save(place / "two" / "a" / f"{nth}.iid")
    with iidindex.open(database, create=True) as index:
        index.ingest([place / "one", place / "two"])
        (place / "one" / "a" / "4.iid").unlink()
        (place / "two" / "a" / "bad.iid").write_bytes(b"no such file")
        index.ingest([place / "one", place / "two"])
        yield index


@pytest.mark.parametrize("few", [archive_files._FEW, 1])
@pytest.mark.parametrize("wanted", QUESTIONS, ids=str)
def test_files_are_those_of_the_entries_that_fit(listed, wanted, few, monkeypatch):
    monkeypatch.setattr(archive_files, "_FEW", few)
    found = listed.files(state="ok", **wanted)
    places = [file.location for file in found]
    assert len(set(places)) == len(places)
    fitting = {entry.location for entry in listed.entries.where(**wanted)}
    of_entries = wanted.keys() - {"path", "not_path", "root", "meta"}
    assert {file.location for file in found if file.entries} == fitting
    # One without entries has none that fits, but is a file all the same.
    if of_entries:
        assert set(places) == fitting
    every = listed.files()
    assert [file for file in every if file in found] == list(found)


def test_what_is_missing_is_found_by_what_is_known_of_it(listed):
    (gone,) = listed.files(state="missing", group="tall")
    assert gone.path == "a/4.iid"
    assert not listed.files(state="missing", domain=b"odd")
    assert gone in listed.files(domain=b"garden")
    (bad,) = listed.files(state="failed")
    assert bad.path == "a/bad.iid"
    assert bad.reason
    assert bad not in listed.files(not_domain=b"garden")
    assert listed.files(path="a/bad.iid") == [bad]


@pytest.mark.parametrize(
    "order",
    [
        "path",
        "-path",
        ("-entries", "size"),
        ("state", "-size"),
        "meta.number",
        ("-meta.number", "-path"),
        ("meta.camera.iso", "entries"),
        "meta.nothing",
    ],
)
def test_pages_in_any_order(listed, order):
    whole = listed.files(order_by=order)
    assert sorted(whole) == sorted(listed.files())
    pages, after = [], None
    while page := listed.files(order_by=order, limit=4, after=after):
        assert len(page) <= 4
        pages += page
        after = page[-1]
    assert whole == pages


def test_orders_are_what_they_say(listed):
    by_entries = [file.entries for file in listed.files(order_by="-entries")]
    assert by_entries == sorted(by_entries, reverse=True)
    paths = [file.path for file in listed.files(order_by="path")]
    assert paths == sorted(paths)
    numbers = listed.files(order_by="-meta.number", state="ok").to_dicts(["meta.number"])
    said = [row["meta.number"] for row in numbers]
    known = [number for number in said if number is not None]
    assert known == sorted(known, reverse=True)
    assert said == known + [None] * (len(said) - len(known))
    assert len(known) < len(said)


@pytest.mark.parametrize(
    "wrong",
    [
        {"order_by": "offset"},
        {"order_by": "--path"},
        {"order_by": 3},
        {"order_by": [b"path"]},
        {"order_by": "meta"},
        {"state": "gone"},
        {"limit": -1},
        {"domain": "text"},
        {"area": (3, 1)},
    ],
    ids=str,
)
def test_wrong_arguments(listed, wrong):
    with pytest.raises(QueryError):
        listed.files(**wrong)


def test_pixels_are_no_filter_of_files(listed):
    for question in (
        listed.entries.at(1, 1),
        listed.entries.nearest(1, 1),
        listed.entries.order_by("area"),
    ):
        with pytest.raises(QueryError, match="found by filters"):
            question.files()


def test_a_page_goes_on_behind_a_file_that_is_gone(tmp_path):
    for nth in range(4):
        write_garden(tmp_path / "in" / f"{nth}.iid", number=nth)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "in")
        first = index.files(limit=2)
        (tmp_path / "in" / "1.iid").unlink()
        index.ingest(tmp_path / "in")
        index.prune()
        assert [file.path for file in index.files(after=first[-1])] == ["2.iid", "3.iid"]
        rest = index.files(order_by="-size", after=first[-1])
        assert {file.path for file in rest} <= {"0.iid", "2.iid", "3.iid"}
        with pytest.raises(QueryError, match="ask again"):
            index.files(order_by="meta.number", after=first[-1])


def test_the_verb(listed, database, capsys):
    def told(*arguments):
        code = run(["--db", str(database), "files", *arguments])
        out = capsys.readouterr()
        return code, out.out, out.err

    assert told("--domain", "odd", "--group", "few", "--count")[:2] == (0, "6\n")
    assert told("--path", "b/*", "--limit", "2", "-0")[1] == "b/1.iid\0b/11.iid\0"
    code, out, err = told("--group", "tal", "--format", "jsonl")
    assert (code, out) == (1, "")
    assert "tall" in err
    code, out, err = told("--order-by", "offset")
    assert code == 2
    assert "offset" in err
    paths = told("--order-by", "-path", "--format", "paths")[1].splitlines()
    assert paths == sorted({file.path for file in listed.files()}, reverse=True)
