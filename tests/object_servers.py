"""Servers of objects for tests: one S3 for the whole run, a gate before it, and a web server.

The gate is a server of its own. It hands requests on, writes down each one and how many bytes went
back, and misbehaves as it is told to.
"""

import fcntl
import http.client
import os
import subprocess
import sys
import threading
import time
import urllib.parse
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from iidindex.storage import object_stores

KEY, SECRET = "KEYTHATNOBODYMAYSEE", "secret-that-nobody-may-see"


class Request(NamedTuple):
    method: str
    path: str
    range: str | None
    if_match: str | None
    status: int
    size: int

    @property
    def is_list(self):
        return "list-type" in self.path


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Whoever is cut off hangs up."""


@contextmanager
def serving(handler, **attributes):
    server = _Server(("127.0.0.1", 0), handler)
    for name, value in attributes.items():
        setattr(server, name, value)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else the end of an answer waits for word of its beginning.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body=b"", cut=None):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        self.wfile.flush()
        if cut is not None:
            self.close_connection = True
        return status


class _Gate(_Quiet):
    def do_GET(self):
        length = int(self.headers.get("content-length") or 0)
        sent = self.rfile.read(length)
        fault = self.server.gate.fault_for(self)
        if isinstance(fault, int):
            body = f"<Error><Code>Fault{fault}</Code><Message>{KEY}</Message></Error>".encode()
            headers = [("content-length", str(len(body))), ("content-type", "application/xml")]
            self.note(self.answer(fault, headers, body), len(body))
            return
        upstream = http.client.HTTPConnection(*self.server.gate.upstream, timeout=60)
        headers = {
            name: value for name, value in self.headers.items() if name.lower() != "connection"
        }
        upstream.request(self.command, self.path, sent or None, headers)
        answer = upstream.getresponse()
        body = answer.read()
        upstream.close()
        kept = [
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in ("connection", "transfer-encoding", "server", "date")
        ]
        if callable(fault):
            kept, body = fault(kept, body)
            kept = [pair for pair in kept if pair[0].lower() != "content-length"]
        if not any(name.lower() == "content-length" for name, _ in kept):
            kept.append(("content-length", str(len(body))))
        cut = len(body) // 2 if fault == "cut" else None
        self.note(answer.status, len(body))
        self.answer(answer.status, kept, body, cut)

    do_HEAD = do_PUT = do_DELETE = do_POST = do_GET  # noqa: N815

    def note(self, status, size):
        of = self.headers.get
        self.server.gate.requests.append(
            Request(self.command, self.path, of("range"), of("if-match"), status, size)
        )


class Gate:
    """What goes to the store and back, and what is done to it."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.requests = []
        self._faults = []
        self._lock = threading.Lock()

    def fail(self, fault, times=1, which=lambda handler: True):
        """Have the next requests that fit fail: with a status, cut, or with another answer.

        The last is a function that takes the headers and the body, and gives others.
        """
        self._faults = [[fault, times, which]]

    def fault_for(self, handler):
        with self._lock:
            for one in self._faults:
                if one[1] > 0 and one[2](handler):
                    one[1] -= 1
                    return one[0]
        return None

    def taken(self):
        """What was asked since the last call."""
        found, self.requests = self.requests, []
        return found


class Bucket:
    """A bucket of the store, filled from outside of what is tested."""

    def __init__(self, upstream, name):
        self.upstream, self.name = upstream, name
        self._ask("PUT", "")

    def _ask(self, method, key, body=None):
        connection = http.client.HTTPConnection(*self.upstream, timeout=60)
        path = "/" + urllib.parse.quote(f"{self.name}/{key}".rstrip("/"))
        # Nobody checks the signature; with one, it is the owner who asks.
        signed = {
            "authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20300101/us-east-1/s3/aws4_request"
            ", SignedHeaders=host, Signature=0",
            "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
        }
        connection.request(method, path, body, signed)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status < 300, content
        return content

    def put(self, key, content):
        self._ask("PUT", key, content)

    def delete(self, key):
        self._ask("DELETE", key)

    def fill(self, directory, prefix=""):
        for path in sorted(Path(directory).rglob("*.iid")):
            self.put(f"{prefix}{path.relative_to(directory)}", path.read_bytes())


_STARTED = """
import os, sys, threading, time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"{host} {port} {os.getpid()}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
while os.path.exists(f"/proc/{sys.argv[2]}"):
    time.sleep(0.5)
os._exit(0)
"""


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """Host and port of an S3 server: one for all processes of a run, which ends with that."""
    place = tmp_path_factory.getbasetemp()
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    place = place.parent if is_worker else place
    told = place / "moto"
    with (place / "moto.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            owner = os.getppid() if is_worker else os.getpid()
            with (place / "moto.log").open("w") as log:
                started = subprocess.Popen(
                    [sys.executable, "-c", _STARTED, str(told), str(owner)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            while not told.exists():
                assert started.poll() is None, (place / "moto.log").read_text()
                time.sleep(0.02)
            _LEFT.append(started)
    host, port, _ = told.read_text().split()
    return host, int(port)


_LEFT = []


@pytest.fixture
def gate(moto, monkeypatch):
    """The way to the store, as the environment tells it."""
    opened = Gate(moto)
    with serving(_Gate, gate=opened) as server:
        opened.address = f"http://127.0.0.1:{server.server_port}"
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ENDPOINT_URL", opened.address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        yield opened
    # With the connections that they keep open.
    object_stores._KEPT.stores.clear()


@pytest.fixture
def bucket(moto, gate, request):
    """A bucket of the test's own."""
    name = "b-" + md5(request.node.nodeid.encode()).hexdigest()[:20]
    return Bucket(moto, name)


class _Web(_Quiet):
    def do_GET(self):
        web = self.server.web
        key = urllib.parse.unquote(self.path).lstrip("/")
        asked = self.headers.get("range"), self.headers.get("if-match")
        content = web.files.get(key)
        status, headers, body = 404, [], b""
        if content is not None:
            etag = f'"{md5(content).hexdigest()}"'
            headers = [("last-modified", "Tue, 01 Dec 2026 00:00:00 GMT")]
            if web.etags:
                headers.append(("etag", f"W/{etag}" if web.etags == "weak" else etag))
            if web.conditions and asked[1] is not None and asked[1] != etag:
                status, headers = 412, []
            elif asked[0] is not None and web.ranges:
                first, _, last = asked[0].removeprefix("bytes=").partition("-")
                end = min(int(last) + 1 if last else len(content), len(content))
                if int(first) >= len(content):
                    status = 416
                else:
                    status, body = 206, content[int(first) : end]
                    headers.append(("content-range", f"bytes {first}-{end - 1}/{len(content)}"))
            else:
                status, body = 200, content
        headers.append(("content-length", str(len(body))))
        web.requests.append(Request(self.command, self.path, *asked, status, len(body)))
        self.answer(status, headers, b"" if self.command == "HEAD" else body)

    do_HEAD = do_GET  # noqa: N815


class Web:
    """Files of a web server, by path."""

    def __init__(self):
        self.files = {}
        self.requests = []
        self.ranges = True
        self.etags = self.conditions = True

    def taken(self):
        found, self.requests = self.requests, []
        return found


@pytest.fixture
def web():
    """A web server that answers with ranges and ETags."""
    opened = Web()
    with serving(_Web, web=opened) as server:
        opened.url = f"http://127.0.0.1:{server.server_port}"
        yield opened
    object_stores._KEPT.stores.clear()
