"""A real server and what reaches its socket: pieces, nonsense, silence, and too much of all."""

import json
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest

import iidindex
from conftest import write_garden
from iidindex.serve.application import application
from iidindex.serve.running import listen, server_of
from iidindex.serve.served import Served
from iidindex.serve.silent_connections import Connection

TOKEN = "secret"
GOOD = f"GET /api/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: token {TOKEN}\r\n\r\n"


class Hasty(Connection):
    """As others, but in a hurry."""

    most = 30
    patience = 0.4
    longest = 2.0


class Brisk(Connection):
    """As others, but that nobody waits long for a connection to be closed."""

    patience = 1.5


@contextmanager
def running(index, kind=Connection):
    """The port of a server."""
    is_ready = threading.Event()
    with closing(listen("127.0.0.1", 0)) as taken:
        server = server_of(application(Served(index, TOKEN)), is_ready.set, kind)
        thread = threading.Thread(target=server.run, args=([taken],))
        thread.start()
        is_ready.wait()
        yield taken.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    place = tmp_path_factory.mktemp("connections")
    write_garden(place / "in" / "a.iid")
    with iidindex.open(place / "x.db", create=True) as opened:
        opened.ingest(place / "in")
        yield opened


@pytest.fixture(scope="module")
def port(index):
    with running(index, Brisk) as found:
        yield found


def connected(port):
    return closing(socket.create_connection(("127.0.0.1", port)))


def answers(port, data):
    """All that is answered to some bytes, until the server closes the connection."""
    with connected(port) as client:
        with suppress(ConnectionError):
            client.sendall(data if isinstance(data, bytes) else data.encode())
        return rest_of(client)


def rest_of(client):
    received = b""
    with suppress(ConnectionError):
        while part := client.recv(65536):
            received += part
    return received


def statuses(received):
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def with_lines(*lines, start="GET /api/status HTTP/1.1", body=""):
    return "\r\n".join([start, *lines]) + "\r\n\r\n" + body


HOST, KEY = "Host: localhost", f"Authorization: token {TOKEN}"
SMUGGLED = "GET /api/entries HTTP/1.1\r\nHost: localhost\r\n\r\n"
NONSENSE = {
    "two lengths": with_lines(HOST, KEY, "Content-Length: 0", "Content-Length: 50", body=SMUGGLED),
    "lengths in one": with_lines(HOST, KEY, "Content-Length: 0, 50", body=SMUGGLED),
    "a length with a sign": with_lines(HOST, KEY, "Content-Length: +0", body=SMUGGLED),
    "a negative length": with_lines(HOST, KEY, "Content-Length: -1", body=SMUGGLED),
    "a length in hex": with_lines(HOST, KEY, "Content-Length: 0x10", body=SMUGGLED),
    "chunks of nothing": with_lines(HOST, KEY, "Transfer-Encoding: chunked", body="zz\r\n"),
    "another encoding": with_lines(HOST, KEY, "Transfer-Encoding: xchunked", body=SMUGGLED),
    "two encodings": with_lines(
        HOST, KEY, "Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=SMUGGLED
    ),
    "a space before the colon": with_lines(HOST, KEY, "Content-Length : 5", body=SMUGGLED),
    "a folded line first": with_lines(" folded: x", HOST, KEY),
    "a NUL in a value": with_lines(HOST, KEY, "X: a\0b"),
    "a NUL in a name": with_lines(HOST, KEY, "X\0: a"),
    "a lone CR": with_lines(HOST, KEY, "X: a\rY: b"),
    "no name": with_lines(HOST, KEY, ": b"),
    "no version": with_lines(HOST, KEY, start="GET /api/status"),
    "another version": with_lines(HOST, KEY, start="GET /api/status HTTP/x"),
    "a space in the target": with_lines(HOST, KEY, start="GET /api/ status HTTP/1.1"),
    "bytes in the target": b"GET /api/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two hosts": with_lines(HOST, "Host: evil.example", KEY),
    "no host": with_lines(KEY),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "nothing but lines": b"\r\n" * 500,
    "a long target": with_lines(HOST, KEY, start=f"GET /api/{'a' * 200_000} HTTP/1.1"),
    "a long line": with_lines(HOST, KEY, f"X: {'a' * 200_000}"),
    "many lines": with_lines(HOST, KEY, *(f"X{nth}: a" for nth in range(30_000))),
}  # fmt: skip


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_and_nothing_is_smuggled(port, name, counted):
    received = answers(port, NONSENSE[name])
    assert b'"rows"' not in received
    # What begins as a request may be answered before the nonsense in it is met.
    assert statuses(received) in ([], [400], [400, 400]), received[:300]
    assert statuses(answers(port, with_lines(HOST, KEY, "Connection: close"))) == [200]
    counted("hostile requests over HTTP, each refused as it should be", 1)


def test_of_two_that_come_at_once_each_needs_its_own_token(port, counted):
    good = with_lines(HOST, KEY)
    assert statuses(answers(port, good + SMUGGLED + good)) == [200, 401, 200]
    # Bytes that are told to belong to a request are no other one.
    length = f"Content-Length: {len(SMUGGLED)}"
    assert statuses(answers(port, with_lines(HOST, KEY, length, body=SMUGGLED))) == [200]
    chunked = f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n"
    assert statuses(
        answers(port, with_lines(HOST, KEY, "Transfer-Encoding: chunked", body=chunked))
    ) == [200]
    counted("hostile requests over HTTP, each refused as it should be", 3)


def test_a_request_in_pieces_is_answered(port):
    with connected(port) as client:
        for byte in GOOD.encode():
            client.sendall(bytes([byte]))
        received = rest_of(client)
    assert statuses(received) == [200]
    assert json.loads(received.partition(b"\r\n\r\n")[2])["files"] == 1


@pytest.mark.parametrize(
    "sent", [b"", b"G", GOOD[:-2].encode(), GOOD[:40].encode(), GOOD.encode()], ids=repr
)
def test_who_is_silent_is_let_go(index, sent):
    with running(index, Hasty) as port, connected(port) as client:
        client.sendall(sent)
        received = rest_of(client)
        assert statuses(received) == ([200] if sent == GOOD.encode() else [])


def test_who_sends_a_letter_now_and_then_is_let_go(index):
    with running(index, Hasty) as port, connected(port) as client:
        sent = 0
        with suppress(ConnectionError):
            for byte in GOOD.encode():
                client.sendall(bytes([byte]))
                sent += 1
                time.sleep(0.05)
        assert sent < len(GOOD)


def send_without_end(client, data):
    while True:
        client.sendall(data)
        time.sleep(0.001)


def test_who_does_not_read_is_let_go(index):
    with running(index, Hasty) as port, connected(port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        target = "/static/vendor/htm-preact-standalone.txt"
        ask = with_lines(HOST, KEY, start=f"GET {target} HTTP/1.1").encode()
        client.settimeout(60)
        with pytest.raises(ConnectionError):
            send_without_end(client, ask)


def test_many_connections_keep_nobody_out(index):
    with running(index, Hasty) as port, ExitStack() as stack:
        for _ in range(20 * Hasty.most):
            client = stack.enter_context(connected(port))
            client.sendall(GOOD[:30].encode())
        assert statuses(answers(port, with_lines(HOST, KEY, "Connection: close"))) == [200]
