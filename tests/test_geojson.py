"""GeoJSON as QuPath 0.5 exports it, and our own.

https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
"""

import gzip
import json
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import iidindex
from foreign_files import (
    Collected,
    boxed,
    claims,
    cut_out,
    framed,
    iid_entries,
    json_mutants,
    mutants,
    pictures_of,
    survives,
)
from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Picture
from iidindex.formats.mentioned import NOBODY_NOTE, check_mentioned
from iidindex.formats.registry import writer_named

HEIGHT, WIDTH = 40, 60
IDS = [str(uuid.UUID(int=number + (4 << 76) + (8 << 60))) for number in range(20)]


def ring(minr, minc, maxr, maxc):
    return [[minc, minr], [maxc, minr], [maxc, maxr], [minc, maxr], [minc, minr]]


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def feature(geometry, number=0, name=None, **more):
    properties = {"objectType": "annotation"}
    if name is not None:
        properties["classification"] = {"name": name, "color": [200, 0, 0]}
    return {
        "type": "Feature",
        "id": IDS[number],
        "geometry": geometry,
        "properties": properties,
        **more,
    }


def collection(*features):
    return {"type": "FeatureCollection", "features": list(features)}


def held(value, name="slide.geojson"):
    return {name: json.dumps(value).encode()}


def only(value, **options):
    (picture,) = pictures_of(held(value), "geojson", **options)
    return picture


def masks(picture):
    return [framed(entry, HEIGHT, WIDTH) for entry in picture.entries]


SQUARE = feature(polygon(ring(2, 3, 12, 13)), 0, "Tumor")
RING = feature(polygon(ring(2, 3, 12, 13), ring(4, 5, 8, 9)), 1, "Stroma")
PARTS = feature(
    {
        "type": "MultiPolygon",
        "coordinates": [[ring(0, 0, 4, 4), ring(1, 1, 3, 3)], [ring(1, 1, 2, 9)]],
    },
    2,
)


def parts_mask():
    mask = boxed(HEIGHT, WIDTH, 0, 0, 4, 4) & ~boxed(HEIGHT, WIDTH, 1, 1, 3, 3)
    return mask | boxed(HEIGHT, WIDTH, 1, 1, 2, 9)


def ring_mask():
    return boxed(HEIGHT, WIDTH, 2, 3, 12, 13) & ~boxed(HEIGHT, WIDTH, 4, 5, 8, 9)


def test_a_collection_with_its_picture(tmp_path):
    (tmp_path / "slides/sub").mkdir(parents=True)
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "slides/sub/a.tif")
    text = json.dumps(collection(SQUARE, RING, PARTS))
    (tmp_path / "slides/sub/a.geojson").write_text(text)
    report = iidindex.import_archive(tmp_path / "slides", tmp_path / "out")
    assert (report.pictures, report.entries, report.refused) == (1, 3, {})
    found = iid_entries(tmp_path / "out/sub/a.iid", HEIGHT, WIDTH)
    assert [address for _, address in found] == [one.encode() for one in IDS[:3]]
    assert {domain for domain, _ in found} == {b"slides"}
    assert [groups for groups, _ in found.values()] == [("Tumor",), ("Stroma",), ()]
    wanted = [boxed(HEIGHT, WIDTH, 2, 3, 12, 13), ring_mask(), parts_mask()]
    for (_, mask), truth in zip(found.values(), wanted, strict=True):
        assert (mask == truth).all()
    meta = iidindex.IIDFile((tmp_path / "out/sub/a.iid").read_bytes()).meta.data
    assert (meta["width"], meta["height"]) == (WIDTH, HEIGHT)
    assert meta["image"] == "../../slides/sub/a.tif"
    read = list(iidindex.formats.read(tmp_path / "slides"))
    assert [(one.width, one.height, len(one.entries)) for one in read] == [(WIDTH, HEIGHT, 3)]


def test_without_the_picture_its_size_is_not_invented():
    picture = only(collection(SQUARE))
    assert (picture.width, picture.height) == (None, None)
    assert "width" not in picture.meta
    assert any("size is not known" in note for note in picture.notes)
    assert (masks(picture)[0] == boxed(HEIGHT, WIDTH, 2, 3, 12, 13)).all()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.geojson", json.dumps([SQUARE]).encode()),
        ("a.json", json.dumps([SQUARE]).encode()),
        ("a.json", json.dumps(SQUARE).encode()),
        ("a.geojson", b"\xef\xbb\xbf" + json.dumps(collection(SQUARE)).encode()),
        ("a.geojson.gz", gzip.compress(json.dumps(collection(SQUARE)).encode())),
        ("a.json.gz", gzip.compress(b"[") + gzip.compress(json.dumps([SQUARE])[1:].encode())),
    ],
)
def test_ways_to_hold_features(name, data):
    assert claims({name: data}) == ["geojson"]
    (picture,) = pictures_of({name: data})
    assert picture.name == "a"
    (entry,) = picture.entries
    assert (entry.address, entry.groups) == (IDS[0].encode(), ("Tumor",))


def test_who_claims_what():
    coco = {"images": [], "annotations": [{"image_id": 1, "segmentation": []}], "categories": []}
    assert claims(held(coco, "a.json")) == ["coco"]
    assert claims({**held(collection(SQUARE)), "a.tif": b""}) == ["geojson"]
    assert claims(held({"type": "Topology", "objects": {}}, "a.json")) == []
    assert claims({"a.geojson": b"no"}) == []
    assert claims({"a.geojson.gz": b"no"}) == []
    assert claims(held(collection(), "a.geojson")) == ["geojson"]


def test_a_cell_and_its_nucleus():
    cell = feature(
        polygon(ring(2, 3, 12, 13)), 4, "Tumor", nucleusGeometry=polygon(ring(5, 5, 8, 8))
    )
    cell["properties"]["objectType"] = "cell"
    picture = only([cell])
    assert [(one.address, one.groups) for one in picture.entries] == [
        (IDS[4].encode(), ("Tumor",)),
        (IDS[4].encode() + b"/nucleus", ("nucleus", "Tumor")),
    ]
    assert (masks(picture)[1] == boxed(HEIGHT, WIDTH, 5, 5, 8, 8)).all()


@pytest.mark.parametrize(
    ("classification", "groups"),
    [
        ({"name": "Tumor: Positive"}, ("Tumor: Positive",)),
        ({"names": ["Tumor", "Positive"], "color": [1, 2, 3]}, ("Tumor", "Positive")),
        ("Tumor", ("Tumor",)),
        (None, ()),
        ({}, ()),
    ],
)
def test_classifications(classification, groups):
    one = feature(polygon(ring(0, 0, 2, 2)))
    one["properties"]["classification"] = classification
    assert only([one]).entries[0].groups == groups


def test_ids_that_tell_nothing():
    # Before version 0.4 QuPath wrote the kind of an object as its id.
    old = [{**SQUARE, "id": "PathAnnotationObject"}, {**RING, "id": "PathAnnotationObject"}]
    assert [one.address for one in only(old).entries] == [b"slide/0", b"slide/1"]
    # A number is the file's own; elsewhere it is another object.
    assert only([{**SQUARE, "id": 7}]).entries[0].address == b"slide/7"
    assert only([{**SQUARE, "id": None}]).entries[0].address == b"slide/0"
    # An address of somebody's is no identity.
    street = feature(polygon(ring(0, 0, 2, 2)))
    street["properties"]["address"] = "Main Street"
    assert only([street]).entries[0].address == IDS[0].encode()
    two = pictures_of({**held([SQUARE], "a.geojson"), **held([{**RING, "id": 7}], "b.geojson")})
    assert [one.entries[0].address for one in two] == [IDS[0].encode(), b"b/7"]


def test_identity_and_groups_that_are_asked_for():
    one = feature(polygon(ring(0, 0, 2, 2)))
    one["properties"].update(name="cell 7", stage="M")
    entry = only([one, RING], identity="name", group_by="properties.stage").entries[0]
    assert (entry.address, entry.groups) == (b"cell 7", ("M",))
    with pytest.raises(ExchangeError, match="'nobody'"):
        only([one], identity="nobody")


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, "Point"),
        ({"type": "MultiPoint", "coordinates": [[1, 2]]}, "MultiPoint"),
        ({"type": "LineString", "coordinates": [[1, 2], [3, 4], [5, 6]]}, "LineString"),
        ({"type": "GeometryCollection", "geometries": []}, "geometry"),
        (
            {
                "type": "GeometryCollection",
                "geometries": [{"type": "Point", "coordinates": [0, 0]}],
            },
            "Point",
        ),
        (None, "geometry"),
        ({"type": "Circle"}, "geometry"),
        (polygon(), "geometry"),
        (polygon([[0, 0], [1, 1]]), "coordinates"),
        (polygon([[0, 0], [1, float("nan")], [2, 2]]), "coordinates"),
        (polygon([[0, 0], [1e9, 0], [2, 2]]), "coordinates"),
        (polygon([[0, 0], ["1", 0], [2, 2]]), "coordinates"),
        (polygon([[0, 0], [9, 0], [18, 0]]), "empty"),
        (polygon(ring(-9, -9, -2, -2)), "empty"),
        (polygon(ring(0, 0, 120_000, 120_000)), "too large"),
        (polygon(ring(0, 0, 1 << 15, (1 << 14) + 1)), "too large"),
    ],
)
def test_what_is_left_out(geometry, reason):
    picture = only([SQUARE, feature(geometry, 9)])
    assert len(picture.entries) == 1
    (refused,) = picture.refused
    assert refused.reason == reason
    assert refused.record == f"feature 1, id '{IDS[9]}'"


@pytest.mark.parametrize(("width", "is_kept"), [(None, False), (100, True), (60_000, False)])
def test_a_box_is_as_large_as_what_lies_in_the_picture(width, is_kept):
    apart = [[ring(0, 0, 2, 2)], [ring(30_000, 59_000, 30_002, 59_002)]]
    value = collection(SQUARE, feature({"type": "MultiPolygon", "coordinates": apart}, 9))
    if width is not None:
        value = {"iidindex": {"width": width, "height": 60_000}, **value}
    picture, *_ = pictures_of(held(value), "geojson")
    assert len(picture.entries) == 1 + is_kept
    assert [one.problem for one in picture.refused] == [
        "its box is 59002 x 30002 pixels; expected at most 536870912 together"
    ] * (not is_kept)


def test_collections_of_polygons_and_heights():
    high = [[*corner, 5.0] for corner in ring(20, 20, 24, 24)]
    inner = {"type": "GeometryCollection", "geometries": [polygon(high)]}
    both = {"type": "GeometryCollection", "geometries": [RING["geometry"], inner]}
    (entry,) = only([feature(both)]).entries
    truth = ring_mask() | boxed(HEIGHT, WIDTH, 20, 20, 24, 24)
    assert (framed(entry, HEIGHT, WIDTH) == truth).all()


def test_pictures_in_which_nobody_is_named():
    named, other = feature(polygon(ring(0, 0, 2, 2))), feature(polygon(ring(0, 0, 2, 2)), 1)
    named["properties"]["name"] = "Ann"
    one, two = pictures_of(
        {**held([named], "a.geojson"), **held([other], "b.geojson")}, identity="name"
    )
    assert (one.entries[0].address, one.notes.keys() & {NOBODY_NOTE}) == (b"Ann", set())
    # Others are named, so this picture is not the fault of the question.
    assert (two.entries[0].address, two.notes[NOBODY_NOTE]) == (IDS[1].encode(), 1)


def test_a_field_is_looked_for_in_all_blocks(monkeypatch):
    monkeypatch.setattr("iidindex.formats.mentioned._BLOCK", 7)
    data = json.dumps({"a": 1, "nämé": 2}).encode()
    for text in (data, json.dumps({"a": 1, "nämé": 2}, ensure_ascii=False).encode()):
        check_mentioned([lambda at, n, text=text: text[at : at + n]], "x.nämé")
    with pytest.raises(ExchangeError, match="'näm'"):
        check_mentioned([lambda at, n: data[at : at + n]], "näm")


def test_planes_are_pictures():
    def at(number, **plane):
        geometry = {**polygon(ring(0, 0, 2, 2)), "plane": {"c": -1, "z": 0, "t": 0, **plane}}
        return feature(geometry, number)

    pictures = pictures_of(held([at(0), at(1, z=3), at(2, z=3), at(3, c=1)]))
    assert [one.name for one in pictures] == ["slide/z0000", "slide/z0003"]
    assert [[entry.address for entry in one.entries] for one in pictures] == [
        [IDS[0].encode(), IDS[3].encode()],
        [IDS[1].encode(), IDS[2].encode()],
    ]
    assert pictures[1].meta["source"]["plane"] == {"z": 3, "t": 0}
    both = pictures_of(held([at(0, t=1), at(1, z=1)]))
    assert [one.name for one in both] == ["slide/z0000t0001", "slide/z0001t0000"]
    # All on one plane are one picture, whichever it is.
    assert [one.name for one in pictures_of(held([at(0, z=3), at(1, z=3)]))] == ["slide"]


def test_degrees_are_told():
    place = polygon([[8.1, 50.2], [8.9, 50.2], [8.9, 50.9], [8.1, 50.2]])
    assert any("degrees" in note for note in only([feature(place)]).notes)
    crs = {**collection(SQUARE), "crs": {"type": "name", "properties": {"name": "EPSG:4326"}}}
    assert any("degrees" in note for note in only(crs).notes)
    assert not any("degrees" in note for note in only(collection(SQUARE, feature(place))).notes)


def test_large_files_are_read_block_by_block():
    many = [feature(polygon(ring(0, n % 50, 3, n % 50 + 3)), n % 20) for n in range(3000)]
    for number, one in enumerate(many):
        one["id"] = number
        one["properties"]["measurements"] = {f"Nucleus: {n} µm^2": 17.5 for n in range(30)}
    data = json.dumps(collection(*many), ensure_ascii=False).encode()
    assert len(data) > 2 << 20
    (picture,) = pictures_of({"slide.geojson": data})
    assert [one.address for one in picture.entries[::500]] == [
        f"slide/{n}".encode() for n in range(0, 3000, 500)
    ]


# ---------------------------------------------------------------------- out


def exported(*pictures):
    sink = Collected()
    session = writer_named("geojson").begin(sink)
    for picture in pictures:
        session.add(picture)
    session.finish()
    return sink, session.lost


def one_like(picture, other):
    assert (picture.width, picture.height) == (other.width, other.height)
    assert len(picture.entries) == len(other.entries)
    for entry, same in zip(picture.entries, other.entries, strict=True):
        assert (entry.address, entry.domain, entry.groups, entry.key, entry.bbox) == (
            *(same.address, same.domain, same.groups, same.key, same.bbox),
        )
        assert (entry.mask == same.mask).all()


@given(st.integers(0, 2**32 - 1))
def test_out_and_in_again(seed):
    draw = np.random.default_rng(seed)
    height, width = (int(side) for side in draw.integers(1, 24, 2))
    names = [b"tree", b"\xff\x00", "ü/é".encode(), b"7"]
    entries = []
    for number, name in enumerate(names):
        mask = draw.random((height, width)) < draw.random()
        domain = [None, b"d", b"\xfe"][int(draw.integers(0, 3))]
        if mask.any():
            entry = cut_out(mask, name, domain, ("a", "b c", "")[: int(draw.integers(0, 3))])
            entry.key = number * 3
            entries.append(entry)
    picture = Picture("a/b", width, height, {}, entries)
    sink, lost = exported(picture)
    assert lost == {}
    (again,) = pictures_of(sink.held(), "geojson")
    assert again.name == "a/b"
    one_like(again, picture)


def test_what_qupath_finds_in_it():
    sink, lost = exported(
        Picture("a", None, None, {}, [cut_out(boxed(9, 9, 1, 2, 3, 5), b"x", b"d", ("g", "h"))]),
        Picture("b", 9, 9, {}, [cut_out(np.zeros((9, 9), bool))]),
    )
    assert lost == {"masks without a pixel": 1}
    found = json.loads(sink.files["a.geojson"])
    assert found["type"] == "FeatureCollection"
    (one,) = found["features"]
    assert one["geometry"] == polygon([[2, 1], [5, 1], [5, 3], [2, 3], [2, 1]])
    assert one["properties"]["classification"] == {"name": "g"}
    assert one["properties"]["name"] == "x"
    assert claims(sink.held()) == ["geojson"]
    assert [len(picture.entries) for picture in pictures_of(sink.held())] == [1, 0]


def test_a_domain_that_is_asked_for():
    sink, _ = exported(Picture("a", 9, 9, {}, [cut_out(boxed(9, 9, 1, 2, 3, 5), b"x", b"d")]))
    (picture,) = pictures_of(sink.held(), domain=b"mine")
    assert picture.entries[0].domain == b"mine"


def test_damaged_files():
    cell = feature(
        polygon(ring(2, 3, 12, 13)), 4, "Tumor", nucleusGeometry=polygon(ring(5, 5, 8, 8))
    )
    planed = feature({**polygon(ring(0, 0, 2, 2)), "plane": {"c": -1, "z": 1, "t": 0}}, 5)
    whole = {"type": "FeatureCollection", "iidindex": {"width": WIDTH, "height": HEIGHT}}
    whole["features"] = [SQUARE, RING, PARTS, cell, planed]
    read = 0
    for data in mutants(json.dumps(whole).encode(), 1000, 1):
        read += survives({"a.geojson": data}, "geojson")
    for data in json_mutants(whole, 1000, 2):
        read += survives({"a.geojson": data}, "geojson")
    for data in mutants(gzip.compress(json.dumps(whole).encode()), 200, 3):
        read += survives({"a.geojson.gz": data}, "geojson")
    assert read > 1000
