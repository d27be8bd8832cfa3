"""Pictures over HTTP: those that must not be read, and those that lie as their masks do."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

import iidindex
from conftest import disk
from iidindex import SourceError
from iidindex.errors import TimeLimitError
from iidindex.query.pixels import image_files
from iidindex.query.pixels.image_files import open_image
from iidindex.query.pixels.picture_places import PicturePlaces
from iidindex.serve.kept_pictures import KeptPictures
from iidindex.system.descriptor_path import path_of
from iidindex.time_limit import time_limit
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


def test_what_is_opened_is_looked_at_and_not_its_name_alone(tmp_path, counted):
    """A name that was looked at may lead elsewhere when it is opened."""
    inside, outside = tmp_path / "root" / "in", tmp_path / "out"
    inside.mkdir(parents=True)
    outside.mkdir()
    for place in (inside, outside):
        Image.new("RGB", (4, 4)).save(place / "a.png")
    places = PicturePlaces([str(tmp_path / "root")])
    name = str(inside / "a.png")
    assert places.allow(name)
    assert open_image(name, places).size == (4, 4)
    (inside / "a.png").unlink()
    (inside / "a.png").symlink_to(outside / "a.png")
    with pytest.raises(SourceError, match="outside"):
        open_image(name, places)
    inside.rename(tmp_path / "was")
    inside.symlink_to(outside)
    with pytest.raises(SourceError, match="outside"):
        open_image(name, places)
    # Without such places, whoever asks may read what he may read.
    assert open_image(name).size == (4, 4)
    counted("hostile requests over HTTP, each refused as it should be", 2)


def test_where_an_open_file_lies(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with (tmp_path / "link").open("rb") as file:
        assert path_of(file.fileno(), str(tmp_path / "link")) == str(tmp_path / "a")


def test_a_picture_that_takes_too_much_decoded(tmp_path):
    header = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100)))):
        told = kind + content
        parts.append(struct.pack(">I", len(content)) + told + struct.pack(">I", zlib.crc32(told)))
    (tmp_path / "large.png").write_bytes(b"".join(parts))
    with pytest.raises(SourceError, match="576000000 bytes"):
        open_image(str(tmp_path / "large.png"), PicturePlaces([str(tmp_path)]))


def test_decoding_ends_with_the_time(tmp_path):
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (600, 600, 3), np.uint8))
    for suffix in ("png", "jpg", "bmp", "ppm"):
        noise.save(tmp_path / f"a.{suffix}")
        with image_files._opened(str(tmp_path / f"a.{suffix}")) as file:
            image = Image.open(file)
            with time_limit(-1), pytest.raises(TimeLimitError):
                image.load()


def test_pictures_are_kept_as_long_as_they_are_the_same(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    Image.new("RGB", (50, 40), (200, 0, 0)).save(root / "a.png")
    write(root / "a.iid", [(b"frog", b"", (0, 0), disk(5))], {"image": "a.png"})
    kept = KeptPictures(4000)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(root)
        with client_of(index, kept=kept) as client:

            def shown(**how):
                answer = client.get("/picture.png", params={"path": "a.iid", **how})
                assert answer.status_code == 200
                return Image.open(io.BytesIO(answer.content)).getpixel((0, 0))

            assert shown() == shown() == (200, 0, 0)
            first = kept.n_bytes
            assert 0 < first < 1000
            shown(size=10)
            assert kept.n_bytes > first
            Image.new("RGB", (50, 40), (0, 200, 0)).save(root / "a.png")
            os.utime(root / "a.png", ns=(1, 1))
            assert shown() == (0, 200, 0)
            for size in range(1, 50):
                shown(size=size)
                assert kept.n_bytes <= 4000
