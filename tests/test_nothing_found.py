"""What is said where a question finds nothing, and only there."""

import os

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import event

import iidindex
from conftest import disk, write_garden
from databases import at
from iidindex import IIDFile
from iidindex.cli.main import run

ON_BOTH = True

ODD = b"\xff\x00bin"


FRAME = "rows 0 … 179, columns 0 … 290"
UNKNOWN = [
    (["find", "--group", "plant"], "no group 'plant' in this index; did you mean 'plants'?"),
    (["find", "--group", "W"], "no group 'W' in this index; did you mean 'water'?"),
    (["find", "--group", "x"], "no group 'x' in this index; known: 'plants', 'tall', 'water'"),
    (["find", "--group", "x", "--group", "tall", "--key", "9"], "no group 'x' in this index"),
    (["find", "--all-groups", "plant"], "no group 'plant' in this index; did you mean 'plants'?"),
    (
        ["find", "--all-groups", "tall", "--all-groups", "water"],
        "no entry is in all of the groups 'tall', 'water'",
    ),
    (["find", "tree", "--not-group", "plants"], "fits otherwise is left out: group 'plants'"),
    (["find", "tree", "--not-group", "x", "--not-group", "tall"], "left out: group 'x', 'tall'"),
    (["find", "--not-path", "202[01]/*"], "all that fits otherwise is left out: path '202[01]/*'"),
    (["find", "ghost", "--not-domain", ""], "all that fits otherwise is left out: domain ''"),
    (["at", 70, 110, "--not-domain", "garden"], "fits otherwise is left out: domain 'garden'"),
    (
        ["find", "tree", "--not-domain", "garden", "--not-group", "tall"],
        "left out: domain 'garden' or group 'tall'",
    ),
    (["nearest", 0, 0, "--not-path", "*"], "all that fits otherwise is left out: path '*'"),
    (["overlaps", "--not-group", "water", "--not-path", "*"], "is left out: path '*'"),
    (["find", "--domain", "Garden"], "no domain 'Garden' in this index; did you mean 'garden'?"),
    (["find", "tre"], "no address 'tre' in this index; did you mean 'tree'?"),
    (["find", "übre"], "no address 'übre' in this index; did you mean 'über'?"),
    (["find", "hex:00"], "no address 'hex:00' in this index; `iidindex iids` lists all"),
    (["find", "tree", "--domain", "extra"], "'tree' is not in 'extra', but in 'garden'"),
    (["find", "ghost", "--domain", "extra"], "'ghost' is not in 'extra', but in ''"),
    (["find", "hex:ff0062696e", "--domain", ""], "'hex:ff0062696e' is not in '', but in 'extra'"),
    (["find", "--prefix", "tri"], "no address begins with 'tri'"),
    (["find", "--root", "archiv"], "no root 'archiv' in this index; did you mean 'archive'?"),
    (["find", "--path", "b.iid"], "has a path that fits 'b.iid'; did you mean '2020/b.iid'"),
    (["find", "--path", "archive/2020/b.iid"], "did you mean '2020/b.iid'?"),
    (["find", "--path", "3*"], "fits '3*'; known: '2020/a.iid', '2020/b.iid', '2021/c.iid'"),
    (["find", "--meta", "night=a"], "has the name 'night'; known: 'day', 'camera'"),
    (["find", "--meta", "dya=a"], "no file's metadata has the name 'dya'; did you mean 'day'?"),
    (["find", "--meta", "camera.is=a"], "the name 'camera.is'; did you mean 'iso'?"),
    (["find", "--meta", "day.is=a"], "the name 'day.is'; there are none"),
    (["find", "--meta", "day=z"], 'metadata has "z" as \'day\'; known: "a", "b", "c"'),
    (["find", "--meta", 'camera.iso="200"'], "has \"200\" as 'camera.iso'; known: 200"),
    (["find", "--meta", "camera=200"], "has 200 as 'camera'; known: lists or mappings"),
    (["at", 10, 180], f"no mask reaches row 180, column 10; all masks lie in {FRAME}"),
    (["at", 10, 250], f"all masks lie in {FRAME}; did you mean row 10, column 250?"),
    (
        ["at", -1, 5],
        f"the box has no pixel, or none that a file can hold; all masks lie in {FRAME}",
    ),
    (
        ["region", 0, 291, 9, 300],
        f"no mask reaches rows 0 … 8, columns 291 … 299; all masks lie in {FRAME}",
    ),
    (["nearest", 0, 0, "--group", "plant"], "no group 'plant'"),
    (["links", "tre"], "no address 'tre'"),
    (["links", "tree", "--domain", "x"], "no domain 'x'"),
    (["cooccur", "tre"], "no address 'tre'"),
    (["chain", "tree", "tre"], "no address 'tre'"),
    (["chain", "tre", "tree"], "no address 'tre'"),
    (["iids", "--prefix", "x"], "no address begins with 'x'"),
    (["overlaps", "2020/a.iid", "--group", "plant"], "no group 'plant'"),
    (["overlaps", "--a-group", "plant"], "no group 'plant'"),
    (["overlaps", "--between", "garden", "gardem"], "no domain 'gardem'"),
    (["overlaps", "d.iid"], "no indexed file has a path that fits 'd.iid'"),
    (["graph", "--address", "tre"], "nothing fits, so nothing was drawn: no address 'tre'"),
    (["sheet", "tre", "-o", "x.png"], "nothing fits, so nothing was drawn: no address 'tre'"),
    (["heat", "--group", "plant", "-o", "x.png"], "nothing was drawn: no group 'plant'"),
    (["render", "2020/a.iid", "--domain", "x", "-o", "x.png"], "nothing was drawn: no domain 'x'"),
]


@pytest.mark.parametrize(("arguments", "told"), UNKNOWN)
def test_what_is_unknown_is_named(call, arguments, told):
    code, out, err = call(*arguments)
    assert (code, out) == (1, "")
    first, _, frame = told.partition("; rows")
    assert first in err
    assert frame in err
    assert err.startswith("iidindex: ")
    assert err.count("\n") == 1
    assert err.isprintable() or err.endswith("\n")


TOGETHER = [
    ["find", "tree", "--group", "water"],
    ["find", "--path", "2020/a.iid", "--domain", "extra"],
    ["find", "tree", "--limit", "0"],
    ["find", "tree", "--not-domain", "garden", "--limit", "0"],
    ["find", "tree", "--group", "water", "--not-group", "tall"],
    ["find", "tree", "--group", "water", "--not-group", "nobody", "--not-path", "x"],
    ["find", "--area", "1000000.."],
    ["find", "--key", "77"],
    ["find", "--meta", "day=a", "--path", "2021/*"],
    ["at", 250, 20],
    ["overlaps", "--group", "water"],
    ["iids", "--prefix", "tree", "--domain", "extra"],
]


@pytest.mark.parametrize("arguments", TOGETHER)
def test_nothing_is_said_of_what_is_there_but_not_together(call, arguments):
    assert call(*arguments) == (1, "", "")


@pytest.mark.parametrize("arguments", [["find", "nobody"], ["at", 10, 500], ["links", "nobody"]])
def test_what_machines_read_stays_as_it_was(call, arguments):
    for form, out in (("json", "[]\n"), ("jsonl", ""), ("csv", ""), ("table", "")):
        assert call(*arguments, "--format", form)[:2] == (1, out)
    if arguments[0] != "links":
        code, out, err = call(*arguments, "--count")
        assert (code, out) == (1, "0\n")
        assert "no address 'nobody'" in err or "no mask reaches" in err


def test_a_batch_says_nothing(call, monkeypatch, tmp_path):
    lines = tmp_path / "lines"
    lines.write_text("nobody\ntree --group x\n")
    with lines.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert call("find", "--batch") == (1, "", "")


def test_questions_that_find_something_cost_nothing_more(call, index):
    statements = []
    event.listen(
        index._catalog.engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *_: statements.append(statement),
    )
    question = index.entries.where(address=b"tree", group="plants")
    assert len(list(question)) == 3
    found = len(statements)
    assert question.why_nothing() is None
    assert len(statements) > found
    code, out, err = call("find", "tree", "--group", "plants", "--group", "x")
    assert (code, err) == (0, "")
    assert out


def test_in_python(index):
    def why(**filters):
        return index.entries.where(**filters).why_nothing()

    assert why(address=b"tre") == "no address b'tre' in this index; did you mean b'tree'?"
    assert why(address=[b"tree", b"bush"]).startswith("no address b'bush' in this index")
    assert why(address=ODD) is None
    assert why(domain=b"") is None
    assert why(meta={"camera": {"iso": 200}}) is None
    assert why() is None
    assert index.entries.at(70, 125).why_nothing() is None


def test_files_that_are_missing_or_failed(call, archive):
    (archive / "2020" / "b.iid").unlink()
    (archive / "2021" / "c.iid").write_bytes(b"x")
    assert call("ingest", archive)[0] == 4
    told = "the file '2020/b.iid' is missing; `iidindex files --state missing` tells more"
    assert call("find", "--path", "2020/b.iid") == (1, "", f"iidindex: {told}\n")
    told = "the file '2021/c.iid' could not be read; `iidindex files --state failed` tells more"
    assert call("find", "--path", "2021/c.iid") == (1, "", f"iidindex: {told}\n")
    told = "the address 'über' is in missing files alone"
    assert call("links", "über") == (1, "", f"iidindex: {told}\n")


def test_an_index_without_files(call, archive, tmp_path):
    for name in ("empty.db", "iidindex.db"):
        database = at(tmp_path / name)
        if name == "empty.db":
            iidindex.open(database, create=True).close()
        else:
            for path in archive.rglob("*.iid"):
                path.write_bytes(b"x")
            assert call("ingest", archive)[0] == 4
        code, out, err = call("--db", database, "find", "tree")
        assert (code, out) == (1, "")
        assert "the index has no files to ask" in err


@pytest.mark.parametrize("seed", range(20))
def test_where_masks_lie(tmp_path, seed):
    """The frame that is found by halving is the one of all boxes."""
    random = np.random.default_rng(seed)
    boxes = []
    file = IIDFile()
    for nth in range(int(random.integers(1, 30))):
        row, col = (int(place) for place in random.integers(0, 65000, 2))
        height, width = (int(size) for size in random.integers(1, 500, 2))
        file.add(
            b"%d" % nth, None, (row, col, row + height, col + width), np.ones((height, width), bool)
        )
        boxes.append((row, col, row + height, col + width))
    file.add(b"empty", None, (0, 0, 0, 0), np.ones((0, 0), bool))
    file.save(tmp_path / "a.iid")
    low, high = np.min(boxes, axis=0), np.max(boxes, axis=0)
    frame = f"rows {low[0]} … {high[2] - 1}, columns {low[1]} … {high[3] - 1}"
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path)
        for _ in range(20):
            row, col = (int(place) for place in random.integers(0, 65535, 2))
            told = index.entries.at(col, row).why_nothing()
            outside = not (low[0] <= row < high[2] and low[1] <= col < high[3])
            assert (told is not None) == outside
            assert told is None or frame in told


def test_masks_without_pixels(tmp_path):
    file = IIDFile()
    file.add(b"empty", None, (0, 0, 0, 0), np.ones((0, 0), bool))
    file.save(tmp_path / "a.iid")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path)
        assert index.entries.at(0, 0).why_nothing() == "no mask in this index has a pixel"


def test_names_that_would_command_a_terminal(call, archive, tmp_path):
    write_garden(archive / "a\x1b[2J.iid", extra=[b"x\x1b[2J"])
    assert call("ingest", archive)[0] == 0
    for arguments in (
        ["find", "x\x1b[2K"],
        ["find", "--path", "a\x1b[2K.iid"],
        ["find", "--group", "plants\x1b[2K"],
        ["find", "--meta", "day=\x1b[2J"],
        ["find", "--root", "\x1b[2J"],
    ):
        code, _, err = call(*arguments)
        assert code == 1
        assert "\x1b" not in err
        assert "\n" not in err[:-1]


# ------------------------------------------------------- images that are not there


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Files whose metadata name an image that is there, that is not, and none."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((40, 50, 3), 200, np.uint8)).save(tmp_path / "there.png")
    for name, meta in (
        ("there", {"image": "there.png"}),
        ("gone", {"image": "gone.png"}),
        ("lost", {"image": "sample 12", "file_name": "lost.tif"}),
        ("other", {"image": "gone.png", "picture": "there.png"}),
        ("none", {"path": "data/x.npy", "image": "sample 12"}),
    ):
        file = IIDFile()
        file.meta.data = meta
        file.add(b"tree", b"garden", (3, 4, 24, 25), disk(10))
        file.save(tmp_path / f"{name}.iid")
    with iidindex.open(at(tmp_path / "iidindex.db"), create=True) as index:
        index.ingest(tmp_path)
        monkeypatch.setenv("IIDINDEX_DB", str(index._catalog.store.location))
        yield index


def test_render_says_which_image_is_not_there(pictures, tmp_path, capsys):
    for name, missing in (
        ("there", ()),
        ("gone", (str(tmp_path / "gone.png"),)),
        ("lost", (str(tmp_path / "lost.tif"),)),
        ("other", ()),
        ("none", ()),
    ):
        assert pictures.render(f"{name}.iid").missing == missing
        assert pictures.render(f"{name}.iid", image=False).missing == ()
        assert run(["render", f"{name}.iid", "-o", "x.png"]) == 0
        out, err = capsys.readouterr()
        told = [
            f"iidindex: {path}: the metadata name this image, but it is not there; drawn on a "
            "plain background"
            for path in missing
        ]
        assert err.splitlines() == told
        assert out.startswith("x.png: ")
        assert run(["render", f"{name}.iid", "-o", "x.png", "--no-image"]) == 0
        assert capsys.readouterr().err == ""
    assert run(["render", "gone.iid", "--image", "there.png", "-o", "x.png"]) == 0
    assert capsys.readouterr().err == ""


def test_sheet_says_which_images_are_not_there(pictures, tmp_path, capsys):
    found = pictures.sheet(b"tree")
    assert found.missing == (str(tmp_path / "gone.png"), str(tmp_path / "lost.tif"))
    assert found.images == (str(tmp_path / "there.png"),)
    assert pictures.sheet(b"tree", image=False).missing == ()
    assert run(["sheet", "tree", "-o", "x.png"]) == 0
    err = capsys.readouterr().err
    assert err.startswith(f"iidindex: {tmp_path}/gone.png (and 1 more): the metadata name")
    assert err.count("\n") == 1


def test_what_drew_nothing_leaves_no_file(call):
    assert call("sheet", "nobody", "-o", "x.png")[0] == 1
    assert not os.path.exists("x.png")


def test_rows_taken_for_columns(tmp_path, call):
    """Only where nothing lies as it was asked, and something the other way round."""
    file = IIDFile()
    file.add(b"high", None, (100, 10, 200, 20), np.ones((100, 10), bool))
    file.add(b"far", None, (0, 0, 1, 301), np.ones((1, 301), bool))
    (tmp_path / "turned").mkdir()
    file.save(tmp_path / "turned" / "a.iid")
    with iidindex.open(at(tmp_path / "turned.db"), create=True) as index:
        index.ingest(tmp_path / "turned")
        told = index.entries.at(150, 15).why_nothing()
        assert told == (
            "nothing that fits lies in row 15, column 150; did you mean row 150, column 15?"
        )
        assert index.entries.where(address=b"far").at(150, 15).why_nothing() is None
        assert index.entries.at(150, 150).why_nothing() is None
        assert index.entries.at(15, 150).where(address=b"far").why_nothing() is None
