"""An index behind its application, without a port."""

import json
import struct
import warnings
from contextlib import contextmanager

import numpy as np

from iidindex.cli.main import run
from iidindex.serve.application import application
from iidindex.serve.served import Served

with warnings.catch_warnings():
    # It wants another client than the one that everybody has.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

TOKEN = "secret"
BASE = "http://localhost:8765"


@contextmanager
def client_of(index, token=TOKEN, **options):
    """A client that has the token."""
    app = application(Served(index, TOKEN, **options))
    with TestClient(app, BASE, raise_server_exceptions=True) as client:
        if token is not None:
            client.headers["authorization"] = f"token {token}"
        client.headers["accept-encoding"] = "identity"
        yield client


def rows_of(client, name, params=(), limit=1000):
    """All rows of a list, page by page."""
    rows, after = [], None
    pairs = [*(params.items() if isinstance(params, dict) else params), ("limit", limit)]
    while True:
        asked = [*pairs, *([] if after is None else [("after", after)])]
        answer = client.get(f"/api/{name}", params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert set(page) == {"rows", "next"}
        assert len(page["rows"]) <= limit
        assert page["rows"] or page["next"] is None
        rows += page["rows"]
        after = page["next"]
        if after is None:
            return rows
        assert len(page["rows"]) == limit


def lines_of(capsys, db, *arguments):
    """What the command line answers, as JSON lines."""
    capsys.readouterr()
    code = run(["--db", str(db), *map(str, arguments), "--format", "jsonl"])
    out = capsys.readouterr().out
    assert code in (0, 1)
    return [json.loads(line) for line in out.splitlines()]


def unpacked(content):
    """The frame, and the masks by key, each with its row of the head, of masks.bin."""
    (length,) = struct.unpack_from("<I", content)
    head = json.loads(content[4 : 4 + length].decode())
    bits = np.frombuffer(content, np.uint8, offset=4 + length)
    masks = {}
    for row in head["masks"]:
        minr, minc, maxr, maxc = row["bbox"]
        shape = maxr - minr, maxc - minc
        n_pixels = shape[0] * shape[1]
        part = bits[row["start"] : row["start"] + (n_pixels + 7) // 8]
        flat = np.unpackbits(part)
        assert not flat[n_pixels:].any()
        masks[row["key"]] = row, flat[:n_pixels].reshape(shape).astype(bool)
    return head["frame"], masks


def is_refused(answer, status):
    """Whether a request was refused as it should be."""
    assert answer.status_code == status, (answer.status_code, answer.text[:500])
    told = answer.json()
    assert set(told) == {"error", "hint"}
    assert all(isinstance(text, str) and text for text in told.values())
    return True
