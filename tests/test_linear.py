"""An ingest of many names or roots: its work grows with them, and not with their square."""

import os
import shutil

import pytest

import iidindex
from effort import effort
from iidindex.cli.main import run
from iidindex.storage.enclosing import Enclosing, above
from proportion import FEW, MANY, TIMES, write_one


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """Many files of one directory."""
    place = tmp_path_factory.mktemp("single")
    for number in range(MANY):
        write_one(place / "a" / f"{number:03}.iid", b"%d" % number)
    return place


@pytest.fixture(scope="module")
def scattered(tmp_path_factory):
    """A file in each of many directories that have the same name."""
    place = tmp_path_factory.mktemp("scattered")
    for number in range(MANY):
        write_one(place / f"{number:03}" / "masks" / "0.iid", b"%d" % number)
    return place


def files_of(place, number):
    return [place / "a" / f"{one:03}.iid" for one in range(number)]


def directories_of(place, number):
    return [place / f"{one:03}" / "masks" for one in range(number)]


def opened(tmp_path):
    return iidindex.open(tmp_path / "x.db", create=True)


def grows_in_proportion(index, ingest, expected):
    """An ingest of many does little more work than its number tells, beside one of few."""
    reports = []
    spent = [effort(index, lambda n=n: reports.append(ingest(n))) for n in (FEW, MANY)]
    for report, number in zip(reports, (FEW, MANY), strict=True):
        assert {name: n for name, n in report.counts.items() if n} == expected(number)
    assert spent[1].is_within(spent[0], TIMES), spent
    return spent[1]


def test_single_files_that_are_unchanged(single, tmp_path):
    with opened(tmp_path) as index:
        index.ingest(single / "a")
        whole = effort(index, lambda: index.ingest(single / "a"))
        spent = grows_in_proportion(
            index, lambda n: index.ingest(files_of(single, n)), lambda n: {"unchanged": n}
        )
        # A path that is named has to be made absolute and looked up by itself.
        assert spent.is_within(whole, 12), (spent, whole)


def test_single_files_of_which_some_are_new(single, tmp_path):
    with opened(tmp_path) as index:
        index.ingest(files_of(single, MANY)[1::2])
        grows_in_proportion(
            index,
            lambda n: index.ingest(files_of(single, n), dry_run=True),
            lambda n: {"added": n // 2, "unchanged": n // 2, "entries": n // 2},
        )
        assert index.ingest(files_of(single, MANY)).added == MANY // 2
        assert [root.files for root in index.roots()] == [MANY]


def test_single_files_that_cannot_be_read(tmp_path):
    for number in range(MANY):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / f"{number:03}.iid").write_bytes(b"no masks")
    with opened(tmp_path) as index:
        index.ingest(tmp_path / "a")
        grows_in_proportion(
            index, lambda n: index.ingest(files_of(tmp_path, n)), lambda n: {"failed": n}
        )
        report = index.ingest(files_of(tmp_path, FEW))
        assert list(report.failures) == [str(path) for path in files_of(tmp_path, FEW)]
        assert all(report.failures.values())


def test_many_roots_that_are_new_and_then_unchanged(scattered, tmp_path):
    for number in (FEW, MANY):
        with iidindex.open(tmp_path / f"{number}.db", create=True) as index:
            index.ingest(directories_of(scattered, number))
            roots = index.roots()
            assert [root.files for root in roots] == [1] * number
            # In the order in which they are named, each name with the next number.
            names = ["masks", *(f"masks-{one}" for one in range(2, number + 1))]
            assert [root.name for root in roots] == names
    with iidindex.open(tmp_path / "240.db") as index:
        grows_in_proportion(
            index,
            lambda n: index.ingest(directories_of(scattered, n)),
            lambda n: {"unchanged": n},
        )


def test_new_roots_take_no_longer_the_more_there_are(scattered, tmp_path):
    spent = []
    for number in (FEW, MANY):
        with iidindex.open(tmp_path / f"{number}.db", create=True) as index:
            spent.append(
                effort(
                    index, lambda n=number: index.ingest(directories_of(scattered, n), dry_run=True)
                )
            )
            spent.append(effort(index, lambda n=number: index.ingest(directories_of(scattered, n))))
    assert spent[2].is_within(spent[0], TIMES), spent
    assert spent[3].is_within(spent[1], TIMES), spent


def test_many_places_that_a_link_leads_to(scattered, tmp_path):
    (tmp_path / "link").symlink_to(scattered)
    with opened(tmp_path) as index:
        index.ingest(directories_of(scattered, MANY))
        grows_in_proportion(
            index,
            lambda n: index.ingest(directories_of(tmp_path / "link", n)),
            lambda n: {"unchanged": n},
        )
        assert len(index.roots()) == MANY


def test_many_roots_that_have_moved(scattered, tmp_path):
    spent = []
    for number in (FEW, MANY):
        place = tmp_path / str(number)
        for one in directories_of(scattered, number):
            shutil.copytree(one, place / one.relative_to(scattered))
        with iidindex.open(tmp_path / f"{number}.db", create=True) as index:
            index.ingest(directories_of(place, number))
            before = [(root.id, root.name) for root in index.roots()]
            moved = place.rename(tmp_path / f"{number} moved")
            reports = []
            spent.append(
                effort(
                    index,
                    lambda m=moved, n=number, r=reports, i=index: r.append(
                        i.ingest(directories_of(m, n))
                    ),
                )
            )
            (report,) = reports
            assert (report.unchanged, len(report.relocated), report.absent) == (number, number, {})
            assert [(root.id, root.name) for root in index.roots()] == before
            assert [root.location for root in index.roots()] == [
                str(one) for one in directories_of(moved, number)
            ]
    assert spent[1].is_within(spent[0], TIMES), spent


def test_the_shell_names_files_one_by_one(single, tmp_path, capsys):
    database = str(tmp_path / "x.db")
    named = [str(path) for path in files_of(single, FEW)]
    assert run(["--db", database, "ingest", *named[::2]]) == 0
    assert run(["--db", database, "ingest", *named]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("30 added, 30 unchanged;")


def test_a_root_over_others_takes_them_all(scattered, tmp_path):
    with opened(tmp_path) as index:
        index.ingest(directories_of(scattered, FEW), fixity=True)
        index.ingest(directories_of(scattered, FEW)[:2])
        # Of the new ones, one lies over all that were there, and over another new one.
        report = index.ingest([scattered, scattered / "239" / "masks"])
        assert (report.added, report.unchanged) == (MANY - FEW, FEW)
        ((location, number),) = [(root.location, root.files) for root in index.roots()]
        assert (location, number) == (str(scattered), MANY)
        paths = sorted(file.path for file in index.files())
        assert paths == [f"{one:03}/masks/0.iid" for one in range(MANY)]
        # What was promised of a part holds for the whole.
        assert index.verify(fixity=True) == []
        assert report.failed == 0


def test_directories_of_single_files_that_lie_in_each_other(tmp_path):
    for name in ("a/b/c/1.iid", "a/b/2.iid", "a/3.iid", "x/4.iid"):
        write_one(tmp_path / name, name.encode())
    named = [tmp_path / name for name in ("a/b/c/1.iid", "x/4.iid", "a/3.iid", "a/b/2.iid")]
    with opened(tmp_path) as index:
        assert index.ingest(named).added == 4
        assert {root.location: root.files for root in index.roots()} == {
            str(tmp_path / "a"): 3,
            str(tmp_path / "x"): 1,
        }
        assert index.ingest(named).unchanged == 4


def test_a_directory_that_became_a_file_among_single_files(tmp_path):
    odd = os.fsdecode(b"\xfe")
    for name in ("x.iid/1.iid", f"x.iid/{odd}.iid", "y.iid", "x.iid0/2.iid", f"{odd}.iid"):
        write_one(tmp_path / "a" / name, b"one")
    with opened(tmp_path) as index:
        assert index.ingest(tmp_path / "a").added == 5
        shutil.rmtree(tmp_path / "a" / "x.iid")
        write_one(tmp_path / "a" / "x.iid", b"other")
        named = [tmp_path / "a" / name for name in ("x.iid", "y.iid", f"{odd}.iid")]
        report = index.ingest(named)
        assert (report.added, report.unchanged, report.missing) == (1, 2, 2)


def test_what_lies_over_a_location():
    over = Enclosing(["/", "/a", "/a/b/c", "shelf://bucket/x"])
    assert over.over("/a/b/c/d") == ("/a/b/c", "/a", "/")
    assert over.over("/a/b") == ("/a", "/")
    assert over.over("/ab") == ("/",)
    assert over.over("/") == ("/",)
    assert Enclosing(["/a"]).over("/b/a") == ()
    # A path may have more directories than calls can be nested.
    deep = "/a" * 5_000
    assert Enclosing(["/a", deep]).over(deep) == (deep, "/a")
    assert list(above("/a/b.iid")) == ["/a", "/"]
