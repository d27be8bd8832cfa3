"""What is not answered over HTTP: wrong parameters, strangers, files that must not be read."""

import json
import os
import sqlite3

import numpy as np
import pytest
from PIL import Image

import build
import iidindex
from conftest import disk, write_garden
from iidindex import IIDFile
from iidindex.serve.application import application
from iidindex.serve.endpoints import LISTS, OTHERS
from iidindex.serve.guard import Hosts
from iidindex.serve.served import Served
from pond import write
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
    "order_by": ["size", "PATH", "--path", "meta", "-", "1", "path,key", "path; DROP TABLE files"],
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


PATHS = [
    "/static/../application.py",
    "/static/%2e%2e/application.py",
    "/static/..%2fapplication.py",
    "/static/..%5capplication.py",
    "/static/%2e%2e%2f%2e%2e%2ferrors.py",
    "/static//etc/passwd",
    "//etc/passwd",
    "/static/",
    "/static",
    "/static/.",
    "/static/index.html%00",
    "/static/index.html/",
    "/static/%00",
    "/static/index.html%00.js",
    "/static/./index.html",
    "/static/\\..\\x",
    "/etc/passwd",
    "/static/static/index.html",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/static/INDEX.HTML",
    "/static/__init__.py",
    "/api/../static/../x",
    "/..",
    "/static/%c0%ae%c0%ae/x",
    "/static/index.html;x",
    "/static/*",
]


def asked_raw(app, path, method="GET", headers=(), host="localhost:8765"):
    """Ask without a client that tidies up the path."""
    import asyncio
    from urllib.parse import unquote

    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "server": ("127.0.0.1", 8765),
        "client": ("127.0.0.1", 5),
        "headers": [*([(b"host", host.encode("latin-1"))] if host is not None else []), *headers],
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return (
        sent[0]["status"],
        {name.decode(): value.decode() for name, value in sent[0]["headers"]},
        body,
    )


ADMITTED = [(b"authorization", f"token {TOKEN}".encode())]


def test_paths_that_lead_out(index, counted):
    app = application(Served(index, TOKEN))
    for path in PATHS:
        status, headers, body = asked_raw(app, path, headers=ADMITTED)
        assert status == 404, (path, body[:100])
        assert set(json.loads(body)) == {"error", "hint"}
        assert "content-security-policy" in headers
    counted("hostile requests over HTTP, each refused as it should be", len(PATHS))


HOSTS = [
    None,
    "",
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.",
    "localhost.evil.example",
    "LOCALHOST",
    "Localhost:8765",
    "localhost:8765:1",
    "localhost:x",
    "localhost:",
    "[::1",
    "::1",
    "::1:8765",
    "[::1]x",
    "[::2]",
    "127.0.0.2",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0",
    "0.0.0.0",
    "user@localhost",
    "localhost/",
    "localhost, evil.example",
    "evil.example, localhost",
    "http://localhost",
    " localhost",
    "localhost ",
    "xn--localhost",
    "localhost\x00",
    "127.0.0.1\t",
    "[::ffff:127.0.0.1]",
    "lócalhost",
    "localhost:999999",
]


def test_hosts(index, counted):
    app = application(Served(index, TOKEN))
    for host in ("localhost", "localhost:1", "127.0.0.1:8765", "127.0.0.1", "[::1]:8765", "[::1]"):
        assert asked_raw(app, "/api/status", headers=ADMITTED, host=host)[0] == 200
    for host in HOSTS:
        status, headers, body = asked_raw(app, f"/?token={TOKEN}", headers=ADMITTED, host=host)
        assert status == 400, host
        assert set(json.loads(body)) == {"error", "hint"}
        assert "set-cookie" not in headers
    twice = [*ADMITTED, (b"host", b"localhost")]
    assert asked_raw(app, "/api/status", headers=twice)[0] == 400
    counted("hostile requests over HTTP, each refused as it should be", len(HOSTS) + 1)


def test_hosts_of_a_server_that_others_reach():
    import socket

    every = Hosts("0.0.0.0")
    for name in ("10.1.2.3", "localhost:5", "[2001:db8::1]:80", socket.gethostname().lower()):
        assert every.allow(name.encode()), name
    for name in ("evil.example", "10.1.2.3.evil.example", "10.1.2.3.", "[2001:db8::zz]"):
        assert not every.allow(name.encode()), name
    named = Hosts("Data.example")
    assert named.allow(b"data.example:8765")
    assert not named.allow(b"other.example")


TOKENS = [
    [],
    [(b"authorization", b"token")],
    [(b"authorization", b"token ")],
    [(b"authorization", b"token secre")],
    [(b"authorization", b"token secrett")],
    [(b"authorization", b"token Secret")],
    [(b"authorization", b"Bearer secret")],
    [(b"authorization", b"Basic c2VjcmV0")],
    [(b"authorization", b"secret")],
    [(b"authorization", b"token token secret")],
    [(b"cookie", b"iidindex-8765=secret")],
    [(b"cookie", b"token=secret")],
    [(b"cookie", b"iidindex-8765")],
    [(b"cookie", b"\xff=;;=;iidindex-8765=\xff")],
    [(b"x-token", b"secret")],
    [(b"authorization", b"token secret, x")],
    [(b"authorization", b"\xff\xfe secret")],
]


def test_tokens(index, counted):
    app = application(Served(index, TOKEN))
    urls = ("/", "/api/status", "/static/index.html", "/nothing", "/masks.bin?path=2020/a.iid")
    for url in urls:
        for headers in TOKENS:
            status, answered, body = asked_raw(app, url, headers=headers)
            assert status == 401, headers
            assert set(json.loads(body)) == {"error", "hint"}
            assert "set-cookie" not in answered
            assert TOKEN.encode() not in body
        for query in ("token=", "token=x", f"token={TOKEN}&token={TOKEN}", f"token={TOKEN}%00"):
            assert asked_raw(app, f"{url.partition('?')[0]}?{query}")[0] == 401
    counted("hostile requests over HTTP, each refused as it should be", 5 * (len(TOKENS) + 4))


def test_the_token_becomes_a_cookie(index):
    with client_of(index, token=None) as client:
        answer = client.get(f"/file/a%20b?x=1&token={TOKEN}&y=%2F", follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/file/a%20b?x=1&y=%2F"
        kept = answer.headers["set-cookie"].lower()
        assert "httponly" in kept
        assert "samesite=strict" in kept
        assert TOKEN not in kept
        assert client.get("/api/status").status_code == 200
        client.cookies.clear()
        assert client.get("/api/status").status_code == 401
    assert client.headers.get("authorization") is None
    # Of other servers on this machine, a browser sends the cookies, too.
    others = b'a={"b": 1}; iidindex-1=x; ' + kept.partition(";")[0].encode() + b"; c"
    assert (
        asked_raw(application(Served(index, TOKEN)), "/api/status", headers=[(b"cookie", others)])[
            0
        ]
        == 200
    )
    assert (
        asked_raw(
            application(Served(index, "other")), "/api/status", headers=[(b"cookie", others)]
        )[0]
        == 401
    )


def test_nobody_is_led_to_another_server(index):
    app = application(Served(index, TOKEN))
    for path in (
        "//evil.example/x",
        "/\\evil.example",
        "/%5Cevil.example",
        "/%2F%2Fevil.example",
        "///",
    ):
        status, headers, _ = asked_raw(app, f"{path}?token={TOKEN}")
        assert status == 303
        assert headers["location"].startswith("/")
        assert headers["location"][1:2] not in ("/", "\\")


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"]
)
def test_methods(index, method):
    app = application(Served(index, TOKEN))
    for url in ("/", "/api/files", "/nothing"):
        status, headers, body = asked_raw(app, url, method, ADMITTED)
        assert status == 405
        assert headers["allow"] == "GET, HEAD"
        assert set(json.loads(body)) == {"error", "hint"}


def test_head_has_the_headers_alone(index):
    with client_of(index) as client:
        for url in ("/", "/api/files", "/masks.bin?path=2020/a.iid"):
            head, get = client.head(url), client.get(url)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == get.headers["content-length"]


def test_every_answer_says_what_it_may_be_used_for(index):
    app = application(Served(index, TOKEN))
    for url, headers in (("/", ADMITTED), ("/", []), ("/nothing", ADMITTED), ("/api/at", ADMITTED)):
        said = asked_raw(app, url, headers=headers)[1]
        policy = said["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert said["x-content-type-options"] == "nosniff"
        assert said["referrer-policy"] == "no-referrer"
        assert said["cross-origin-resource-policy"] == "same-origin"


def test_no_websocket(index):
    with client_of(index) as client, pytest.raises(Exception), client.websocket_connect("/"):  # noqa: B017, PT011
        pass


@pytest.fixture
def hidden(tmp_path):
    """Files whose metadata name what must not be read."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    picture = np.full((50, 60, 3), 200, np.uint8)
    Image.fromarray(picture).save(outside / "secret.png")
    Image.fromarray(picture).save(root / "fine.png")
    (root / "notes.png").write_text("no picture at all")
    (root / "draw.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (root / "svg.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (root / "eps.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (root / "plain.txt").write_text("secret")
    Image.fromarray(picture).save(root / "as.txt", format="PNG")
    os.symlink(outside / "secret.png", root / "link.png")
    os.symlink(outside, root / "linked")
    os.symlink(root / "fine.png", root / "inner.png")
    (root / "deep").mkdir()
    (tmp_path / "rootless").mkdir()
    Image.fromarray(picture).save(tmp_path / "rootless" / "near.png")
    # One pixel a bit, more of them than a picture may have.
    Image.new("1", (20_000, 20_000)).save(root / "bomb.png")
    names = {
        "absolute": str(outside / "secret.png"),
        "above": "../outside/secret.png",
        "link": "link.png",
        "linked": "linked/secret.png",
        "neighbour": "../rootless/near.png",
        "etc": "/etc/hostname",
        "svg": "draw.svg",
        "txt": "plain.txt",
        "renamed": "as.txt",
        "nul": "fine.png\0",
        "url": "http://localhost/fine.png",
        "file": "file:///etc/passwd",
        "directory": "deep",
        "self": "self.iid",
        "gone": "gone.png",
    }
    broken = {"notes": "notes.png", "svgpng": "svg.png", "eps": "eps.png", "bomb": "bomb.png"}
    fine = {"fine": "fine.png", "inner": "inner.png", "dots": "deep/../fine.png"}
    for name, image in (names | broken | fine).items():
        write(root / f"{name}.iid", [(b"frog", b"", (0, 0), disk(5))], {"image": image})
    wrong = {"image": "fine.png", "height": 9, "width": 9}
    write(root / "wrong.iid", [(b"frog", b"", (0, 0), disk(4))], wrong)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(root)
        yield index, names, [*broken, "wrong"], fine


def test_pictures_that_must_not_be_read(hidden, tmp_path, counted):
    index, names, broken, fine = hidden
    with client_of(index) as client:
        for name in names:
            answer = client.get("/picture.png", params={"path": f"{name}.iid"})
            assert is_refused(answer, 404), name
        for name in broken:
            assert is_refused(client.get("/picture.png", params={"path": f"{name}.iid"}), 409), name
        for name in fine:
            assert client.get("/picture.png", params={"path": f"{name}.iid"}).status_code == 200
        plain = client.get("/sheet.png", params={"address": "frog", "path": "fine.iid"}).content
        for name in names:
            asked = {"address": "frog", "path": f"{name}.iid", "tile": 64}
            empty = client.get("/sheet.png", params={**asked, "image": "false"})
            shown = client.get("/sheet.png", params=asked)
            assert empty.content == shown.content != plain, name
    counted("hostile requests over HTTP, each refused as it should be", len(names) + len(broken))
    outside = str(tmp_path / "outside")
    with client_of(index, pictures=[outside]) as client:
        for name in ("absolute", "above", "link", "linked"):
            assert client.get("/picture.png", params={"path": f"{name}.iid"}).status_code == 200
        for name in set(names) - {"absolute", "above", "link", "linked"}:
            answer = client.get("/picture.png", params={"path": f"{name}.iid"})
            assert is_refused(answer, 404), name


def test_pictures_lie_as_their_masks_do(tmp_path):
    """What EXIF says of turning is left aside, and not sent on."""
    root = tmp_path / "root"
    root.mkdir()
    picture = Image.fromarray(np.arange(6000, dtype=np.uint16).astype(np.uint8).reshape(60, 100))
    exif = picture.getexif()
    exif[0x0112] = 6
    exif[0x010E] = "who took it, and where"
    picture.save(root / "turned.jpg", exif=exif)
    write(root / "a.iid", [(b"frog", b"", (0, 0), disk(5))], {"image": "turned.jpg"})
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(root)
        with client_of(index) as client:
            content = client.get("/picture.png", params={"path": "a.iid"}).content
    (tmp_path / "back.png").write_bytes(content)
    with Image.open(tmp_path / "back.png") as back:
        assert back.size == (100, 60)
        assert not back.getexif()
    assert b"who took it" not in content


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


NASTY = [
    b"<script>alert(1)</script>",
    b"\xff\x00\x1b[31m",
    b"'; DROP TABLE files; --",
    b"a&b=c#d?e%00",
    "\u202egnp.exe\ud83d\ude00".encode("utf-8", "surrogatepass"),
    b"hex:zz",
    b"iid:a.b",
    b"..",
    b"/etc/passwd",
    b" ",
    b"\n",
]


def test_hostile_names_in_every_field(tmp_path, counted):
    root = os.path.join(os.fsencode(tmp_path), b"root \xff<b>")
    os.mkdir(root)
    names = [
        b"a\xff<i>.iid",
        b"%2e%2e.iid",
        b"a&path=b.iid",
        "é\u202e.iid".encode(),
        b"[*?].iid",
        b"..iid",
        b"new\nline.iid",
    ]
    for number, name in enumerate(names):
        file = IIDFile()
        file.meta.data = {"<img src=x>": "\u2028", "image": "<script>", "n": number}
        for nth, address in enumerate(NASTY):
            domain = NASTY[(nth + number) % len(NASTY)]
            file.add(
                address,
                domain,
                (nth, nth, nth + 3, nth + 3),
                np.eye(3, dtype=bool),
                ["<g>", "=1+1"],
            )
        file.save(os.path.join(root, name))
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(os.fsdecode(root))
        assert index.stats().failed == 0
        with client_of(index) as client:
            rows = rows_of(client, "entries", limit=7)
            assert rows == index.entries.to_dicts()
            for row in rows_of(client, "files"):
                # A byte that is no text is written as itself.
                path = b"".join(b"%%%02X" % byte for byte in os.fsencode(row["path"])).decode()
                where = b"".join(b"%%%02X" % byte for byte in os.fsencode(row["location"])).decode()
                for named in (path, where):
                    answer = client.get(f"/masks.bin?path={named}")
                    assert answer.status_code == 200
                    assert len(unpacked(answer.content)[1]) == len(NASTY)
                assert client.get(f"/api/related?path={path}").status_code == 200
                assert is_refused(client.get(f"/picture.png?path={path}"), 404)
                found = rows_of_query(
                    client, f"entries?path={path}&order_by=-path&order_by=address"
                )
                assert {one["path"] for one in found} == {row["path"]}
            for one in index.iids():
                from iidindex.typed_iids import show_individual

                links = rows_of(client, "links", {"address": show_individual(one.iid)})
                assert len(links) == one.files
            for order in ("path", "-address", "domain", "meta.<img src=x>"):
                asked = [("order_by", order)]
                assert (
                    rows_of(client, "entries", asked, limit=9)
                    == index.entries.order_by(order).to_dicts()
                )
    counted("hostile names asked for over HTTP", len(names) * 5 + len(NASTY) * len(names))


def rows_of_query(client, query):
    answer = client.get(f"/api/{query}&limit=1000")
    assert answer.status_code == 200
    return answer.json()["rows"]
