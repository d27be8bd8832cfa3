"""What is not answered over HTTP: wrong parameters, changed originals, and too much at once."""

import os
import sqlite3

import numpy as np
import pytest

import build
import iidindex
from conftest import write_garden
from iidindex import IIDFile
from iidindex.serve.application import application
from iidindex.serve.endpoints import LISTS, OTHERS
from iidindex.serve.served import Served
from served import BASE, TOKEN, TestClient, client_of, is_refused, rows_of, unpacked

EVERY = {one.name: one for one in (*LISTS, *OTHERS)}
# A value that is right for each parameter.
RIGHT = {
    "x": "70",
    "y": "125",
    "box": "0,0,200,200",
    "path": "2020/a.iid",
    "address": "tree",
    "a": "tree",
    "b": "über",
    "by": "file",
    "state": "ok",
    "exact": "true",
    "frame": "false",
    "on_stale": "skip",
    "area": "1..",
    "meta": "day=a",
    "since": "1d",
    "order_by": "path",
    "fields": "path",
    "caption": "area",
}
NEEDED = {
    one.name: {own.name: RIGHT[own.name] for own in one.parameters if own.is_required}
    for one in EVERY.values()
}
NEEDED["mask.png"]["key"] = "0"


@pytest.fixture(scope="module")
def garden(tmp_path_factory):
    place = tmp_path_factory.mktemp("refused")
    write_garden(place / "archive" / "2020" / "a.iid")
    write_garden(place / "archive" / "2020" / "b.iid", shift=15, extra=["über".encode()])
    with iidindex.open(place / "x.db", create=True) as index:
        index.ingest(place / "archive")
        with client_of(index) as client:
            yield client


def url_of(name):
    return f"/api/{name}"


@pytest.mark.parametrize("name", EVERY)
def test_right_parameters_are_answered(garden, name):
    if name == "picture.png":
        assert is_refused(garden.get(url_of(name), params=NEEDED[name]), 404)
        return
    assert garden.get(url_of(name), params=NEEDED[name]).status_code == 200


@pytest.mark.parametrize("name", EVERY)
def test_what_is_missing_unknown_doubled_or_empty(garden, name, counted):
    needed = NEEDED[name]
    tried = 0
    for one in EVERY[name].parameters:
        others = {key: value for key, value in needed.items() if key != one.name}
        if one.is_required:
            assert is_refused(garden.get(url_of(name), params=others), 400)
            tried += 1
        right = RIGHT.get(one.name, "3")
        if not one.is_repeatable:
            twice = [*others.items(), (one.name, right), (one.name, right)]
            answer = garden.get(url_of(name), params=twice)
            assert is_refused(answer, 400)
            assert one.name in answer.json()["error"]
            tried += 1
        if not one.kind.may_be_empty:
            assert is_refused(garden.get(url_of(name), params={**others, one.name: ""}), 400)
            tried += 1
        huge = garden.get(url_of(name), params={**others, one.name: "9" * 20_000})
        assert is_refused(huge, 400)
        tried += 1
    for unknown in ("q", "Path", "path[]", "x ", "é", "\0", "__proto__", "limit\n"):
        assert is_refused(garden.get(url_of(name), params={**needed, unknown: "1"}), 400)
        tried += 1
    counted("hostile requests over HTTP, each refused as it should be", tried)


ILL = [
    "x",
    "1.5",
    "1e3",
    "0x10",
    "\u0661",
    "--1",
    "true",
    "null",
    "NaN",
    " ",
    "%",
    "é\ud800",
    "\0",
    "[]",
]
ILL_FORMED = {
    "x": ILL,
    "y": ILL,
    "k": [*ILL, "0", "-1", "1000000000"],
    "limit": [*ILL, "0", "-1", "1001", "100000"],
    "size": [*ILL, "0", "4097"],
    "key": [one for one in ILL if one != "true"],
    "box": [
        *ILL,
        "1,2,3",
        "1,2,3,4,5",
        "5,5,1,1",
        "1,2,3,x",
        "1;2;3;4",
        ",,,",
        "1,2,3,",
        "a,b,c,d",
    ],
    "exact": ["1", "yes", "True", "TRUE", "0"],
    "frame": ["1", "no"],
    "on_stale": ["warn", "Skip", "1"],
    "by": ["files", "overlaps", "FILE"],
    "state": ["OK", "gone"],
    "area": ["x", "1...2", "5..1", "1.5", ".. ..", "a..b"],
    "meta": ["day", "a.b.c"],
    "address": [
        "hex:0",
        "hex:zz",
        "b64:!",
        "b64:a",
        "iid:",
        "iid:a",
        "iid:a.b.c",
        "iid:=.=",
        "iid:Z2.!",
    ],
    "a": ["hex:zz", "iid:x"],
    "b": ["hex:zz", "iid:x"],
    "domain": ["hex:zz", "b64:a"],
    "from_domain": ["hex:z"],
    "to_domain": ["b64:*"],
    "not_domain": ["hex:zz"],
    "prefix": ["hex:zz"],
    "order_by": [
        "offset",
        "PATH",
        "--path",
        "meta",
        "-",
        "1",
        "path,key",
        "path; DROP TABLE files",
    ],
    "fields": ["nothing", "path,path", ",", "meta", "path,"],
    "caption": ["nothing", "area,area"],
    "after": ["0", "1", "x", "eyJ9", "null", "../..", "é"],
    "since": ["yesterday", "1y", "2020-13-01", "-1d", "last ", "99999999999d"],
    "tile": ["0", "1025", "x"],
    "margin": ["-1", "101", "nan", "inf", "x"],
    "alpha": ["2", "-0.1", "nan", "x"],
    "fit": ["2"],
    "image": ["../../etc/passwd", "1"],
    "outlines": ["2"],
}


@pytest.mark.parametrize("name", EVERY)
def test_ill_formed_values(garden, name, counted):
    tried = 0
    for one in EVERY[name].parameters:
        for value in ILL_FORMED.get(one.name, ()):
            pairs = [(key, text) for key, text in NEEDED[name].items() if key != one.name]
            if name == "mask.png" and one.name in ("address", "domain"):
                pairs = [("path", "2020/a.iid")]
            if name == "sheet.png" and one.name == "limit" and value == "1001":
                value = "401"
            query = b"&".join(
                _quoted(key) + b"=" + _quoted(text) for key, text in (*pairs, (one.name, value))
            )
            answer = garden.get(f"{url_of(name)}?{query.decode()}")
            assert is_refused(answer, 400), (one.name, value)
            tried += 1
    counted("hostile requests over HTTP, each refused as it should be", tried)


def _quoted(text):
    return b"".join(b"%%%02X" % byte for byte in text.encode("utf-8", "surrogatepass"))


def test_what_is_not_there(garden):
    for name in ("masks.bin", "mask.png", "picture.png", "related"):
        for path in ("nobody.iid", "2020/*", "2020", "/", ".", "..", "2020/../2020/a.iid"):
            asked = {**NEEDED[name], "path": path}
            assert is_refused(garden.get(url_of(name), params=asked), 404), path
    asked = {"path": "2020/a.iid", "key": "77"}
    assert is_refused(garden.get("/mask.png", params=asked), 404)
    assert is_refused(garden.get("/mask.png", params={"path": "2020/a.iid"}), 400)
    both = {"path": "2020/a.iid", "key": "0", "address": "tree"}
    assert is_refused(garden.get("/mask.png", params=both), 400)
    for url in ("/api", "/api/", "/api/nothing", "/nothing", "/api/files/", "/FILES", "/masks"):
        assert is_refused(garden.get(url), 404)


def test_originals_that_cannot_be_believed(index, archive):
    with client_of(index) as client:
        tag = client.get("/masks.bin?path=2020/a.iid").headers["etag"]
        with (archive / "2020" / "a.iid").open("ab") as file:
            file.write(b" ")
        (archive / "2021" / "c.iid").unlink()
        for path in ("2020/a.iid", "2021/c.iid"):
            for url in ("/masks.bin?", "/mask.png?key=0&", "/api/at?x=70&y=125&"):
                answer = client.get(f"{url}path={path}", headers={"if-none-match": tag})
                assert is_refused(answer, 409), url
        assert is_refused(client.get("/heat.png"), 409)
        assert is_refused(client.get("/api/nearest?x=70&y=99&k=9"), 409)
        rows = rows_of(client, "at", {"x": 70, "y": 125, "on_stale": "skip"})
        assert {row["path"] for row in rows} == {"2020/b.iid"}
        assert rows_of(client, "links", {"address": "tree"})


def test_damage_is_found(archive, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(archive, fixity=True)
        entry = index.entry("2020/a.iid", 0)
        path = archive / "2020" / "a.iid"
        times = path.stat().st_mtime_ns
        data = bytearray(path.read_bytes())
        data[entry.bufloc.offset + entry.bufloc.length - 20] ^= 64
        path.write_bytes(data)
        os.utime(path, ns=(times, times))
        with client_of(index) as client:
            assert is_refused(client.get("/masks.bin?path=2020/a.iid"), 409)
            assert is_refused(client.get("/mask.png?path=2020/a.iid&key=0"), 409)
            assert client.get("/masks.bin?path=2020/b.iid").status_code == 200


def test_other_pixels_than_were_indexed(archive, tmp_path):
    """Without fixity, the number of pixels tells."""
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(archive)
        entry = index.entry("2020/a.iid", 0)
        path = archive / "2020" / "a.iid"
        times = path.stat().st_mtime_ns
        data = bytearray(path.read_bytes())
        data[entry.bufloc.offset + entry.bufloc.length - 20] ^= 64
        path.write_bytes(data)
        os.utime(path, ns=(times, times))
        with client_of(index) as client:
            assert is_refused(client.get("/masks.bin?path=2020/a.iid"), 409)


def test_more_than_is_sent_at_once(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    file = IIDFile()
    ones = np.ones((1, 1), bool)
    for nth in range(10_001):
        file.add(b"%d" % nth, None, (nth // 200, nth % 200, nth // 200 + 1, nth % 200 + 1), ones)
    file.save(root / "many.iid")
    # Two dots at the corners of the largest frame.
    box, last = (0, 0, 65535, 65535), (65530, 65530, 65535, 65535)
    dots = [build.region(one, np.ones((5, 5), bool)) for one in ((0, 0, 5, 5), last)]
    row = build.Row(0, b"", b"all", box, dots, 50)
    build.write_long_ago(root / "large.iid", build.odd_file([row]))
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(root)
        with client_of(index) as client:
            for name in ("many", "large"):
                answer = client.get("/masks.bin", params={"path": f"{name}.iid"})
                assert is_refused(answer, 400)
                assert "box" in answer.json()["hint"]
            few = client.get("/masks.bin", params={"path": "many.iid", "box": "0,0,2,10"})
            assert len(unpacked(few.content)[1]) == 20
            part = client.get(
                "/masks.bin", params={"path": "large.iid", "box": "65532,3,65535,65535"}
            )
            _, masks = unpacked(part.content)
            assert masks[0][1].shape == (3, 65532)
            assert masks[0][1].sum() == 15
            assert is_refused(client.get("/mask.png?path=large.iid&key=0"), 400)
            assert client.get("/mask.png?path=large.iid&key=0&box=0,0,9,9").status_code == 200


def test_a_locked_index(index, tmp_path):
    with client_of(index) as client:
        assert client.get("/api/files").status_code == 200
        index._catalog.engine.dispose()
        other = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
        try:
            # Whoever holds a database so lets nobody else in, not even with a log.
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            other.execute("DELETE FROM changes")
            for url in ("/api/files", "/masks.bin?path=2020/a.iid", "/api/at?x=1&y=1"):
                assert is_refused(client.get(url), 503)
        finally:
            other.close()
        assert client.get("/api/files").status_code == 200


def test_answers_that_take_too_long(blobs):
    index, _ = blobs
    with client_of(index, seconds=0.0) as client:
        for url in ("/api/at?x=5&y=5", "/masks.bin?path=0/1.iid", "/heat.png", "/api/overlaps"):
            answer = client.get(url)
            assert is_refused(answer, 503), url
            assert "ask for less" in answer.json()["hint"]
    # What is asked within no such limit is answered.
    assert index.entries.at(5, 5).count() >= 0


def test_a_statement_that_takes_too_long_is_given_up(blobs):
    from iidindex import TimeLimitError
    from iidindex.time_limit import time_limit

    index, _ = blobs
    counting = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) "
        "SELECT count(*) FROM n"
    )
    with time_limit(0.0), pytest.raises(TimeLimitError), index._catalog.reading() as connection:
        connection.exec_driver_sql(counting).fetchall()
    assert index.entries.count()


def test_few_draw_at_a_time(pond):
    served = Served(pond, TOKEN, patience=0.0)
    with TestClient(application(served), BASE) as client:
        client.headers["authorization"] = f"token {TOKEN}"
        holders = [served.drawing() for _ in range(2)]
        for holder in holders:
            holder.__enter__()
        try:
            assert is_refused(client.get("/heat.png"), 503)
            assert is_refused(client.get("/picture.png?path=one/a.iid"), 503)
            assert client.get("/api/files").status_code == 200
        finally:
            for holder in holders:
                holder.__exit__(None, None, None)
        assert client.get("/heat.png").status_code == 200
