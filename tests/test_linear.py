"""Work that grows with what is named, and not with its square. What is counted takes no clock."""

import os
import pickle
import shutil
import sqlite3
import sys
import tracemalloc
from contextlib import closing
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import iidindex
from effort import calls_of, effort, traced
from iidindex import IIDFile, import_archive
from iidindex.catalog import lookup
from iidindex.cli.main import run
from iidindex.query.answers import arrow
from iidindex.query.overlaps import counting
from iidindex.query.overlaps import pairs as pairs_of_files
from iidindex.storage.enclosing import Enclosing, above
from iidindex.storage.folder import Folder

FEW, MANY = 60, 240
# A square would be sixteen; what is done once for all of them makes it less than four.
TIMES = 4.4


def write_one(path, address):
    file = IIDFile()
    file.add(address, b"d", (0, 0, 2, 2), np.eye(2, dtype=bool))
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


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


# ---------------------------------------------------------------------- files named in questions


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    """Many files in many roots, some with names that are no text or look like patterns."""
    place = tmp_path_factory.mktemp("placed")
    odd = os.fsdecode(b"\xfe")
    for number in range(MANY):
        write_one(place / f"r{number:03}" / f"{number:03}.iid", b"%d" % number)
    for name in ("a[1].iid", "a1.iid", f"in/{odd}.iid", "in/b.iid", "in/b/c.iid"):
        write_one(place / "r[0]" / name, name.encode(errors="replace"))
    write_one(place / f"{odd}{odd}" / "in" / "d.iid", b"odd")
    index = iidindex.open(place / "x.db", create=True)
    index.ingest(sorted(one for one in place.iterdir() if one.is_dir()))
    with index:
        yield place, index


def as_sqlite_matches(pattern, text):
    """GLOB by SQLite itself, of the whole location."""
    with closing(sqlite3.connect(":memory:")) as database:
        statement = "SELECT CAST(? AS TEXT) GLOB CAST(? AS TEXT) OR ? = ?"
        values = (os.fsencode(text), os.fsencode(pattern), text == pattern, True)
        return bool(database.execute(statement, values).fetchone()[0])


@pytest.mark.parametrize(
    "pattern",
    [
        *("r007/007.iid", "r007/*", "r*/007.iid", "r00?/*", "*7.iid", "*", "r007", "r007/"),
        *("r007*", "r[0]/a[1].iid", "r[0]/a1.iid", "r[[]0]/a[[]1].iid", "r[[]0]/a[1].iid"),
        *("r[[]0]/*", "r[0]/in/b.iid", "r[0]/in/b/c.iid", "r[0]/in//b.iid", "r[12]*/*"),
        *("r[0]/../r007/007.iid", b"r[0]/in/\xfe.iid", b"r[[]0]/in/\xfe.iid", b"r*/\xfe.iid"),
        *(b"\xfe\xfe/in/d.iid", b"\xfe\xfe/*/d.iid", b"\xfe*/d.iid", b"\xfe*"),
        *(b"?\xfe/in/d.iid", b"\xfe\xfe/in/?.iid"),
    ],
)
def test_an_absolute_path_is_compared_with_where_files_lie(placed, pattern):
    place, index = placed
    every = [entry.location for entry in index.entries]
    wanted = f"{place}/{os.fsdecode(pattern)}"
    found = [entry.location for entry in index.entries.where(path=wanted)]
    assert sorted(found) == sorted(one for one in every if as_sqlite_matches(wanted, one))
    assert index.entries.where(path=wanted).count() == len(found)
    # From other filters to the files, too.
    assert index.entries.where(path=wanted, area=(1, 9)).count() == len(found)


def test_an_absolute_path_with_a_wildcard_above_all_roots(placed):
    place, index = placed
    for pattern in ("/*", "/*/007.iid", f"/*{str(place)[2:]}/r007/*", f"{str(place)[:-1]}*/r007/*"):
        found = [entry.location for entry in index.entries.where(path=pattern)]
        every = [entry.location for entry in index.entries]
        assert sorted(found) == sorted(one for one in every if as_sqlite_matches(pattern, one))
        assert found
    for pattern in ("/", "//", "/x", f"/{'a/' * 4000}x", f"/{'a/' * 4000}*"):
        assert index.entries.where(path=pattern).count() == 0


def test_an_absolute_path_takes_no_longer_than_one_inside_a_root(placed):
    place, index = placed
    inside, absolute = "007.iid", str(place / "r007" / "007.iid")

    def asked(path):
        return effort(index, lambda: list(index.entries.where(path=path)))

    def entry(path):
        return effort(index, lambda: index.entry(path, 0))

    def nearest(path):
        return effort(index, lambda: list(index.entries.where(path=path).nearest(900, 900)))

    for ask in (asked, entry, nearest):
        ask(inside), ask(absolute)  # statements are compiled once
        assert ask(absolute).is_within(ask(inside), 2), ask


def test_what_a_location_costs_does_not_grow_with_other_files(tmp_path):
    spent = []
    for number in (FEW, MANY):
        place = tmp_path / str(number)
        for one in range(number):
            write_one(place / f"{one:03}.iid", b"%d" % one)
        with iidindex.open(tmp_path / f"{number}.db", create=True) as index:
            index.ingest(place)

            def ask(index=index, path=str(place / "007.iid")):
                assert index.entries.where(path=path).count() == 1
                assert index.entry(path, 0).key == 0

            ask()
            spent.append(effort(index, ask))
    assert spent[1].is_within(spent[0], 1.1), spent


def test_the_nearest_in_one_file_is_looked_for_in_two_squares(placed):
    _, index = placed
    asked = []

    def count(statement):
        asked.append(statement)

    near, far = [], []
    for found, x in ((near, 1), (far, 60_000)):
        asked.clear()
        with traced(index, count):
            (entry,) = index.entries.where(path="007.iid").nearest(x, x)
        assert entry.distance == (0 if x == 1 else np.hypot(59_999, 59_999))
        found += asked
    assert len(far) <= len(near) + 6


# ---------------------------------------------------------------------- individuals as they come


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """An index of 9,000 individuals."""
    place = tmp_path_factory.mktemp("crowd")
    file = IIDFile()
    one = np.ones((1, 1), dtype=bool)
    for number in range(9_000):
        file.add(b"%05d" % number, b"d", (0, 0, 1, 1), one)
    file.save(place / "a.iid")
    with iidindex.open(place / "x.db", create=True) as index:
        index.ingest(place / "a.iid")
        yield place, index


def peak(job):
    """Bytes that a job takes at the most."""
    job()  # what is kept for the next time is not the job's
    tracemalloc.start()
    try:
        job()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def exhaust(iterator):
    return sum(1 for _ in iterator)


def test_the_first_individual_does_not_wait_for_the_last(crowd):
    _, index = crowd
    assert next(iter(index.iids())) == (iidindex.IID(b"d", b"00000"), 1, 1)
    first = effort(index, lambda: next(iter(index.iids())))
    every = effort(index, lambda: exhaust(index.iids()))
    assert every.steps > 5 * first.steps
    assert every.calls > 5 * first.calls


def test_individuals_take_no_more_memory_the_more_there_are(crowd, monkeypatch):
    _, index = crowd
    few = peak(lambda: exhaust(index.iids(limit=2_000)))
    assert peak(lambda: exhaust(index.iids(limit=6_000))) < 1.2 * few
    # A list of them would.
    assert peak(lambda: list(index.iids(limit=6_000))) > 2 * few

    def batches(limit):
        return exhaust(pa.RecordBatchReader.from_stream(index.iids(limit=limit)))

    monkeypatch.setattr(arrow, "BATCH_ROWS", 500)
    few = peak(lambda: batches(1_500))
    assert peak(lambda: batches(4_500)) < 1.2 * few


@pytest.mark.parametrize("form", ["table", "jsonl", "json", "csv"])
def test_the_shell_keeps_no_individuals(crowd, form, monkeypatch):
    place, _ = crowd

    def written(number):
        with open(os.devnull, "w") as nowhere:
            monkeypatch.setattr(sys, "stdout", nowhere)
            arguments = ["iids", "--format", form, "--limit", str(number)]
            assert run(["--db", str(place / "x.db"), *arguments]) == 0

    few = peak(lambda: written(2_000))
    assert peak(lambda: written(4_000)) < 1.2 * few


def test_individuals_that_are_asked_for_later(crowd):
    place, _ = crowd
    with iidindex.open(place / "x.db") as index:
        some, kept = index.iids(limit=3), index.iids(prefix=b"0000", limit=3)
        assert [row.iid.address for row in some] == [b"00000", b"00001", b"00002"]
        assert list(some) == list(some) == kept
        assert (len(kept), kept[1].files, kept[1:] == list(some)[1:]) == (3, 1, True)
        assert kept[0] in some
        assert repr(kept).startswith("[IIDCount(iid=IID(domain=b'd', address=b'00000')")
        fresh, copied = index.iids(limit=3), pickle.loads(pickle.dumps(some))
        half = iter(index.iids())
        next(half)
    # What was read as a list is there; nobody can ask a closed index.
    assert kept == copied == [*kept]
    with pytest.raises(iidindex.CatalogError, match="the index is closed"):
        list(fresh)
    with pytest.raises(iidindex.QueryError, match="limit"):
        index.iids(limit=-1)


# ---------------------------------------------------------------------- overlaps that are stored


def write_pairs(path, number, seed, n_alone=0):
    """A file of so many pairs that overlap, and of masks that meet nothing."""
    file = IIDFile()
    full = np.ones((4, 4), dtype=bool)
    for one in range(number):
        for place in (10 * one, 10 * one + seed % 3 + 1):
            file.add(b"%d" % place, b"d", (place, 0, place + 4, 4), full)
    for one in range(n_alone):
        file.add(b"alone", b"d", (9 * one, 50, 9 * one + 4, 54), full)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


def told(pairs):
    return [(pair.a.location, pair.a.key, pair.b.key, pair.pixels) for pair in pairs]


def test_stored_overlaps_are_read_and_their_entries_are_not(tmp_path):
    spent = []
    for n_alone in (0, 2_000):
        place = tmp_path / str(n_alone)
        for number in range(4):
            write_pairs(place / f"{number}.iid", 3, number, n_alone)
        with iidindex.open(tmp_path / f"{n_alone}.db", create=True) as index:
            index.ingest(place)
            counted = told(index.overlaps())
            assert told(index.overlaps(store=True)) == counted
            assert len(counted) == 12
            list(index.overlaps())
            spent.append(effort(index, lambda i=index, c=counted: told(i.overlaps()) == c))
            # Nor to find out that there is nothing to store any more.
            again = effort(index, lambda i=index: exhaust(i.overlaps(store=True)))
            assert again.steps < 3 * spent[0].steps + 10
    assert spent[1].is_within(spent[0], 1.2), spent


@pytest.mark.parametrize("kept", ["", "0", "5", "024", "135", "0123", "2345", "012345"])
@pytest.mark.parametrize("few", [1, 3, 1 << 18])
def test_stored_and_counted_overlaps_come_in_one_order(tmp_path, monkeypatch, kept, few):
    monkeypatch.setattr(counting, "_PAIRS", few)
    monkeypatch.setattr(lookup, "BLOCK", few)
    monkeypatch.setattr(pairs_of_files, "_BATCH_SEGMENTS", 7 * few)
    for number in range(6):
        write_pairs(tmp_path / "a" / f"{number}.iid", number % 4, number, 2)
    with opened(tmp_path) as index:
        index.ingest(tmp_path / "a")
        expected = told(index.overlaps())
        assert "".join(path[-5] for path, *_ in expected) == "1223335"
        for name in kept:
            list(index.overlaps(f"{name}.iid", store=True))
        left = {file.path[0] for file in index.entries.files_without_overlaps()}
        assert left == set("012345") - set(kept)
        assert told(index.overlaps()) == expected
        some = [row for row in expected if row[0][-5] in "1235"]
        assert told(index.overlaps("[1235].iid")) == some
        found = index.overlaps()
        next(found)
        assert found.to_arrow().num_rows == len(expected) - 1


# ---------------------------------------------------------------------- importing


def test_pictures_of_one_name_are_found_by_where_they_lie(tmp_path):
    spent = []
    for number in (FEW, MANY):
        place = tmp_path / str(number)
        for one in range(number):
            (place / f"{one:03}").mkdir(parents=True)
            (place / f"{one:03}" / "frame.png").touch()
        (place / "alone.tif").touch()
        folder = Folder(place)

        def look(folder=folder, number=number):
            for one in range(number):
                assert folder.picture_of(f"{one:03}/frame.jpg") == f"{one:03}/frame.png"
            assert folder.picture_of("frame.png") is None
            assert folder.picture_of("x/alone.png") is None
            assert folder.picture_of("alone.png") == "alone.tif"

        spent.append(calls_of(look))
    assert spent[1] <= TIMES * spent[0]


def test_pictures_that_are_called_alike(tmp_path):
    for name in ("a/b/x.png", "bb/x.png", "b/x.tif", "c/x.png", "c/x.tif", "c/x.json", "d/a.b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folder = Folder(tmp_path)
    wanted = {
        "x.png": None,
        "b/x.png": "a/b/x.png",
        "b/x.tif": "b/x.tif",
        "b/x.jpg": None,
        "bb/x.jpg": "bb/x.png",
        "c/x.jpg": None,
        "c/x.tif": "c/x.tif",
        "a.b": None,
        "a.b.jpg": "d/a.b.png",
        "a.jpg": None,
        "": None,
        "/x.png": None,
    }
    assert {name: folder.picture_of(name) for name in wanted} == wanted


def test_an_import_of_many_small_files(tmp_path):
    spent = []
    for number in (FEW // 3, MANY // 3):
        place = tmp_path / f"in{number}"
        place.mkdir()
        for one in range(number):
            plane = np.zeros((8, 8), np.uint8)
            plane[1:4, 2:6] = 7
            plane[5:7, 1:3] = one % 200 + 8
            Image.fromarray(plane).save(place / f"{one:03}.png")
        reports = []
        for _ in range(2):  # into nothing, and over what is there
            job = partial(import_archive, place, tmp_path / f"out{number}", jobs=1)
            spent.append(calls_of(lambda job=job, told=reports: told.append(job())))
        assert [(one.pictures, one.unchanged) for one in reports] == [(number, 0), (number,) * 2]
    first, again, *many = spent
    assert many[0] <= TIMES * first
    assert many[1] <= TIMES * again
