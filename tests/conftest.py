"""What the tests share: archives made by hand, and the place of the real ones."""

import importlib
import os
import pkgutil
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

import annotators
import build
import chromium
import iidindex
import postgres_server
from blobs import write_blobs
from databases import at, backend, database, pytest_generate_tests, schemas_of_a_test  # noqa: F401
from hostile import Reader, no_hang, read_everything
from iidindex import IIDFile, SourceError
from iidindex.cli.main import run
from iidindex.files.scan import scan
from iidindex.ingestion import pool
from object_servers import bucket, gate, moto, web  # noqa: F401  (fixtures)
from pond import SIZE, photograph, write
from visiting import gallery, visit  # noqa: F401  (fixtures)

# Machines that share their cores are slow at times; that is no fault of what is tested.
settings.register_profile(
    "iidindex",
    deadline=None,
    max_examples=50,
    database=None,
    # Who changes nothing gets the answer that was there before.
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# What no run drew before may fail here, and says how it is met again.
settings.register_profile(
    "nightly",
    settings.get_profile("iidindex"),
    max_examples=100,
    derandomize=False,
    print_blob=True,
)
settings.load_profile("iidindex")

# Hypothesis draws from the constants of whatever is loaded; what is imported late would let its
# draws depend on the tests that ran before.
for _module in pkgutil.walk_packages(iidindex.__path__, "iidindex."):
    if not _module.name.endswith("__main__"):
        importlib.import_module(_module.name)

# What pytest imports tells every process that it starts how wide the terminal is.
os.environ.pop("COLUMNS", None)

# What runs in the background of a shell ignores Ctrl-C, and so would every process started here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        postgres_server.begin_run()


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        postgres_server.end_run()


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


def write_garden(path, shift=0, extra=(), **meta):
    """A file of a disk, a rectangle that it overlaps, and an empty mask."""
    file = IIDFile()
    file.meta.data = {"day": path.stem, "camera": {"iso": 200}, **meta}
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
    # What was written just now would be waited for, by each test that takes it up.
    for path in root.rglob("*.iid"):
        written = path.stat().st_mtime_ns - 10**9
        os.utime(path, ns=(written, written))
    return root


@pytest.fixture
def index(archive, database):  # noqa: F811
    with iidindex.open(database("index"), create=True) as opened:
        opened.ingest(archive)
        yield opened


@pytest.fixture(scope="session")
def blobs(tmp_path_factory, backend):  # noqa: F811
    """An index of an archive of some thousand masks, and the slow reader's view of it."""
    place = tmp_path_factory.mktemp("blobs")
    slow = write_blobs(place / "archive")
    with iidindex.open(at(place / "x.db"), create=True) as opened:
        opened.ingest(place / "archive")
        yield opened, slow


@pytest.fixture
def schema_url():
    """The URL of an empty schema on PostgreSQL."""
    with postgres_server.schema_of_its_own() as url:
        yield url


@pytest.fixture(scope="session")
def browser():
    """One for all pages: a second one cannot be driven beside it."""
    with chromium.launched() as opened:
        yield opened


@pytest.fixture
def many(tmp_path, monkeypatch):
    """An archive of nine files, each of which is a task of its own."""
    monkeypatch.setattr(pool, "_TASK_FILES", 1)
    root = tmp_path / "many"
    for nth in range(9):
        write_garden(root / f"{nth}.iid", shift=nth)
    return root


@pytest.fixture
def new(database):  # noqa: F811
    with iidindex.open(database("new"), create=True) as opened:
        yield opened


@pytest.fixture
def pond(tmp_path, database):  # noqa: F811
    """An index of two files whose metadata name pictures, and a third that has none."""
    root = tmp_path / "pond"
    (root / "one").mkdir(parents=True)
    Image.fromarray(photograph()).save(root / "photo.png")
    meta = {"image": "../photo.png", "height": SIZE[0], "width": SIZE[1]}
    frog, lily = disk(20), np.ones((30, 50), bool)
    write(
        root / "one" / "a.iid",
        [(b"frog", b"pond", (40, 50), frog), (b"lily", b"pond", (150, 100), lily)],
        meta,
    )
    write(root / "one" / "b.iid", [(b"frog", b"pond", (60, 80), frog)], meta)
    write(root / "c.iid", [(b"frog", b"pond", (0, 0), frog), (b"frog", b"", (100, 7), lily)])
    with iidindex.open(database("x"), create=True) as opened:
        opened.ingest(root)
        yield opened


@pytest.fixture
def call(tmp_path, archive, capsys, monkeypatch, backend):  # noqa: F811
    """Call the program in a directory where an archive has been ingested."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IIDINDEX_DB", raising=False)
    if backend != "sqlite":
        monkeypatch.setenv("IIDINDEX_DB", at(tmp_path / "iidindex.db"))

    def called(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    assert called("ingest", archive)[0] == 0
    return called


@pytest.fixture
def ask(tmp_path, monkeypatch, database):  # noqa: F811
    """Write files and ask an index of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IIDINDEX_DB", str(database("iidindex")))
    opened = []

    def asked(**files):
        for name, masks in files.items():
            annotators.write(tmp_path / "archive" / f"{name.replace('__', '/')}.iid", masks)
        index = iidindex.open(database("iidindex"), create=True)
        opened.append(index)
        index.ingest(tmp_path / "archive")
        return index

    yield asked
    for index in opened:
        index.close()


@pytest.fixture
def file():
    """A disk and a square that overlap, a frame around nothing, an empty mask."""
    new = IIDFile()
    new.add(b"disk", b"round", (10, 10, 31, 31), disk(10), "a")
    new.add(b"square", b"", (20, 20, 30, 30), np.ones((10, 10), bool), ["a", "b"])
    frame = np.ones((20, 20), bool)
    frame[1:-1, 1:-1] = False
    new.add(b"frame", b"round", (40, 40, 60, 60), frame)
    new.add(b"disk", None, (0, 0, 5, 5), np.zeros((5, 5), bool), "b")
    new.meta.data = {"camera": "x"}
    return IIDFile(new.to_bytes())


@pytest.fixture
def odd():
    """Keys that are not the rows."""
    rows = [
        build.row_of(key, b"d", b"%d" % key, (key, key, key + 4, key + 4), np.ones((4, 4), bool))
        for key in (8, 3, 6)
    ]
    return IIDFile(build.odd_file(rows, groups=[("g", [8, 3]), ("h", [6])]))


@pytest.fixture
def check(tmp_path):
    """Read bytes as a file in memory and as a file to be scanned; return both lots of errors."""
    path = tmp_path / "hostile.iid"

    def read(data):
        errors = read_everything(data)
        build.write_long_ago(path, data)
        reader = Reader(str(path))
        with no_hang():
            try:
                reader.ask(scan, path)
            except SourceError as error:
                reader.errors.append(error)
        return errors, reader.errors

    return read


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
