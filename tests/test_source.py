"""Where the bytes come from: files that are not there, not files, or not what they were."""

import gc
import os
import socket

import numpy as np
import pytest

from conftest import write_garden
from hostile import no_hang
from iidindex import (
    FileStamp,
    IIDFile,
    IIDFormatError,
    QueryError,
    SourceError,
    SourceNotFoundError,
)
from iidindex.files.scan import scan
from iidindex.storage.local import LocalFile, stamp_of
from iidindex.storage.memory import MemoryFile


@pytest.fixture
def path(tmp_path):
    write_garden(tmp_path / "garden.iid")
    return tmp_path / "garden.iid"


@pytest.mark.parametrize("read", [IIDFile, scan, LocalFile, stamp_of])
@pytest.mark.parametrize("name", ["gone.iid", "garden.iid/x.iid", "no/such/x.iid"])
def test_what_is_not_there(path, read, name):
    with pytest.raises(SourceNotFoundError, match=f"{name}: there is no such file") as caught:
        read(path.parent / name)
    assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("read", [IIDFile, scan])
def test_what_is_no_file(tmp_path, read):
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as server, no_hang():
        server.bind(str(tmp_path / "socket"))
        for name in ("directory", "pipe", "loop", "socket", "a\0b", "n" * 300):
            with pytest.raises(SourceError, match=f"{name}: (is not a regular|cannot be)"):
                read(tmp_path / name)
        with pytest.raises(SourceError, match="/dev/zero: is not a regular file"):
            read("/dev/zero")


def test_names_that_are_not_text(tmp_path):
    directory = os.fsencode(tmp_path)
    with open(directory + b"/\xff.iid", "wb") as file:
        file.write(IIDFile().to_bytes())
    (entry,) = os.scandir(directory)
    assert len(IIDFile(entry)) == 0
    assert len(scan(entry)) == 0


@pytest.mark.parametrize("wrong", [None, 5, [b"x"]])
def test_what_is_no_path(wrong):
    with pytest.raises(TypeError):
        LocalFile(wrong)
    gc.collect()


def test_file_that_shrinks_after_it_was_opened(path):
    with IIDFile(path) as file:
        os.truncate(path, 100)
        with pytest.raises(SourceError, match="garden.iid: has been cut short"):
            len(file)
    with pytest.raises(IIDFormatError, match="garden.iid: header at byte .*the file has 100"):
        scan(path)


def test_large_file_that_shrinks_after_it_was_opened(tmp_path):
    (tmp_path / "large.iid").write_bytes(bytes(1 << 20))
    with LocalFile(tmp_path / "large.iid") as file:
        os.truncate(tmp_path / "large.iid", 100)
        with pytest.raises(SourceError, match="cannot be mapped"):
            file.data()


def test_empty_file(tmp_path):
    (tmp_path / "empty.iid").touch()
    for read in (IIDFile, scan):
        with pytest.raises(IIDFormatError, match="empty.iid: header: the file has 0 bytes"):
            read(tmp_path / "empty.iid")
    assert len(LocalFile(tmp_path / "empty.iid").data()) == 0


def test_closed(path):
    file = IIDFile(path)
    entry, other = file.fetch([0, 1])
    mask = entry.seg.mask()
    columns = file.bboxes
    copy = mask.copy()
    file.close()
    file.close()
    for ask in (
        lambda: len(file),
        lambda: list(file),
        lambda: file.iids,
        lambda: file.fetch(0),
        lambda: file.at(0, 0),
        lambda: file.meta,
        lambda: file.groups,
        lambda: file.to_bytes(),
        lambda: file.add(b"x", None, (0, 0, 1, 1), np.ones((1, 1), bool)),
        other.seg.mask,
    ):
        with pytest.raises(QueryError, match="garden.iid: the file is closed"):
            ask()
    assert np.array_equal(mask, copy)
    assert columns.tolist()[0] == [100, 50, 141, 91]


def test_leaving_the_context_closes(path):
    with IIDFile(path) as file:
        assert len(file) == 3
    with pytest.raises(QueryError, match="closed"):
        len(file)
    with IIDFile() as new:
        new.add(b"x", None, (0, 0, 1, 1), np.ones((1, 1), bool))
    with pytest.raises(QueryError, match="<new file>: the file is closed"):
        new.to_bytes()


def test_files_that_nobody_closes_are_closed(path):
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        file = IIDFile(path)
        assert file.fetch(everything=True)
        assert file.groups.list()
    del file
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_reading_parts(path):
    content = path.read_bytes()
    with LocalFile(path) as source:
        memory = MemoryFile(content)
        for one in (source, memory):
            assert one.read(10, 30) == content[10:40]
            assert one.read(len(content) - 3, 100) == content[-3:]
            assert one.read(len(content) + 5, 10) == one.read(0, 0) == b""
            assert one.data().tobytes() == content
            assert not one.data().flags.writeable
        assert source.stamp == stamp_of(path) == FileStamp(len(content), path.stat().st_mtime_ns)
        assert memory.stamp.size == len(content)
    with pytest.raises(SourceError, match="garden.iid: the file is closed"):
        source.read(0, 1)
    with pytest.raises(SourceError, match="garden.iid: the file is closed"):
        source.data()
