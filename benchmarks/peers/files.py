"""The two that read ``.iid`` files: iidindex, and the original library."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import iidindex
from benchmarks import original
from benchmarks.peers.corpus import DOMAIN, Corpus
from benchmarks.peers.peer import Edge, Named, Peer
from iidindex.model import BBox


class Ours(Peer):
    """An index beside the files."""

    name = "iidindex"
    shape = "`.iid` files, and a database beside them; masks are read from the files"

    @classmethod
    def build(cls, corpus: Corpus, place: Path) -> None:
        """Write the files, then ingest them."""
        corpus.write(place / "archive")
        with iidindex.open(place / "index.db", create=True) as index:
            index.ingest(place / "archive")

    def __init__(self, place: Path) -> None:
        """Open the database."""
        self._index = iidindex.open(place / "index.db")
        self._entries = self._index.entries

    def close(self) -> None:
        """Close the database."""
        self._index.close()

    def named(self, answer: Any) -> Iterable[Named]:
        """Tell the file and key of each entry."""
        return [(Path(entry.path).name, entry.key) for entry in answer]

    def find(self, address: bytes) -> Any:
        """By IID."""
        return list(self._entries.where(address=address, domain=DOMAIN))

    def boxes_at(self, x: int, y: int) -> Any:
        """By the R-tree."""
        return list(self._entries.at(x, y, exact=False))

    def boxes_in(self, box: BBox) -> Any:
        """By the R-tree."""
        return list(self._entries.region(box, exact=False))

    def masks_at(self, x: int, y: int) -> Any:
        """By the R-tree, then from the files."""
        return list(self._entries.at(x, y))

    def masks(self, file: str) -> Iterator[tuple[int, Any]]:
        """From the file."""
        for entry, mask in self._entries.where(path=file).masks():
            yield entry.key, mask

    def overlaps(self, file: str) -> Sequence[Edge]:
        """From the file; nothing is stored."""
        pairs = self._index.overlaps(file)
        return [(pair.a.key, pair.b.key, pair.pixels) for pair in pairs]


class Original(Peer):
    """Every file open at once, as quick as that library can be."""

    name = original.NAME
    shape = "`.iid` files, all open at once; every question goes to each"

    @classmethod
    def build(cls, corpus: Corpus, place: Path) -> None:
        """Write the files."""
        corpus.write(place / "archive")

    def __init__(self, place: Path) -> None:
        """Open all files; each takes two descriptors."""
        paths = sorted((place / "archive").iterdir())
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * len(paths) + 256
        if soft != resource.RLIM_INFINITY and soft < wanted:
            limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        self._files = {path.name: original.IIDFile(str(path)) for path in paths}

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            original.close(file)

    def named(self, answer: Any) -> Iterable[Named]:
        """Tell the file and key of each entry."""
        return [(name, entry.key) for name, entry in answer]

    def find(self, address: bytes) -> Any:
        """In each file."""
        return [
            (name, entry)
            for name, file in self._files.items()
            for entry in file.look_for([address], domains=[DOMAIN], segs=True)
        ]

    def masks_at(self, x: int, y: int) -> Any:
        """In each file."""
        return [(name, entry) for name, file in self._files.items() for entry in file.at(x, y)]

    def masks(self, file: str) -> Iterator[tuple[int, Any]]:
        """One by one."""
        for entry in self._files[file].fetch(everything=True):
            yield entry.key, entry.seg.mask()

    def overlaps(self, file: str) -> Sequence[Edge]:
        """Every pair."""
        edges = self._files[file].overlap_graph()[1]
        return [(min(a.key, b.key), max(a.key, b.key), pixels) for a, b, pixels in edges]
