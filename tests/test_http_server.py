"""The verb ``serve`` as a process: what it writes, where it listens, and how it ends."""

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from conftest import write_garden


@contextmanager
def serving(db, *arguments):
    command = [sys.executable, "-m", "iidindex", "--db", str(db), "serve", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process, process.stdout.readline().decode()
        finally:
            process.kill()


def status_of(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture
def db(call, tmp_path):
    return tmp_path / "iidindex.db"


def test_a_life_of_a_server(db, archive, call):
    with serving(db, "--port", 0) as (process, line):
        address, _, token = line.strip().partition("?token=")
        assert address.startswith("http://127.0.0.1:")
        assert len(token) >= 32
        assert status_of(address)[0] == 401
        known = {"Authorization": f"token {token}"}
        assert status_of(f"{address}api/status", **known)[0] == 200
        assert status_of(f"{address}api/status", **known, Host="evil.example")[0] == 400
        # An ingest goes on meanwhile, and what it brings is answered.
        write_garden(archive / "2030" / "new.iid")
        assert call("ingest", archive)[0] == 0
        assert b"2030/new.iid" in status_of(f"{address}api/files?limit=1000", **known)[1]
        port = address.rpartition(":")[2].strip("/")
        taken = call("serve", "--port", port)
        assert taken[0] == 2
        assert taken[1] == ""
        assert f"port {port}" in taken[2]
        assert "Traceback" not in taken[2]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, b"", b"")


def test_the_token_that_is_given(db):
    with serving(db, "--port", 0, "--token", "s&cr t".replace(" ", "+")) as (process, line):
        address, _, token = line.strip().partition("?token=")
        assert token == "s%26cr%2Bt"
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(line.strip()) as answer:
            assert answer.url == address
            assert b"<!doctype html>" in answer.read()
        with opener.open(f"{address}api/status") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "no.such.host.invalid"],
        ["--host", "192.0.2.1", "--port", "0"],
        ["--host", ""],
        ["--host", "a" * 300],
        ["--port", "65536"],
        ["--port", "-1"],
        ["--token", ""],
        ["--token", "two words"],
        ["--token", "é"],
        ["--pictures", "nowhere"],
        ["more"],
    ],
)
def test_what_cannot_be_served(call, arguments):
    code, out, err = call("serve", *arguments)
    assert (code, out) == (2, "")
    assert err
    assert "Traceback" not in err


def test_without_an_index(call, tmp_path):
    code, _, err = call("--db", tmp_path / "none.db", "serve", "--port", "0")
    assert code == 2
    assert "none.db" in err


def test_no_other_machine_reaches_it_unless_told(db):
    with serving(db, "--port", 0) as (_, line):
        port = int(line.partition("?")[0].rpartition(":")[2].strip("/\n"))
        own = socket.gethostbyname(socket.gethostname())
        if own.startswith("127."):
            pytest.skip("this machine has no other address")
        with pytest.raises(OSError), socket.create_connection((own, port), timeout=5):  # noqa: PT011
            pass


def test_extras_are_told_of(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, _, err = call("serve")
    assert code == 2
    assert "iidindex[serve]" in err
