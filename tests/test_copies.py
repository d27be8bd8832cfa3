"""Copies of files, entries and indexes, here and elsewhere: each has handles of its own."""

import copy
import gc
import os
import pickle
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import iidindex
from iidindex import IIDFile, IIDIndexError, QueryError, SourceNotFoundError, StaleFileError

WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
}


@pytest.fixture(params=WAYS)
def duplicate(request):
    return WAYS[request.param]


def write_rows(path, address, row):
    """A file of one entry: a row of five."""
    mask = np.zeros((5, 5), bool)
    mask[row] = True
    file = IIDFile()
    file.meta.data = {"of": path.name}
    file.add(address, b"d", (0, 0, 5, 5), mask, "group")
    file.save(path)


def told(file):
    """All that a file says."""
    return [(e.key, e.iid, e.seg.bbox, e.seg.mask().tolist()) for e in file], file.meta.data


def test_a_copy_has_a_descriptor_of_its_own(tmp_path, duplicate):
    write_rows(tmp_path / "mine.iid", b"mine", 0)
    write_rows(tmp_path / "else.iid", b"else", 4)
    with IIDFile(tmp_path / "mine.iid") as mine:
        expected = told(mine)
        other = duplicate(mine)
        assert told(other) == expected
        del other
        gc.collect()
        with open(tmp_path / "else.iid", "rb") as stranger:  # may get a number that became free
            assert told(mine) == expected
            mine.close()
            assert stranger.read(4) == bytes(4)


@pytest.mark.parametrize("size", [5, 700])
def test_a_copy_goes_on_when_the_other_is_closed(tmp_path, duplicate, size):
    file = IIDFile()
    noise = np.random.default_rng(1).random((size, size)) < 0.5
    file.add(b"noise", b"", (0, 0, size, size), noise)
    file.save(tmp_path / "a.iid")
    with IIDFile(tmp_path / "a.iid") as opened:
        assert opened.at(0, 0) is not None
        other = duplicate(opened)
    assert other.name == opened.name
    assert (other.fetch(0)[0].seg.mask() == noise).all()
    with pytest.raises(QueryError, match="a.iid: the file is closed"):
        opened.fetch(0)
    other.close()


def test_a_copy_has_what_was_added(tmp_path, duplicate):
    write_rows(tmp_path / "a.iid", b"stored", 0)
    with IIDFile(tmp_path / "a.iid") as file:
        file.add(b"new", None, (0, 0, 2, 2), [[0, 1], [1, 1]], ["group", "other"])
        file.meta.data["day"] = "monday"
        with duplicate(file) as other:
            assert told(other) == told(file)
            assert other.to_bytes() == file.to_bytes()
            assert [e.iid.address for e in other.fetch(groups="other")] == [b"new"]
            # What is added to one is not in the other.
            other.add(b"more", None, (0, 0, 1, 1), [[1]], "group")
            assert (len(other), len(file)) == (3, 2)
            assert file.groups.keys("group").tolist() == [0, 1]
            other.save(tmp_path / "b.iid")
        assert len(file) == 2


def test_copies_of_what_is_in_memory(file, duplicate):
    assert told(duplicate(file)) == told(file)
    assert len(duplicate(IIDFile())) == 0
    entry = file.fetch(1)[0]
    assert (duplicate(entry).seg.mask() == entry.seg.mask()).all()


def test_no_copy_of_what_is_closed_changed_or_gone(tmp_path, duplicate):
    path = tmp_path / "a.iid"
    write_rows(path, b"mine", 0)
    with IIDFile(path) as file:
        write_rows(path, b"another", 0)
        with pytest.raises(
            StaleFileError, match="a.iid: has changed since it was opened, .* size 182 then and 185"
        ):
            duplicate(file)
        path.unlink()
        with pytest.raises(SourceNotFoundError, match="a.iid: there is no such file"):
            duplicate(file)
    with pytest.raises(QueryError, match="a.iid: the file is closed"):
        duplicate(file)


def test_a_copy_is_read_in_another_directory(tmp_path, monkeypatch):
    write_rows(tmp_path / "a.iid", b"mine", 0)
    monkeypatch.chdir(tmp_path)
    with IIDFile("a.iid") as file:
        packed = pickle.dumps(file)
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        with pickle.loads(packed) as other:
            assert told(other) == told(file)
            assert other.name == "a.iid"


# ---------------------------------------------------------------------- other processes


def ask_index(index):
    with index:
        found = index.entries.where(address=b"tree").at(70, 105)
        return sorted((e.path, e.groups, int(e.mask().sum())) for e in found), index.stats().files


def ask_entry(entry):
    return entry.path, entry.key, entry.groups, int(entry.mask().sum()), entry.distance


def ask_file(file):
    return told(file)


def in_process(start, function, argument):
    context = get_context(start)
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(function, argument).result()


@pytest.mark.parametrize("start", ["spawn", "fork", "forkserver"])
def test_an_index_and_its_entries_are_asked_where_they_arrive(index, start):
    trees = [("2020/a.iid", ("plants", "tall"), 1257)]
    assert in_process(start, ask_index, index) == (trees, 3)
    for entry in [*index.entries.where(group="plants"), *index.entries.nearest(0, 0, 2)]:
        assert in_process(start, ask_entry, entry) == ask_entry(entry)
    with IIDFile(index.entries.first().location) as file:
        assert in_process(start, ask_file, file) == told(file)
    # This process goes on with its own.
    assert index.entries.count() == 11


def test_entries_that_arrive_are_one_with_those_that_left(index):
    left = list(index.entries)
    arrived = pickle.loads(pickle.dumps(left))
    assert arrived == left
    assert [e.groups for e in arrived] == [e.groups for e in left]
    assert [e.id for e in copy.deepcopy(left)] == [e.id for e in left]
    # Masks need no catalogue, groups do.
    packed = pickle.dumps(left[0])
    index.close()
    os.unlink(index._catalog.store.location)
    entry = pickle.loads(packed)
    assert entry.mask().sum() == 1257
    with pytest.raises(iidindex.CatalogNotFoundError):
        _ = entry.groups


def test_an_index_arrives_as_it_was_opened(index, duplicate, tmp_path):
    with iidindex.open(tmp_path / "index.db", read_only=True) as opened, duplicate(opened) as other:
        assert other.entries.count() == opened.entries.count() == 11
        with pytest.raises(iidindex.CatalogError, match="read-only"):
            other.ingest(tmp_path)
    with pytest.raises(iidindex.CatalogError, match="the index is closed"):
        duplicate(opened)


def test_a_forked_process_opens_connections_of_its_own(index):
    streamed = iter(index.entries)
    first = next(streamed)  # its connection is in use
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        try:
            answer = f"{index.entries.count()} {first.groups} {int(first.mask().sum())}"
        except BaseException as error:
            answer = repr(error)
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as answers:
        assert answers.read() == "11 ('plants', 'tall') 1257"
    os.waitpid(child, 0)
    assert len(list(streamed)) == 10
    assert index.sql("PRAGMA table_info(files)")
    assert index.verify() == []


# ---------------------------------------------------------------------- what looks like a list


def test_a_question_is_no_list(index):
    with pytest.raises(TypeError, match=r"entries.count\(\)"):
        len(index.entries)
    for place in (0, slice(3), "path"):
        with pytest.raises(TypeError, match=r"entries.first\(\), entries.limit\(n\)"):
            index.entries[place]
    assert len(list(index.entries)) == 11
    assert index.entries  # as before, whether there are hits or not
    assert index.entries.first() in index.entries


def test_errors_travel(tmp_path):
    for error in (iidindex.WrongTypeError("x"), iidindex.QueryError("y")):
        arrived = pickle.loads(pickle.dumps(error))
        assert (type(arrived), str(arrived)) == (type(error), str(error))
    assert issubclass(iidindex.WrongTypeError, IIDIndexError)
