"""Files that questions name by where they lie: compared as SQLite does, at no greater cost."""

import os
import sqlite3
from contextlib import closing

import numpy as np
import pytest

import iidindex
from effort import effort, traced
from proportion import FEW, MANY, write_one


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
