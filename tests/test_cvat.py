"""CVAT's XML 1.1, for images and for video.

https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as judge

import iidindex
from foreign_files import boxed, claims, framed, iid_entries, mutants, pictures_of, survives
from iidindex.errors import ExchangeError

# pycocotools 2.0.11 has not heard of NumPy's newest ways.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HEIGHT, WIDTH = 40, 60
SQUARE = "10.00,5.00;20.00,5.00;20.00,15.00;10.00,15.00"


def task_meta(number=12, name="pond", **values):
    told = "".join(f"<{key}>{value}</{key}>" for key, value in values.items())
    return f"""<task><id>{number}</id><name>{name}</name><mode>annotation</mode>{told}
      <labels><label><name>frog</name><attributes></attributes></label></labels>
      <segments><segment><id>99</id><start>0</start><stop>3</stop></segment></segments></task>"""


def document(body, meta=None):
    head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
    meta = task_meta() if meta is None else meta
    return f"{head}<meta>{meta}<dumped>2026-01-02</dumped></meta>\n{body}</annotations>\n".encode()


def image(*shapes, number=0, name="a.jpg", **more):
    told = "".join(f' {key}="{value}"' for key, value in more.items())
    return (
        f'<image id="{number}" name="{name}" width="{WIDTH}" height="{HEIGHT}"{told}>\n'
        + "\n".join(shapes)
        + "\n</image>\n"
    )


def polygon(points=SQUARE, label="frog", inner="", more=""):
    return (
        f'<polygon label="{label}" source="manual" occluded="0" points="{points}" z_order="0" '
        f"{more}>{inner}</polygon>"
    )


def attribute(name, value):
    return f'<attribute name="{name}">{value}</attribute>'


def rle_of(mask):
    """As CVAT's ``mask_to_rle``: along the rows, zeros first."""
    flat = mask.reshape(-1).astype(int)
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    return ", ".join(map(str, [0, *counts] if flat[0] else counts))


def mask_tag(mask, left, top, label="frog"):
    return (
        f'<mask label="{label}" source="manual" occluded="0" rle="{rle_of(mask)}" left="{left}" '
        f'top="{top}" width="{mask.shape[1]}" height="{mask.shape[0]}" z_order="0"></mask>'
    )


def only(*shapes, **options):
    (picture,) = pictures_of({"annotations.xml": document(image(*shapes))}, "cvat", **options)
    return picture


def test_shapes_of_images(tmp_path):
    (tmp_path / "job/images/sub").mkdir(parents=True)
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "job/images/sub/a.png")
    stripes = np.eye(6, 9, dtype=bool)
    body = image(
        polygon(),
        '<box label="reed" source="manual" occluded="0" xtl="1.0" ytl="2.0" xbr="5.0" ybr="9.0" '
        'z_order="0"></box>',
        mask_tag(stripes, 20, 10),
        mask_tag(~stripes, 40, 10),
        name="sub/a.png",
    ) + image(number=1, name="b.png")
    (tmp_path / "job/annotations.xml").write_bytes(document(body))
    report = iidindex.import_archive(tmp_path / "job", tmp_path / "out")
    assert (report.pictures, report.entries, report.refused) == (2, 4, {})
    assert (report.individuals, report.individuals_in_several) == (4, 0)
    assert report.identity == "image and position, as annotations have no id"
    found = iid_entries(tmp_path / "out/sub/a.iid", HEIGHT, WIDTH)
    assert list(found) == [(b"job/12", f"0/{place}".encode()) for place in range(4)]
    (groups, square), (_, box), (_, mask), (_, inverse) = found.values()
    assert groups == ("frog",)
    assert (square == boxed(HEIGHT, WIDTH, 5, 10, 15, 20)).all()
    assert (box == boxed(HEIGHT, WIDTH, 2, 1, 9, 5)).all()
    truth = np.zeros((HEIGHT, WIDTH), bool)
    truth[10:16, 20:29] = stripes
    assert (mask == truth).all()
    assert (inverse[10:16, 40:49] == ~stripes).all()
    assert inverse.sum() == (~stripes).sum()
    meta = iidindex.IIDFile((tmp_path / "out/sub/a.iid").read_bytes()).meta.data
    assert meta["image"] == "../../job/images/sub/a.png"
    assert meta["source"]["task"] == "12"


@given(st.integers(0, 2**32 - 1))
def test_masks_go_along_rows(seed):
    draw = np.random.default_rng(seed)
    height, width = draw.integers(1, 12, 2).tolist()
    mask = draw.random((height, width)) < 0.5
    mask[0, 0] = True
    (entry,) = only(mask_tag(mask, 7, 3)).entries
    assert (framed(entry, HEIGHT, WIDTH)[3 : 3 + height, 7 : 7 + width] == mask).all()
    assert entry.mask.sum() == mask.sum()


def test_polygons_as_pycocotools():
    points = "30.13,10.57;50.91,10.25;30.77,31.5;41.2,3.3"
    (entry,) = only(polygon(points)).entries
    flat = [float(value) for value in points.replace(";", ",").split(",")]
    truth = judge.decode(judge.frPyObjects([flat], HEIGHT, WIDTH))[:, :, 0].astype(bool)
    assert (framed(entry, HEIGHT, WIDTH) == truth).all()


def test_turned_boxes_and_ellipses():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    box = '<box label="a" xtl="20" ytl="15" xbr="40" ybr="25" rotation="30"/>'
    round_one = '<ellipse label="a" cx="30" cy="20" rx="12" ry="6" rotation="30"/>'
    turned, ellipse = (framed(entry, HEIGHT, WIDTH) for entry in only(box, round_one).entries)
    # Clockwise on the screen: the right end goes down.
    angle = np.radians(30)
    x, y = columns - 30, rows - 20
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = (np.abs(along) < 10) & (np.abs(across) < 5)
    assert (turned ^ inside).sum() < 0.06 * inside.sum()
    inside = (along / 12) ** 2 + (across / 6) ** 2 < 1
    assert (ellipse ^ inside).sum() < 0.06 * inside.sum()


def test_identity_of_attributes():
    one = polygon(inner=attribute("track_id", 7) + attribute("name", "Ann"))
    picture = only(one, polygon())
    assert [(entry.domain, entry.address) for entry in picture.entries] == [
        (b"memory/12", b"7"),
        (b"memory/12", b"0/1"),
    ]
    # Who asks for a field says that it tells the same in every task.
    for asked in ("name", "attributes.name"):
        picture = only(one, polygon(), identity=asked, group_by="attributes.name")
        assert [(entry.domain, entry.address) for entry in picture.entries] == [
            (b"memory", b"Ann"),
            (b"memory/12", b"0/1"),
        ]
        assert [entry.groups for entry in picture.entries] == [("Ann",), ()]
    with pytest.raises(ExchangeError, match="'nobody'"):
        only(one, identity="nobody")


def test_image_ids_that_come_again():
    body = image(polygon(), name="a.jpg") + image(polygon(), name="b.jpg")
    pictures = pictures_of({"annotations.xml": document(body)})
    assert [one.entries[0].address for one in pictures] == [b"a.jpg/0", b"b.jpg/0"]
    # In an export of a project they are those of a task.
    body = image(polygon(), name="a.jpg", task_id=1) + image(polygon(), name="b.jpg", task_id=2)
    tasks = f"<project><id>5</id><tasks>{task_meta(1)}{task_meta(2)}</tasks></project>"
    pictures = pictures_of({"annotations.xml": document(body, tasks)}, domain=b"d")
    assert [(one.entries[0].domain, one.entries[0].address) for one in pictures] == [
        (b"d/1", b"0/0"),
        (b"d/2", b"0/0"),
    ]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ('<polyline label="a" points="1,2;3,4"/>', "polyline"),
        ('<points label="a" points="1,2;3,4"/>', "points"),
        ('<tag label="a"/>', "tag"),
        ('<skeleton label="a"><points label="b" points="1,2"/></skeleton>', "skeleton"),
        ('<cuboid label="a" xtl1="1"/>', "cuboid"),
        ('<thing label="a"/>', "shape"),
        (polygon("1,2;3,4"), "coordinates"),
        (polygon("1,2;3,4;5"), "coordinates"),
        (polygon("1,2;3,4;nan,6"), "coordinates"),
        (polygon("1,2;3,4;1e9,6"), "coordinates"),
        (polygon("a,b"), "coordinates"),
        (polygon(""), "coordinates"),
        (polygon("90,90;99,90;99,99"), "empty"),
        ('<box label="a" xtl="1" ytl="2" xbr="3"/>', "coordinates"),
        ('<ellipse label="a" cx="1" cy="2" rx="inf" ry="1"/>', "coordinates"),
        ('<mask label="a" rle="4" left="0" top="0" width="2" height="2"/>', "empty"),
        ('<mask label="a" rle="1, 2" left="0" top="0" width="2" height="2"/>', "mask"),
        ('<mask label="a" rle="0, 5" left="0" top="0" width="2" height="2"/>', "mask"),
        ('<mask label="a" rle="0, x" left="0" top="0" width="2" height="2"/>', "mask"),
        ('<mask label="a" rle="5, -1" left="0" top="0" width="2" height="2"/>', "mask"),
        ('<mask label="a" rle="0, 4" left="59" top="0" width="2" height="2"/>', "mask"),
        ('<mask label="a" rle="0, 4" left="-1" top="0" width="2" height="2"/>', "mask"),
        ('<mask label="a" rle="0, 4" left="0.5" top="0" width="2" height="2"/>', "mask"),
        ('<mask label="a" rle="0, 4" left="0" top="0" height="2"/>', "coordinates"),
    ],
)
def test_what_is_left_out(shape, reason):
    picture = only(polygon(), shape)
    assert len(picture.entries) == 1
    (refused,) = picture.refused
    assert refused.reason == reason
    assert refused.record.endswith(" 1")


# ---------------------------------------------------------------------- video


def in_frame(frame, shape, outside=0):
    return shape.replace('label="frog"', f'frame="{frame}" keyframe="0" outside="{outside}"', 1)


def track(number, *shapes, label="frog", more=""):
    return (
        f'<track id="{number}" label="{label}" source="manual" {more}>{"".join(shapes)}</track>\n'
    )


VIDEO = task_meta(
    12,
    "pond",
    size=4,
    start_frame=0,
    stop_frame=3,
    frame_filter="",
    original_size=f"<width>{WIDTH}</width><height>{HEIGHT}</height>",
)


def test_tracks_are_individuals(tmp_path):
    body = track(
        0, *(in_frame(frame, polygon()) for frame in range(3)), in_frame(3, polygon(), 1)
    ) + track(
        1,
        in_frame(2, mask_tag(np.ones((2, 2), bool), 3, 4)),
        in_frame(3, polygon(), 1),
        label="reed",
    )
    (tmp_path / "clip.xml").write_bytes(document(body, VIDEO))
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "frame_000002.PNG")
    report = iidindex.import_archive(tmp_path / "clip.xml", tmp_path / "out")
    assert (report.pictures, report.entries, report.refused, report.notes) == (4, 4, {}, {})
    assert (report.individuals, report.individuals_in_several) == (2, 1)
    assert report.identity == "the track"
    found = iid_entries(tmp_path / "out/frame_000002.iid", HEIGHT, WIDTH)
    assert list(found) == [(b"clip/12", b"0"), (b"clip/12", b"1")]
    assert [groups for groups, _ in found.values()] == [("frog",), ("reed",)]
    assert (found[b"clip/12", b"1"][1] == boxed(HEIGHT, WIDTH, 4, 3, 6, 5)).all()
    # The last frame has nothing on it any more.
    assert not iid_entries(tmp_path / "out/frame_000003.iid", HEIGHT, WIDTH)
    meta = iidindex.IIDFile((tmp_path / "out/frame_000002.iid").read_bytes()).meta.data
    assert (meta["width"], meta["height"], meta["source"]["frame"]) == (WIDTH, HEIGHT, 2)
    assert meta["image"] == "../frame_000002.PNG"


def test_tracks_of_two_tasks_are_not_joined():
    body = track(0, in_frame(0, polygon()), more='task_id="1"')
    body += track(0, in_frame(0, polygon()), more='task_id="2"')
    metas = VIDEO.replace("<id>12<", "<id>1<").replace("pond", "day") + VIDEO.replace(
        "<id>12<", "<id>2<"
    ).replace("pond", "night")
    meta = f"<project><id>5</id><tasks>{metas}</tasks></project>"
    pictures = pictures_of({"annotations.xml": document(body, meta)}, domain=b"d")
    assert [one.name for one in pictures[::4]] == ["day/frame_000000", "night/frame_000000"]
    assert [(one.entries[0].domain, one.entries[0].address) for one in pictures if one.entries] == [
        (b"d/1", b"0"),
        (b"d/2", b"0"),
    ]


def test_tracks_of_one_number_are_not_joined():
    body = track(0, in_frame(0, polygon())) + track(0, in_frame(1, polygon()))
    pictures = pictures_of({"annotations.xml": document(body, VIDEO)})
    assert [one.entries[0].address for one in pictures if one.entries] == [b"0/0", b"0/1"]


def test_a_job_is_no_task():
    job = VIDEO.replace("<task>", "<job>").replace("</task>", "</job>")
    body = track(0, in_frame(0, polygon()))
    pictures = pictures_of({"annotations.xml": document(body, job)}, domain=b"d")
    assert pictures[0].entries[0].domain == b"d/job 12"


def test_every_tenth_frame():
    meta = VIDEO.replace("<frame_filter>", "<frame_filter>step=10")
    meta = meta.replace("<stop_frame>3", "<stop_frame>30")
    body = track(0, in_frame(10, polygon()), in_frame(20, polygon()), in_frame(30, polygon(), 1))
    (files,) = [{"annotations.xml": document(body, meta)}]
    pictures = pictures_of(files)
    assert [one.name for one in pictures] == [f"frame_0000{n}0" for n in range(4)]
    assert [len(one.entries) for one in pictures] == [0, 1, 1, 0]


def test_gaps_between_key_frames_are_told(tmp_path):
    body = track(0, in_frame(0, polygon()), in_frame(2, polygon()), in_frame(3, polygon(), 1))
    (tmp_path / "clip.xml").write_bytes(document(body, VIDEO))
    report = iidindex.import_archive(tmp_path / "clip.xml", tmp_path / "out")
    assert report.entries == 2
    assert sum(report.notes.values()) == 1


def test_a_video_without_size():
    body = track(0, in_frame(0, polygon()), in_frame(0, polygon("0,0;99999,0;99999,99999")))
    (picture,) = pictures_of({"annotations.xml": document(body)})
    assert (picture.width, len(picture.entries)) == (None, 1)
    assert [one.reason for one in picture.refused] == ["too large"]


def test_frames_that_are_none():
    body = track(0, in_frame("x", polygon()), in_frame(0, polygon()), in_frame(-1, polygon()))
    (tmp,) = pictures_of({"annotations.xml": document(body)})
    assert len(tmp.entries) == 1


# ---------------------------------------------------------------------- XML


def test_who_claims_what():
    assert claims({"annotations.xml": document(image(polygon())), "images/a.jpg": b""}) == ["cvat"]
    assert claims({"a.xml": document("", "<task><id>1</id></task>")}) == ["cvat"]
    voc = b"<annotation><filename>a.jpg</filename><object><name>x</name></object></annotation>"
    assert claims({"a.xml": voc}) == []
    assert claims({"a.xml": b"<annotations/>"}) == []


def test_document_types_are_refused():
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotations>'
    with pytest.raises(ExchangeError, match="^a.xml: has a DOCTYPE"):
        pictures_of({"a.xml": bomb + b"&b;</annotations>"}, "cvat")


def test_encodings():
    text = document(image(polygon(label="Frösch"), name="Tümpel.jpg")).decode()
    for encoding in ("utf-8", "iso-8859-1", "windows-1252"):
        data = text.replace("utf-8", encoding).encode(encoding)
        (picture,) = pictures_of({"a.xml": data})
        assert picture.name == "Tümpel.jpg"
        assert picture.entries[0].groups == ("Frösch",)
    for encoding in ("utf-16", "utf-16-le"):
        with pytest.raises(ExchangeError, match="UTF-16"):
            pictures_of({"a.xml": text.replace("utf-8", "utf-16").encode(encoding)}, "cvat")
    for encoding in ("klingon", "utf-7", "shift_jis", "utf-32"):
        with pytest.raises(ExchangeError):
            pictures_of({"a.xml": text.replace("utf-8", encoding).encode()}, "cvat")


@pytest.mark.parametrize(
    "data", [b"", b"no", b"<annotations>", b"<a/>", b"<annotations/>x", b"<annotations>&x;"]
)
def test_what_is_no_file_of_this_kind(data):
    with pytest.raises(ExchangeError):
        pictures_of({"a.xml": data}, "cvat")


def test_pieces_lie_where_they_lie():
    """Self-closing tags, comments, sections of text and odd spaces move no piece."""
    body = (
        '<image  id="0"  name="a>b.jpg" width="60" height="40" ><!-- <polygon/> -->'
        f'<polygon label="x" points="{SQUARE}"/>\n<polygon label="a &lt; b" points="{SQUARE}" >'
        "<attribute name='n'><![CDATA[</polygon>]]></attribute ></polygon ></image >"
        '<image id="1" name="c.jpg" width="60" height="40"/>'
    )
    first, second = pictures_of({"a.xml": document(body)}, group_by="n")
    assert (first.name, second.name, second.entries) == ("a>b.jpg", "c.jpg", [])
    assert [entry.groups for entry in first.entries] == [(), ("</polygon>",)]


def test_damaged_files():
    shapes = [polygon(), mask_tag(np.eye(3, dtype=bool), 3, 4), polygon(inner=attribute("n", 1))]
    body = image(*shapes) + track(0, in_frame(0, polygon()), in_frame(1, polygon(), 1))
    data = document(body, VIDEO)
    read = 0
    for damaged in mutants(data, 2000, 1):
        read += survives({"annotations.xml": damaged}, "cvat")
    # Within the values of attributes it stays XML.
    points = SQUARE.encode()
    for damaged in mutants(points, 500, 2):
        read += survives({"annotations.xml": data.replace(points, damaged)}, "cvat")
    rle = rle_of(np.eye(3, dtype=bool)).encode()
    for damaged in mutants(rle, 500, 3):
        read += survives({"annotations.xml": data.replace(rle, damaged)}, "cvat")
    assert read > 500
