"""Filters that leave out, and the one that requires several groups, against the slow reader."""

from itertools import product

import numpy as np
import pytest

import brute
import iidindex
from databases import at
from iidindex import IIDFile, QueryError
from iidindex.cli.main import run
from iidindex.query.question import asking
from iidindex.query.question.choice import Plan
from iidindex.query.question.compile import Way, ways
from iidindex.query.question.shape import shape_of

ON_BOTH = True

GROUPS = ("red", "round", "ripe")
DOMAINS = (b"", b"tree", b"\xff", b"bush")
MANY = [f"group {number}" for number in range(600)]
PATHS = ["a/1.iid", "a/2.iid", "b/1.iid", "b/[2].iid", "c.iid"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Entries of all domains in all combinations of groups, in every file."""
    root = tmp_path_factory.mktemp("fruit") / "fruit"
    for nth, path in enumerate(PATHS):
        file = IIDFile()
        for number, (domain, *member) in enumerate(product(DOMAINS, *[(False, True)] * 3)):
            named = [name for name, is_in in zip(GROUPS, member, strict=True) if is_in]
            box = (number, nth, number + 3, nth + 3)
            mask = np.ones((3, 3), bool)
            file.add(b"%d" % (number % 5), domain or None, box, mask, named)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        file.save(root / path)
    return root


@pytest.fixture(scope="module")
def fruit(place, backend):
    slow = {path: brute.read_path(place / path) for path in PATHS}
    with iidindex.open(at(place.parent / "x.db"), create=True) as index:
        index.ingest(place)
        yield index, slow


def groups_of(file, key):
    return {name for name, keys in file.groups.items() if key in keys}


# What is asked, and whether an entry of a file at a path, in some groups, fits.
REQUIRING = [
    ({}, lambda p, e, g: True),
    ({"group": ["red", "round"]}, lambda p, e, g: bool({"red", "round"} & g)),
    ({"group": "nothing"}, lambda p, e, g: False),
    ({"all_groups": "ripe"}, lambda p, e, g: "ripe" in g),
    ({"all_groups": ["red", "round"]}, lambda p, e, g: {"red", "round"} <= g),
    ({"all_groups": GROUPS}, lambda p, e, g: set(GROUPS) <= g),
    ({"all_groups": ["red", "nothing"]}, lambda p, e, g: False),
    ({"all_groups": []}, lambda p, e, g: True),
    (
        {"all_groups": ["red", "round"], "group": ["ripe", "red"]},
        lambda p, e, g: {"red", "round"} <= g,
    ),
    ({"path": "a/*"}, lambda p, e, g: p.startswith("a/")),
    ({"domain": [b"tree", b""]}, lambda p, e, g: e.domain in (b"tree", b"")),
    ({"address": [b"1", b"2"]}, lambda p, e, g: e.address in (b"1", b"2")),
    ({"address": [b"1", *(b"-%d" % n for n in range(600))]}, lambda p, e, g: e.address == b"1"),
]
EXCLUDING = [
    ({"not_group": "red"}, lambda p, e, g: "red" not in g),
    ({"not_group": ["red", "ripe"]}, lambda p, e, g: not {"red", "ripe"} & g),
    ({"not_group": ["nothing"]}, lambda p, e, g: True),
    ({"not_group": []}, lambda p, e, g: True),
    ({"not_group": [*MANY, "round"]}, lambda p, e, g: "round" not in g),
    ({"not_domain": b""}, lambda p, e, g: e.domain != b""),
    ({"not_domain": [b"\xff", b"tree"]}, lambda p, e, g: e.domain not in (b"\xff", b"tree")),
    ({"not_domain": b"nothing"}, lambda p, e, g: True),
    ({"not_domain": []}, lambda p, e, g: True),
    (
        {"not_domain": [b"\xff", *(b"%d" % n for n in range(600))]},
        lambda p, e, g: e.domain != b"\xff",
    ),
    ({"not_path": "a/1.iid"}, lambda p, e, g: p != "a/1.iid"),
    ({"not_path": "b/[2].iid"}, lambda p, e, g: p != "b/[2].iid"),
    ({"not_path": ["a/*", "c.iid", "nothing"]}, lambda p, e, g: p[0] == "b"),
    ({"not_path": "*fruit/b/*"}, lambda p, e, g: True),
    ({"not_path": []}, lambda p, e, g: True),
    (
        {"not_path": "?/*", "not_domain": b"tree", "not_group": "ripe"},
        lambda p, e, g: p == "c.iid" and e.domain != b"tree" and "ripe" not in g,
    ),
]


def asked(slow, *keeps):
    return sorted(
        (path, entry.key)
        for path, file in slow.items()
        for entry in file.entries
        if all(keep(path, entry, groups_of(file, entry.key)) for keep in keeps)
    )


@pytest.mark.parametrize("excluded", range(len(EXCLUDING)))
def test_alone_and_beside_what_is_required(fruit, excluded):
    index, slow = fruit
    leaving, keep_others = EXCLUDING[excluded]
    for requiring, keep in REQUIRING:
        for question in (
            index.entries.where(**leaving, **requiring),
            index.entries.where(**requiring).where(**leaving),
        ):
            wanted = asked(slow, keep, keep_others)
            for way in [None, Way.SCAN, *ways(shape_of(question._filters))]:
                with pytest.MonkeyPatch.context() as patch:
                    if way is not None:
                        patch.setattr(asking, "choose", lambda *_, way=way: Plan(way, {}))
                    found = sorted((entry.path, entry.key) for entry in question)
                    assert found == wanted, (way, requiring)
                    assert question.count() == len(wanted)
        near = question.region((2, 0, 7, 3), exact=False)
        assert [e.key for e in near] == [
            e.key for e in question if e.bbox.minr < 7 and e.bbox.maxr > 2 and e.bbox.minc < 3
        ]


def test_where_they_lie_on_disk(fruit, place):
    index, _slow = fruit
    for pattern, keep in ((f"{place}/a/*", "bc"), (f"{place}/c.iid", "ab"), ("/nowhere/*", "abc")):
        found = index.entries.where(not_path=[pattern])
        assert {entry.path[0] for entry in found} == set(keep)


def test_what_is_left_out_adds_up(fruit):
    index, slow = fruit
    everything = index.entries
    assert sorted(
        (e.path, e.key) for e in everything.where(not_group="red").where(not_group=["ripe"])
    ) == asked(slow, lambda p, e, g: not {"red", "ripe"} & g)
    assert sorted(
        (e.path, e.key) for e in everything.where(all_groups="red").where(all_groups=["ripe"])
    ) == asked(slow, lambda p, e, g: {"red", "ripe"} <= g)
    some = everything.where(not_domain=b"tree").where(not_domain=b"")
    assert {entry.iid.domain for entry in some} == {b"\xff", b"bush"}
    some = everything.where(not_path="a*").where(not_path="b*")
    assert {entry.path for entry in some} == {"c.iid"}


@pytest.mark.parametrize(
    "where",
    [
        {"not_group": 1},
        {"not_group": [b"red"]},
        {"all_groups": {"red": b""}.values()},
        {"not_group": "\ud800"},
        {"not_domain": "tree"},
        {"not_domain": 7},
        {"not_path": b"a"},
        {"not_path": ["a", None]},
        {"not_path": "a" * 10_001},
        {"not_path": [str(number) for number in range(513)]},
    ],
)
def test_values_of_another_form(fruit, where):
    with pytest.raises(QueryError):
        fruit[0].entries.where(**where)


def test_files_without_some_are_whole_files_still(fruit):
    """So that their entries can be counted without looking at any, and their overlaps kept."""
    index, slow = fruit
    question = index.entries.where(not_path="a/*")
    assert question.count() == len(asked(slow, lambda p, e, g: p[0] != "a"))
    assert {file.path for file in question.files_without_overlaps()} == {*PATHS[2:]}
    for other in ({"not_group": "red"}, {"not_domain": b""}, {"all_groups": "red"}):
        with pytest.raises(QueryError, match="whole files"):
            index.entries.where(**other).files_without_overlaps()


def test_those_left_out_lead_to_nothing(fruit):
    """All entries but some are better looked at one after the other."""
    index, _ = fruit
    for where in ({"not_group": "red"}, {"not_domain": b"tree"}):
        question = index.entries.where(**where)
        assert ways(shape_of(question._filters)) == []
        assert question.explain().startswith("way: scan: ")
    told = index.entries.where(address=b"1", not_domain=b"tree").explain()
    assert told.startswith("way: iids: ")
    told = index.entries.where(all_groups=["red", "ripe"]).explain()
    assert told.startswith("way: groups: ")


def test_in_the_shell(fruit, place, capsys):
    _index, slow = fruit

    def keys(*arguments):
        command = [
            "--db",
            str(at(place.parent / "x.db")),
            "find",
            *arguments,
            "--fields",
            "path,key",
        ]
        run([*command, "--format", "csv"])
        rows = capsys.readouterr().out.split()[1:]
        return sorted((path, int(key)) for path, key in (row.split(",") for row in rows))

    assert keys("--all-groups", "red", "--all-groups", "ripe", "--not-group", "round") == asked(
        slow, lambda p, e, g: g == {"red", "ripe"}
    )
    assert keys("--not-domain", "", "--not-domain", "hex:ff", "--not-path", "a/*") == asked(
        slow, lambda p, e, g: e.domain in (b"tree", b"bush") and p[0] != "a"
    )


UNKNOWN = [
    ("not_group", "rond", "no group 'rond' in this index; did you mean 'round'?"),
    ("not_group", ["red", "rond"], "no group 'rond' in this index; did you mean 'round'?"),
    ("not_domain", b"tre", "no domain 'tre' in this index; did you mean 'tree'?"),
    ("not_path", "a/3.iid", "no indexed file has a path that fits 'a/3.iid'; did you mean "),
    ("not_path", ["a/1.iid", "z/*"], "no indexed file has a path that fits 'z/*'; "),
]


@pytest.mark.parametrize(("name", "value", "told"), UNKNOWN)
def test_what_is_excluded_and_unknown_is_told(fruit, name, value, told, capsys):
    index, _ = fruit
    asked = index.entries.where(**{name: value})
    (line,) = asked.unknown_exclusions(lambda one: repr(one.decode()))
    assert line.startswith(told)
    assert line.endswith("(so that leaves nothing out)")
    assert index.entries.where(not_group="ripe", not_path="b/*").unknown_exclusions() == []
    db = str(index._catalog.store.location)
    option = f"--{name.replace('_', '-')}"
    values = [value] if isinstance(value, (str, bytes)) else value
    words = [
        word for one in values for word in (option, one.decode() if isinstance(one, bytes) else one)
    ]
    for verb in (["find"], ["find", "--count"], ["at", "1", "1"], ["overlaps"]):
        assert run(["--db", db, *verb, *words]) == 0
        assert capsys.readouterr().err == f"iidindex: {line}\n"
    assert run(["--db", db, "find", "--not-group", "ripe"]) == 0
    assert capsys.readouterr().err == ""
    # Where nothing is found, what is asked for and unknown is told instead.
    assert run(["--db", db, "find", "--group", "nothing", *words]) == 1
    assert "nothing" in capsys.readouterr().err


def test_an_export_tells_it_too(fruit, tmp_path, capsys):
    index, _ = fruit
    words = ["--to", "csv", "-o", str(tmp_path / "x.csv"), "--not-group", "rond"]
    assert run(["--db", str(index._catalog.store.location), "export", *words]) == 0
    assert "did you mean 'round'? (so that leaves nothing out)" in capsys.readouterr().err
