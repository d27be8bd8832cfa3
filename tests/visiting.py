"""The viewer in a browser: an archive that is served, a page of it, and what is seen there."""

import os
import re
import subprocess
import sys
from urllib.parse import quote

import numpy as np
import pytest

import iidindex
from gallery import SIZE, write_gallery

TOKEN = "a-token"


@pytest.fixture(scope="session")
def gallery(tmp_path_factory):
    """An index of the gallery, opened, and the address at which it is served."""
    pytest.importorskip("uvicorn")
    place = tmp_path_factory.mktemp("gallery")
    changed = write_gallery(place / "gallery")
    with iidindex.open(place / "x.db", create=True) as index:
        index.ingest(place / "gallery")
        changed.write_bytes(changed.read_bytes() + b"\0")
        served = [sys.executable, "-m", "iidindex", "--db", str(place / "x.db"), "serve"]
        with subprocess.Popen(
            [*served, "--port", "0", "--token", TOKEN], stdout=subprocess.PIPE, text=True
        ) as server:
            address = server.stdout.readline().strip().partition("/?")[0]
            yield index, address
            server.terminate()


class Visit:
    """A page of the viewer, and what the browser complained of."""

    def __init__(self, page, address):
        self.page = page
        self.address = address
        self.complaints = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        # The cookie that comes of it is the page's, too.
        page.context.request.get(f"{address}/api/status?token={TOKEN}")

    def _note(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    def open(self, path):
        self.page.goto(self.address + path)
        return self.page

    def file(self, path, query=""):
        """Open a file, and wait until its picture and masks are drawn."""
        page = self.open(f"/file/{quote(os.fsencode(path))}{query}")
        page.get_by_role("img", name=re.compile(r"\d+ masks?")).wait_for()
        settle(page)
        return page

    @property
    def url(self):
        return self.page.url.removeprefix(self.address)


def settle(page):
    """Wait until nothing is asked any more, and what came has been drawn."""
    page.wait_for_load_state("networkidle")
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


@pytest.fixture
def visit(browser, gallery, request):
    how = {"viewport": {"width": 1280, "height": 800}, **getattr(request, "param", {})}
    context = browser.new_context(**how)
    context.set_default_timeout(20_000)
    visited = Visit(context.new_page(), gallery[1])
    yield visited
    complaints = visited.complaints
    context.close()
    assert complaints == [], complaints


def pixels(page, box):
    """What the canvas shows in the middle of each pixel of the frame in a box: uint8 (h, w, 4)."""
    found = page.evaluate(
        """async (box) => {
            const { viewOfBox } = await import("/static/draw/viewport.js");
            const canvas = document.getElementById("picture");
            const { clientWidth: width, clientHeight: height } = canvas;
            const view = viewOfBox(box, { width, height }, 0);
            const seen = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const [left, top] = [view.x, view.y].map((side) => Math.round(side * view.scale));
            const values = [];
            for (let row = box[0]; row < box[2]; row++) {
                for (let column = box[1]; column < box[3]; column++) {
                    const x = Math.floor((column + 0.5) * view.scale - left);
                    const y = Math.floor((row + 0.5) * view.scale - top);
                    const at = 4 * (y * canvas.width + x);
                    values.push(...seen.data.subarray(at, at + 4));
                }
            }
            return values;
        }""",
        list(box),
    )
    return np.array(found, np.uint8).reshape(box[2] - box[0], box[3] - box[1], 4)


def place_of(page, row, column, box):
    """Where a pixel of the frame lies in the window, if a box is seen."""
    canvas = page.locator("#picture").bounding_box()
    scale = min(64, canvas["width"] / (box[3] - box[1]), canvas["height"] / (box[2] - box[0]))
    x = canvas["x"] + canvas["width"] / 2 + (column + 0.5 - (box[1] + box[3]) / 2) * scale
    y = canvas["y"] + canvas["height"] / 2 + (row + 0.5 - (box[0] + box[2]) / 2) * scale
    return x, y


def frame(entries):
    found = np.zeros(SIZE, bool)
    for entry in entries:
        minr, minc, maxr, maxc = entry.bbox
        found[minr:maxr, minc:maxc] |= entry.mask()
    return found
