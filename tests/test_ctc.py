"""The Cell Tracking Challenge, read.

Folders are as "Naming and file content conventions" of celltrackingchallenge.net describes them:
16-bit TIFF, a label an object, ``man_track.txt`` with lines ``L B E P``.
"""

import io

import numpy as np
import pytest
import tifffile

import iidindex
from iidindex.errors import ExchangeError
from iidindex.formats import read
from iidindex.storage.folder import Folder, HeldFiles
from tracked import by_name, entries_of, frame_of, read_held, recognised, survives

SHAPE = (12, 16)


def tiff(plane):
    out = io.BytesIO()
    tifffile.imwrite(out, np.asarray(plane, np.uint16), photometric="minisblack")
    return out.getvalue()


def plane(**boxes):
    """A plane of rectangles: ``_5=(row, column, height, width)``."""
    found = np.zeros(SHAPE, np.uint16)
    for label, (row, column, height, width) in boxes.items():
        found[row : row + height, column : column + width] = int(label[1:])
    return found


# Cell 1 divides after frame 1 into 2 and 3.
TRACKS = [
    plane(_1=(2, 2, 3, 3)),
    plane(_1=(3, 3, 3, 3)),
    plane(_2=(1, 1, 2, 3), _3=(6, 6, 3, 2)),
]
TABLE = b"1 0 1 0\n2 2 2 1\n3 2 2 1\n"


def sequence(number="01", tracks=TRACKS, table=TABLE):
    files = {f"{number}_GT/TRA/man_track.txt": table}
    for frame, labels in enumerate(tracks):
        files[f"{number}/t{frame:03d}.tif"] = tiff(labels * 100 + 7)
        files[f"{number}_GT/TRA/man_track{frame:03d}.tif"] = tiff(labels)
    return files


def put(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_a_dataset_becomes_pictures_of_tracks(tmp_path):
    source = put(tmp_path / "cells", sequence())
    report = iidindex.import_archive(source, tmp_path / "out")
    assert (report.pictures, report.entries, report.individuals) == (3, 4, 3)
    assert report.individuals_in_several == 1
    assert report.identity == "the track"
    assert (report.refused, report.notes) == ({}, {})
    file = iidindex.IIDFile(tmp_path / "out/01/t002.iid")
    assert file.meta.data["parents"] == {"2": "1", "3": "1"}
    assert file.meta.data["image"] == "../../cells/01/t002.tif"
    assert (file.meta.data["width"], file.meta.data["height"]) == (16, 12)
    assert file.meta.data["source"] == {
        "place": "../../cells",
        "format": "ctc",
        "file": "01_GT/TRA/man_track002.tif",
        "sequence": "01",
        "frame": 2,
    }
    found = {entry.iid.address: entry for entry in file}
    assert sorted(found) == [b"2", b"3"]
    assert found[b"3"].iid.domain == b"cells/01"
    assert file.groups.list() == ["TRA"]
    assert len(file.groups.keys("TRA")) == 2


def test_masks_are_those_of_the_labels(tmp_path):
    source = put(tmp_path / "cells", sequence())
    for number, picture in enumerate(read(source)):
        values = {int(entry.address): entry for entry in picture.entries}
        assert sorted(values) == np.unique(TRACKS[number])[1:].tolist()
        for value, entry in values.items():
            assert (frame_of(entry, *SHAPE) == (TRACKS[number] == value)).all()


def test_sequences_are_told_apart(tmp_path):
    source = put(tmp_path / "cells", {**sequence("01"), **sequence("02")})
    report = iidindex.import_archive(source, tmp_path / "out")
    assert (report.pictures, report.individuals) == (6, 6)
    pictures = by_name(read(source))
    assert entries_of(pictures["01/t000.tif"]) == [("cells/01", "1", ("TRA",))]
    assert entries_of(pictures["02/t000.tif"]) == [("cells/02", "1", ("TRA",))]
    assert pictures["02/t000.tif"].image == "02/t000.tif"


def test_corpora_of_a_frame_are_one_picture_and_do_not_share_identities():
    files = sequence()
    # The same labels mean other cells in SEG and ST.
    files["01_GT/SEG/man_seg002.tif"] = tiff(plane(_2=(6, 6, 4, 4)))
    files["01_ST/SEG/man_seg001.tif"] = tiff(plane(_1=(3, 3, 4, 4)))
    files["01_ST/SEG/man_seg002.tif"] = tiff(plane(_1=(1, 1, 3, 3)))
    survey, pictures = read_held("ctc", files, "cells")
    assert survey.identity == "the track, frame and label where labels are no tracks"
    named = by_name(pictures)
    assert sorted(named) == ["01/t000.tif", "01/t001.tif", "01/t002.tif"]
    assert entries_of(named["01/t002.tif"]) == [
        ("cells/01", "2", ("TRA",)),
        ("cells/01", "3", ("TRA",)),
        ("cells/01/SEG", "002/2", ("SEG",)),
        ("cells/01/ST", "002/1", ("ST",)),
    ]
    assert ("cells/01/ST", "001/1", ("ST",)) in entries_of(named["01/t001.tif"])
    assert named["01/t002.tif"].meta["parents"] == {"2": "1", "3": "1"}
    assert named["01/t002.tif"].meta["source"]["masks"] == [
        "01_GT/SEG/man_seg002.tif",
        "01_GT/TRA/man_track002.tif",
        "01_ST/SEG/man_seg002.tif",
    ]


def test_who_says_so_makes_labels_of_outlines_tracks():
    files = sequence()
    files["01_GT/SEG/man_seg002.tif"] = tiff(plane(_2=(6, 6, 4, 4)))
    _, pictures = read_held("ctc", files, "cells", identity="label")
    assert ("cells/01", "2", ("SEG",)) in entries_of(pictures[2])
    with pytest.raises(ExchangeError, match="no field 'track_id'; expected 'label'"):
        read_held("ctc", files, "cells", identity="track_id")


def test_results_are_pictures_of_their_own():
    files = sequence()
    files["01_RES/res_track.txt"] = b"7 0 0 0\n"
    files["01_RES/mask000.tif"] = tiff(plane(_7=(2, 2, 3, 3)))
    _, pictures = read_held("ctc", files, "cells", images=HeldFiles(files, "cells"))
    named = by_name(pictures)
    assert entries_of(named["01_RES/t000.tif"]) == [("cells/01_RES", "7", ("RES",))]
    assert named["01_RES/t000.tif"].image == "01/t000.tif"
    assert entries_of(named["01/t000.tif"]) == [("cells/01", "1", ("TRA",))]


def test_results_without_a_table_know_no_tracks():
    files = {f"01_RES/mask{frame:03d}.tif": tiff(TRACKS[frame]) for frame in range(2)}
    survey, pictures = read_held("ctc", files, "cells")
    assert survey.notes == {"folders of results without res_track.txt: labels are no tracks": 1}
    assert [entries_of(picture)[0][1] for picture in pictures] == ["000/1", "001/1"]


@pytest.mark.parametrize(
    ("top", "inside", "domain"),
    [("01_GT", "TRA/", "01_GT/01"), ("TRA", "", "TRA"), ("my cells", "", "my cells")],
)
def test_a_folder_given_alone(tmp_path, top, inside, domain):
    files = {f"{inside}man_track{frame:03d}.tif": tiff(TRACKS[frame]) for frame in range(3)}
    source = put(tmp_path / top, {**files, f"{inside}man_track.txt": TABLE})
    assert recognised(Folder(source)) == ["ctc"]
    report = iidindex.import_archive(source, tmp_path / "out")
    assert (report.pictures, report.individuals) == (3, 3)
    # Who does not know the sequence is told so, as 01 and 02 would be taken for one.
    assert any("--domain" in told for told in report.notes) == (top != "01_GT")
    assert {entry.domain for picture in read(source) for entry in picture.entries} == {
        domain.encode()
    }


def test_masks_of_other_names_beside_a_table():
    files = {f"frame_{frame}.tif": tiff(TRACKS[frame]) for frame in range(3)}
    files["man_track.txt"] = TABLE
    assert recognised(HeldFiles(files, "cells")) == ["ctc"]
    survey, pictures = read_held("ctc", files, "cells")
    assert [picture.name for picture in pictures] == ["frame_0.tif", "frame_1.tif", "frame_2.tif"]
    assert pictures[2].meta["parents"] == {"2": "1", "3": "1"}
    assert survey.refused.counts == {}


def test_volumes_become_planes():
    volume = np.zeros((3, *SHAPE), np.uint16)
    volume[0:2, 2:5, 2:5] = 4
    volume[1, 8:10, 8:10] = 5
    files = {
        "01_GT/TRA/man_track.txt": b"4 0 0 0\n5 0 0 4\n",
        "01_GT/TRA/man_track000.tif": tiff(volume),
        "01_GT/SEG/man_seg_000_001.tif": tiff(volume[1]),
        "01_GT/SEG/man_seg_007_012.tif": tiff(volume[1]),
    }
    survey, pictures = read_held("ctc", files, "cells")
    named = by_name(pictures)
    assert sorted(named) == ["01/t000/0000", "01/t000/0001", "01/t000/0002", "01/t007/0012"]
    assert entries_of(named["01/t000/0000"]) == [("cells/01", "4", ("TRA",))]
    assert entries_of(named["01/t000/0001"]) == [
        ("cells/01", "4", ("TRA",)),
        ("cells/01", "5", ("TRA",)),
        ("cells/01/SEG", "000/4", ("SEG",)),
        ("cells/01/SEG", "000/5", ("SEG",)),
    ]
    assert named["01/t000/0002"].entries == []
    assert named["01/t000/0001"].meta["source"]["plane"] == 1
    # A parent that does not end before its child begins is none.
    assert survey.refused.counts == {"parent": 1}
    # A cell need not be in every plane.
    assert all(picture.notes == {} for picture in pictures)


def test_lines_that_cannot_be_are_refused_one_by_one():
    table = (
        b"1 0 1 0\r\n"
        b"\r\n"
        b"one 0 1 0\r\n"  # 3
        b"2 2 2 1\r\n"
        b"2 0 0 0\r\n"  # 5: again
        b"3 2\r\n"  # 6
        b"0 0 0 0\r\n"  # 7: background
        b"4 5 3 0\r\n"  # 8: ends before it begins
        b"3 2 2 99\r\n"  # 9: no such parent
        b"5 -1 2 0\r\n"  # 10
        b"99999999999999999999 0 0 0"  # 11
    )
    survey, pictures = read_held("ctc", sequence(table=table), "cells")
    assert survey.refused.counts == {"track table": 7, "parent": 1}
    first = survey.refused.first["track table"][0]
    assert first.record == "01_GT/TRA/man_track.txt, line 3"
    assert "found 'one 0 1 0'; expected four whole numbers" in first.problem
    assert survey.refused.first["parent"][0].record.endswith("line 9")
    assert pictures[2].meta["parents"] == {"2": "1"}


def test_labels_and_table_that_differ_are_noted():
    table = b"1 0 2 0\n2 2 2 0\n9 0 0 0\n"
    _, pictures = read_held("ctc", sequence(table=table), "cells")
    unlisted = "labels in masks that the table of tracks does not list for the frame"
    unseen = "tracks that the table lists for a frame whose mask lacks them"
    assert [picture.notes for picture in pictures] == [
        {unseen: 1},  # 9
        {},
        {unlisted: 1, unseen: 1},  # 3, 1
    ]
    # They are individuals all the same.
    assert [len(picture.entries) for picture in pictures] == [1, 1, 2]


def test_masks_without_their_table_are_noted():
    files = sequence()
    del files["01_GT/TRA/man_track.txt"]
    survey, pictures = read_held("ctc", files, "cells")
    (told,) = survey.notes
    assert told.startswith("folders of tracks without their table")
    assert len(pictures) == 3
    assert "parents" not in pictures[2].meta


def test_a_mask_that_cannot_be_read_costs_itself(tmp_path):
    files = sequence()
    files["01_GT/TRA/man_track001.tif"] = b"no TIFF"
    files["01_GT/SEG/man_seg000.tif"] = tiff(np.ones((5, 5)))
    source = put(tmp_path / "cells", files)
    report = iidindex.import_archive(source, tmp_path / "out")
    assert report.pictures == 2
    assert report.refused == {"unreadable": 2}
    told = "\n".join(report.first_refused["unreadable"])
    assert "01_GT/TRA/man_track001.tif" in told
    assert "is 16 x 12 pixels; expected the 5 x 5 of the other masks" in told


def test_masks_of_tracks_and_results_side_by_side_are_told_apart():
    files = {"man_track000.tif": tiff(TRACKS[0]), "man_track.txt": TABLE}
    files |= {"mask000.tif": tiff(TRACKS[0]), "res_track.txt": TABLE}
    survey, pictures = read_held("ctc", files, "cells")
    assert survey.refused.counts == {"folder": 1}
    assert [len(picture.entries) for picture in pictures] == [1]


def test_what_is_none_is_not_claimed():
    labels = tiff(TRACKS[2])
    assert recognised(HeldFiles({"a/mask000.tif": labels}, "x")) == ["labels"]
    assert recognised(HeldFiles({"01/t000.tif": labels}, "x")) == ["labels"]
    assert recognised(HeldFiles({"man_seg000.tif": labels}, "SEG")) == ["ctc"]
    assert recognised(HeldFiles({"01_ST/SEG/man_seg000.tif": labels}, "x")) == ["ctc"]
    assert recognised(HeldFiles({"mask000.tif": labels}, "02_RES")) == ["ctc"]
    # Images of several kinds beside a table: nobody can know which are the masks.
    several = {"a1.tif": labels, "b1.tif": labels, "man_track.txt": TABLE}
    assert recognised(HeldFiles(several, "x")) == []
    with pytest.raises(ExchangeError, match="holds no masks of the Cell Tracking Challenge"):
        read_held("ctc", {"a.tif": labels})


def test_whatever_the_bytes_they_are_read_or_refused():
    files = {name: data for name, data in sequence().items() if name.startswith("01_GT/TRA/man")}
    del files["01_GT/TRA/man_track000.tif"], files["01_GT/TRA/man_track001.tif"]
    files["01_RES/mask000.tif"] = files["01_GT/TRA/man_track002.tif"]
    files["01_RES/res_track.txt"] = b"2 0 0 0\n3 0 0 0\n"
    files["01_RES/tracks.csv"] = b"label,domain,address\n2,d,cat\n3,d,b64:/w==\n"
    files["01_RES/frames.csv"] = b"frame,plane,path\n0,,x/a.tif\n"
    files["01_RES/groups.csv"] = b'frame,plane,label,groups\n0,,2,"[""mammal""]"\n'
    counts = {
        "01_GT/TRA/man_track002.tif": 900,
        "01_GT/TRA/man_track.txt": 500,
        "01_RES/tracks.csv": 250,
        "01_RES/frames.csv": 150,
        "01_RES/groups.csv": 200,
    }
    for which, count in counts.items():
        near = {
            name: data for name, data in files.items() if name.split("/")[0] == which.split("/")[0]
        }
        _, taken = survives("ctc", near, which, count)
        assert taken, which
    assert sum(counts.values()) == 2000
