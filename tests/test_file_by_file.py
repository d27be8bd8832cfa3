"""Columns of hits that are read file by file, compared with the hits themselves."""

from dataclasses import replace

import numpy as np
import pytest

import iidindex
from databases import at
from iidindex import IIDFile
from iidindex.query.question import asking
from iidindex.query.question.compile import Way

ON_BOTH = True

FILES = {"d/1.iid": 3, "d/2.iid": 1, "d/3.iid": 0, "e/4.iid": 7, "e/5.iid": 2}
COLUMNS = ("file_id", "iid_id", "id", "box", "area")


def save(path, number):
    file = IIDFile()
    for nth in range(number):
        height = 1 + nth % 3
        corner = (0xFFFF - height, 2 * nth) if nth == 5 else (nth, 2 * nth)
        box = (*corner, corner[0] + height, corner[1] + 2)
        file.add(b"%d" % (nth % 4), b"x", box, np.ones((height, 2), bool))
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


@pytest.fixture(scope="module")
def index(tmp_path_factory, backend):
    """Files whose ids are in another order than their entries."""
    place = tmp_path_factory.mktemp("columns")
    for path, number in FILES.items():
        save(place / "archive" / path, number)
    with iidindex.open(at(place / "x.db"), create=True) as index:
        index.ingest(place / "archive")
        save(place / "archive" / "d/1.iid", 4)
        index.ingest(place / "archive")
        yield index


QUESTIONS = {
    "all": lambda entries: entries,
    "path": lambda entries: entries.where(path="d/*"),
    "area": lambda entries: entries.where(area=(4, None)),
    "address": lambda entries: entries.where(address=b"1"),
    "both": lambda entries: entries.where(path="*/4.iid", area=(4, None), address=b"1"),
    "none": lambda entries: entries.where(path="d/3.iid"),
    "box": lambda entries: entries.region((2, 2, 6, 9), exact=False),
    "pixels": lambda entries: entries.region((2, 2, 6, 9)),
    "limit": lambda entries: entries.where(path="e/*").limit(4),
    "after": lambda entries: entries.after(6),
}


@pytest.mark.parametrize("at_a_time", [1, 3, 1000])
@pytest.mark.parametrize("way", [None, Way.SCAN, Way.FILES])
@pytest.mark.parametrize("name", QUESTIONS)
def test_columns_are_those_of_the_hits(index, monkeypatch, name, way, at_a_time):
    asked = QUESTIONS[name](index.entries)
    hits = sorted(asked, key=lambda hit: hit.id)
    monkeypatch.setattr(asking, "_NUMBERS", at_a_time)
    with index._catalog.reading() as connection:
        question = asking.Question(connection, index._originals, asked._filters)
        if way is not None:
            question.plan = replace(question.plan, way=way)
        parts = list(question.file_by_file(*COLUMNS))
    assert all(map(len, parts))
    rows = np.concatenate([np.zeros((0, len(COLUMNS)), np.int64), *parts])
    assert rows[:, 2].tolist() == [hit.id for hit in hits]
    assert asking.boxes_in(rows[:, 3]).tolist() == [list(hit.bbox) for hit in hits]
    assert rows[:, 4].tolist() == [hit.area for hit in hits]
    # Each file is in one part, and each individual has one number.
    files = [set(part[:, 0].tolist()) for part in parts]
    assert sum(map(len, files)) == len({hit.path for hit in hits})
    pairs = {(number, hit.iid) for number, hit in zip(rows[:, 1].tolist(), hits, strict=True)}
    assert len(pairs) == len({hit.iid for hit in hits})


def test_entries_are_not_in_the_order_of_their_files(index):
    """Otherwise nothing would show whether rows are put in order."""
    with index._catalog.reading() as connection:
        rows = asking.Question(connection, index._originals, index.entries._filters).all_numbers(
            "file_id", "id"
        )
    assert (np.diff(rows[:, 1]) > 0).all()
    assert (np.diff(rows[:, 0]) < 0).any()
