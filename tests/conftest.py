"""What the tests share: a small archive made by hand, and the place of the real ones."""

import os
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import iidindex
from iidindex import IIDFile

# What runs in the background of a shell ignores Ctrl-C, and so would every process started here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def real_archives():
    """Archives that nobody here made; they are not part of the project."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("the real archives are not here")
    return sorted(path for path in data.iterdir() if path.is_dir())


def disk(radius):
    return np.hypot(*np.ogrid[-radius : radius + 1, -radius : radius + 1]) <= radius


def write_garden(path, shift=0, extra=()):
    """A file of a disk, a rectangle that it overlaps, and an empty mask."""
    file = IIDFile()
    file.meta.data = {"day": path.stem, "camera": {"iso": 200}}
    file.add(b"tree", b"garden", (100, 50 + shift, 141, 91 + shift), disk(20), ["plants", "tall"])
    file.add(b"pond", b"garden", (120, 0, 180, 200), np.ones((60, 200), bool), "water")
    file.add(b"ghost", b"", (0, 0, 10, 10), np.zeros((10, 10), bool))
    for address in extra:
        file.add(address, b"extra", (5, 5, 9, 9), np.eye(4, dtype=bool))
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


@pytest.fixture
def archive(tmp_path):
    """Three files in two directories."""
    root = tmp_path / "archive"
    write_garden(root / "2020" / "a.iid")
    write_garden(root / "2020" / "b.iid", shift=15, extra=[b"\xff\x00bin", "über".encode()])
    write_garden(root / "2021" / "c.iid", shift=200)
    return root


@pytest.fixture
def index(archive, tmp_path):
    with iidindex.open(tmp_path / "index.db", create=True) as opened:
        opened.ingest(archive)
        yield opened


@pytest.fixture
def counted(request):
    """Count what a campaign has done, for the report: ``counted("kills survived")``."""
    totals = Counter()

    def count(what, number=1):
        totals[what] += number
        # Kept with the test's report, which other processes of pytest-xdist send home.
        request.node.user_properties[:] = [("counted", list(totals.items()))]

    return count


def pytest_terminal_summary(terminalreporter):
    """Tell what was counted, if `make torture` asks for it."""
    if not os.environ.get("IIDINDEX_TORTURE"):
        return
    totals = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for name, items in report.user_properties:
                    totals.update(dict(items) if name == "counted" else {})
    terminalreporter.section("what was tried")
    for what, number in sorted(totals.items()):
        terminalreporter.line(f"{number:>14,} {what}")
    failed = len(terminalreporter.stats.get("failed", []))
    verdict = "nothing was lost" if not failed else f"{failed} tests found a fault"
    terminalreporter.line(
        f"{verdict} in {float(os.environ['IIDINDEX_TORTURE']):g} minutes asked for"
    )
