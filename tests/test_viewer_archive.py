"""The viewer, and an archive and addresses of strangers: names that mean something to programs."""

import json
import os
import re
import subprocess
import sys
from base64 import urlsafe_b64encode
from urllib.parse import quote

import pytest
from PIL import Image

import iidindex
from gallery import disk, save
from pond import photograph
from visiting import TOKEN, Visit, settle

pytestmark = pytest.mark.browser

NAMES = [
    b"__proto__",
    b"constructor",
    b"prototype",
    b"toString",
    b"hasOwnProperty",
    b"__defineGetter__",
    b"then",
    b"javascript:alert(1)",
    b"data:text/html,<script>alert(1)</script>",
    b"');alert(1)//",
    b"}body{display:none}/*",
    b"url(javascript:alert(1))",
    b"</style><script>alert(1)</script>",
    b"${alert(1)}",
    b"{{constructor.constructor('alert(1)')()}}",
    b"a\0b",
    b"\0",
    b"\r\nSet-Cookie: a=b",
    b"\xed\xa0\x80",
    "\u202e\u2066drow\u2069".encode(),
    "a\u200bb\u2060c\ufeff".encode(),
    "\u0301\u0302\u0303".encode() * 40,
    b"9" * 300,
    b"1e999",
    b"-0",
    b"null",
    b"undefined",
    b"true",
    b"..",
    b"%2e%2e%2f",
    b"iid:a.b",
    b"hex:zz",
]
# Groups are text.
GROUPS = [name.decode("utf-8", "replace") for name in NAMES]
WIDTHS = (360, 1280)


def individual(domain, address):
    parts = (urlsafe_b64encode(part).rstrip(b"=").decode() for part in (domain, address))
    return f"/iid/{'.'.join(parts)}"


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Where an archive is served in which everything has such names, beside four plain files."""
    pytest.importorskip("uvicorn")
    place = tmp_path_factory.mktemp("strangers")
    root = place / "__proto__"
    root.mkdir()
    Image.fromarray(photograph(120, 160)).save(root / "photo.png")
    framed = {"height": 400, "width": 400, "__proto__": {"polluted": 1}, "constructor": "x"}
    odd = [
        (name, NAMES[-nth - 1], 12 * nth, 12 * (nth % 5), disk(4), [GROUPS[nth]])
        for nth, name in enumerate(NAMES)
    ]
    save(root / "constructor" / "__proto__.iid", odd, **framed)
    save(root / "javascript:alert(1)" / "a\u202eb\u200b\nc.iid", odd, **framed)
    plain = {"image": "../photo.png", "height": 120, "width": 160}
    for nth in range(4):
        moved = [
            (b"walker", b"hand", 30 + 10 * nth, 20 + 25 * nth, disk(8 + nth), ["whole"]),
            (b"rock", b"model", 90, 120, disk(5), [] if nth % 2 else ["whole"]),
        ]
        there = moved[1:] if nth == 1 else moved
        save(root / "plain" / f"{nth}.iid", there, minutes=10 * nth, **plain)
    save(root / "plain" / "bare.iid", [(b"rock", b"model", 9, 9, disk(5), [])], height=40, width=40)
    with iidindex.open(place / "x.db", create=True) as index:
        index.ingest(root)
    served = [sys.executable, "-m", "iidindex", "--db", str(place / "x.db"), "serve"]
    with subprocess.Popen(
        [*served, "--port", "0", "--token", TOKEN], stdout=subprocess.PIPE, text=True
    ) as server:
        yield server.stdout.readline().strip().partition("/?")[0]
        server.terminate()


@pytest.fixture
def visit(browser, strangers, request):
    how = {"viewport": {"width": 1280, "height": 800}, **getattr(request, "param", {})}
    context = browser.new_context(**how)
    context.set_default_timeout(20_000)
    visited = Visit(context.new_page(), strangers)
    yield visited
    complaints = visited.complaints
    context.close()
    assert complaints == []


HARM = """() => ({
    polluted: ({}).polluted ?? [].polluted ?? null,
    links: [...document.querySelectorAll("[href], [src]")]
        .map((one) => one.getAttribute("href") ?? one.getAttribute("src"))
        .filter((one) => one !== "#main" && !/^(\\/|blob:)/.test(one) || one.startsWith("//")),
    handlers: [...document.querySelectorAll("main *")]
        .flatMap((one) => one.getAttributeNames()).filter((name) => /^on/.test(name)),
    elements: [...new Set([...document.querySelectorAll("main *")].map((one) => one.localName))]
        .filter((name) => /^(script|style|iframe|object|embed|base|meta|link)$/.test(name)),
    styles: [...document.querySelectorAll("main [style]")].map((one) => one.getAttribute("style"))
        .filter((one) => /url|expression|import|javascript/i.test(one)),
    hidden: getComputedStyle(document.body).display === "none",
})"""
HARMLESS = {
    "polluted": None,
    "links": [],
    "handlers": [],
    "elements": [],
    "styles": [],
    "hidden": False,
}


def test_names_that_mean_something_to_programs(visit, counted):
    for path in ("constructor/__proto__.iid", "javascript:alert(1)/a\u202eb\u200b\nc.iid"):
        page = visit.file(path)
        titles = page.locator(".entry").evaluate_all("all => all.map(one => one.title)")
        assert len(titles) > 5
        assert not any(re.search(r"[\0\u202e\u200b\u2066\n]", title) for title in titles)
        assert page.evaluate(HARM) == HARMLESS
        assert "\u202e" not in page.title()
        page.locator(".entry").first.click()
        page.get_by_role("region", name="Chosen").locator(".hit").first.wait_for()
        settle(page)
        assert page.evaluate(HARM) == HARMLESS
    for nth, name in enumerate(NAMES):
        page = visit.open(individual(NAMES[-nth - 1], name))
        page.get_by_text("2 files · 2 appearances").wait_for()
        assert page.evaluate(HARM) == HARMLESS
    counted("hostile names shown by the viewer, as text", 2 * len(NAMES))


def test_filters_of_such_names(visit):
    for name in ("__proto__", "constructor", "javascript:alert(1)"):
        for kind in ("group", "domain", "address", "prefix"):
            page = visit.open(f"/?{kind}={quote(name)}")
            page.get_by_role("list", name="2 files").wait_for()
            assert page.get_by_role("button", name=f"Without {kind} {name}").count() == 1
    page = visit.open("/?meta=__proto__.polluted%3D1")
    page.get_by_role("list", name="2 files").wait_for()
    assert page.evaluate(HARM) == HARMLESS
    page = visit.open("/?__proto__=1&constructor=2&path=plain/*")
    page.get_by_role("list", name="5 files").wait_for()
    settle(page)
    assert page.evaluate(HARM) == HARMLESS


ADDRESSES = [
    "/file/plain/0.iid?x=1e999&y=-1e999",
    "/file/plain/0.iid?x=999999999999999&y=-999999999999999",
    "/file/plain/0.iid?x=9999999999999999999999&y=0x10",
    "/file/plain/0.iid?x=__proto__&y=constructor",
    "/file/plain/0.iid?box=-999999999999999,-999999999999999,999999999999999,999999999999999",
    "/file/plain/0.iid?box=0,0,999999999999999,1",
    "/file/plain/0.iid?box=999999999999990,999999999999990,999999999999999,999999999999999",
    "/file/plain/0.iid?box=5,5,1,1",
    "/file/plain/0.iid?box=NaN,0,Infinity,9",
    "/file/plain/0.iid?iid=__proto__",
    "/file/plain/0.iid?iid=constructor.constructor",
    "/file/plain/0.iid?iid=..",
    "/file/plain/0.iid?hide=__proto__.constructor&agree=__proto__.constructor",
    "/file/plain/0.iid?agree=aGFuZA.bW9kZWw&agree=.&heat=1&heat=0",
    "/file/plain/0.iid?x=1&x=2&y=3&y=4",
    "/file/plain/0.iid?%00=%00&%ff=%ff&%=%&=&&&",
    "/file/plain/0.iid?root=__proto__",
    f"/file/plain/0.iid?x=30&y=40&{'a' * 4000}",
    "/iid/__proto__.__proto__",
    "/iid/.",
    "/iid/a.a?to=__proto__.__proto__&order=path",
    "/iid/aGFuZA.d2Fsa2Vy?to=javascript:alert(1)",
    "/iid/aGFuZA.d2Fsa2Vy?order=meta.__proto__",
    "/iid/aGFuZA.d2Fsa2Vy?order=meta.constructor.constructor",
    "/?path=%00",
    "/?path=%ff*",
    "/?domain=%ed%a0%80",
    "/?path=%3Cscript%3Ealert(1)%3C/script%3E",
    "/?heat=1&path=nothing",
    "/#javascript:alert(1)",
]


@pytest.mark.parametrize("address", ADDRESSES, ids=[text[:60] for text in ADDRESSES])
def test_wrong_addresses_show_something(visit, address, counted):
    page = visit.open(address)
    page.locator("main > *").first.wait_for()
    settle(page)
    assert page.locator("main").inner_text().strip() or page.locator("main canvas").count()
    assert page.evaluate(HARM) == HARMLESS
    # What is refused is written down by the browser; nothing else is.
    visit.complaints[:] = [
        text for text in visit.complaints if not re.search(r"status of (400|404)", text)
    ]
    counted("hostile addresses opened in the viewer", 1)


def test_an_order_that_is_wrong_is_said_and_left(visit):
    page = visit.open("/iid/aGFuZA.d2Fsa2Vy?order=nonsense")
    page.get_by_role("alert").first.get_by_text("order_by").wait_for()
    visit.complaints.clear()
    page.get_by_role("link", name="In the order of paths").click()
    page.get_by_role("heading", name="Appearances").wait_for()
    settle(page)


def test_filtered_files_show_what_fits_and_ask_for_pictures_that_are_there(visit):
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    page = visit.open("/?path=plain/*&domain=model")
    page.get_by_role("link", name="plain/0.iid, 1 of 2 entries").wait_for()
    page.get_by_role("link", name="plain/bare.iid, 1 of 1 entry").wait_for()
    settle(page)
    assert not any("/api/entries" in url for url in asked)
    assert sum("/api/files" in url for url in asked) == 1
    assert not any("picture.png" in url and "bare" in url for url in asked)
    assert any("picture.png" in url and "0.iid" in url for url in asked)
    visit.file("plain/bare.iid")


def test_where_all_masks_lie(visit):
    page = visit.open("/?path=plain/*")
    page.get_by_role("list", name="5 files").wait_for()
    page.keyboard.press("h")
    image = page.get_by_role("img", name=re.compile("masks hold each pixel"))
    image.wait_for()
    assert visit.url == "/?path=plain/*&heat=1"
    page.wait_for_function("() => document.querySelector('main img').naturalWidth > 100")
    page.reload()
    image.wait_for()
    page.get_by_role("button", name="Heat of all", pressed=True).click()
    page.get_by_role("list", name="5 files").wait_for()
    page.go_back()
    image.wait_for()
    page.get_by_role("button", name="Without path plain/*").click()
    page.get_by_text("Over all files, in rows").wait_for()
    image.wait_for()
    settle(page)


def test_a_track_is_asked_for_and_not_all_entries(visit):
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url))
    page = visit.open("/iid/aGFuZA.d2Fsa2Vy")
    page.get_by_text("missing in 1 file between").wait_for()
    page.get_by_text("3 files · 3 appearances").wait_for()
    settle(page)
    told = page.get_by_role("group", name=re.compile("Area in 3 files"))
    assert told.get_by_role("link").count() == 3
    assert any("/api/tracks" in url for url in asked)
    page.get_by_label("in the order of").fill("meta.minutes")
    page.get_by_label("in the order of").press("Enter")
    page.wait_for_url("**order=meta.minutes")
    told.wait_for()
    settle(page)


@pytest.mark.parametrize(
    "visit",
    [
        {"color_scheme": scheme, "viewport": {"width": width, "height": 740}}
        for scheme in ("light", "dark")
        for width in WIDTHS
    ],
    indirect=True,
    ids=[f"{scheme} {width}" for scheme in ("light", "dark") for width in WIDTHS],
)
def test_axe_has_nothing_to_say(visit):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for address in (
        "/?path=plain/*",
        "/?path=plain/*&heat=1",
        "/file/plain/2.iid?x=78&y=58",
        "/iid/aGFuZA.d2Fsa2Vy?to=bW9kZWw.cm9jaw",
    ):
        page = visit.open(address)
        page.locator("main canvas, main img").first.wait_for()
        settle(page)
        found = axe.run(page).response["violations"]
        told = [
            (one["id"], one["help"], [node["html"][:200] for node in one["nodes"]]) for one in found
        ]
        assert told == [], (address, json.dumps(told, indent=1))


def test_the_address_is_not_kept_from_the_system(strangers):
    assert os.fsencode(strangers).startswith(b"http://127.0.0.1:")
