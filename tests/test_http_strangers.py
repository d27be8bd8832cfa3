"""Strangers over HTTP: without the token, from elsewhere, and where nothing is to be had."""

import json

import pytest

from iidindex.serve.application import application
from iidindex.serve.guard import Hosts
from iidindex.serve.served import Served
from served import TOKEN, client_of

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
