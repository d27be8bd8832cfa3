"""Bytes that are not what was indexed, though their time is: found, named, and contained."""

import hashlib
import os
import random
import shutil

import numpy as np
import pytest

import iidindex
from build import flip
from conftest import disk, write_garden
from iidindex import DamagedFileError, IIDFile, SourceError
from iidindex.cli.main import run

ON_BOTH = True

A = "2020/a.iid"


@pytest.fixture
def kept(archive, tmp_path, database):
    """An index that has the fixity of its files."""
    with iidindex.open(database("kept"), create=True) as index:
        index.ingest(archive, fixity=True)
        yield index


def bits_of_mask(index, path, key, nth):
    """The place of a bit of a mask's only region, which fills its box, in bits of the file."""
    entry = index.entry(path, key)
    end = entry.bufloc.end
    n_bytes = -(-entry.bbox.n_pixels // 8)
    row, column = nth
    place = row * entry.bbox.width + column
    return 8 * (end - n_bytes + place // 8) + 7 - place % 8


def with_fixity(index):
    (row,) = index.sql("SELECT count(fixity) AS n FROM files WHERE state = 'ok'")
    return row["n"]


# All that a damaged file could make wrong.
QUESTIONS = {
    "masks": lambda every: [(e.path, e.key, mask.tobytes()) for e, mask in every.masks()],
    "at": lambda every: [(e.path, e.key) for e in every.at(70, 125)],
    "region": lambda every: [(e.path, e.key) for e in every.region((121, 51, 124, 53))],
    "nearest": lambda every: [(e.path, e.key, e.distance) for e in every.nearest(45, 100, 9)],
    "overlaps": lambda every: [(o.a.path, o.a.key, o.b.key, o.pixels) for o in every.overlaps()],
    "heat": lambda every: every.heat(size=64, crop=(0, 0, 200, 300)).counts.tolist(),
}


def test_what_is_recorded(kept, archive):
    rows = {row["path"]: row for row in kept.sql("SELECT path, fixity FROM files")}
    for name, row in rows.items():
        data = (archive / os.fsdecode(name)).read_bytes()
        assert row["fixity"] == hashlib.blake2b(data, digest_size=32).digest()
    assert with_fixity(kept) == 3
    assert min(row["checksum"] for row in kept.sql("SELECT checksum FROM entries")) > 0
    assert kept.verify(fixity=True, masks=True) == []


def test_plain_indexes_have_none(index):
    assert with_fixity(index) == 0
    assert {row["checksum"] for row in index.sql("SELECT checksum FROM entries")} == {0}


def test_it_is_turned_on_later_and_stays(index, archive):
    before = [(entry.id, entry.path, entry.key) for entry in index.entries]
    report = index.ingest(archive, fixity=True)
    assert (report.unchanged, report.touched, report.updated) == (3, 0, 0)
    assert with_fixity(index) == 3
    assert [(entry.id, entry.path, entry.key) for entry in index.entries] == before
    assert min(row["checksum"] for row in index.sql("SELECT checksum FROM entries")) > 0
    write_garden(archive / "new.iid")
    write_garden(archive / A, shift=3)
    assert index.ingest(archive).added == 1
    assert with_fixity(index) == 4
    assert index.verify(fixity=True, masks=True) == []
    (archive / "new.iid").rename(archive / "moved.iid")
    os.utime(archive / A, ns=(1, 1))
    report = index.ingest(archive)
    assert (report.moved, report.touched) == (1, 1)
    assert index.verify(fixity=True) == []


def test_a_root_over_one_with_fixity_has_it_too(archive, tmp_path, database):
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(archive / "2020", fixity=True)
        assert with_fixity(index) == 2
        index.ingest(archive)
        assert with_fixity(index) == 3
        write_garden(archive / A, shift=3)
        write_garden(archive / "new.iid", shift=5)
        index.ingest(archive)
        assert with_fixity(index) == 4
        assert index.verify(fixity=True, masks=True) == []


def test_what_moves_to_where_no_fixity_is_kept_is_believed(archive, tmp_path, database):
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(archive / "2020", fixity=True)
        index.ingest(archive / "2021")
        moved = archive / "2021" / "a.iid"
        (archive / A).rename(moved)
        flip(moved, bits_of_mask(index, "a.iid", 0, (20, 20)))
        flip(moved, bits_of_mask(index, "a.iid", 0, (0, 0)))
        os.utime(moved, ns=(7, 7))
        assert index.ingest([archive / "2020", archive / "2021"]).moved == 1
        assert not index.entry("a.iid", 0).mask()[20, 20]
        assert index.verify(fixity=True, masks=True) == []


def test_overlaps_that_were_kept_are_counted_anew_with_fixity(index, archive):
    index.overlaps(store=True)
    # Of two pixels, one lies in the pond.
    flip(archive / A, bits_of_mask(index, A, 0, (30, 20)), bits_of_mask(index, A, 0, (0, 0)))
    index.ingest(archive, fixity=True)
    kept = [pair.pixels for pair in index.overlaps()]
    index.entries.overlaps(store=True)
    assert [pair.pixels for pair in index.overlaps()] == kept
    assert kept[0] == disk(20)[20:].sum() - 1


def test_nothing_of_a_file_is_believed_of_which_a_part_is_not(tmp_path, database):
    """However large it is, and however many parts it is read in."""
    file = IIDFile()
    chance = np.random.default_rng(1)
    for nth in range(5):
        noise = chance.random((2400, 2400)) < 0.5
        file.add(b"m%d" % nth, None, (nth, 0, nth + 2400, 2400), noise)
    (tmp_path / "archive").mkdir()
    file.save(tmp_path / "archive" / "x.iid")
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(tmp_path / "archive", fixity=True)
        flip(
            tmp_path / "archive" / "x.iid",
            8 * ((tmp_path / "archive" / "x.iid").stat().st_size) - 1,
        )
        skipping = index.entries.reading(on_stale="skip")
        assert skipping.region((0, 0, 2000, 2000)).count() == 0
        assert list(skipping.overlaps()) == []


def test_a_dry_run_records_nothing(index, archive):
    assert index.ingest(archive, fixity=True, dry_run=True).unchanged == 3
    assert with_fixity(index) == 0


def test_masks_that_changed_alone_are_other_content(kept, archive):
    flip(archive / A, bits_of_mask(kept, A, 0, (20, 20)), bits_of_mask(kept, A, 0, (0, 0)))
    os.utime(archive / A, ns=(5, 5))
    report = kept.ingest(archive)
    assert (report.updated, report.touched) == (1, 0)
    assert not kept.entry(A, 0).mask()[20, 20]
    # Size and time are the same, but somebody wants to be sure.
    flip(archive / A, bits_of_mask(kept, A, 0, (20, 21)), bits_of_mask(kept, A, 0, (0, 1)))
    assert kept.ingest(archive).unchanged == 3
    assert kept.ingest(archive, checksum=True).updated == 1


@pytest.mark.parametrize("seed", range(4))
def test_no_flipped_bit_is_served_with_fixity(archive, tmp_path, seed, database):
    chance = random.Random(seed)
    shutil.copytree(archive, tmp_path / "sound")
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(archive, fixity=True)
        truth = {name: outcome(index, name) for name in QUESTIONS}
        path = archive / A
        size = path.stat().st_size
        found = 0
        for _ in range(12):
            bits = chance.sample(range(8 * size), chance.choice([1, 1, 2, 5]))
            flip(path, *bits)
            for question in truth:
                told = outcome(index, question)
                assert told == truth[question] or A in str(told)
                found += isinstance(told, SourceError)
            (problem,) = index.verify(fixity=True)
            assert problem.location == str(path)
            flip(path, *bits)
            assert index.verify(fixity=True) == []
        assert found > 12


def outcome(index, question):
    """What a question answers, or the error that it raises instead."""
    try:
        return QUESTIONS[question](index.entries)
    except SourceError as error:
        return error


def test_one_flipped_bit_of_a_mask_is_no_mask_without_fixity(index, archive):
    flip(archive / A, bits_of_mask(index, A, 0, (20, 20)))
    told = r"a\.iid: is damaged: the segment of key 0: its mask has 1256 pixels, its area is 1257"
    with pytest.raises(DamagedFileError, match=told):
        index.entry(A, 0).mask()
    with pytest.raises(DamagedFileError, match=told):
        list(index.entries.masks())
    assert index.entry(A, 1).mask().all()
    # A part of it is not the whole mask.
    assert index.entry(A, 0).mask((100, 50, 101, 51)).shape == (1, 1)
    (problem,) = index.verify(masks=True)
    assert problem.location.endswith(A)
    assert "its mask has 1256 pixels" in problem.problem
    assert index.verify() == []
    # A file alone is read as it is.
    assert next(iter(IIDFile(archive / A))).seg.mask().sum() == 1256


def test_damage_costs_only_its_file(kept, archive):
    flip(archive / A, bits_of_mask(kept, A, 0, (20, 20)))
    for question in (
        lambda asked: list(asked.masks()),
        lambda asked: list(asked.at(70, 125)),
        lambda asked: list(asked.nearest(70, 125, 9)),
        lambda asked: list(asked.overlaps()),
        lambda asked: asked.heat(size=8),
    ):
        with pytest.raises(DamagedFileError, match=r"a\.iid: is damaged"):
            question(kept.entries)
        with pytest.warns(UserWarning, match=r"left out: .*a\.iid: is damaged"):
            question(kept.entries.reading(on_stale="warn"))
        question(kept.entries.reading(on_stale="skip"))
    hits = kept.entries.reading(on_stale="skip").at(70, 125)
    assert {entry.path for entry in hits} == {"2020/b.iid", "2021/c.iid"}


def test_regions_that_cannot_be_are_damage(index, archive):
    entry = index.entry(A, 0)
    # The number of regions stands behind the head of a segment.
    flip(archive / A, 8 * (entry.bufloc.offset + 16))
    for jobs in (1, 2):
        with pytest.raises(DamagedFileError, match=r"a\.iid: is damaged: the segment of key 0"):
            index.entries.at(70, 125, jobs=jobs).count()
    with pytest.raises(DamagedFileError, match=r"a\.iid: is damaged: the segment of key 0"):
        entry.mask()
    skipping = index.entries.reading(on_stale="skip")
    assert skipping.at(70, 125).count() == 3
    assert {entry.path for entry, _ in skipping.masks()} >= {"2020/b.iid", "2021/c.iid"}


def test_a_box_outside_the_frame_is_refused(archive, tmp_path, database):
    file = IIDFile()
    file.meta.data = {"width": 100, "height": 50}
    file.add(b"in", None, (0, 0, 41, 41), disk(20))
    file.add(b"out", None, (20, 30, 61, 71), disk(20))
    file.save(archive / "out.iid")
    file.meta.data = {"size": {"width": 71, "height": 61}}
    file.save(archive / "in.iid")
    with iidindex.open(database("x"), create=True) as index:
        report = index.ingest(archive)
        assert (report.added, report.failed) == (4, 1)
        assert report.failures[str(archive / "out.iid")] == (
            "section segs at byte 390: the segment of key 1: bbox (20, 30, 61, 71) reaches outside "
            "the frame of height 50 and width 100 that the metadata state"
        )


def test_damage_at_ingest_is_refused_where_every_byte_is_read(index, archive):
    entry = index.entry(A, 0)
    flip(archive / A, 8 * (entry.bufloc.offset + 16))
    report = index.ingest(archive, fixity=True)
    assert report.failed == 1
    assert "key 0" in report.failures[str(archive / A)]
    flip(archive / A, 8 * (entry.bufloc.offset + 16), bits_of_mask_at(entry, (20, 20)))
    os.utime(archive / A, ns=(9, 9))
    report = index.ingest(archive)
    assert "1256 pixels" in report.failures[str(archive / A)]


def bits_of_mask_at(entry, nth):
    row, column = nth
    place = row * entry.bbox.width + column
    return 8 * (entry.bufloc.end - -(-entry.bbox.n_pixels // 8) + place // 8) + 7 - place % 8


def test_overlaps_of_all_but_the_damaged_are_stored(
    kept, archive, tmp_path, monkeypatch, capsys, database
):
    monkeypatch.setenv("IIDINDEX_DB", str(database("kept")))
    flip(archive / A, bits_of_mask(kept, A, 0, (20, 20)))
    assert run(["overlaps", "--store"]) == 4
    told = capsys.readouterr().err
    assert f"{archive / A}: its overlaps are not stored" in told
    assert "b.iid" not in told
    assert "c.iid" not in told
    stored = {row["path"] for row in kept.sql("SELECT DISTINCT path FROM overlapping")}
    assert stored == {"2020/b.iid"}
    # The next night, the others are not counted again.
    assert run(["overlaps", "--store"]) == 4
    with (
        pytest.warns(UserWarning, match="left out: .*a.iid: is damaged"),
        pytest.raises(SourceError, match="the overlaps of all other files are stored"),
    ):
        kept.overlaps(store=True)
    flip(archive / A, bits_of_mask(kept, A, 0, (20, 20)))
    assert run(["overlaps", "--store"]) == 0
    assert kept.entries.files_without_overlaps() == []


def test_verify_in_the_shell(kept, archive, tmp_path, monkeypatch, capsys, database):
    monkeypatch.setenv("IIDINDEX_DB", str(database("kept")))
    assert run(["verify", "--fixity", "--masks"]) == 0
    flip(archive / A, bits_of_mask(kept, A, 0, (20, 20)))
    flip(archive / "2021" / "c.iid", 8 * ((archive / "2021" / "c.iid").stat().st_size - 1))
    assert run(["verify"]) == 0
    capsys.readouterr()
    for option in ("--fixity", "--masks"):
        assert run(["verify", option, "--format", "jsonl"]) == 3
        out = capsys.readouterr().out
        assert "a.iid" in out
        if option == "--fixity":
            assert "c.iid" in out
            assert "its bytes are not those that were indexed" in out
    assert run(["at", "70", "125"]) == 3
    write_garden(archive / "plain.iid")


def test_how_many_cannot_be_compared_is_told(index, tmp_path, monkeypatch, capsys, database):
    monkeypatch.setenv("IIDINDEX_DB", str(database("index")))
    assert run(["verify", "--fixity"]) == 0
    assert "3 files could not be compared byte by byte" in capsys.readouterr().err


def test_large_segments_are_checked_in_parts(tmp_path, database):
    chance = np.random.default_rng(1)
    file = IIDFile()
    file.add(b"large", None, (0, 0, 3000, 3000), chance.random((3000, 3000)) < 0.5)
    file.add(b"small", None, (0, 0, 41, 41), disk(20))
    (tmp_path / "archive").mkdir()
    path = tmp_path / "archive" / "large.iid"
    file.save(path)
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(tmp_path / "archive", fixity=True)
        assert index.verify(fixity=True, masks=True) == []
        assert index.entry("large.iid", 0).mask().sum() == index.entry("large.iid", 0).area
        flip(path, 8 * (index.entry("large.iid", 0).bufloc.end - 1))
        with pytest.raises(DamagedFileError, match="not those that were indexed"):
            index.entries.at(2, 2).count()
