"""Pictures over HTTP: those that must not be read, and those that lie as their masks do."""

import os

import numpy as np
import pytest
from PIL import Image

import iidindex
from conftest import disk
from pond import write
from served import client_of, is_refused


@pytest.fixture
def hidden(tmp_path):
    """Files whose metadata name what must not be read."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    picture = np.full((50, 60, 3), 200, np.uint8)
    Image.fromarray(picture).save(outside / "secret.png")
    Image.fromarray(picture).save(root / "fine.png")
    (root / "notes.png").write_text("no picture at all")
    (root / "draw.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (root / "svg.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (root / "eps.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (root / "plain.txt").write_text("secret")
    Image.fromarray(picture).save(root / "as.txt", format="PNG")
    os.symlink(outside / "secret.png", root / "link.png")
    os.symlink(outside, root / "linked")
    os.symlink(root / "fine.png", root / "inner.png")
    (root / "deep").mkdir()
    (tmp_path / "rootless").mkdir()
    Image.fromarray(picture).save(tmp_path / "rootless" / "near.png")
    # One pixel a bit, more of them than a picture may have.
    Image.new("1", (20_000, 20_000)).save(root / "bomb.png")
    names = {
        "absolute": str(outside / "secret.png"),
        "above": "../outside/secret.png",
        "link": "link.png",
        "linked": "linked/secret.png",
        "neighbour": "../rootless/near.png",
        "etc": "/etc/hostname",
        "svg": "draw.svg",
        "txt": "plain.txt",
        "renamed": "as.txt",
        "nul": "fine.png\0",
        "url": "http://localhost/fine.png",
        "file": "file:///etc/passwd",
        "directory": "deep",
        "self": "self.iid",
        "gone": "gone.png",
    }
    broken = {"notes": "notes.png", "svgpng": "svg.png", "eps": "eps.png", "bomb": "bomb.png"}
    fine = {"fine": "fine.png", "inner": "inner.png", "dots": "deep/../fine.png"}
    for name, image in (names | broken | fine).items():
        write(root / f"{name}.iid", [(b"frog", b"", (0, 0), disk(5))], {"image": image})
    wrong = {"image": "fine.png", "height": 9, "width": 9}
    write(root / "wrong.iid", [(b"frog", b"", (0, 0), disk(4))], wrong)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(root)
        yield index, names, [*broken, "wrong"], fine


def test_pictures_that_must_not_be_read(hidden, tmp_path, counted):
    index, names, broken, fine = hidden
    with client_of(index) as client:
        for name in names:
            answer = client.get("/picture.png", params={"path": f"{name}.iid"})
            assert is_refused(answer, 404), name
        for name in broken:
            assert is_refused(client.get("/picture.png", params={"path": f"{name}.iid"}), 409), name
        for name in fine:
            assert client.get("/picture.png", params={"path": f"{name}.iid"}).status_code == 200
        plain = client.get("/sheet.png", params={"address": "frog", "path": "fine.iid"}).content
        for name in names:
            asked = {"address": "frog", "path": f"{name}.iid", "tile": 64}
            empty = client.get("/sheet.png", params={**asked, "image": "false"})
            shown = client.get("/sheet.png", params=asked)
            assert empty.content == shown.content != plain, name
    counted("hostile requests over HTTP, each refused as it should be", len(names) + len(broken))
    outside = str(tmp_path / "outside")
    with client_of(index, pictures=[outside]) as client:
        for name in ("absolute", "above", "link", "linked"):
            assert client.get("/picture.png", params={"path": f"{name}.iid"}).status_code == 200
        for name in set(names) - {"absolute", "above", "link", "linked"}:
            answer = client.get("/picture.png", params={"path": f"{name}.iid"})
            assert is_refused(answer, 404), name


def test_pictures_lie_as_their_masks_do(tmp_path):
    """What EXIF says of turning is left aside, and not sent on."""
    root = tmp_path / "root"
    root.mkdir()
    picture = Image.fromarray(np.arange(6000, dtype=np.uint16).astype(np.uint8).reshape(60, 100))
    exif = picture.getexif()
    exif[0x0112] = 6
    exif[0x010E] = "who took it, and where"
    picture.save(root / "turned.jpg", exif=exif)
    write(root / "a.iid", [(b"frog", b"", (0, 0), disk(5))], {"image": "turned.jpg"})
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(root)
        with client_of(index) as client:
            content = client.get("/picture.png", params={"path": "a.iid"}).content
    (tmp_path / "back.png").write_bytes(content)
    with Image.open(tmp_path / "back.png") as back:
        assert back.size == (100, 60)
        assert not back.getexif()
    assert b"who took it" not in content
