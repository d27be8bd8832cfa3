"""Where something is amiss: streams are closed, memory is not shared, files are few."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from iidindex import IIDFile, IIDIndexError
from iidindex.cli.terminal import for_shell
from iidindex.processes import new_pool
from iidindex.storage.local_storage import LOCAL
from iidindex.system import portable

PROGRAM = f"{sys.executable} -m iidindex"


@pytest.fixture
def shell(tmp_path, archive):
    """Run a line of shell in a directory where an archive has been ingested."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("IIDINDEX")
    }

    def ran(line, **added):
        result = subprocess.run(
            ["sh", "-c", line.replace("iidindex ", f"{PROGRAM} ")],
            cwd=tmp_path,
            env=environment | added,
            capture_output=True,
        )
        told = result.stderr.decode("utf-8", "surrogateescape")
        assert "Traceback" not in told
        assert "Error: [" not in told
        return result.returncode, result.stdout.decode("utf-8", "surrogateescape"), told

    assert ran("iidindex ingest archive")[0] == 0
    return ran


CLOSED = "standard output is closed, and there are rows to write to it"


@pytest.mark.parametrize(
    ("verb", "code", "told"),
    [
        ("ingest archive", 0, ""),
        ("ingest --checksum archive", 0, ""),
        ("mask 2020/a.iid 0 -o m.png", 0, ""),
        ("overlaps --store", 0, ""),
        ("verify", 0, ""),
        ("find nobody", 1, "no address 'nobody'"),
        ("find", 2, CLOSED),
        ("find --count", 2, CLOSED),
        ("find --explain", 2, CLOSED),
        ("status", 2, CLOSED),
        ("sql 'SELECT 1'", 2, CLOSED),
        ("graph", 2, CLOSED),
        ("ingest nowhere", 2, "there is no such file"),
    ],
)
def test_standard_output_is_closed(shell, tmp_path, verb, code, told):
    found = shell(f"iidindex {verb} >&-")
    assert found[0] == code
    assert told in found[2]
    assert bool(told) is bool(found[2])
    assert not verb.startswith("mask") or (tmp_path / "m.png").stat().st_size


def test_all_streams_are_closed(shell, tmp_path):
    # The next files that are opened would get their numbers.
    assert shell("iidindex ingest --checksum archive <&- >&- 2>&-")[0] == 0
    assert shell("iidindex find <&- >&- 2>&-")[0] == 2
    assert shell("iidindex find --count 2>&-")[:2] == (0, "11\n")
    assert shell("iidindex find --batch <&-")[0] == 2
    assert shell("iidindex verify")[0] == 0


def test_a_device_that_is_full(shell):
    code, _, told = shell("iidindex find --format jsonl >/dev/full")
    assert (code, told) == (2, "iidindex: cannot go on: No space left on device\n")


def test_output_without_most_characters(shell, tmp_path):
    file = IIDFile()
    file.add("ü→…".encode(), b"d", (0, 0, 1, 1), [[1]], "grün")
    file.save(tmp_path / "archive" / "odd.iid")
    assert shell("iidindex ingest archive")[0] == 0
    latin = {"PYTHONIOENCODING": "latin-1"}
    code, out, _ = shell("iidindex find ü→…", **latin)
    assert code == 0
    assert "\udcfc\\u2192\\u2026" in out  # the first of them is a byte of Latin-1
    code, _, told = shell("iidindex find ö→…", **latin)
    assert code == 1
    assert "\\u2192" in told
    for line in ("--help", "find --help", "show archive/odd.iid", "groups", "status", "find x…"):
        assert shell(f"iidindex {line}", **latin)[0] in (0, 1)
    # What is read by programs is UTF-8 or ASCII, whatever the terminal is.
    assert "odd.iid,0,ü→…" in shell("iidindex find --format csv", **latin)[1]
    for plain in ({"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        assert "odd.iid" in shell("iidindex find ü→…", **plain)[1]


def test_few_descriptors(shell, tmp_path):
    mask = np.eye(9, dtype=bool)
    for nth in range(100):
        file = IIDFile()
        file.add(b"x", b"d", (0, 0, 9, 9), mask)
        file.save(tmp_path / "archive" / f"{nth}.iid")
    assert shell("ulimit -n 64; iidindex ingest --jobs 2 archive")[0] == 0
    assert shell("ulimit -n 64; iidindex at 4 4 --address x --count")[:2] == (0, "100\n")
    assert shell("ulimit -n 24; iidindex at 4 4 --address x --count")[:2] == (0, "100\n")
    assert shell("ulimit -n 24; iidindex verify --checksum")[0] == 0
    code, _, told = shell("ulimit -n 6; iidindex at 4 4 --address x --count")
    assert (code, told.count("\n")) == (2, 1)


@pytest.mark.skipif(portable.FORCED, reason="the system is not asked")
def test_originals_keep_to_what_a_process_may_have_open():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, hard))
        assert LOCAL.ranges()._most == 10
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
        assert LOCAL.ranges()._most == min(1024, hard) // 4
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_no_memory_in_common(shell):
    unshared = "unshare -rm sh -c 'mount -t tmpfs -o ro none /dev/shm && iidindex {}'"
    if shell(unshared.format("--version"))[0]:
        pytest.skip("no other namespace can be had here")
    code, _, told = shell(unshared.format("ingest --checksum --jobs 2 archive"))
    assert code == 2
    assert told == (
        "iidindex: no other processes can be started: they need memory in common, which /dev/shm "
        "does not give (Read-only file system); use one: --jobs 1\n"
    )
    assert shell(unshared.format("ingest --checksum --jobs 1 archive"))[0] == 0
    # Left to itself, it takes one, however many files there are.
    many = "import iidindex.ingestion.pool as pool; print(pool.processes(None, 10**6))"
    alone = unshared.replace("iidindex {}", f'{sys.executable} -c "{many}"')
    assert shell(alone)[1] == "1\n"


def test_no_working_directory(shell, tmp_path):
    before = f"mkdir gone; cd gone; rmdir ../gone; iidindex --db {tmp_path}/iidindex.db "
    assert shell(f"{before} find --count")[:2] == (0, "11\n")
    assert shell(f"{before} ingest {tmp_path}/archive")[0] == 0
    assert shell(f"{before} at 70 105 --count")[:2] == (0, "1\n")
    for line in ("ingest archive", "mask 2020/a.iid 0 -o m.png", "relocate archive x"):
        code, _, told = shell(f"{before} {line}")
        assert code == 2
        assert "the working directory is not there any more" in told
    code, _, told = shell(f"{before} overlaps --jobs 2")
    assert code == 2
    assert "use one: --jobs 1" in told
    assert shell("mkdir gone; cd gone; rmdir ../gone; iidindex find")[2] == (
        "iidindex: iidindex.db: the working directory is not there any more; name an absolute "
        "path\n"
    )


def test_python_is_told_in_its_own_words(monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(IIDIndexError, match=r"--jobs 1 \(in Python: jobs=1\)"):
        new_pool(2)


def test_the_shell_is_told_in_its_own_words(shell):
    for line, told in (
        ("--db none.db find", "`iidindex --db none.db ingest DIR` makes one\n"),
        ("find --order-by nope", "--order-by is 'nope'; expected one of id, path"),
        ("nearest 1 1 --order-by path", "leave --order-by and after out"),
        ("find --meta 'day=[1]'", "must be text, a number, true, false or null, not [1]"),
        ("find --area 20..10", "expected MIN..MAX"),
    ):
        code, _, err = shell(f"iidindex {line}")
        assert code == 2
        assert told in err
        assert "Python" not in err
    assert for_shell("x (in Python: open(db, read_only=True)) y") == "x y"
    assert for_shell("my/order_by.iid") == "my/order_by.iid"


# ---------------------------------------------------------------------- nothing to ingest


def test_a_directory_without_iid_files(shell, tmp_path):
    place = tmp_path / "pictures" / "deep"
    place.mkdir(parents=True)
    for nth in range(20):
        (place / f"{nth}.PNG").touch()
    told = "20 .png: `iidindex import` makes .iid files of other formats"
    for options in ("", " --dry-run"):
        code, out, err = shell(f"iidindex --db new.db ingest pictures{options}")
        assert code == 0
        assert "no .iid files" in out
        assert told in err
    assert not list(tmp_path.glob("new.db*"))
    (place / "notes").touch()
    (place / "a.txt").touch()
    code, out, err = shell("iidindex --db new.db ingest pictures --format json")
    assert '"others": {".png": 20, ' in out
    # An index that is there stays there.
    assert shell("iidindex ingest pictures")[0] == 0
    assert shell("iidindex find --count")[1] == "11\n"


def test_a_directory_of_other_files_and_one_iid(shell, tmp_path):
    place = tmp_path / "mixed"
    (tmp_path / "outside").mkdir()
    place.mkdir()
    (place / "a.png").touch()
    (place / "link").symlink_to("../outside")
    assert shell("iidindex --db new.db ingest mixed")[2] == (
        "found 1 .png: `iidindex import` makes .iid files of other formats\n"
    )
    IIDFile().save(tmp_path / "outside" / "a.iid")
    code, out, err = shell("iidindex --db new.db ingest mixed")
    assert (code, err) == (0, "")
    assert out.startswith("1 added")
    assert (tmp_path / "new.db").exists()


def test_python_is_told_what_lies_there(index, tmp_path):
    (tmp_path / "empty").mkdir()
    assert index.ingest(tmp_path / "empty").others == {}
    (tmp_path / "empty" / "a.TIF").touch()
    (tmp_path / "empty" / "b").touch()
    assert index.ingest(tmp_path / "empty").others == {".tif": 1, "": 1}
    assert index.ingest(tmp_path / "archive").others == {}
