"""YouTube-VIS.

Files are as https://youtube-vos.org/dataset/vis ("Data Format") describes them; masks are judged
by pycocotools, which the data set's own API builds on.
"""

import contextlib
import json
import warnings

import numpy as np
import pytest
from pycocotools import mask as coco_mask

import iidindex
from iidindex.errors import ExchangeError
from iidindex.formats import read
from iidindex.storage.folder import HeldFiles
from tracked import by_name, entries_of, frame_of, read_held, recognised, survives

HEIGHT, WIDTH = 20, 32
SQUARE = [2, 2, 10, 2, 10, 10, 2, 10]


def mask(row, column, height=4, width=6):
    found = np.zeros((HEIGHT, WIDTH), bool)
    found[row : row + height, column : column + width] = True
    return found


def compressed(of):
    found = coco_mask.encode(np.asfortranarray(of, np.uint8))
    return {"size": found["size"], "counts": found["counts"].decode()}


def counted(of):
    flat = of.ravel(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *ends, flat.size]).tolist()
    return {"size": list(of.shape), "counts": [0, *counts] if flat[0] else counts}


def video(number, name, length=3):
    names = [f"{name}/{frame:05d}.jpg" for frame in range(0, 5 * length, 5)]
    about = {"id": number, "width": WIDTH, "height": HEIGHT, "length": length}
    return {**about, "file_names": names, "license": 1, "date_captured": "2019-04-11"}


def annotation(number, of_video, segmentations, category=1, **more):
    about = {"id": number, "video_id": of_video, "category_id": category, "iscrowd": 0}
    boxes = [None if one is None else [0.0, 0.0, 3.0, 3.0] for one in segmentations]
    areas = [None if one is None else 9 for one in segmentations]
    many = {"segmentations": segmentations, "bboxes": boxes, "areas": areas}
    return {**about, **many, **more}


def document(**parts):
    found = {
        "info": {"description": "YouTube-VOS"},
        "licenses": [],
        "videos": [video(1, "bear"), video(2, "camel", 2)],
        "categories": [{"id": 1, "name": "panda"}, {"id": 2, "name": "fox"}],
        "annotations": [
            annotation(11, 1, [compressed(mask(1, 1)), None, compressed(mask(3, 1))]),
            annotation(12, 1, [None, counted(mask(0, 0)), None], 2),
            annotation(13, 2, [[SQUARE], None], 7, iscrowd=1),
        ],
    }
    return {**found, **parts}


def read_one(about, **options):
    return read_held(
        "youtube-vis", {"vis.json": json.dumps(about).encode()}, "vis.json", False, **options
    )


def test_annotations_are_tracks(tmp_path):
    (tmp_path / "vis.json").write_text(json.dumps(document()))
    (tmp_path / "JPEGImages/bear").mkdir(parents=True)
    (tmp_path / "JPEGImages/bear/00005.jpg").touch()
    report = iidindex.import_archive(tmp_path / "vis.json", tmp_path / "out")
    assert (report.pictures, report.entries) == (5, 4)
    assert (report.individuals, report.individuals_in_several) == (3, 1)
    assert (report.identity, report.refused, report.notes) == ("the annotation's id", {}, {})
    file = iidindex.IIDFile(tmp_path / "out/bear/00005.iid")
    assert file.meta.data["source"].pop("place") == "../../vis.json"
    assert file.meta.data == {
        "image": "../../JPEGImages/bear/00005.jpg",
        "width": WIDTH,
        "height": HEIGHT,
        "source": {"format": "youtube-vis", "file": "vis.json", "video": 1, "frame": 1},
    }
    pictures = by_name(read(tmp_path / "vis.json"))
    assert {name: entries_of(one) for name, one in pictures.items()} == {
        "bear/00000.jpg": [("vis", "11", ("panda",))],
        "bear/00005.jpg": [("vis", "12", ("fox",))],
        "bear/00010.jpg": [("vis", "11", ("panda",))],
        "camel/00000.jpg": [("vis", "13", ("category 7", "crowd"))],
        "camel/00005.jpg": [],
    }


def test_masks_are_those_that_pycocotools_draws():
    rng = np.random.default_rng(8)
    noise = [rng.random((HEIGHT, WIDTH)) > 0.7 for _ in range(3)]
    star = [[3.5, 1, 20.25, 18, 30, 2], [1, 1, 5, 1, 5, 19]]
    segmentations = [compressed(noise[0]), counted(noise[1]), star]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy, within pycocotools
        drawn = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(star, HEIGHT, WIDTH)))
    expected = [noise[0], noise[1], drawn > 0]
    _, pictures = read_one(document(annotations=[annotation(1, 1, segmentations)]))
    for picture, wanted in zip(pictures[:3], expected, strict=True):
        (entry,) = picture.entries
        assert (frame_of(entry, HEIGHT, WIDTH) == wanted).all()
        rows, columns = np.nonzero(wanted)
        assert entry.bbox == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


def test_keys_may_stand_in_any_order_and_files_be_in_any_blocks(monkeypatch):
    about = document()
    expected = [entries_of(one) for one in read_one(about)[1]]
    turned = dict(reversed(about.items()))
    assert [entries_of(one) for one in read_one(turned)[1]] == expected
    monkeypatch.setattr("iidindex.formats.json_ranges.BLOCK", 64)
    assert [entries_of(one) for one in read_one(about)[1]] == expected
    spaced = json.dumps(about, indent=3).encode()
    _, pictures = read_held("youtube-vis", {"vis.json": spaced}, "vis.json", False)
    assert [entries_of(one) for one in pictures] == expected


def test_ids_that_come_again_in_other_videos_are_nobody_else():
    tracks = [
        annotation(1, 1, [compressed(mask(1, 1))] * 3),
        annotation(1, 2, [compressed(mask(1, 1))] * 2),
        annotation(2, 2, [compressed(mask(5, 5))] * 2),
    ]
    survey, pictures = read_one(document(annotations=tracks))
    assert survey.identity == "video and annotation id, as ids come again in others"
    named = by_name(pictures)
    assert entries_of(named["bear/00000.jpg"]) == [("vis/1", "1", ("panda",))]
    assert entries_of(named["camel/00005.jpg"]) == [
        ("vis/2", "1", ("panda",)),
        ("vis/2", "2", ("panda",)),
    ]


def test_ids_that_come_twice_in_a_video_are_two():
    tracks = [annotation(0, 1, [compressed(mask(n, n))] * 3) for n in (1, 5)]
    _, pictures = read_one(document(annotations=tracks))
    assert entries_of(pictures[2]) == [("vis/1", "1/0", ("panda",)), ("vis/1", "1/1", ("panda",))]


def test_a_field_that_tells_the_identity():
    track = annotation(1, 1, [compressed(mask(1, 1))] * 3, attributes={"name": "Ling"})
    other = annotation(2, 2, [compressed(mask(1, 1))] * 2)
    survey, pictures = read_one(document(annotations=[track, other]), identity="attributes.name")
    assert survey.identity == "attributes.name"
    assert entries_of(pictures[0])[0][1] == "Ling"
    assert entries_of(pictures[3])[0][1] == "2/0"
    with pytest.raises(ExchangeError, match="no annotation has an identity in the field 'nom'"):
        read_one(document(), identity="nom")


def test_groups_by_a_field():
    _, pictures = read_one(document(), group_by="id", domain=b"zoo")
    assert entries_of(pictures[0]) == [("zoo", "11", ("11",))]


def test_a_video_whose_lengths_differ_is_refused_alone():
    tracks = [
        annotation(11, 1, [compressed(mask(1, 1))] * 2),
        annotation(12, 2, [compressed(mask(1, 1))] * 2),
    ]
    survey, pictures = read_one(document(annotations=tracks))
    assert [one.name for one in pictures] == ["camel/00000.jpg", "camel/00005.jpg"]
    assert survey.refused.counts == {"video": 1}
    assert survey.refused.first["video"][0] == (
        "video",
        "video 1: annotation 11",
        "has 2 segmentations; expected 3, one a frame",
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"length": 4}, "length is 4; expected 3, one a file name"),
        ({"file_names": "bear"}, "file_names are 'bear'; expected a list of texts"),
        ({"file_names": ["a", None, "c"]}, "expected a list of texts"),
        ({"width": 0}, "width and height are 0 and 20"),
        ({"width": 100000, "height": 100000}, "expected at most 268435456 pixels"),
        ({"id": 2}, "id 2 is that of another video, too"),
        ({"id": None}, "id is None; expected a number or text"),
    ],
)
def test_videos_that_cannot_be_are_refused(change, told):
    videos = [video(2, "camel", 2), {**video(1, "bear"), **change}]
    survey, pictures = read_one(document(videos=videos))
    assert len(pictures) == 2
    (refused,) = survey.refused.first["video"]
    assert told in refused.problem
    # Its annotations are not told of one by one, unless they know of no video at all.
    assert set(survey.refused.counts) <= {"video", "no such video"}


def test_annotations_of_no_video_are_refused():
    tracks = [annotation(n, of, [None] * 3) for n, of in [(1, 9), (2, 9), (3, None), (4, 1)]]
    survey, _ = read_one(document(annotations=[*tracks, 5]))
    assert survey.refused.counts == {"no such video": 4}
    told = [one.problem for one in survey.refused.first["no such video"]]
    assert "video_id 9 is not among the videos" in told
    assert "video_id is None; expected a number or text" in told


@pytest.mark.parametrize(
    ("bad", "reason", "told"),
    [
        (5, "segmentation", "segmentation is 5; expected polygons, run lengths or null"),
        ([], "segmentation", "expected polygons"),
        ([[1, 2, 3]], "segmentation", "ring 0 of the segmentation"),
        ([[0, 0, float("nan"), 1, 2, 2]], "segmentation", "ring 0 of the segmentation"),
        ({"size": [20, 32], "counts": [5]}, "segmentation", "run lengths are 5 pixels"),
        ({"size": [20, 33], "counts": [660]}, "segmentation", "expected that of the picture"),
        ({"size": [99999, 99999], "counts": [1]}, "segmentation", "at most 268435456 pixels"),
        ({"size": [20, 32], "counts": [640]}, "empty", "no pixel"),
        ([[40, 1, 50, 1, 50, 9]], "empty", "no pixel"),
    ],
)
def test_bad_segmentations_cost_themselves(bad, reason, told):
    tracks = [
        annotation(1, 1, [compressed(mask(1, 1)), bad, None]),
        annotation(2, 1, [None, compressed(mask(1, 1)), None]),
    ]
    _, pictures = read_one(document(annotations=tracks))
    assert [len(one.entries) for one in pictures] == [1, 1, 0, 0, 0]
    (refused,) = pictures[1].refused
    assert (refused.reason, refused.record) == (reason, "track 1 of bear/00005.jpg")
    assert told in refused.problem


def test_segmentations_must_be_a_list():
    survey, pictures = read_one(
        document(
            annotations=[
                annotation(1, 1, [None] * 3) | {"segmentations": {"size": [20, 32], "counts": "x"}}
            ]
        )
    )
    assert survey.refused.counts == {"segmentations": 1}
    assert len(pictures) == 5


def test_a_list_of_results():
    results = [
        {"video_id": 7, "score": 0.5, "category_id": 3, "segmentations": segmentations}
        for segmentations in (
            [compressed(mask(1, 1)), None],
            [compressed(mask(2, 2)), compressed(mask(3, 3))],
        )
    ]
    results.append({"video_id": 8, "category_id": 3, "segmentations": [None]})
    data = json.dumps(results).encode()
    assert recognised(HeldFiles({"results.json": data}, "results.json", False)) == ["youtube-vis"]
    survey, pictures = read_held("youtube-vis", {"results.json": data}, "results.json", False)
    assert survey.identity == "video and position, as annotations have no id"
    named = by_name(pictures)
    assert sorted(named) == ["7/00000", "7/00001", "8/00000"]
    assert entries_of(named["7/00001"]) == [("results", "7/1", ("category 3",))]
    assert (named["7/00000"].width, named["7/00000"].height) == (WIDTH, HEIGHT)
    assert named["8/00000"].width is None


def test_what_is_none_is_not_claimed():
    def claims(about):
        return recognised(HeldFiles({"a.json": json.dumps(about).encode()}, "a.json", False))

    assert claims(document()) == ["youtube-vis"]
    # YouTube-VOS, COCO with videos, and what has none.
    assert claims({"videos": {"bear": {"objects": {}}}}) == []
    assert "youtube-vis" not in claims({"videos": [{"id": 1}], "images": [], "annotations": []})
    assert claims({"images": [], "annotations": []}) == ["coco"]
    for broken in ({"videos": 5}, {"annotations": {}}, 7):
        with pytest.raises(ExchangeError):
            read_one(broken)
    with pytest.raises(ExchangeError, match="expected one JSON file"):
        read_held("youtube-vis", {"a.json": b"{}", "b.json": b"{}"})


def values_within(record, path=()):
    """Paths to all values of a JSON document."""
    inner = record.items() if isinstance(record, dict) else enumerate(record)
    for key, value in list(inner):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from values_within(value, (*path, key))


def test_whatever_the_values_they_are_read_or_refused():
    rng = np.random.default_rng(5)
    others = [None, True, -1, 1e300, 10**30, "", "x\ud800", [], {}, [[]], [None], {"a": 1}, 0.5]
    about = document()
    paths = list(values_within(about))
    n_read = 0
    for _ in range(600):
        changed = json.loads(json.dumps(about))
        *lead, last = paths[rng.integers(len(paths))]
        inner = changed
        for key in lead:
            inner = inner[key]
        inner[last] = others[rng.integers(len(others))]
        with contextlib.suppress(ExchangeError):
            n_read += len(read_one(changed)[1])
    assert n_read > 600


def test_whatever_the_bytes_they_are_read_or_refused():
    files = {"vis.json": json.dumps(document()).encode()}
    _, taken = survives("youtube-vis", files, "vis.json", 1400, is_folder=False)
    assert taken > 1000
