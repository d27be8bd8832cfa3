"""The viewer in a real browser: what is seen, clicked, typed and shared."""

import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import iidindex
from gallery import CROWD, HOSTILE_PATH, NESTED, PLENTY, SIZE, disk
from iidindex.render.colors import BACKGROUND, color_of, heat_scale
from pond import photograph
from visiting import frame, pixels, place_of, settle

STATIC = Path(iidindex.__file__).parent / "serve" / "static"
WALKER = "aGFuZA.d2Fsa2Vy"


def test_the_library_is_what_was_published():
    text = (STATIC / "vendor" / "htm-preact-standalone.txt").read_text()
    told = re.search(r"sha256\s+([0-9a-f]{64})", text)
    content = (STATIC / "vendor" / "htm-preact-standalone.module.js").read_bytes()
    assert sha256(content).hexdigest() == told[1]
    assert "htm 3.1.1" in text
    assert "Apache License" in text
    assert "The MIT License" in text


def test_nothing_writes_markup_from_text_and_no_module_is_long():
    ours = [path for path in STATIC.rglob("*.*") if "vendor" not in path.parts]
    assert len(ours) > 30
    for path in ours:
        text = path.read_text()
        assert len(text.splitlines()) <= 400, path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        assert "https://" not in re.sub(r"https://bottosson[^\s,]*", "", text), path
    page = (STATIC / "index.html").read_text()
    assert not re.search(r"<style|style=|\son\w+=|<script[^>]*>[^<]", page)


@pytest.mark.browser
def test_colours_are_those_of_all_pictures(visit, gallery):
    iids = [entry.iid for entry in gallery[0].entries.limit(400)]
    rows = gallery[0].entries.limit(400).to_dicts()
    names = [{name: row[name] for name in ("domain_b64", "address_b64")} for row in rows]
    colors, scale = visit.open("/?path=a/*").evaluate(
        """async (rows) => {
            const { colorOf, heatScale } = await import("/static/colors.js");
            return [rows.map(colorOf), heatScale];
        }""",
        names,
    )
    assert [tuple(color) for color in colors] == [color_of(iid) for iid in iids]
    assert scale == heat_scale().tolist()


@pytest.mark.browser
def test_the_archive_is_a_grid_of_what_is_seen(visit):
    page = visit.open("/")
    files = page.get_by_role("list", name="Files")
    files.get_by_role("link", name="a/nested.iid, 3 entries").wait_for()
    settle(page)
    assert page.locator(".card canvas.drawn").count() >= 6
    assert page.get_by_text("Not as it was indexed").count() == 1
    assert page.locator(".card").count() < 60
    page.locator(".grid .scroll").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    last = page.get_by_role("link", name="odd/<img src=x onerror=alert(1)> %41&x=1#y?\\xff.iid")
    last.wait_for()
    assert page.locator(".card").count() < 60
    assert page.get_by_role("link", name=f"many/{PLENTY - 1:05}.iid").count() == 1
    last.click()
    page.get_by_role("img", name=re.compile("6 masks")).wait_for()
    page.go_back()
    last.wait_for()
    settle(page)
    # The changed file.
    assert all(re.search("409.*changed", text) for text in visit.complaints)
    visit.complaints.clear()


@pytest.mark.browser
def test_filters_are_in_the_url(visit):
    page = visit.open("/")
    page.get_by_label("Group").fill("whole")
    page.get_by_label("Group").press("Enter")
    page.get_by_role("link", name="b/step0.iid, 2 of 3 entries").wait_for()
    assert visit.url == "/?group=whole"
    page.get_by_label("Metadata").fill("minutes=10..20")
    page.get_by_label("Metadata").press("Enter")
    page.get_by_role("list", name="2 files").wait_for()
    assert visit.url == "/?group=whole&meta=minutes%3D10..20"
    page.reload()
    page.get_by_role("list", name="2 files").wait_for()
    page.get_by_role("button", name="Without group whole").click()
    page.wait_for_url("**/?meta=*")
    page.go_back()
    page.go_back()
    page.get_by_role("list", name="4 files").wait_for()
    page.get_by_label("Path", exact=True).fill("nothing/*")
    page.get_by_label("Path", exact=True).press("Enter")
    page.get_by_text("No file fits these filters.").wait_for()
    settle(page)
    visit.complaints[:] = [text for text in visit.complaints if "409" not in text]


@pytest.mark.browser
def test_search_completes_addresses(visit):
    page = visit.open("/?path=b/*")
    field = page.get_by_role("combobox", name="Search by address")
    field.wait_for()
    page.keyboard.press("/")
    assert field.evaluate("field => field === document.activeElement")
    page.keyboard.type("walk")
    page.get_by_role("option").nth(1).wait_for()
    assert page.get_by_role("option").all_inner_texts() == [
        "walker\nhand\n4 files",
        "walker\nmodel\n4 files",
    ]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/iid/{WALKER}")
    page.get_by_role("heading", name="walker").wait_for()


@pytest.mark.browser
def test_the_canvas_shows_the_pixels_of_the_masks(visit, gallery):
    box = (0, 0, *SIZE)
    query = f"?box={','.join(map(str, box))}&lines=0&picture=0"
    page = visit.file("b/step1.iid", query)
    drawn = pixels(page, box)
    entries = list(gallery[0].entries.where(path="b/step1.iid"))
    assert (drawn[..., :3].astype(int) != BACKGROUND).any(axis=-1).tolist() == frame(
        entries
    ).tolist()
    ground = np.array(BACKGROUND)
    for entry in entries:
        others = frame(other for other in entries if other.key != entry.key)
        alone = frame([entry]) & ~others
        expected = ground + 0.42 * (np.array(color_of(entry.iid)) - ground)
        assert alone.any()
        assert np.abs(drawn[alone][:, :3] - expected).max() <= 2
    # The picture lies below, pixel on pixel.
    page = visit.file("b/step1.iid", f"?box={','.join(map(str, box))}&masks=0")
    assert (pixels(page, box)[..., :3] == photograph(*SIZE)).all()
    # Without the domain of most masks, the others are left.
    page = visit.file("b/step1.iid", f"{query}&hide=aGFuZA")
    left = [entry for entry in entries if entry.iid.domain == b"model"]
    drawn = pixels(page, box)[..., :3].astype(int)
    assert ((drawn != BACKGROUND).any(axis=-1) == frame(left)).all()


@pytest.mark.browser
def test_a_click_finds_every_mask_of_the_pixel_and_tab_walks_them(visit):
    page = visit.file("a/nested.iid", "?box=0,0,120,160")
    x, y = place_of(page, 40, 50, (0, 0, *SIZE))
    page.mouse.move(x, y)
    page.locator(".status").get_by_text("row 40, column 50").wait_for()
    assert "small" in page.locator(".status").inner_text()
    assert "100 pixels" in page.locator(".status").inner_text()
    page.mouse.click(x, y)
    chosen = page.get_by_role("region", name="Chosen")
    chosen.get_by_text("3 masks").wait_for()
    hits = chosen.locator(".hit")
    areas = [f"{side * side:,} pixels" for _, _, side in NESTED.values()]
    assert [text.split("\n")[-1] for text in hits.all_inner_texts()] == areas
    assert visit.url == "/file/a/nested.iid?x=50&y=40&box=0,0,120,160"
    pressed = chosen.locator(".hit[aria-pressed=true]")
    for name in ("small", "middle", "large"):
        assert pressed.inner_text().startswith(name)
        chosen.get_by_text("In no other file").or_(chosen.get_by_text("In 1 other")).wait_for()
        page.keyboard.press("Tab")
    # Behind the last, Tab goes on to what comes next.
    assert page.evaluate("document.activeElement.id") != "picture"
    assert pressed.inner_text().startswith("large")
    page.locator("#picture").focus()
    page.keyboard.press("Shift+Tab")
    assert pressed.inner_text().startswith("middle")
    before = visit.url
    assert re.search(r"x=50&y=40&iid=[\w-]+\.[\w-]+&", before)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="middle").wait_for()
    assert visit.url.startswith("/iid/")
    # One of its appearances is in the file that has changed.
    page.get_by_text("Not as it was indexed").wait_for()
    assert visit.complaints
    assert all(re.search("409.*changed", text) for text in visit.complaints)
    visit.complaints.clear()
    page.go_back()
    page.get_by_role("region", name="Chosen").get_by_text("3 masks").wait_for()
    assert visit.url == before
    assert pressed.inner_text().startswith("middle")
    page.keyboard.press("Escape")
    chosen.get_by_text("Choose a pixel").wait_for()


@pytest.mark.browser
def test_keys_do_all_that_the_mouse_does(visit):
    page = visit.file("b/step1.iid")
    page.locator("#picture").focus()

    def box_after(*keys):
        before = visit.url
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_function("before => !location.href.endsWith(before)", arg=before)
        found = re.search(r"box=([\d,]+)", visit.url)
        return [int(part) for part in found[1].split(",")] if found else None

    near = box_after("+", "+", "+", "+", "+")
    assert near[2] - near[0] < SIZE[0] / 2
    right = box_after("ArrowRight")
    assert right[1] > near[1]
    assert right[0] == near[0]
    down = box_after("ArrowDown", "ArrowDown")
    assert down[0] > right[0]
    assert box_after("0") is None
    for key, name in (("o", "Masks"), ("l", "Outlines"), ("i", "Picture"), ("h", "Heat")):
        switch = page.get_by_role("button", name=name, exact=True)
        before = switch.get_attribute("aria-pressed")
        page.keyboard.press(key)
        page.wait_for_function(
            "([name, before]) => [...document.querySelectorAll('.switches button')]"
            ".find(one => one.textContent === name).ariaPressed !== before",
            arg=[name, before],
        )
    page.get_by_role("note").get_by_text("masks a pixel").wait_for()
    page.keyboard.press(" ")
    page.get_by_role("region", name="Chosen").get_by_text(re.compile("at row [56].")).wait_for()
    page.keyboard.press("n")
    page.get_by_role("img", name="b/step2.iid: 3 masks").wait_for()
    page.keyboard.press("p")
    page.get_by_role("img", name="b/step1.iid: 3 masks").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Keys").wait_for(state="hidden")
    page.locator(".entry").nth(1).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Chosen").get_by_text("1 mask").wait_for()


@pytest.mark.browser
def test_how_far_two_domains_agree(visit, gallery):
    page = visit.file("b/step3.iid", "?box=0,0,120,160")
    first, second = page.get_by_label("One domain"), page.get_by_label("Another")
    first.select_option("hand")
    second.select_option("model")
    assert "&agree=aGFuZA.bW9kZWw" in visit.url
    sides = [
        frame(gallery[0].entries.where(path="b/step3.iid", domain=domain))
        for domain in (b"hand", b"model")
    ]
    both, either = (sides[0] & sides[1]).sum(), (sides[0] | sides[1]).sum()
    legend = page.get_by_role("note")
    legend.get_by_text("IoU").wait_for()
    told = re.sub(r"\s+", " ", legend.inner_text())
    only = [f"{int((one & ~other).sum()):,}" for one, other in (sides, sides[::-1])]
    assert told == (
        f"both {both:,} only hand {only[0]} only model {only[1]} IoU {both / either:.3f}"
    )
    drawn = pixels(page, (0, 0, *SIZE))[..., :3].astype(int)
    # Blue is more blue than red where only the first is, orange the reverse.
    assert (drawn[sides[0] & ~sides[1]][:, 2] > drawn[sides[0] & ~sides[1]][:, 0]).all()
    assert (drawn[sides[1] & ~sides[0]][:, 0] > drawn[sides[1] & ~sides[0]][:, 2]).all()


@pytest.mark.browser
def test_of_a_crowd_only_what_is_seen_is_asked_for(visit):
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    page = visit.file("c/crowd.iid", "?box=100,100,160,180")
    page.get_by_role("img", name=re.compile(r"\d+ masks in the part that is seen")).wait_for()
    masks = [url for url in asked if "masks.bin" in url]
    assert len(masks) == 2
    assert all("box=" in url for url in masks)
    page.mouse.click(*place_of(page, 124, 134, (100, 100, 160, 180)))
    page.get_by_role("region", name="Chosen").get_by_text("1 mask").wait_for()
    number = 12 * CROWD[1] + 13
    page.get_by_role("button", name=f"cell-{number:04} 49 pixels").wait_for()
    table = page.get_by_role("table", name="Entries")
    assert 5 < table.get_by_role("row").count() < 60
    # This one has no picture.
    assert all("picture.png" in text and "404" in text for text in visit.complaints)
    visit.complaints.clear()


@pytest.mark.browser
def test_an_individual_everywhere(visit):
    page = visit.open(f"/iid/{WALKER}")
    page.get_by_text("4 files · 4 appearances").wait_for()
    settle(page)
    tiles = page.locator(".tiles canvas.drawn")
    assert tiles.count() == 4
    plot = page.get_by_role("group", name="Area in 4 files, from b/step0.iid")
    areas = [np.count_nonzero(disk(radius)) for radius in range(8, 12)]
    labels = [link.get_attribute("aria-label") for link in plot.get_by_role("link").all()]
    assert labels == [f"b/step{nth}.iid, {area} pixels" for nth, area in enumerate(areas)]
    together = page.get_by_role("region", name="Together with")
    together.get_by_role("link", name="rock").wait_for()
    assert together.get_by_role("listitem").first.inner_text().endswith("4 files")
    # One that it is with only through a third is linked with it by a chain.
    page.get_by_role("combobox", name="Another individual").fill("stran")
    page.get_by_role("option", name="stranger").click()
    page.locator(".steps li").nth(2).wait_for()
    assert page.locator(".steps li").all_inner_texts() == ["walker", "b/step3.iid", "stranger"]
    assert "?to=aGFuZA.c3RyYW5nZXI" in visit.url
    plot.get_by_role("link", name="b/step2.iid").click()
    page.get_by_role("img", name="b/step2.iid: 3 masks").wait_for()
    page.locator(".hit[aria-pressed=true]").get_by_text("walker").wait_for()


@pytest.mark.browser
def test_hostile_names_are_text(visit):
    page = visit.file(HOSTILE_PATH)
    assert page.title().startswith("odd/<img src=x onerror=alert(1)> %41&x=1#y?\\xff.iid")
    table = page.get_by_role("table", name="Entries")
    names = set(table.locator(".entry").evaluate_all("all => all.map(one => one.title)"))
    assert names == {
        "<script>document.title='owned'</script> · <b>0</b>",
        "hex:ff001b5b33316d · <b>1</b>",
        f"hex:{'‮gnp.exe'.encode().hex()} · <b>2</b>",
        f"{'x' * 400} · <b>3</b>",
        "(empty) · <b>4</b>",
        "فارسی · <b>5</b>",
    }
    assert page.locator("main img, main script, main b").count() == 0
    table.get_by_role("button", name="hex:ff001b5b33316d").click()
    chosen = page.get_by_role("region", name="Chosen")
    chosen.get_by_role("link", name="Everywhere").click()
    page.get_by_role("heading", name="hex:ff001b5b33316d").wait_for()
    assert visit.url == "/iid/_g._wAbWzMxbQ"
    page.get_by_text("1 file · 1 appearance").wait_for()
    page.locator(".tiles a").click()
    page.get_by_role("img", name=re.compile("6 masks")).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
def test_what_cannot_be_believed_says_so_in_its_place(visit):
    page = visit.open("/file/c/changed.iid")
    alert = page.get_by_role("alert")
    alert.get_by_text("This file is not as it was indexed").wait_for()
    assert "changed.iid" in alert.inner_text()
    page.get_by_role("button", name="Previous file").click()
    page.get_by_role("img", name="b/step3.iid: 4 masks").wait_for()
    page.go_back()
    alert.wait_for()
    page.goto(f"{visit.address}/file/not/there.iid")
    page.get_by_role("alert").get_by_text("Not found").wait_for()
    page.goto(f"{visit.address}/nowhere/else".replace("/nowhere/else", "/iid/no-iid"))
    page.get_by_text("There is no such page.").wait_for()
    assert all(re.search("409|404", text) for text in visit.complaints)
    assert visit.complaints
    visit.complaints.clear()


LUMINANCE = """(name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
    probe.remove();
    const linear = parts.map((part) => part / 255).map(
        (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}"""


@pytest.mark.browser
@pytest.mark.parametrize(
    "visit",
    [
        {"color_scheme": scheme, "viewport": {"width": width, "height": 740}, **more}
        for scheme, width, more in (
            ("light", 360, {"device_scale_factor": 2}),
            ("dark", 2560, {"reduced_motion": "reduce"}),
        )
    ],
    indirect=True,
    ids=["phone, light", "wide, dark"],
)
def test_it_can_be_read_on_every_screen(visit):
    page = visit.open("/?path=b/*")
    light = {name: page.evaluate(LUMINANCE, f"--{name}") for name in ("ground", "raised", "ink")}
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (light["ground"] < light["ink"]) == is_dark
    for front in ("ink", "soft", "accent", "bad"):
        for back in ("ground", "raised", "bad-ground" if front == "bad" else "marked"):
            ends = sorted(page.evaluate(LUMINANCE, f"--{name}") for name in (front, back))
            # Of the Web Content Accessibility Guidelines 2.2, 1.4.3.
            assert (ends[1] + 0.05) / (ends[0] + 0.05) >= 4.5, (front, back)
    for path in ("/?path=b/*", "/file/b/step1.iid?x=100&y=100", f"/iid/{WALKER}"):
        visit.open(path)
        page.locator("main canvas").first.wait_for()
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        focused = page.evaluate(
            "() => { document.querySelector('.brand').focus({focusVisible: true});"
            " return getComputedStyle(document.activeElement).outlineStyle; }"
        )
        assert focused == "solid"
    if is_dark:
        motion = "() => getComputedStyle(document.querySelector('canvas')).transitionDuration"
        assert page.evaluate(motion) == "0s"


@pytest.mark.browser
def test_what_is_heard_is_what_is_seen(visit):
    page = visit.file("a/nested.iid", "?x=50&y=40")
    page.get_by_text("In no other file").or_(page.get_by_text("In 1 other")).wait_for()
    assert page.locator("#picture").get_attribute("aria-label") == "a/nested.iid: 3 masks"
    heard = page.locator("main").aria_snapshot()
    for line in (
        '- button "Previous file"',
        '- heading "a/nested.iid" [level=1]',
        '- group "What is drawn"',
        '- button "Masks" [pressed]',
        'img "a/nested.iid: 3 masks"',
        '- region "Chosen"',
        '- heading "3 masks at row 40, column 50" [level=2]',
        '- button "small 100 pixels" [pressed]',
        '- table "Entries 3"',
        '- columnheader "Area"',
        '- link "small everywhere"',
    ):
        assert line in heard
    live = page.get_by_role("region", name="Chosen")
    assert live.get_attribute("aria-live") == "polite"
    assert page.get_by_role("columnheader", name="Area").get_attribute("aria-sort") == "descending"
