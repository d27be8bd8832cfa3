"""The Cell Tracking Challenge, written and read back.

`judge` holds results to the rules by which py-ctcmetrics 1.3.3 (`ctc_validate`) takes them: labels
are unique, parents end before their children begin, and each mask has the labels of its tracks
and no others.
"""

import csv
import io

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture
from iidindex.formats.registry import writer_named
from iidindex.model import BBox
from tracked import by_name, frame_of, read_held

HEIGHT, WIDTH = 20, 30


class Kept:
    """A sink that keeps what is written."""

    def __init__(self):
        self.files = {}

    @property
    def name(self):
        return "out"

    def put(self, name, data):
        assert name not in self.files
        self.files[name] = data


def box(address, row, column, height=3, width=4, *, domain=b"d", groups=()):
    bbox = BBox(row, column, row + height, column + width)
    return Annotation(address, domain, bbox, np.ones((height, width), bool), groups)


def picture(name, *entries, **meta):
    return Picture(name, WIDTH, HEIGHT, {"width": WIDTH, "height": HEIGHT, **meta}, list(entries))


def write(*pictures):
    sink = Kept()
    session = writer_named("ctc").begin(sink)
    for one in pictures:
        session.add(one)
    session.finish()
    return sink.files, session.lost


def tracks_in(files, folder="01_RES"):
    lines = files[f"{folder}/res_track.txt"].decode().splitlines()
    return [tuple(map(int, line.split())) for line in lines]


def judge(files, folder="01_RES"):
    masks = sorted(name for name in files if name.startswith(folder) and name.endswith(".tif"))
    pages = [tifffile.imread(io.BytesIO(files[name])) for name in masks]
    assert all(page.dtype == np.uint16 for page in pages)
    assert len({page.shape for page in pages}) == 1
    tracks = tracks_in(files, folder)
    by_label = {track[0]: track for track in tracks}
    assert len(by_label) == len(tracks)
    listed = [set() for _ in pages]
    for label, begin, end, parent in tracks:
        assert 0 <= begin <= end
        assert not parent or by_label[parent][2] < begin
        for frame in range(begin, end + 1):
            listed[frame].add(label)
    for page, labels in zip(pages, listed, strict=True):
        assert set(np.unique(page).tolist()) - {0} == labels


def test_numbers_stay_and_others_are_numbered():
    files, lost = write(
        picture("x/a.tif", box(b"7", 1, 1), box(b"cat", 5, 5)),
        picture("x/b.tif", box(b"cat", 6, 5), box(b"\xff", 10, 10), box(b"1", 1, 10)),
        picture("x/c.tif", box(b"70000", 1, 1), box(b"007", 6, 5)),
    )
    assert lost == {}
    judge(files)
    assert sorted(files) == [
        "01_RES/frames.csv",
        "01_RES/mask000.tif",
        "01_RES/mask001.tif",
        "01_RES/mask002.tif",
        "01_RES/res_track.txt",
        "01_RES/tracks.csv",
    ]
    rows = list(csv.reader(io.StringIO(files["01_RES/tracks.csv"].decode())))
    assert rows[0] == ["label", "domain", "address"]
    found = {row[2] for row in rows[1:]}
    assert found == {"b64:/w==", "007", "1", "7", "70000", "cat"}
    label_of = {row[2]: int(row[0]) for row in rows[1:]}
    assert (label_of["7"], label_of["1"]) == (7, 1)
    assert (7, 0, 0, 0) in tracks_in(files)
    assert (label_of["cat"], 0, 1, 0) in tracks_in(files)


def test_masks_are_plain_tiff_of_sixteen_bits():
    files, _ = write(picture("a.tif", box(b"7", 1, 2)))
    with tifffile.TiffFile(io.BytesIO(files["01_RES/mask000.tif"])) as tiff:
        page = tiff.pages[0]
        assert (page.dtype, page.shape) == (np.uint16, (HEIGHT, WIDTH))
        # Deflate needs zlib alone.
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        expected = np.zeros((HEIGHT, WIDTH), np.uint16)
        expected[1:4, 2:6] = 7
        assert (page.asarray() == expected).all()


def test_frames_are_in_the_order_of_paths_and_directories_are_sequences():
    files, _ = write(
        picture("b/2.tif", box(b"2", 1, 1)),
        picture("a/9.tif", box(b"5", 1, 1)),
        picture("b/1.tif", box(b"1", 1, 1)),
        picture("b/3.tif"),
    )
    assert tracks_in(files, "01_RES") == [(5, 0, 0, 0)]
    assert tracks_in(files, "02_RES") == [(1, 0, 0, 0), (2, 1, 1, 0)]
    judge(files, "02_RES")
    assert files["02_RES/frames.csv"].decode().splitlines() == [
        "frame,plane,path",
        "0,,b/1.tif",
        "1,,b/2.tif",
        "2,,b/3.tif",
    ]


def test_sequences_keep_their_numbers():
    files, _ = write(picture("a/03/1.tif", box(b"2", 1, 1)), picture("a/07_RES/1.tif"))
    assert {name.partition("/")[0] for name in files} == {"03_RES", "07_RES"}
    # Two of one number are numbered anew.
    files, _ = write(picture("a/03/1.tif"), picture("b/03/1.tif"))
    assert {name.partition("/")[0] for name in files} == {"01_RES", "02_RES"}


def test_a_gap_begins_a_new_track_of_the_same_individual():
    files, lost = write(
        picture("01/1.tif", box(b"4", 1, 1)),
        picture("01/2.tif"),
        picture("01/3.tif", box(b"4", 1, 1), box(b"1", 8, 8)),
        picture("01/4.tif", box(b"5", 1, 1), parents={"5": "4"}),
    )
    assert lost == {"gaps in tracks: each begins a new track, whose parent is the one before": 1}
    judge(files)
    assert tracks_in(files) == [(1, 2, 2, 0), (2, 2, 2, 4), (4, 0, 0, 0), (5, 3, 3, 2)]
    _, pictures = read_held("ctc", files, "out")
    named = by_name(pictures)
    assert [entry.address for entry in named["01/3.tif"].entries] == [b"1", b"4"]
    assert "parents" not in named["01/3.tif"].meta
    assert named["01/4.tif"].meta["parents"] == {"5": "4"}


def test_of_two_that_overlap_the_smaller_one_keeps_its_pixels():
    small, large = box(b"1", 2, 2, 2, 2), box(b"2", 1, 1, 6, 6)
    files, lost = write(picture("1.tif", small, large, box(b"3", 3, 3, 2, 2)))
    assert lost == {"pixels that lie under a smaller mask": 4 + 4 + 1 - 1}
    page = tifffile.imread(io.BytesIO(files["01_RES/mask000.tif"]))
    assert (np.bincount(page.ravel())[1:] == [3, 29, 4]).all()
    judge(files)


def test_what_is_covered_is_no_track():
    files, lost = write(picture("1.tif", box(b"1", 1, 1, 1, 2), box(b"2", 1, 1, 1, 2)))
    assert lost == {
        "pixels that lie under a smaller mask": 2,
        "masks that lie under smaller ones altogether": 1,
    }
    judge(files)
    assert tracks_in(files) == [(2, 0, 0, 0)]


def test_several_masks_of_an_individual_are_one():
    files, lost = write(picture("1.tif", box(b"1", 1, 1), box(b"1", 9, 9)))
    assert lost == {"masks that became one with others of their individual in the same picture": 1}
    assert (tifffile.imread(io.BytesIO(files["01_RES/mask000.tif"])) == 1).sum() == 24


def test_parents_that_cannot_be_are_lost():
    _, lost = write(
        picture("1.tif", box(b"1", 1, 1), box(b"2", 9, 9), parents={"2": "1"}),
        picture("2.tif", box(b"3", 9, 9), parents={"3": "nobody"}),
    )
    assert lost == {"parents that have no track before their child's begins": 2}


def test_more_tracks_than_sixteen_bits_tell_apart_are_refused_before_anything_is_written():
    entries = [box(b"x%d" % number, 0, number, 1, 1) for number in range(65536)]
    sink = Kept()
    session = writer_named("ctc").begin(sink)
    session.add(picture("a/1.tif", box(b"1", 1, 1)))
    session.add(Picture("1.tif", 65536, 1, {}, entries))
    with pytest.raises(ExchangeError, match="has 65536 tracks; expected at most 65535"):
        session.finish()
    assert sink.files == {}


def test_volumes_are_one_file_again():
    def stack(number, *entries):
        about = {"format": "ctc", "file": "a.tif", "frame": 0, "plane": number}
        return picture(f"01/t000/{number:04d}", *entries, source=about)

    pictures = [stack(0, box(b"4", 1, 1)), stack(2, box(b"4", 2, 2), box(b"5", 9, 9))]
    files, lost = write(*pictures)
    assert lost == {}
    assert tifffile.imread(io.BytesIO(files["01_RES/mask000.tif"])).shape == (3, HEIGHT, WIDTH)
    judge(files)
    _, found = read_held("ctc", files, "out")
    named = by_name(found)
    assert sorted(named) == ["01/t000/0000", "01/t000/0002", "01_RES/t000/0001"]
    assert [entry.address for entry in named["01/t000/0002"].entries] == [b"4", b"5"]
    # A volume of one plane is none when it is read, but its picture is the same.
    files, _ = write(stack(0, box(b"4", 1, 1)))
    _, found = read_held("ctc", files, "out")
    assert [one.name for one in found] == ["01/t000/0000"]


def test_tables_of_others_are_left_alone():
    files, _ = write(picture("01/1.tif", box(b"cat", 1, 1)))
    files["01_RES/tracks.csv"] = b"id,name\n1,cat\n"
    survey, pictures = read_held("ctc", files, "out")
    assert survey.refused.counts == {"table": 1}
    assert [(one.name, one.entries[0].address) for one in pictures] == [("01_RES/t000.tif", b"1")]
    del files["01_RES/frames.csv"]
    survey, _ = read_held("ctc", files, "out")
    assert survey.refused.counts == {}


ADDRESSES = st.sampled_from([b"1", b"2", b"9", b"65535", b"0", b"cat", b"\xff\n", b"a,b", b" "])


@st.composite
def archives(draw):
    """Pictures whose masks lie in cells of a grid, so that nothing overlaps."""
    pictures = []
    for number in range(draw(st.integers(1, 5))):
        whose = draw(
            st.lists(st.tuples(ADDRESSES, st.sampled_from([b"d", b"e", None])), max_size=6)
        )
        entries = []
        for place, (address, domain) in enumerate(dict.fromkeys(whose)):
            row, column = divmod(place, 3)
            groups = draw(st.sampled_from([(), ("a",), ("b", "ä,\n")]))
            mask = draw(st.sampled_from([np.eye(5, dtype=bool), np.ones((3, 4), bool)]))
            bbox = BBox(row * 6, column * 6, row * 6 + len(mask), column * 6 + mask.shape[1])
            entries.append(Annotation(address, domain, bbox, mask, groups))
        folder = draw(st.sampled_from(["", "01/", "a/b/"]))
        pictures.append(picture(f"{folder}{number}.tif", *entries))
    return pictures


def told(pictures):
    return {
        one.name: (
            one.width,
            one.height,
            sorted(
                (
                    entry.domain or b"",
                    entry.address,
                    sorted(entry.groups),
                    frame_of(entry, HEIGHT, WIDTH).tobytes(),
                )
                for entry in one.entries
            ),
        )
        for one in pictures
    }


@given(archives())
def test_what_was_written_comes_back(pictures):
    files, _ = write(*pictures)
    for folder in {name.partition("/")[0] for name in files}:
        judge(files, folder)
    survey, found = read_held("ctc", files, "out")
    assert survey.refused.counts == {}
    assert told(found) == told(pictures)
    assert all(one.notes == {} and one.refused == [] for one in found)


FAMILY = {b"2": "1", b"cat": "9", b"9": "2"}


def parents_that_ctc_can_hold(pictures):
    """By picture, what becomes of `FAMILY`: parents in the same sequence, gone before."""
    sequences = {}
    for one in sorted(pictures, key=lambda one: one.name):
        sequences.setdefault(one.name.rpartition("/")[0], []).append(one)
    found = {}
    for frames in sequences.values():
        seen = [{(entry.domain, entry.address) for entry in one.entries} for one in frames]
        for child in set().union(*seen):
            parent = FAMILY.get(child[1])
            if parent is None:
                continue
            begin = next(number for number, whose in enumerate(seen) if child in whose)
            who = (child[0], parent.encode())
            # Of its first stretch of frames, the last.
            there = [number for number, whose in enumerate(seen) if who in whose]
            last = next((number for number in there if number + 1 not in there), None)
            if last is not None and last < begin:
                for number, one in enumerate(frames):
                    if child in seen[number]:
                        found.setdefault(one.name, {})[child[1].decode()] = parent
    return found


@given(archives())
def test_parents_come_back(pictures):
    for one in pictures:
        one.meta["parents"] = {
            entry.address.decode(): FAMILY[entry.address]
            for entry in one.entries
            if entry.address in FAMILY
        }
    files, _ = write(*pictures)
    _, found = read_held("ctc", files, "out")
    kept = {one.name: one.meta["parents"] for one in found if "parents" in one.meta}
    assert kept == parents_that_ctc_can_hold(pictures)
