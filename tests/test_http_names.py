"""Hostile names in every field, over HTTP."""

import os

import numpy as np

import iidindex
from iidindex import IIDFile
from served import client_of, is_refused, rows_of, unpacked

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
