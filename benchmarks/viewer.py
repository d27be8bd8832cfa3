"""The viewer as people wait for it: a click, and a file that is opened in a real browser."""

from __future__ import annotations

import atexit
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import iidindex
from benchmarks.runner import Contender, Disagreement, Promise, Scale, Work
from benchmarks.tracks import PER_FILE, film

CHROMIUM = Path("/usr/bin/chromium")
_TOKEN = "benchmark"
_HEADERS = {"Authorization": f"token {_TOKEN}"}
_CLICK, _PAINT = 0.1, 1.0


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """What a click asks, at a million entries; and the first paint, where there is a browser."""
    found = [_click(directory / "click", scale)]
    if _has_browser():
        found.append(_paint(directory / "paint", scale))
    return found


class _Server:
    """An index that is served, once somebody asks."""

    def __init__(self, db: Path) -> None:
        self._db = db

    @cached_property
    def port(self) -> int:
        """Where it listens."""
        command = [sys.executable, "-m", "iidindex", "--db", str(self._db), "serve"]
        server = subprocess.Popen(
            [*command, "--port", "0", "--token", _TOKEN], stdout=subprocess.PIPE, text=True
        )
        atexit.register(server.terminate)
        assert server.stdout is not None
        return int(server.stdout.readline().split(":")[2].partition("/")[0])

    @cached_property
    def connection(self) -> HTTPConnection:
        """One that stays open, as a browser's does."""
        return HTTPConnection("127.0.0.1", self.port)

    def asked(self, path: str) -> bytes:
        """What is answered."""
        self.connection.request("GET", path, headers=_HEADERS)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise Disagreement(f"{path}: {answer.status} {content[:200]!r}")
        return content


def _indexed(place: Path, n_files: int, per_file: int) -> Path:
    film(place / "archive", n_files, max(n_files, per_file), per_file)
    with iidindex.open(place / "index.db", create=True) as index:
        index.ingest(place / "archive")
    return place / "index.db"


def _click(directory: Path, scale: Scale) -> Work:
    db = _indexed(directory, scale.of(10_000, 500), PER_FILE)
    with iidindex.open(db) as index:
        entry = index.entries.first()
    assert entry is not None
    row, col = (entry.bbox.minr + entry.bbox.maxr) // 2, (entry.bbox.minc + entry.bbox.maxc) // 2
    server = _Server(db)

    def ours() -> tuple[bytes, bytes]:
        at = server.asked(f"/api/at?path={quote(entry.path)}&x={col}&y={row}&limit=1000")
        links = f"/api/links?address={quote(entry.iid.address)}&domain=film&limit=1000"
        return at, server.asked(links)

    def check() -> None:
        at, links = ours()
        if f'"key": {entry.key}'.encode() not in at or entry.path.encode() not in links:
            raise Disagreement("a click does not find what it is on")

    return _within("a click: at and links over HTTP", ours, _CLICK, scale.of(21, 5), check)


def _paint(directory: Path, scale: Scale) -> Work:
    n_masks = scale.of(1000, 1000)
    db = _indexed(directory, 1, n_masks)
    server = _Server(db)
    browser = _Browser(server)

    def ours() -> None:
        browser.open("/file/000/000000.iid", f"000/000000.iid: {n_masks:,} mask")

    return _within(
        f"first paint of a file of {n_masks:,} masks, in Chromium",
        ours,
        _PAINT,
        scale.of(9, 3),
        ours,
    )


class _Browser:
    """A page of a browser, once somebody opens something."""

    def __init__(self, server: _Server) -> None:
        self._server = server

    @cached_property
    def page(self) -> Any:
        """The page; its cookie is there already."""
        from playwright.sync_api import sync_playwright

        driver = sync_playwright().start()
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        atexit.register(driver.stop)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"http://127.0.0.1:{self._server.port}/?token={_TOKEN}")
        return page

    def open(self, path: str, label: str) -> None:
        """Load a page anew, until what has this label is drawn."""
        self.page.goto(f"http://127.0.0.1:{self._server.port}{path}")
        self.page.wait_for_function(
            "label => document.querySelector(`#picture[aria-label^='${label}']`)", arg=label
        )
        frames = "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
        self.page.evaluate(frames)


def _within(
    name: str, job: Callable[[], object], seconds: float, repeats: int, check: Callable[[], object]
) -> Work:
    """Work that is to be done within some time, by the clock."""
    return Work(
        name=name,
        ours=[Contender.of("iidindex serve", job)],
        theirs=Contender.of(f"{1000 * seconds:g} ms by the clock", lambda: time.sleep(seconds)),
        promise=Promise.slower(1),
        repeats=repeats,
        reason="The server, and a browser, share the cores with whatever else runs there.",
        check=lambda: _called(check),
    )


def _called(check: Callable[[], object]) -> None:
    check()


def _has_browser() -> bool:
    try:
        import playwright  # noqa: F401
    except ImportError:
        return False
    return CHROMIUM.exists()
