"""What all peers are asked, and what each costs to build, to keep and to open."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import memory
from benchmarks.archive import FRAME
from benchmarks.peers.coco import Coco
from benchmarks.peers.corpus import Corpus, Questions
from benchmarks.peers.files import Original, Ours
from benchmarks.peers.peer import Peer
from benchmarks.peers.tables import DuckDB, SQLite
from benchmarks.peers.trees import GeoPandas, RTree
from benchmarks.runner import Contender, Contest, Scale, agree

PEERS: tuple[type[Peer], ...] = (Ours, Original, SQLite, DuckDB, RTree, GeoPandas, Coco)

# The methods of peers, and what they are called in the tables.
ASKED = {
    "find": "find all entries of 10 individuals",
    "boxes_at": "boxes that hold a pixel, 10 pixels",
    "boxes_in": "boxes that meet a box of 100 × 100, 10 boxes",
    "masks_at": "masks that hold a pixel, exactly, 5 pixels",
    "masks": "decode all masks of a file",
    "overlaps": "pairs of a file that overlap, with pixels",
}

_OPENED = """
import sys
from benchmarks.peers.works import opened
opened(sys.argv[1], sys.argv[2])
"""


@dataclass(frozen=True)
class Cost:
    """What a peer costs before the first question.

    Attributes
    ----------
    seconds : float
        To store all entries, which lie in memory as masks.
    disk : int
        Bytes of all that it keeps, masks and all.
    memory : int
        Bytes that a process takes which opens it and asks one question of each kind, above those
        of one that only imports the same.
    """

    name: str
    shape: str
    seconds: float
    disk: int
    memory: int


@dataclass
class Costs:
    """Costs of all peers, filled in when they are built."""

    entries: int = 0
    files: int = 0
    listed: list[Cost] = field(default_factory=list)


COSTS = Costs()


def works(directory: Path, scale: Scale, kinds: Sequence[str] = tuple(ASKED)) -> Sequence[Contest]:
    """Build all peers; then opening, and each kind of question."""
    n_files = scale.of(200, 20)
    corpus = Corpus.made(n_files)
    questions = Questions.about(corpus, scale.of(3, 1), scale.of(20, 4))
    questions.save(directory / "questions.json")
    COSTS.entries, COSTS.files, COSTS.listed = len(corpus), n_files, []
    taken = _nothing if scale.tiny else _taken
    imported = taken(Ours, "")
    for peer in PEERS:
        seconds, disk = _built(peer, corpus, _place(directory, peer))
        opened = max(0, taken(peer, str(directory)) - imported)
        COSTS.listed.append(Cost(peer.name, peer.shape, seconds, disk, opened))
    peers = [peer(_place(directory, peer)) for peer in PEERS]
    found = [_asking(kind, peers, corpus, questions, scale) for kind in kinds]
    return [_opening(directory, questions, scale), *found]


def quick(directory: Path, scale: Scale, rivals: tuple[str, ...]) -> Sequence[Contest]:
    """Ask only the peers whose names begin so, which are the quickest to build."""
    corpus = Corpus.made(scale.of(20, 10))
    questions = Questions.about(corpus, 2, 4)
    able = [peer for peer in PEERS if peer is Ours or peer.name.startswith(rivals)]
    for peer in able:
        _built(peer, corpus, _place(directory, peer))
    peers = [peer(_place(directory, peer)) for peer in able]
    return [_asking(kind, peers, corpus, questions, scale) for kind in ASKED]


def _place(directory: Path, peer: type[Peer]) -> Path:
    return directory / peer.__name__


def _built(peer: type[Peer], corpus: Corpus, place: Path) -> tuple[float, int]:
    place.mkdir()
    begin = time.perf_counter()
    peer.build(corpus, place)
    seconds = time.perf_counter() - begin
    return seconds, sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def _taken(peer: type[Peer], directory: str) -> int:
    """Memory of a process that opens a peer and asks it; of the imports, if there is none."""
    return memory.watched(["-c", _OPENED, peer.__name__, directory])[1]


def _nothing(*_: object) -> int:
    return 0


def opened(name: str, directory: str) -> None:
    """Open a peer and ask it once of each kind, then stay for a moment, to be looked at."""
    peer = next(peer for peer in PEERS if peer.__name__ == name)
    if directory:
        questions = Questions.load(Path(directory) / "questions.json")
        open_peer = peer(Path(directory) / name)
        for kind in ASKED:
            if peer.can(kind):
                job(kind, questions, 1)(open_peer)
    time.sleep(0.2)


# ---------------------------------------------------------------------- contests


def _opening(directory: Path, questions: Questions, scale: Scale) -> Contest:
    """Open, and ask the question that is quickest for it; a box, if IIDs are not for it."""

    def opened_and_asked(peer: type[Peer]) -> object:
        found = peer(_place(directory, peer))
        answer = job(quickest(peer), questions, 1)(found)
        # Closing is no part of it, but files must not stay open.
        found.close()
        return answer

    def check() -> None:
        for peer in PEERS:
            kind = quickest(peer)
            answers = []
            for asked in (Ours, peer):
                found = asked(_place(directory, asked))
                (answer,) = job(kind, questions, 1)(found)
                answers.append(sorted(found.named(answer)))
                found.close()
            agree(f"opened and asked: {peer.name}", *answers)
            agree(f"opened and asked: {peer.name}: anything at all", bool(answers[0]), True)

    ours, *theirs = (Contender.of(peer.name, partial(opened_and_asked, peer)) for peer in PEERS)
    return Contest(
        name="open all, ask one question",
        ours=ours,
        theirs=theirs,
        repeats=scale.of(5, 3),
        check=check,
    )


def quickest(peer: type[Peer]) -> str:
    """The kind of question that is quickest for a peer."""
    return "find" if peer.can("find") else "boxes_at"


def _asking(
    kind: str, peers: Sequence[Peer], corpus: Corpus, questions: Questions, scale: Scale
) -> Contest:
    able = [peer for peer in peers if peer.can(kind)]
    asked = job(kind, questions)

    def check() -> None:
        plain = [_plain(kind, peer, asked, corpus, questions) for peer in able]
        for peer, answer in zip(able[1:], plain[1:], strict=True):
            agree(f"{kind}: {peer.name}", plain[0], answer)
        agree(f"{kind}: anything at all", any(plain[0]), True)

    ours, *theirs = (Contender.of(peer.name, partial(asked, peer)) for peer in able)
    return Contest(
        name=_named(kind, questions),
        ours=ours,
        theirs=theirs,
        repeats=scale.of(7, 5) if kind not in ("masks", "masks_at") else scale.of(5, 3),
        check=check,
    )


def _named(kind: str, questions: Questions) -> str:
    files = {"masks": questions.decoded, "overlaps": questions.overlapped}.get(kind)
    return ASKED[kind] if files is None else f"{ASKED[kind]}, {len(files)} files"


def job(kind: str, questions: Questions, at_most: int | None = None) -> Callable[[Peer], list[Any]]:
    """All questions of a kind, as one job."""
    arguments: dict[str, list[tuple[Any, ...]]] = {
        "find": [(address,) for address in questions.addresses],
        "boxes_at": [tuple(pixel) for pixel in questions.pixels],
        "boxes_in": [(box,) for box in questions.boxes],
        "masks_at": [tuple(pixel) for pixel in questions.pixels[:5]],
        "masks": [(file,) for file in questions.decoded],
        "overlaps": [(file,) for file in questions.overlapped],
    }
    asked = arguments[kind][:at_most]
    if kind == "masks":
        return lambda peer: [_exhausted(peer.masks(*values)) for values in asked]
    return lambda peer: [getattr(peer, kind)(*values) for values in asked]


def _exhausted(masks: Iterable[tuple[int, Any]]) -> int:
    """Look at all masks, one at a time, as whoever makes something of them would."""
    return sum(1 for _ in masks)


# ---------------------------------------------------------------------- answers made alike


def _plain(
    kind: str,
    peer: Peer,
    asked: Callable[[Peer], list[Any]],
    corpus: Corpus,
    questions: Questions,
) -> list[Any]:
    if kind == "masks":
        return [_cropped(corpus, file, peer.masks(file)) for file in questions.decoded]
    if kind == "overlaps":
        return [sorted(edges) for edges in asked(peer)]
    return [sorted(peer.named(answer)) for answer in asked(peer)]


def _cropped(corpus: Corpus, file: str, masks: Iterable[tuple[int, Any]]) -> list[tuple[int, str]]:
    """Cut masks of a whole frame to their boxes; whatever they have outside is an error."""
    found = []
    for key, mask in masks:
        minr, minc, maxr, maxc = corpus.files[file][key].bbox
        whole = np.asarray(mask).astype(bool)
        cut = whole[minr:maxr, minc:maxc] if whole.shape == (FRAME, FRAME) else whole
        agree(f"{file}, {key}: pixels outside the box", int(whole.sum()), int(cut.sum()))
        found.append((key, f"{cut.shape} {np.packbits(cut).tobytes().hex()}"))
    return sorted(found)
