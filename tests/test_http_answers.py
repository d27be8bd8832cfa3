"""What is answered over HTTP is what the command line and Python answer."""

import io
import json

import numpy as np
import pytest
from PIL import Image

import iidindex
from conftest import write_garden
from iidindex import IID
from iidindex.typed_iids import show_individual
from served import client_of, is_refused, lines_of, rows_of, unpacked

ON_BOTH = True


@pytest.fixture
def client(index):
    with client_of(index) as found:
        yield found


@pytest.fixture
def db(index, database):
    return database("index")


TREE = show_individual(IID(b"garden", b"tree"))
SAME = [
    ("entries", {}, ["find"]),
    ("entries", {"address": "tree"}, ["find", "tree"]),
    ("entries", [("address", "tree"), ("address", "hex:ff0062696e")], ["find", "tree", "b64:/wBiaW4="]),  # noqa: E501
    ("entries", {"address": TREE, "area": "100.."}, ["find", TREE, "--area", "100.."]),
    ("entries", {"domain": ""}, ["find", "--domain", ""]),
    ("entries", {"prefix": "t"}, ["find", "--prefix", "t"]),
    ("entries", {"meta": "camera.iso=200", "path": "2020/*"}, ["find", "--meta", "camera.iso=200", "--path", "2020/*"]),  # noqa: E501
    ("entries", [("not_path", "2020/*"), ("not_domain", "")], ["find", "--not-path", "2020/*", "--not-domain", ""]),  # noqa: E501
    ("entries", [("all_groups", "plants"), ("all_groups", "tall")], ["find", "--all-groups", "plants", "--all-groups", "tall"]),  # noqa: E501
    ("entries", {"not_group": "water", "key": "1"}, ["find", "--not-group", "water", "--key", 1]),
    ("entries", {"group": "nobody"}, ["find", "--group", "nobody"]),
    ("entries", {"root": "archive"}, ["find", "--root", "archive"]),
    ("entries", {"fields": "meta.day,area", "order_by": "-area"}, ["find", "--fields", "meta.day,area", "--order-by", "-area"]),  # noqa: E501
    ("at", {"x": 70, "y": 125}, ["at", 70, 125]),
    ("at", {"x": 0, "y": 0, "exact": "false"}, ["at", 0, 0, "--boxes"]),
    ("at", {"x": 70, "y": 125, "path": "2020/a.iid"}, ["at", 70, 125, "--path", "2020/a.iid"]),
    ("at", {"x": -5, "y": 10**30}, ["at", -5, 10**30]),
    ("region", {"box": "100,50,141,91"}, ["region", 100, 50, 141, 91]),
    ("region", {"box": "100,50,141,91", "order_by": "path"}, ["region", 100, 50, 141, 91, "--order-by", "path"]),  # noqa: E501
    ("nearest", {"x": 70, "y": 99, "k": 4}, ["nearest", 70, 99, "-k", 4]),
    ("links", {"address": "tree"}, ["links", "tree"]),
    ("links", {"address": TREE, "fields": "path,meta.day"}, ["links", TREE, "--fields", "path,meta.day"]),  # noqa: E501
    ("links", {"address": "nobody"}, ["links", "nobody"]),
    ("related", {"path": "2020/a.iid"}, ["related", "2020/a.iid"]),
    ("related", {"path": "2020/a.iid", "root": "archive", "k": 1}, ["related", "2020/a.iid", "-k", 1]),  # noqa: E501
    ("cooccur", {"address": "tree"}, ["cooccur", "tree"]),
    ("cooccur", {"address": "tree", "by": "overlap"}, ["cooccur", "tree", "--by", "overlap"]),
    ("cooccur", {"address": "pond", "domain": "garden", "k": 1}, ["cooccur", "pond", "--domain", "garden", "-k", 1]),  # noqa: E501
    ("overlaps", {}, ["overlaps"]),
    ("overlaps", {"path": "2021/c.iid", "group": "plants"}, ["overlaps", "--path", "2021/c.iid", "--group", "plants"]),  # noqa: E501
    ("chain", {"a": "tree", "b": "hex:ff0062696e"}, ["chain", "tree", "hex:ff0062696e"]),
    ("chain", {"a": "tree", "b": "über", "from_domain": "garden", "to_domain": "extra"}, ["chain", "tree", "über"]),  # noqa: E501
    ("chain", {"a": "tree", "b": "nobody"}, ["chain", "tree", "nobody"]),
    ("iids", {}, ["iids"]),
    ("iids", {"prefix": "p", "domain": "garden"}, ["iids", "--prefix", "p", "--domain", "garden"]),
    ("iids", {"path": "2020/*", "min_files": 2, "order_by": "-entries"}, ["iids", "--path", "2020/*", "--min-files", 2, "--order-by", "-entries"]),  # noqa: E501
    ("iids", [("order_by", "-files"), ("order_by", "domain"), ("root", "archive")], ["iids", "--order-by", "-files", "--order-by", "domain"]),  # noqa: E501
    ("tracks", {}, ["tracks"]),
    ("tracks", {"by": "meta.day", "min_files": 2, "order_by": "-displacement"}, ["tracks", "--by", "meta.day", "--min-files", 2, "--order-by", "-displacement"]),  # noqa: E501
    ("overlaps", {"between": "garden,garden", "a_group": "water", "order_by": "-iou"}, ["overlaps", "--between", "garden", "garden", "--a-group", "water", "--order-by", "-iou"]),  # noqa: E501
    ("overlaps", {"a_in_b": "0.1..", "b_in_a": "..0.9", "min_iou": "0.01", "within": 30}, ["overlaps", "--a-in-b", "0.1..", "--b-in-a", "..0.9", "--min-iou", 0.01, "--within", 30]),  # noqa: E501
    ("groups", {}, ["groups"]),
    ("files", {}, ["files"]),
    ("files", {"state": "failed"}, ["files", "--state", "failed"]),
    ("files", {"fields": "location,meta.day"}, ["files", "--fields", "location,meta.day"]),
    ("files", {"group": "plants"}, ["files", "--group", "plants"]),
    ("files", {"address": "hex:ff0062696e"}, ["files", "--address", "hex:ff0062696e"]),
    ("files", {"domain": "extra", "order_by": "-size"}, ["files", "--domain", "extra", "--order-by", "-size"]),  # noqa: E501
    ("files", [("order_by", "meta.day"), ("order_by", "-path"), ("not_path", "2021/*")], ["files", "--order-by", "meta.day", "--order-by", "-path", "--not-path", "2021/*"]),  # noqa: E501
    ("files", {"meta": "camera.iso=100"}, ["files", "--meta", "camera.iso=100"]),
    ("changes", {}, ["changes"]),
    ("changes", {"since": "last"}, ["changes", "--since", "last"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "params", "arguments"), SAME)
def test_rows_are_those_of_the_command_line(client, db, capsys, name, params, arguments):
    wanted = lines_of(capsys, db, *arguments)
    assert rows_of(client, name, params) == wanted
    assert rows_of(client, name, params, limit=1) == wanted


def test_every_list_is_compared():
    from iidindex.serve.endpoints import LISTS

    assert {one.name for one in LISTS} <= {name for name, _, _ in SAME}


def test_status_is_a_plain_object(client, db, capsys):
    from iidindex.cli.main import run

    assert run(["--db", str(db), "status", "--format", "json"]) == 0
    told = client.get("/api/status").json()
    assert {name: told[name] for name in told if name != "root_list"} == json.loads(
        capsys.readouterr().out
    )
    roots = lines_of(capsys, db, "roots", "--fields", "name,location,files")
    assert told["root_list"] == roots
    assert roots


ORDERS = [
    [],
    ["id"],
    ["path"],
    ["-path", "key"],
    ["address", "-domain"],
    ["-area"],
    ["meta.camera.iso"],
    ["-meta.number", "area"],
    ["meta.x", "-meta.camera"],
    ["meta.nothing"],
]


@pytest.mark.parametrize("order", ORDERS, ids=",".join)
def test_pages_in_any_order_are_the_whole(blobs, order):
    index, _ = blobs
    wanted = index.entries.where(domain=b"blobs", prefix=b"1")
    whole = (wanted.order_by(*order) if order else wanted).to_dicts()
    with client_of(index) as client:
        asked = [("domain", "blobs"), ("prefix", "1"), *(("order_by", name) for name in order)]
        assert rows_of(client, "entries", asked, limit=37) == whole
        exact = [("box", "0,0,90,200"), *asked]
        inside = wanted.region((0, 0, 90, 200))
        inside = inside.order_by(*order) if order else inside
        assert rows_of(client, "region", exact, limit=7) == inside.to_dicts()


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("overlaps", {"path": "0/1*.iid"}),
        ("nearest", {"x": 200, "y": 200, "k": 50}),
        ("iids", {}),
        ("iids", [("order_by", "-entries"), ("order_by", "files")]),
        ("tracks", {"order_by": "-displacement"}),
        ("overlaps", {"path": "0/1*.iid", "a_group": "even"}),
        ("overlaps", {"path": "0/1*.iid", "order_by": "-iou", "within": 1}),
        ("cooccur", {"address": "11"}),
        ("links", {"address": "11"}),
        ("related", {"path": "0/1.iid"}),
        ("changes", {}),
        ("files", {}),
        ("files", {"domain": "blobs", "group": "even"}),
        ("files", [("order_by", "-entries"), ("order_by", "state"), ("order_by", "-path")]),
        ("files", [("order_by", "meta.nothing"), ("order_by", "size")]),
    ],
)
def test_pages_of_other_lists_are_the_whole(blobs, name, params):
    index, _ = blobs
    with client_of(index) as client:
        whole = rows_of(client, name, params)
        assert len(whole) > 20
        assert rows_of(client, name, params, limit=9) == whole


def test_what_comes_or_goes_between_two_pages_moves_nothing(archive, database):
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(archive)
        with client_of(index) as client:
            asked = {"order_by": "path", "limit": 3}
            first = client.get("/api/entries", params=asked).json()
            write_garden(archive / "2019" / "before.iid")
            (archive / "2020" / "a.iid").unlink()
            index.ingest(archive)
            rest = client.get("/api/entries", params={**asked, "after": first["next"], "limit": 99})
            paths = [row["path"] for row in first["rows"] + rest.json()["rows"]]
            assert paths == ["2020/a.iid"] * 3 + ["2020/b.iid"] * 5 + ["2021/c.iid"] * 3


def test_cursors_are_believed_only_where_they_were_given(client):
    answer = client.get("/api/entries", params={"limit": 1}).json()
    cursor = answer["next"]
    again = client.get("/api/entries", params={"limit": 500, "after": cursor, "fields": "key"})
    assert again.status_code == 200
    wrong = [
        cursor[:-1],
        cursor + "A",
        "A" + cursor[1:],
        cursor[::-1],
        "x",
        "é",
        "=",
        cursor + "=",
        "!" + cursor,
    ]
    for one in wrong:
        assert is_refused(client.get("/api/entries", params={"after": one}), 400), one
    for params in ({"order_by": "area"}, {"address": "tree"}, {"area": "1.."}):
        asked = client.get("/api/entries", params={"after": cursor, **params})
        assert is_refused(asked, 400)
    assert is_refused(client.get("/api/iids", params={"after": cursor}), 400)


def test_masks_as_bits(index, client):
    for file in index.files():
        answer = client.get("/masks.bin", params={"path": file.path})
        assert answer.status_code == 200
        assert (
            answer.content == client.get("/api/masks.bin", params={"path": file.location}).content
        )
        frame, masks = unpacked(answer.content)
        assert frame is None
        entries = {entry.key: entry for entry in index.entries.where(path=file.path)}
        assert list(masks) == list(entries)
        for key, (row, mask) in masks.items():
            told = entries[key].to_dict()
            names = [
                "key",
                "address",
                "domain",
                "address_b64",
                "domain_b64",
                "bbox",
                "area",
                "groups",
            ]
            assert row == {**{name: told[name] for name in names}, "start": row["start"]}
            assert np.array_equal(mask, entries[key].mask())


def test_masks_of_a_box_are_what_is_visible_of_them(blobs):
    index, _ = blobs
    with client_of(index) as client:
        for box in ((0, 0, 50, 60), (100, 30, 220, 260), (399, 399, 400, 400), (9, 9, 9, 9)):
            asked = {"path": "1/25.iid", "box": ",".join(map(str, box))}
            _, masks = unpacked(client.get("/masks.bin", params=asked).content)
            entries = {one.key: one for one in index.entries.where(path="1/25.iid").region(box)}
            assert set(masks) == set(entries)
            for key, (row, mask) in masks.items():
                own = entries[key]
                assert tuple(row["bbox"]) == own.bbox & iidindex.BBox(*box)
                assert row["area"] == own.area
                assert np.array_equal(mask, own.mask(box))


def test_masks_are_filtered(index, client):
    asked = {"path": "2020/a.iid", "group": "water"}
    _, masks = unpacked(client.get("/masks.bin", params=asked).content)
    assert [row["address"] for row, _ in masks.values()] == ["pond"]


def test_masks_are_compressed_for_who_wants_it(client):
    asked = {"path": "2020/a.iid"}
    plain = client.get("/masks.bin", params=asked)
    packed = client.get("/masks.bin", params=asked, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content


def pixels(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_mask_of_an_entry(index, client, pond):
    entry = index.entry("2020/a.iid", 0)
    for params in ({"key": 0}, {"address": "tree"}, {"address": "tree", "domain": "garden"}):
        answer = client.get("/mask.png", params={"path": "2020/a.iid", **params})
        assert np.array_equal(pixels(answer), entry.mask())
    answer = client.get("/mask.png", params={"path": "2020/a.iid", "key": 0, "box": "90,60,110,70"})
    assert np.array_equal(pixels(answer), entry.mask((90, 60, 110, 70)))
    with client_of(pond) as other:
        asked = {"path": "one/a.iid", "key": 1, "frame": "true"}
        whole = pixels(other.get("/mask.png", params=asked))
        assert np.array_equal(whole, pond.entry("one/a.iid", 1).mask(frame=True))


def test_picture_of_a_file(pond, tmp_path):
    photo = np.asarray(Image.open(tmp_path / "pond" / "photo.png").convert("RGB"))
    with client_of(pond) as client:
        asked = {"path": "one/a.iid"}
        assert np.array_equal(pixels(client.get("/picture.png", params=asked)), photo)
        part = client.get("/picture.png", params={**asked, "box": "10,20,60,100"})
        assert np.array_equal(pixels(part), photo[10:60, 20:100])
        small = client.get("/picture.png", params={**asked, "size": 50})
        assert max(pixels(small).shape) == 50
        assert is_refused(client.get("/picture.png", params={"path": "c.iid"}), 404)
        assert is_refused(
            client.get("/picture.png", params={**asked, "box": "900,900,901,901"}), 400
        )


def test_heat_and_sheets(pond):
    with client_of(pond) as client:
        assert pixels(client.get("/heat.png", params={"size": 64})).ndim == 3
        assert (
            pixels(client.get("/api/heat.png", params={"box": "0,0,90,90", "domain": "pond"})).ndim
            == 3
        )
        frog = show_individual(IID(b"pond", b"frog"))
        asked = {"address": frog, "caption": "path,area", "tile": 48, "order_by": "-area"}
        assert pixels(client.get("/sheet.png", params=asked)).ndim == 3
        assert is_refused(client.get("/sheet.png", params={"address": "frog"}), 400)
        places = pond.picture_places()
        shown = pixels(
            client.get("/heat.png", params={"size": 64, "palette": "sea", "fit": "true"})
        )
        expected = pond.draw_heat(size=64, palette="sea", fit=True, image=places).picture
        assert (shown == expected).all()
        question = {"domain": "pond", "colour_by": "area", "scale": "area", "gaps": "true"}
        shown = pixels(client.get("/sheet.png", params=question))
        drawing = {"colour_by": "area", "scale": "area", "gaps": True}
        of_pond = pond.entries.where(domain=b"pond")
        assert (shown == pond.sheet(None, of_pond, image=places, **drawing).picture).all()
        assert is_refused(client.get("/sheet.png", params={"colour_by": "size"}), 400)
        assert is_refused(client.get("/sheet.png", params={"address": "nobody"}), 404)
        assert is_refused(client.get("/heat.png", params={"group": "nobody"}), 404)


def test_what_is_known_is_not_sent_again(pond, tmp_path):
    with client_of(pond) as client:
        tags = set()
        for url in (
            "/masks.bin?path=one/a.iid",
            "/mask.png?path=one/a.iid&key=1",
            "/picture.png?path=one/a.iid",
            "/masks.bin?path=one/b.iid",
            "/",
            "/static/index.html",
        ):
            first = client.get(url)
            tag = first.headers["etag"]
            tags.add(tag)
            assert first.headers["cache-control"] == "no-cache"
            for known in (tag, f'"other", W/{tag}'):
                again = client.get(url, headers={"if-none-match": known})
                assert (again.status_code, again.content) == (304, b"")
                assert again.headers["etag"] == tag
            assert client.get(url, headers={"if-none-match": '"other"'}).content == first.content
        assert len(tags) == 4
        photo = tmp_path / "pond" / "photo.png"
        Image.open(photo).rotate(180).save(photo)
        before = client.get("/picture.png?path=one/a.iid").headers["etag"]
        assert before not in tags


def test_the_same_path_in_two_roots(archive, tmp_path, database):
    other = tmp_path / "other"
    write_garden(other / "2020" / "a.iid", shift=7)
    with iidindex.open(database("x"), create=True) as index:
        index.ingest([archive, other])
        with client_of(index) as client:
            for name in ("masks.bin", "related"):
                answer = client.get(f"/api/{name}", params={"path": "2020/a.iid"})
                assert is_refused(answer, 400)
                assert "root" in answer.json()["hint"]
            shifts = []
            for params in (
                {"path": "2020/a.iid", "root": "archive"},
                {"path": "2020/a.iid", "root": "other"},
                {"path": str(other / "2020" / "a.iid")},
            ):
                _, masks = unpacked(client.get("/masks.bin", params=params).content)
                shifts.append(masks[0][0]["bbox"][1])
            assert shifts == [50, 57, 57]
            asked = {"path": "2020/a.iid", "root": "nowhere"}
            assert is_refused(client.get("/masks.bin", params=asked), 404)


def test_the_viewer_answers_under_all_its_addresses(client):
    page = client.get("/").text
    assert page.startswith("<!doctype html>")
    for address in (
        "/file/archive/2020/a.iid?x=3&y=4",
        "/file/%2e%2e",
        "/iid/Z2FyZGVu.dHJlZQ",
        "/iid/",
    ):
        answer = client.get(address)
        assert (answer.status_code, answer.text) == (200, page)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_threads_answer_as_one(blobs):
    from concurrent.futures import ThreadPoolExecutor

    index, _ = blobs
    with client_of(index) as client:
        urls = [
            *(f"/api/at?x={x}&y={x}" for x in range(0, 400, 40)),
            *(f"/masks.bin?path=0/{n}.iid" for n in range(10)),
            *(f"/api/links?address={n:02d}" for n in range(10)),
            *(f"/heat.png?size=64&key={n}" for n in range(4)),
        ]
        alone = [client.get(url).content for url in urls]
        with ThreadPoolExecutor(8) as pool:
            for _ in range(2):
                together = [*pool.map(lambda url: client.get(url).content, urls)]
                assert together == alone
