"""iidindex beside other programs at ten thousand and at a million entries: where each crosses.

``python -m benchmarks.crossing`` makes the same entries in the form of each program, asks them in
turn, and writes ``docs/peers.md``. With ``IIDINDEX_BENCH_POSTGRES``, the URL of a database that may
be written to, PostgreSQL is one of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks import memory
from benchmarks.cold import forget
from benchmarks.memory import HERE
from benchmarks.peers.coco import Coco
from benchmarks.peers.corpus import SPREAD_PER_FILE, Corpus, Questions
from benchmarks.peers.files import Original, Ours
from benchmarks.peers.other_engines import SERVER, Parquet, PostgreSQL
from benchmarks.peers.peer import Peer
from benchmarks.peers.tables import DuckDB, SQLite
from benchmarks.peers.trees import GeoPandas, RTree
from benchmarks.peers.works import ASKED, job
from benchmarks.results import machine
from benchmarks.runner import Contender, Times, agree, duration, measure, ratio

PAGE = HERE / "docs" / "peers.md"
PEERS: tuple[type[Peer], ...] = (
    *(Ours, Original, SQLite, DuckDB, Parquet, PostgreSQL, RTree, GeoPandas, Coco),
)
KINDS = ("find", "boxes_at", "boxes_in", "masks_at", "overlaps")

# What would take longer to make than so many seconds is not made.
_PATIENCE = 1500.0
# What takes longer than so many seconds is asked once.
_LONG = 5.0
_REPEATS = 7
_COLD = 3

# Opens a peer, asks its quickest question once, and says how long both took together.
_FIRST = """
import sys, tempfile, time
from pathlib import Path
import iidindex
from benchmarks.crossing import PEERS
from benchmarks.peers.corpus import Questions
from benchmarks.peers.works import job, quickest
peer = next(peer for peer in PEERS if peer.__name__ == sys.argv[1])
place = Path(sys.argv[2])
questions = Questions.load(place / "questions.json")
asked = job(quickest(peer), questions, 1)
with (  # it imports what it needs when it is asked first
    tempfile.TemporaryDirectory() as empty,
    iidindex.open(empty + "/x.db", create=True) as index,
):
    list(index.entries.where(address=b"nobody"))
begin = time.perf_counter()
if sys.argv[3] == "ask":
    found = peer(place / peer.__name__)
    asked(found)
print(time.perf_counter() - begin)
time.sleep(0.2)
"""


@dataclass
class Measured:
    """What was measured of a peer at one size.

    Attributes
    ----------
    made : float
        Seconds, or those that it would take, if it was not made.
    is_made : bool
    n_bytes, memory : int
    cold, warm : float
        Seconds to open and ask one question in a new process, with nothing of it in the page
        cache, and with all of it there.
    asked : dict
        For each kind of question, the times of iidindex and of this one.
    """

    made: float
    is_made: bool = True
    n_bytes: int = 0
    memory: int = 0
    cold: float = 0.0
    warm: float = 0.0
    asked: dict[str, tuple[Times, Times]] = field(default_factory=dict)


Found = dict[int, dict[str, Measured]]


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crossing", description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 1_000_000])
    parser.add_argument("--try", dest="is_trial", action="store_true", help="write no page")
    options = parser.parse_args()
    found: Found = {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as temporary:
            found[size] = at_size(size, Path(temporary), found)
    text = page(found)
    print(text)
    if not options.is_trial:
        PAGE.write_text(text, encoding="utf-8")


def at_size(size: int, place: Path, before: Found) -> dict[str, Measured]:
    """Make all peers of a size, and ask each beside iidindex."""
    corpus = Corpus.spread(size)
    questions = Questions.about(corpus, 0, 20)
    questions.save(place / "questions.json")
    peers = [peer for peer in PEERS if peer is not PostgreSQL or os.environ.get(SERVER)]
    found: dict[str, Measured] = {}
    for peer in peers:
        found[peer.name] = _made(peer, corpus, place, before)
        print(f"{size}: {peer.name}: made in {found[peer.name].made:.1f} s", file=sys.stderr)
    del corpus
    imported = memory.watched(["-c", _FIRST, Ours.__name__, str(place), "import"])[1]
    ours = Ours(place / Ours.__name__)
    for peer in peers:
        one = found[peer.name]
        if one.is_made:
            _opened(peer, place, one, imported)
            _asked(ours, peer, place, questions, one)
    ours.close()
    return found


def _made(peer: type[Peer], corpus: Corpus, place: Path, before: Found) -> Measured:
    for size, others in before.items():
        would = others[peer.name].made * len(corpus) / size
        if would > _PATIENCE:
            return Measured(would, is_made=False)
    where = place / peer.__name__
    where.mkdir()
    begin = time.perf_counter()
    peer.build(corpus, where)
    seconds = time.perf_counter() - begin
    n_bytes = sum(path.stat().st_size for path in where.rglob("*") if path.is_file())
    return Measured(seconds, n_bytes=n_bytes)


def _opened(peer: type[Peer], place: Path, into: Measured, imported: int) -> None:
    """Open it in new processes, first with nothing in the page cache."""
    command = ["-c", _FIRST, peer.__name__, str(place), "ask"]
    cold, warm, taken = [], [], 0
    for _ in range(_COLD):
        forget(path for path in (place / peer.__name__).rglob("*") if path.is_file())
        cold.append(float(memory.watched(command)[0]))
        text, taken = memory.watched(command)
        warm.append(float(text))
    into.cold, into.warm = sorted(cold)[_COLD // 2], sorted(warm)[_COLD // 2]
    into.memory = max(0, taken - imported)
    print(f"{peer.name}: cold {into.cold:.3f} s, {into.memory / 1e6:.0f} MB", file=sys.stderr)


def _asked(ours: Peer, peer: type[Peer], place: Path, questions: Questions, into: Measured) -> None:
    """Ask it and iidindex in turn; their answers have to be the same."""
    theirs = peer(place / peer.__name__)
    for kind in KINDS:
        if not peer.can(kind):
            continue
        asked = job(kind, questions)
        begin = time.perf_counter()
        answer = asked(theirs)
        seconds = time.perf_counter() - begin
        mine = asked(ours)
        agree(f"{kind}: {peer.name}", _plain(kind, ours, mine), _plain(kind, theirs, answer))
        if seconds > _LONG:
            begin = time.perf_counter()
            asked(ours)
            into.asked[kind] = Times((time.perf_counter() - begin,)), Times((seconds,))
        else:
            one, other = measure([_asking(asked, ours), _asking(asked, theirs)], _REPEATS)
            into.asked[kind] = one, other
    theirs.close()


def _asking(asked: Callable[[Peer], list[Any]], peer: Peer) -> Contender:
    return Contender.of(peer.name, lambda: asked(peer))


def _plain(kind: str, peer: Peer, answers: Sequence[Any]) -> list[Any]:
    if kind == "overlaps":
        return [sorted(edges) for edges in answers]
    return [sorted(peer.named(answer)) for answer in answers]


# ---------------------------------------------------------------------- the page


_HEAD = """\
# Beside other programs, small and large

Written by `python -m benchmarks.crossing`; do not edit. The same entries are kept in the form of
each program, and all are asked the same; their answers are compared. The masks are about 40 pixels
across, {per} in a file. Their frame grows with them, so that a place is as crowded at {last:,}
entries as at {first:,}: what grows is the archive, not the answers. [How fast it is](benchmarks.md)
compares more kinds of work, with masks of all sizes.

{machine}
"""

_ASKED = """\
## Questions

Each column is one job of several questions, everything open and in memory. The first row has the
time of iidindex at both sizes. The others tell how many times as long the other program took:
**below 1, the other program is faster**. A program that has no such question has no number.
"""

_CROSSING = """\
## Where they cross

"""

_MEMORY = """
Memory is that of a new process that opens everything and asks one question, without its imports; so
are the last two columns, in which *cold* means that nothing of it was in the page cache. A server's
cache and memory are not counted.
"""


def page(found: Found) -> str:
    """Write the page."""
    sizes = list(found)
    parts = [_HEAD.format(per=SPREAD_PER_FILE, first=sizes[0], last=sizes[-1], machine=machine())]
    for size in sizes:
        parts += [f"## What {size:,} entries cost\n", _costs(found[size])]
    parts += [_ASKED, _questions(found), _CROSSING + "\n".join(_crossings(found)) + "\n"]
    return "\n".join(parts)


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True) + "\n"


def _costs(found: dict[str, Measured]) -> str:
    rows = []
    for name, one in found.items():
        if not one.is_made:
            about = f"would take about {duration(one.made)}; not made"
            rows.append([name, about, *[""] * 4])
            continue
        sizes = [f"{one.n_bytes / 1e6:.0f} MB", f"{one.memory / 1e6:.0f} MB"]
        rows.append([name, duration(one.made), *sizes, duration(one.cold), duration(one.warm)])
    names = ["", "made in", "on the disk", "memory", "first question, cold", "warm"]
    return _table(rows, names) + _MEMORY


def _questions(found: Found) -> str:
    sizes = list(found)
    names = list(dict.fromkeys(name for peers in found.values() for name in peers))
    rows = []
    for name in names:
        cells = []
        for kind in KINDS:
            told = []
            for size in sizes:
                one = found[size].get(name)
                times = None if one is None else one.asked.get(kind)
                if times is None:
                    told.append("–")
                elif name == Ours.name:
                    told.append(duration(times[0].median))
                else:
                    told.append(ratio(times[1].median / times[0].median))
            cells.append("" if set(told) == {"–"} else " / ".join(told))
        rows.append([name, *cells])
    return _table(rows, ["", *(f"{ASKED[kind]}" for kind in KINDS)])


def _crossings(found: Found) -> Iterator[str]:
    """For each kind of question: who is faster at the first size, and who still is at the last."""
    first, *_, last = found
    for kind in KINDS:
        ahead: dict[int, list[str]] = {}
        for size in (first, last):
            ahead[size] = [
                name
                for name, one in found[size].items()
                if name != Ours.name
                and kind in one.asked
                and one.asked[kind][1].median < one.asked[kind][0].median
            ]
        stay = [name for name in ahead[first] if name in ahead[last]]
        left = [name for name in ahead[first] if name not in ahead[last]]
        came = [name for name in ahead[last] if name not in ahead[first]]
        told = [
            f"faster at both sizes: {', '.join(stay) or 'none'}",
            *([f"only at {first:,}: {', '.join(left)}"] if left else []),
            *([f"only at {last:,}: {', '.join(came)}"] if came else []),
        ]
        yield f"- {ASKED[kind]}: {'; '.join(told)}."


if __name__ == "__main__":
    main()
