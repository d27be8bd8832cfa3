"""Originals in an object store: ``python -m benchmarks.objects [--files N]``.

The same archive is ingested and asked from a disk and from an S3 server on this machine (moto, of
the test extra, which takes some ten milliseconds to answer). Requests and bytes are counted where
they are made. A real store answers later, and many at once: what counts is how many rounds a work
takes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from tabulate import tabulate

import iidindex
from benchmarks import archive
from iidindex.storage import object_ranges, object_stores
from iidindex.storage.places import storage_at

_BUCKET = "archive"
# A file of which some parts are read.
_LARGE, _LARGE_SIZE = "large.bin", 8 << 20
_SERVER = (
    "import sys; from moto.server import ThreadedMotoServer as S; "
    "s = S('127.0.0.1', int(sys.argv[1]), verbose=False); s.start(); sys.stdin.read()"
)


class _Counted:
    """Requests for bytes, and bytes that came."""

    def __init__(self) -> None:
        self.requests = self.size = 0
        self._get = object_stores.get
        object_stores.get = self  # type: ignore[assignment]

    def __call__(self, *arguments: object) -> object_stores.Got:
        got = self._get(*arguments)  # type: ignore[arg-type]
        self.requests += 1
        self.size += len(got.content)
        return got

    def taken(self) -> tuple[int, int]:
        """Both since the last call."""
        found = self.requests, self.size
        self.requests = self.size = 0
        return found


@contextmanager
def _server() -> Iterator[str]:
    """An S3 server in another process; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-c", _SERVER, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet) as process:
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _filled(url: str, directory: Path) -> None:
    import obstore
    from obstore.store import S3Store

    urllib.request.urlopen(urllib.request.Request(f"{url}/{_BUCKET}", method="PUT")).close()
    store = S3Store(_BUCKET, client_options={"allow_http": True})
    for path in directory.rglob("*.iid"):
        obstore.put(store, f"masks/{path.relative_to(directory)}", path.read_bytes())
    content = os.urandom(_LARGE_SIZE)
    obstore.put(store, _LARGE, content)
    (directory.parent / _LARGE).write_bytes(content)


@click.command()
@click.option("--files", default=400, show_default=True)
@click.option("--entries", default=250, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(files: int, entries: int, rounds: int) -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as temporary, _server() as url:
        place = Path(temporary)
        archive.write_files(place / "archive", files, entries, sizes=(archive.SMALL,))
        for path in (place / "archive").rglob("*.iid"):
            os.utime(path, (1e9, 1e9))
        os.environ |= {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_REGION": "us-east-1",
        }
        _filled(url, place / "archive")
        rows = _measured(place, rounds)
    print(f"\n{files} files of {entries} entries; milliseconds, the least of {rounds}\n")
    headers = ("work", "disk", "store", "requests", "KiB")
    print(tabulate(rows, headers, floatfmt=(".1f", ".1f", ".1f", ".0f", ".0f")))


def _measured(place: Path, rounds: int) -> list[tuple[object, ...]]:
    counted = _Counted()
    least: dict[str, list[float]] = {}
    asked: dict[str, tuple[int, int]] = {}
    for nth in range(rounds):
        for which, root in enumerate((str(place / "archive"), f"s3://{_BUCKET}/masks")):
            with iidindex.open(place / f"{nth}{which}.db", create=True) as index:
                for name, work in _works(index, root).items():
                    counted.taken()
                    begin = time.perf_counter()
                    work()
                    spent = 1000 * (time.perf_counter() - begin)
                    both = least.setdefault(name, [float("inf")] * 2)
                    both[which] = min(both[which], spent)
                    asked[name] = counted.taken()
    return [(name, *both, asked[name][0], asked[name][1] / 1024) for name, both in least.items()]


def _works(index: iidindex.Index, root: str) -> dict[str, Callable[[], object]]:
    def masks(number: int) -> None:
        for _ in index.entries.limit(number).masks():
            pass

    def one_by_one(number: int) -> None:
        for entry in index.entries.limit(number):
            entry.mask()

    storage = storage_at(root)
    large = storage.join(os.path.dirname(root), _LARGE)
    reader, stamp = storage.ranges(), storage.stamp(large)
    ranges = [(nth * (_LARGE_SIZE // 1000), 1024) for nth in range(1000)]

    def apart() -> None:
        kept = object_ranges._GAP, object_ranges._LONGEST_GAP
        object_ranges._GAP = object_ranges._LONGEST_GAP = -1
        try:
            reader.read(large, stamp, ranges)
        finally:
            object_ranges._GAP, object_ranges._LONGEST_GAP = kept

    def singly() -> None:
        for one in ranges:
            reader.read(large, stamp, [one])

    return {
        "ingest": lambda: index.ingest(root, jobs=1),
        "ingest, nothing has changed": lambda: index.ingest(root, jobs=1),
        "ingest --fixity": lambda: index.ingest(root, jobs=1, fixity=True),
        "verify": index.verify,
        "at: a pixel": lambda: index.entries.at(500, 500).count(),
        "1,000 masks of small files": lambda: masks(1000),
        "100 masks, each asked for alone": lambda: one_by_one(100),
        "1,000 ranges of 8 MiB, together": lambda: reader.read(large, stamp, ranges),
        "1,000 ranges of 8 MiB, 32 at once": apart,
        "1,000 ranges of 8 MiB, one after the other": singly,
    }


if __name__ == "__main__":
    main()
