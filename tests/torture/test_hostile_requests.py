"""A server to which strangers send anything, and one whose index is written to meanwhile."""

import json
import signal
import socket
import threading
import traceback
import urllib.parse

import numpy as np
import pytest
from PIL import Image

import iidindex
from campaign import rounds, seeded
from conftest import write_garden
from iidindex.catalog.sqlite import rtree
from iidindex.serve.endpoints import LISTS, OTHERS
from iidindex.serve.parameters import FILTER_PARAMETERS
from served import unpacked
from test_http_server import serving, status_of
from test_readers import ENTRIES, N_READERS, busy, enough, keep_writing  # noqa: F401 (a fixture)

ENDPOINTS = {
    one.name: sorted({parameter.name for parameter in one.parameters}) for one in (*LISTS, *OTHERS)
}
NAMES = sorted(
    {
        *(parameter.name for one in (*LISTS, *OTHERS) for parameter in one.parameters),
        *(parameter.name for parameter in FILTER_PARAMETERS),
        *("token", "limit", "after", "fields", "meta.day", "nonsense"),
    }
)
# What no answer may hold: what lies beside the archive.
SECRET = b"nobody may read this"
VALUES = [
    *("2020/a.iid", "a.iid", "tree", "garden", "hex:74726565", "b64:dHJlZQ==", "iid:garden.tree"),
    *("", "0", "1", "-1", "60", "115", "true", "false", "error", "skip", "path", "-area", "ok"),
    *("0,0,200,200", "100,50,141,91", "0,0,65535,65535", "9,9,0,0", "1..5", "..9", "200", "*"),
    *(
        "../outside.png",
        "../../secret.txt",
        "/etc/passwd",
        "SECRET",
        "PICTURE",
        "file:///etc/passwd",
    ),
    *(
        "1e999",
        "nan",
        "9" * 5000,
        "\x00",
        "%",
        "%zz",
        "%00",
        "%ff",
        "\udcff",
        "a" * 20_000,
        "[",
        "[[]",
    ),
    *("' OR 1=1 --", "meta.camera", "{}", "[" * 3000, "<script>", "\r\nX: y", "\u202e", "ü", "💥"),
]
HEADERS = [
    *(("Range", "bytes=0-1"), ("Range", "bytes=9-1,5-"), ("Expect", "100-continue")),
    *(("If-None-Match", '"x"'), ("If-None-Match", "*"), ("Accept", "*/*;q=x")),
    *(("Accept-Encoding", "gzip, br;q=0, *"), ("Content-Length", "5"), ("Content-Length", "-1")),
    *(("Transfer-Encoding", "chunked"), ("Upgrade", "websocket"), ("Content-Type", "text/plain")),
    *(("Cookie", "a=" + "b" * 9000), ("Origin", "https://evil.example"), ("X" * 9000, "y")),
    *(("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("Authorization", "x")),
]
# The first of these are such as somebody asks for who means no harm.
_SOUND = VALUES.index("9,9,0,0")
NEEDED = [
    *(("path", "2020/a.iid"), ("x", "60"), ("y", "115"), ("box", "0,0,200,200"), ("key", "0")),
    *(("address", "tree"), ("a", "tree"), ("b", "pond"), ("by", "day")),
]
METHODS = ["GET"] * 40 + ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "G ET", "PRI"]
STATUSES = {200, 303, 304, 400, 401, 404, 405, 409, 503}


class Stranger:
    """Sends requests that are wrong in some way, and looks at what comes back."""

    def __init__(self, line, places):
        address, _, self.token = line.strip().partition("?token=")
        self.host, _, port = urllib.parse.urlsplit(address).netloc.partition(":")
        self.port = int(port)
        self.values = [places.get(value, value) for value in VALUES]

    def ask(self, data, is_whole):
        """What a server sends until it hangs up; it does at once if nobody listens any more."""
        with socket.create_connection((self.host, self.port), timeout=60) as sent:
            try:
                sent.sendall(data)
                if not is_whole:
                    sent.shutdown(socket.SHUT_WR)
            except OSError:  # it had read enough
                pass
            found = bytearray()
            try:
                while part := sent.recv(1 << 16):
                    found += part
            except ConnectionError:
                pass
            return bytes(found)

    def request(self, chance):
        """The bytes of a request, and whether these are as HTTP has them."""
        name = chance.choice(sorted(ENDPOINTS))
        names = ENDPOINTS[name]
        place = chance.choice([f"/api/{name}"] * 8 + [f"/{name}", "/", "/static/../x", f"//{name}"])
        asked = [
            (
                chance.choice(names if names and chance.random() < 0.9 else NAMES),
                self._value(chance),
            )
            for _ in range(chance.choice([0, 0, 1, 1, 2, 4]))
        ]
        # Most that is to be had needs these.
        asked += [
            pair
            for pair in (("path", "2020/a.iid"), ("x", "60"), ("y", "115"))
            if chance.random() < 0.4
        ]
        query = "&".join(
            f"{self._quoted(key, chance)}={self._quoted(value, chance)}" for key, value in asked
        )
        headers = [("Host", f"{self.host}:{self.port}"), ("Connection", "close")]
        if chance.random() < 0.95:
            headers.append(("Authorization", f"token {self.token}"))
        headers += chance.sample(HEADERS, chance.choice([0, 0, 1, 2]))
        lines = [f"{chance.choice(METHODS)} {place}{'?' if query else ''}{query} HTTP/1.1"]
        lines += [f"{key}: {value}" for key, value in headers]
        data = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
        return (self._damaged(data, chance), False) if chance.random() < 0.15 else (data, True)

    def _value(self, chance):
        sound = chance.random() < 0.5
        value = chance.choice(self.values[:_SOUND] if sound else self.values)
        if chance.random() < 0.1:
            value = value[: chance.randrange(len(value) + 1)] + chance.choice(self.values)
        return value

    @staticmethod
    def _quoted(text, chance):
        if chance.random() < 0.9:
            return urllib.parse.quote(text.encode("utf-8", "surrogateescape"), safe="")
        return text.replace(" ", "+").replace("\r\n", "%0d%0a")

    @staticmethod
    def _damaged(data, chance):
        changed = bytearray(data)
        for _ in range(chance.choice([1, 2, 9])):
            at = chance.randrange(len(changed))
            changed[at : at + chance.choice([0, 1, 1, 5])] = chance.randbytes(
                chance.choice([0, 1, 4])
            )
        return bytes(changed)


@pytest.fixture
def shouted(tmp_path):
    """A garden with a picture, and beside it what is nobody's business."""
    root = tmp_path / "archive"
    write_garden(root / "2020" / "a.iid", image="../picture.png", width=250, height=190)
    write_garden(root / "2020" / "b.iid", image="../../outside.png", width=250, height=190)
    write_garden(root / "2021" / "c.iid", image="/etc/passwd", width=65535, height=65535)
    Image.fromarray(np.zeros((190, 250, 3), np.uint8)).save(root / "picture.png")
    Image.new("RGB", (250, 190)).save(tmp_path / "outside.png")
    (tmp_path / "secret.txt").write_bytes(SECRET)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(root)
    return tmp_path


def _most_memory(process):
    """In KiB, what it has held at most."""
    with open(f"/proc/{process}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _asking(line):
    """What asks a server that tells where it listens: ``ask("files")`` is a status and a body."""
    address, _, token = line.strip().partition("?token=")
    return lambda asked: status_of(f"{address}api/{asked}", Authorization=f"token {token}")


def _honest(ask):
    """What somebody is told who asks as one should."""
    return [ask(one) for one in ("files", "entries", "at?x=60&y=115", "masks.bin?path=2020/a.iid")]


def _is_in_order(answer):
    """Look at what was sent; return its status, None for a connection that was closed."""
    if not answer:
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    version, status, *_ = head.split(b"\r\n")[0].split(b" ")
    assert version == b"HTTP/1.1"
    assert int(status) in STATUSES, answer[:500]
    assert SECRET not in answer
    assert b"root:x:0" not in answer
    headers = head.lower()
    if b"content-security-policy" not in headers:  # it was no request at all
        assert (int(status), body) == (400, b"Invalid HTTP request received."), answer[:300]
    elif int(status) >= 400 and body:
        assert set(json.loads(body)) == {"error", "hint"}
    assert b"set-cookie" not in headers or int(status) == 303
    assert b"access-control" not in headers
    return int(status)


def test_requests_of_strangers(shouted, counted):
    places = {"SECRET": str(shouted / "secret.txt"), "PICTURE": str(shouted / "outside.png")}
    with serving(shouted / "x.db", "--port", 0) as (process, line):
        ask = _asking(line)
        stranger = Stranger(line, places)
        before = _honest(ask)
        assert {status for status, _ in before} == {200}
        for seed in rounds(4, share=0.05):
            with seeded(seed) as chance:
                for _ in range(50):
                    data, is_whole = stranger.request(chance)
                    try:
                        status = _is_in_order(stranger.ask(data, is_whole))
                    except BaseException as error:
                        error.add_note(repr(data[:2000]))
                        raise
                    counted("requests of strangers over HTTP")
                    counted("… answered with 200", status == 200)
        assert process.poll() is None
        assert _honest(ask) == before
        # A drawing may hold some copies of the largest picture that is drawn.
        assert _most_memory(process.pid) < 1_500_000
        process.send_signal(signal.SIGINT)
        # And whatever they send, they do not fill a log.
        assert process.communicate(timeout=60) == (b"", b"")


def _look(ask):
    """Ask for all; each answer is one that some state of the archive has."""
    for asked in ("entries?order_by=meta.x", "region?box=0,0,99,99&exact=false"):
        status, body = ask(asked)
        assert status == 200, body
    status, body = ask("nearest?x=9&y=9&k=50")
    # Masks are read for it, of files that may have changed.
    assert status in (200, 409), body
    status, body = ask("entries?limit=1000")
    assert status == 200, body
    rows = json.loads(body)["rows"]
    by_file = {}
    for row in rows:
        by_file.setdefault(row["path"], []).append(row)
        assert row["bbox"][0] == 10 * (int(row["address"]) % 50)
    assert all(len(found) == ENTRIES for found in by_file.values())
    assert all(len({row["address"] for row in found}) == 1 for found in by_file.values())
    status, body = ask("files?limit=1000")
    assert status == 200, body
    assert {row["entries"] for row in json.loads(body)["rows"] if row["state"] == "ok"} <= {ENTRIES}
    for path in list(by_file)[:3]:
        status, body = ask(f"masks.bin?path={path}")
        # It may have gone, or have been written anew, since.
        assert status in (200, 404, 409), body
        if status == 200:
            _, masks = unpacked(body)
            assert len(masks) == ENTRIES
            assert all(mask.sum() == row["area"] for row, mask in masks.values())


def _keep_looking(ask, is_over, looks, failures):
    try:
        while not is_over.is_set():
            _look(ask)
            looks.append(1)
    except BaseException:
        failures.append(traceback.format_exc())


def test_readers_of_a_server_while_it_is_written(busy, counted, monkeypatch):  # noqa: F811
    root, db = busy
    monkeypatch.setattr(rtree, "PACK_FROM", rtree.PACK_FROM)
    is_over, looks, failures = threading.Event(), [], []
    with iidindex.open(db) as index, serving(db, "--port", 0) as (process, line):
        index.ingest(root)
        arguments = (_asking(line), is_over, looks, failures)
        readers = [threading.Thread(target=_keep_looking, args=arguments) for _ in range(N_READERS)]
        for reader in readers:
            reader.start()
        try:
            keep_writing(index, root, 0.03, 12, counted, lambda: enough(len(looks), readers))
        finally:
            is_over.set()
            for reader in readers:
                reader.join()
        assert process.poll() is None
    assert not failures, failures[0]
    counted("looks at a busy index over HTTP", len(looks))
