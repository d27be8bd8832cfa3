"""A page to share: every link leads somewhere, nothing of a stranger is markup, nothing is lost."""

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import gallery
import iidindex
from gallery import HOSTILE_PATH, NESTED, SIZE, save, square, write_gallery
from iidindex import ExchangeError, IIDFile, QueryError
from iidindex.cli.main import run
from iidindex.model import BBox
from iidindex.pages.page_markup import name_of
from iidindex.render.outline_paths import svg_path

VOID = {"meta", "link", "img", "image", "path", "circle"}


class Document(HTMLParser):
    """What a document links to, its tags, its text; whether each tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.links, self.tags, self.attributes, self.texts, self._open = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A page of the gallery, the index it is of, and what writing it told."""
    place = tmp_path_factory.mktemp("page")
    plenty, gallery.PLENTY = gallery.PLENTY, 3
    try:
        changed = write_gallery(place / "gallery")
    finally:
        gallery.PLENTY = plenty
    (place / "gallery" / "c" / "crowd.iid").unlink()
    with iidindex.open(place / "x.db", create=True) as index:
        index.ingest(place / "gallery")
        changed.write_bytes(changed.read_bytes() + b"\0")
        yield place / "site", index, index.page(place / "site")


def documents(site):
    return {path: Document(path.read_text("utf-8")) for path in site.rglob("*.html")}


def rows(site, name):
    return [json.loads(line) for line in (site / "data" / name).read_text().splitlines()]


def number_of(site, path):
    (found,) = (row["file"] for row in rows(site, "files.jsonl") if row["path"] == path)
    return found


def test_every_link_leads_to_a_file_of_the_page(shown):
    site, _, _ = shown
    reached = set()
    for path, document in documents(site).items():
        for link in document.links:
            parts = urlsplit(link)
            assert (parts.scheme, parts.netloc, parts.path[:1] == "/") == ("", "", False)
            target = (path.parent / parts.path).resolve()
            if parts.path:
                assert target.is_file(), (path, link)
                reached.add(target)
    there = {path for path in site.rglob("*") if path.is_file()}
    assert {path for path in there if site / "data" not in path.parents} == reached


def test_it_tells_what_the_index_holds(shown):
    site, index, report = shown
    entries = list(index.entries)
    assert report.entries == len(entries) == index.stats().entries
    assert report.individuals == len({entry.iid for entry in entries})
    assert report.files == index.stats().files == len(rows(site, "files.jsonl"))
    known = {row["individual"]: row["address_b64"] for row in rows(site, "iids.jsonl")}
    told = rows(site, "entries.jsonl")
    assert [(row["path"], row["key"]) for row in told] == [(e.path, e.key) for e in entries]
    assert all(row["address_b64"] == known[row["individual"]] for row in told)
    for row in rows(site, "iids.jsonl"):
        document = Document((site / "iid" / f"{row['individual']}.html").read_text("utf-8"))
        files = [one["file"] for one in told if one["individual"] == row["individual"]]
        links = [link for link in document.links if link.startswith("../file/")]
        assert [link for link in links if link.endswith(".html")] == [
            f"../file/{number}.html" for number in files
        ]


def test_masks_travel_as_the_server_sends_them(shown):
    site, index, _ = shown
    number = number_of(site, "a/nested.iid")
    data = (site / "data" / "masks" / f"{number}.bin").read_bytes()
    length = int.from_bytes(data[:4], "little")
    head, bits = json.loads(data[4 : 4 + length]), data[4 + length :]
    assert head["frame"] == list(SIZE)
    packed = index.packed_masks(index.named_file("a/nested.iid"))
    assert bits == packed.bits.tobytes()
    assert [mask["start"] for mask in head["masks"]] == packed.start.tolist()


def test_outlines_cover_the_masks_and_no_other_pixel(shown):
    site, index, _ = shown
    text = (site / "file" / f"{number_of(site, 'b/step0.iid')}.html").read_text()
    # The largest lie lowest.
    drawn = re.findall(r'<path d="([^"]*)"', text)
    entries = sorted(index.entries.where(path="b/step0.iid"), key=lambda e: -e.area)
    assert [covered(path, SIZE).tolist() for path in drawn] == [
        entry.mask(frame=True).tolist() for entry in entries
    ]


def covered(path, size):
    """The pixels whose middles a path of horizontal and vertical edges holds, by even-odd."""
    inside = np.zeros(size, bool)
    for ring in path.split("z")[:-1]:
        start, *_ = re.findall(r"M(\d+) (\d+)", ring)
        (x, y), first = map(int, start), tuple(map(int, start))
        edges = []
        for way, by in re.findall(r"([hv])(-?\d+)", ring):
            before = y
            x, y = (x + int(by), y) if way == "h" else (x, y + int(by))
            edges.append((x, before, y))
        assert x == first[0]
        for column, low, high in [*edges, (x, y, first[1])]:
            inside[min(low, high) : max(low, high), column:] ^= True
    return inside


@given(st.integers(1, 9), st.integers(1, 9), st.randoms(use_true_random=False))
def test_any_mask_as_a_path(height, width, chance):
    mask = np.array([[chance.random() < 0.5 for _ in range(width)] for _ in range(height)])
    path = svg_path(mask, BBox(2, 3, 2 + height, 3 + width))
    expected = np.pad(mask, ((2, 0), (3, 0)))
    assert (covered(path, expected.shape) == expected).all()


def test_names_of_strangers_are_text(shown):
    site, _, _ = shown
    for document in documents(site).values():
        assert "script" not in document.tags
        assert not [name for name, _ in document.attributes if name.startswith("on")]
        assert not [name for name, _ in document.attributes if name == "style"]
    file = Document((site / "file" / f"{number_of(site, HOSTILE_PATH)}.html").read_text("utf-8"))
    assert "<script>document.title='owned'</script>" in file.text
    assert "hex:ff001b5b33316d" in file.text
    assert "<img src=x onerror=alert(1)>" in file.text
    assert "\u202e" not in file.text
    for path in site.rglob("*"):
        assert re.fullmatch(r"[a-z0-9.-]+", path.name)


@given(st.binary(max_size=300) | st.text("<>&'\"a/ =\n\x00", max_size=30).map(str.encode))
def test_a_name_is_one_line_of_text(value):
    parsed = Document(f"<p title='{name_of(value)}'>{name_of(value)}</p>")
    assert parsed.tags == ["p"]
    assert parsed.text.isprintable()
    assert [name for name, _ in parsed.attributes] == ["title"]


def test_a_changed_file_says_so_in_its_place(shown):
    site, _, report = shown
    assert report.unread == 1
    number = number_of(site, "c/changed.iid")
    document = Document((site / "file" / f"{number}.html").read_text())
    assert "This file has changed since it was indexed." in document.text
    assert {address.decode() for address in NESTED} <= set(document.texts)
    assert not (site / "file" / f"{number}.webp").exists()
    assert not (site / "data" / "masks" / f"{number}.bin").exists()
    assert "has changed since it was indexed" in (site / "index.html").read_text()


def test_nothing_tells_where_things_lay(shown):
    site, _, _ = shown
    place = os.fsencode(site.parent)
    assert [p for p in site.rglob("*") if p.is_file() and place in p.read_bytes()] == []


def test_pictures_are_decoded_and_drawn_anew(shown):
    site, _, _ = shown
    number = number_of(site, "a/nested.iid")
    with Image.open(site / "file" / f"{number}.webp") as image:
        assert (image.format, image.size) == ("WEBP", SIZE[::-1])
        seen = np.asarray(image.convert("RGB")).astype(int)
    with Image.open(site.parent / "gallery" / "photo.png") as image:
        photo = np.asarray(image.convert("RGB")).astype(int)
    # Far from all masks.
    assert np.abs(seen[100:, 100:] - photo[100:, 100:]).mean() < 8


def test_pictures_elsewhere_are_shown_only_if_their_place_is_named(tmp_path):
    (tmp_path / "others").mkdir()
    Image.new("RGB", (40, 40), (250, 10, 10)).save(tmp_path / "others" / "red.png")
    meta = {"image": "../others/red.png", "height": 40, "width": 40}
    save(tmp_path / "root" / "a.iid", [(b"x", b"d", 2, 2, square(4), [])], **meta)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "root")
        for more, is_red in (((), False), ((str(tmp_path / "others"),), True)):
            index.page(tmp_path / "site", pictures=more)
            with Image.open(tmp_path / "site" / "file" / "1.webp") as image:
                red, green, _ = image.convert("RGB").getpixel((30, 30))
            assert (red - green > 150) == is_red


def test_a_picture_that_does_not_fit_is_left_out_and_masks_are_shown(tmp_path):
    root = tmp_path / "root"
    for nth, content in enumerate((b"no picture", b"")):
        meta = {"image": f"{nth}.png", "height": 40, "width": 40}
        save(root / f"{nth}.iid", [(b"x", b"d", 2, 2, square(4), [])], **meta)
        (root / f"{nth}.png").write_bytes(content)
    Image.new("RGB", (9, 9)).save(root / "1.png")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(root)
        assert index.page(tmp_path / "site").unread == 0
    for number in (1, 2):
        text = (tmp_path / "site" / "file" / f"{number}.html").read_text()
        assert "Its picture cannot be shown." in text
        assert "<path" in text


def test_empty_masks_and_files_without_entries(tmp_path):
    file = IIDFile()
    file.add(b"nothing", None, (0, 0, 2, 2), np.zeros((2, 2), bool))
    (tmp_path / "root").mkdir()
    file.save(tmp_path / "root" / "a.iid")
    IIDFile().save(tmp_path / "root" / "b.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "root")
        report = index.page(tmp_path / "site", index.entries.where(path="*"))
        assert (report.files, report.entries, report.unread) == (2, 1, 0)
    assert len(rows(tmp_path / "site", "files.jsonl")) == 2


# ------------------------------------------------------------- what it is written over


def test_lists_are_parted(tmp_path, monkeypatch):
    from iidindex.pages import static_page

    monkeypatch.setattr(static_page, "_FILES", 2)
    monkeypatch.setattr(static_page, "_INDIVIDUALS", 2)
    monkeypatch.setattr(static_page, "_TILES", 2)
    for nth in range(5):
        entries = [(b"one", b"d", 2, 2, square(4), []), (b"%d" % nth, b"d", 9, 9, square(3), [])]
        save(tmp_path / "root" / f"{nth}.iid", entries)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "root")
        index.page(tmp_path / "site")
    found = documents(tmp_path / "site")
    lists = [found[tmp_path / "site" / f"index{end}.html"] for end in ("", "-2", "-3")]
    links = [link for one in lists for link in one.links if link.startswith("file/")]
    assert [link for link in links if "html" in link] == [f"file/{n}.html" for n in range(1, 6)]
    assert (tmp_path / "site" / "iid" / "index-3.html").exists()
    one = found[tmp_path / "site" / "iid" / "1.html"]
    assert [link for link in one.links if "file/" in link and "html" in link] == [
        f"../file/{n}.html" for n in range(1, 6)
    ]
    assert one.tags.count("path") == 2


def listing(place):
    return {path: path.read_bytes() for path in Path(place).rglob("*") if path.is_file()}


def test_an_earlier_page_is_replaced_and_nothing_else(tmp_path):
    save(tmp_path / "root" / "a.iid", [(b"x", b"d", 2, 2, square(4), [])])
    save(tmp_path / "root" / "b.iid", [(b"y", b"d", 2, 2, square(4), [])])
    site = tmp_path / "site"
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "root")
        index.page(site)
        site.joinpath("mine.txt").write_text("mine")
        before = listing(site)
        with pytest.raises(ExchangeError, match=r"holds mine\.txt"):
            index.page(site, index.entries.where(address=b"x"))
        assert listing(site) == before
        site.joinpath("mine.txt").unlink()
        assert index.page(site, index.entries.where(address=b"x")).files == 1
        assert not (site / "file" / "2.html").exists()
        (site / "data" / "page.json").unlink()
        with pytest.raises(ExchangeError, match="not of a page"):
            index.page(site)
        with pytest.raises(ExchangeError, match="is a file"):
            index.page(tmp_path / "x.db")
        assert index.page(tmp_path / "new" / "deep").files == 2
        (tmp_path / "empty").mkdir()
        assert index.page(tmp_path / "empty").files == 2
        with pytest.raises(ExchangeError, match=r"holds a\.iid"):
            index.page(tmp_path / "root")
    assert not list(tmp_path.rglob(".iidindex*"))


def test_what_is_interrupted_leaves_the_earlier_page(tmp_path):
    save(tmp_path / "root" / "a.iid", [(b"x", b"d", 2, 2, square(4), [])])
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "root")
        index.page(tmp_path / "site")
        before = listing(tmp_path / "site")

        def stop(_):
            raise KeyboardInterrupt

        for out in ("site", "other"):
            with pytest.raises(KeyboardInterrupt):
                index.page(tmp_path / out, progress=stop)
    assert listing(tmp_path / "site") == before
    assert not (tmp_path / "other").exists()
    assert not list(tmp_path.rglob(".iidindex*"))


# ------------------------------------------------------------------ command line


def test_the_verb(tmp_path, capsys):
    save(tmp_path / "root" / "a.iid", [(b"x", b"d", 2, 2, square(4), [])])
    db, site = ["--db", str(tmp_path / "x.db")], tmp_path / "site"
    assert run([*db, "ingest", str(tmp_path / "root")]) == 0
    capsys.readouterr()
    assert run([*db, "page", "-o", str(site), "--address", "nobody"]) == 1
    assert "nobody" in capsys.readouterr().err
    assert run([*db, "page", "-o", str(site), "--dry-run"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("nothing was written")
    assert not site.exists()
    assert run([*db, "page", "-o", str(site)]) == 0
    written = capsys.readouterr().out
    assert written.startswith(f"{site}: 1 file, 1 entry, 1 individual in ")
    assert written.split(" in ")[0] == told[1].split(" in ")[0]
    (tmp_path / "root" / "a.iid").unlink()
    assert run([*db, "page", "-o", str(site)]) == 4
    assert "1 file could not be read" in capsys.readouterr().err
    assert "This file is gone." in (site / "index.html").read_text()
    assert run([*db, "page", "-o", str(tmp_path / "x.db")]) == 2
    assert "expected a directory" in capsys.readouterr().err
    assert run([*db, "page", "-o", str(site), "--size", "0"]) == 2


# ------------------------------------------------------------------ in a browser


@pytest.mark.browser
def test_from_a_disk_in_a_browser(shown, browser):
    site, _, _ = shown
    complaints = []
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto((site / "index.html").as_uri())
    assert page.evaluate("getComputedStyle(document.body).display") == "block"
    page.get_by_role("link", name="a/nested.iid").click()
    page.wait_for_load_state("networkidle")
    # A click on the pixel that three masks hold leads to the smallest.
    place = page.evaluate(
        """() => {
            const { a, d, e, f } = document.querySelector("svg.stage").getScreenCTM();
            return [50.5 * a + e, 40.5 * d + f];
        }"""
    )
    page.mouse.click(*place)
    page.get_by_role("heading", name="small").wait_for()
    page.wait_for_load_state("networkidle")
    assert page.locator("svg.thumb image").count() >= 1
    page.get_by_role("link", name="Individuals").click()
    page.get_by_role("heading", name="Individuals").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    for number in (number_of(site, HOSTILE_PATH), number_of(site, "c/changed.iid")):
        page.goto((site / "file" / f"{number}.html").as_uri())
        page.wait_for_load_state("networkidle")
        assert page.title() not in ("owned", "1")
    context.close()
    assert complaints == []


def test_individuals_beyond_those_that_may_have_a_page(shown, tmp_path, capsys):
    _, index, *_ = shown
    every = index.page(tmp_path / "all", dry_run=True)
    assert every.left_out == 0
    dry = index.page(tmp_path / "few", individuals=3, dry_run=True)
    report = index.page(tmp_path / "few", individuals=3)
    assert (report.individuals, report.left_out) == (3, every.individuals - 3)
    assert (dry.individuals, dry.left_out) == (3, every.individuals - 3)
    assert (report.files, report.entries) == (every.files, every.entries)
    site = tmp_path / "few"
    assert sorted(path.name for path in (site / "iid").iterdir()) == [
        *("1.html", "2.html", "3.html", "index.html")
    ]
    assert f"{report.left_out:,} other individuals" in (site / "iid" / "index.html").read_text()
    linked = set()
    for path in (site / "file").glob("*.html"):
        linked |= set(re.findall(r'href="../iid/(\w+).html"', path.read_text()))
    assert linked == {"1", "2", "3", "index"} or linked == {"1", "2", "3"}
    told = rows(site, "entries.jsonl")
    assert {row["individual"] for row in told} == {1, 2, 3, None}
    assert len(told) == every.entries
    for wrong in (0, -1, "3", None):
        with pytest.raises(QueryError, match="individuals"):
            index.page(tmp_path / "wrong", individuals=wrong)
