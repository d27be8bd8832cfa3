"""The tour itself: build, ingest, ask, draw."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from iidindex.demo.archive import build
from iidindex.demo.drawn import Shown, draw_all
from iidindex.demo.poster import poster
from iidindex.demo.samples import pictures
from iidindex.errors import SourceError
from iidindex.index import Index
from iidindex.model import IID
from iidindex.plural import counted
from iidindex.query.entries import Entries
from iidindex.render.write import encode
from iidindex.storage.atomic import write_atomically
from iidindex.storage.paths import as_path


class Question(NamedTuple):
    """What a person would ask, the command that asks it, and its answer."""

    text: str
    command: str
    answer: Entries


class Tour(NamedTuple):
    """Where everything lies that the tour made."""

    archive: str
    database: str
    picture: str
    pictures: str


def places(directory: str) -> Tour:
    """Where a tour puts everything, below a directory."""
    return Tour(
        *(
            os.path.join(as_path(directory), name)
            for name in ("archive", "demo.db", "demo.png", "pictures")
        )
    )


def tour(
    directory: str,
    say: Callable[[str], object],
    ask: Callable[[Question], object],
    show: Callable[[Shown], object],
) -> Tour:
    """Build a small archive, index it, ask it three questions, draw it in several ways.

    Parameters
    ----------
    directory : str
        Where to; it is made if it is not there.
    say : callable
        Called with lines of text.
    ask : callable
        Called with each question.
    show : callable
        Called with each picture, once it is drawn.

    Returns
    -------
    Tour

    Raises
    ------
    SourceError
        If nothing can be written there.
    """
    place = places(directory)
    try:
        for made in (place.archive, place.pictures):
            os.makedirs(made, exist_ok=True)
    except OSError as error:
        raise SourceError(f"{place.archive}: cannot be made: {error.strerror}") from error
    say("Segmenting three pictures that come with scikit-image …")
    segmented = pictures()
    for picture in segmented:
        say(f"  {picture.name}: {counted(int(picture.labels.max()), 'individual')}")
    count = build(place.archive, segmented)
    say(f"Cut into overlapping tiles: {counted(count, '.iid file')} in {place.archive}")
    with Index(place.database, create=True) as index:
        report = index.ingest(place.archive)
        stats = index.stats()
        say(
            f"Indexed in {report.seconds:.1f} s: {counted(stats.entries, 'entry', 'entries')} of "
            f"{counted(stats.iids, 'individual')}, in {place.database}"
        )
        hero = _most_seen(index, b"coins")
        for question in _questions(index, place.database, hero):
            ask(question)
        for shown in draw_all(index, place.database, place.pictures, hero):
            show(shown)
        drawn = poster(index, segmented, hero)
    write_atomically(place.picture, [encode(drawn, ".png")])
    return place


def _most_seen(index: Index, domain: bytes) -> IID:
    """The individual that is in most files, and seen whole in one of them."""
    whole = {entry.iid for entry in index.entries.where(domain=domain, group="whole")}
    seen = Counter(entry.iid for entry in index.entries.where(domain=domain) if entry.iid in whole)
    return seen.most_common(1)[0][0]


def _questions(index: Index, database: str, hero: IID) -> list[Question]:
    name = hero.address.decode()
    found = index.entries.where(address=hero.address, domain=hero.domain)
    seen = found.where(group="whole").first()
    assert seen is not None
    x, y, _, _ = (round(value) for value in seen.bbox.xywh(center=True))
    program = f"iidindex --db {database}"
    return [
        Question(
            f"Where is {name}?",
            f"{program} find {name} --domain coins",
            found,
        ),
        Question(
            f"What covers the pixel in column {x}, row {y}, in any picture?",
            f"{program} at {x} {y}",
            index.entries.at(x, y),
        ),
        Question(
            "What are the five largest entries of galaxies that a tile shows whole?",
            f"{program} find --domain hubble --group whole --order-by -area --limit 5",
            index.entries.where(domain=b"hubble", group="whole").order_by("-area").limit(5),
        ),
    ]
