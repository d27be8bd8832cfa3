"""The browser in which pages are tried: a Chromium that lies where one usually does."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

PLACES = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-gpu",
]


@contextmanager
def launched():
    """The browser, running; the test is skipped with a word where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _unavailable("there is no playwright")
    found = [path for path in PLACES if Path(path).exists()]
    if not found:
        _unavailable("there is no Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found[0], args=ARGUMENTS)
        yield browser
        browser.close()


def _unavailable(why):
    if os.environ.get("IIDINDEX_BROWSER") == "required":
        pytest.fail(f"no page can be tried: {why}")
    pytest.skip(f"no page is tried: {why}")
