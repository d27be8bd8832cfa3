"""What is in an archive when something is imported into it once more."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from iidindex import ExchangeError, IIDFile, import_archive
from iidindex.cli.main import run
from iidindex.exchange import left_behind as looking

LABELS = np.zeros((8, 9), np.uint8)
LABELS[2:5, 3:7] = 4


def frames(place, *names):
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(LABELS).save(place / name)
    return place


@pytest.mark.parametrize("jobs", [1, 2])
def test_frames_that_the_source_no_longer_has_are_told(jobs, tmp_path):
    source = frames(tmp_path / "in", "a.png", "b.png", "s/c.png", "s/d.png")
    other = frames(tmp_path / "other", "x.png")
    out = tmp_path / "out"
    for place in (source, other):
        report = import_archive(place, out, format="labels", jobs=jobs)
        assert (report.left_behind, report.first_left_behind) == (0, [])
    (source / "b.png").unlink()
    (source / "s/d.png").unlink()
    (out / "odd.iid").write_bytes(b"no such file")
    for dry_run in (True, False):
        report = import_archive(source, out, format="labels", jobs=jobs, dry_run=dry_run)
        assert (report.pictures, report.left_behind) == (2, 2)
        assert report.first_left_behind == ["b.iid", "s/d.iid"]
    assert (out / "b.iid").exists()
    assert import_archive(other, out, format="labels", jobs=jobs).left_behind == 0


def test_only_so_many_files_are_looked_at(tmp_path, monkeypatch):
    source = frames(tmp_path / "in", *(f"{n}.png" for n in range(8)))
    import_archive(source, tmp_path / "out", format="labels")
    for name in range(7):
        (source / f"{name}.png").unlink()
    assert import_archive(source, tmp_path / "out", format="labels").left_behind == 7
    monkeypatch.setattr(looking, "MOST_LOOKED_AT", 3)
    assert import_archive(source, tmp_path / "out", format="labels").left_behind == 3
    monkeypatch.setattr(looking, "MOST_LOOKED_AT", 0)
    assert import_archive(source, tmp_path / "out", format="labels").left_behind == -1


def test_the_shell_names_them(tmp_path, capsys):
    source = frames(tmp_path / "in", *(f"{n}.png" for n in range(8)))
    command = ["import", str(source), "-o", str(tmp_path / "out"), "--format", "labels"]
    assert run(command) == 0
    for name in range(7):
        (source / f"{name}.png").unlink()
    capsys.readouterr()
    assert run(command) == 0
    told = capsys.readouterr().err
    assert "7 files there of which the source has no picture now" in told
    assert "0.iid, 1.iid, 2.iid, 3.iid, 4.iid, …" in told
    assert run([*command, "--report", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_behind"] == 7
    import_archive(source, tmp_path / "new", format="labels")
    command[3] = str(tmp_path / "new")
    assert run([*command, "--report", "json"]) == 0
    assert "left_behind" not in json.loads(capsys.readouterr().out)


# ---------------------------------------------------------------------- links


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links")
@pytest.mark.parametrize("kind", ["file", "directory", "nothing"])
def test_nothing_is_written_through_a_link_out_of_the_archive(kind, tmp_path):
    source = frames(tmp_path / "in", "s/a.png", "b.png")
    away, out = tmp_path / "away", tmp_path / "out"
    import_archive(source, away, format="labels")
    before = {path: path.read_bytes() for path in away.rglob("*.iid")}
    assert len(before) == 2
    changed = LABELS.copy()
    changed[0, 0] = 5
    Image.fromarray(changed).save(source / "s/a.png")
    out.mkdir()
    if kind == "directory":
        (out / "s").symlink_to(away / "s")
    else:
        (out / "s").mkdir()
        (out / "s/a.iid").symlink_to(away / ("s/a.iid" if kind == "file" else "new.iid"))
    report = import_archive(source, out, format="labels")
    assert report.pictures == 1
    (told,) = report.first_refused["picture"]
    assert "s/a.iid leads out of the archive by a symbolic link" in told
    assert {path: path.read_bytes() for path in away.rglob("*.iid")} == before
    with pytest.raises(ExchangeError, match="by a symbolic link"):
        import_archive(source, out, format="labels", strict=True)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links")
def test_an_archive_may_be_a_link_and_have_links_inside(tmp_path):
    source = frames(tmp_path / "in", "s/a.png")
    (tmp_path / "real/t").mkdir(parents=True)
    (tmp_path / "real/s").symlink_to(tmp_path / "real/t")
    (tmp_path / "out").symlink_to(tmp_path / "real")
    assert import_archive(source, tmp_path / "out", format="labels").pictures == 1
    assert IIDFile(tmp_path / "real/t/a.iid").meta.data["width"] == 9


# ---------------------------------------------------------------------- tiles


def coco(path, *images):
    records = [
        {"id": n, "file_name": name, "width": width, "height": 10}
        for n, (name, width) in enumerate(images)
    ]
    annotations = [
        {"id": n, "image_id": n, "category_id": 1, "segmentation": [[2, 2, 6, 2, 6, 6, 2, 6]]}
        for n in range(len(images))
    ]
    path.write_text(json.dumps({"images": records, "annotations": annotations}))
    return path


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_tile_and_a_picture_of_one_name(merge, turn, tmp_path):
    images = [("big.tif", 100_000), ("big/000000-065535.png", 20)][::turn]
    source = coco(tmp_path / "set.json", *images)
    with pytest.raises(ExchangeError) as caught:
        import_archive(source, tmp_path / "out", merge_same_name=merge)
    for told in ("'big.tif'", "'big/000000-065535.png'", "big/000000-065535.iid"):
        assert told in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_what_is_called_like_a_tile_of_a_small_picture(tmp_path):
    source = coco(tmp_path / "set.json", ("small.tif", 20), ("small/000000-065535.png", 20))
    assert import_archive(source, tmp_path / "out").pictures == 2
    source = coco(tmp_path / "set.json", ("big.tif", 100_000), ("big/000001-065535.png", 20))
    assert import_archive(source, tmp_path / "other").pictures == 3


def test_tiles_of_pictures_that_differ_in_their_suffixes(tmp_path):
    source = coco(tmp_path / "set.json", ("a.png", 100_000), ("a.tif", 100_000))
    report = import_archive(source, tmp_path / "out", keep_suffix=True)
    assert (report.pictures, report.refused) == (4, {})
    assert (tmp_path / "out/a.png/000000-065535.iid").exists()
    again = import_archive(source, tmp_path / "out", keep_suffix=True)
    assert (again.unchanged, again.left_behind) == (4, 0)
