"""How individuals differ between two surveys, against plain loops over every pixel."""

import json
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brute
import iidindex
from databases import at
from iidindex import IIDFile, QueryError, SourceError
from iidindex.cli.main import run
from iidindex.query.comparison import differences as room
from strategies import placed_masks

ON_BOTH = True


@st.composite
def surveys(draw):
    """Two surveys of some files, of masks and whose they are; some masks come again, elsewhere."""
    known = []
    found = []
    for _ in range(2):
        survey = []
        for _ in range(draw(st.integers(1, 2))):
            entries = []
            for _ in range(draw(st.integers(0, 5))):
                if known and draw(st.booleans()):
                    (minr, minc, maxr, maxc), mask = draw(st.sampled_from(known))
                    down, right = draw(st.sampled_from([(0, 0), (0, 0), (3, 5), (40, 0)]))
                    if max(maxr + down, maxc + right) > 65535:
                        down = right = 0
                    box = (minr + down, minc + right, maxr + down, maxc + right)
                    # The same pixels in a larger box are the same.
                    wider = draw(st.booleans()) and box[2] < 65000
                    if wider:
                        mask = np.vstack([mask, np.zeros((2, mask.shape[1]), bool)])
                        box = (box[0], box[1], box[2] + 2, box[3])
                    placed = box, mask
                else:
                    placed = draw(placed_masks(max_side=10))
                known.append(placed)
                address, domain = (
                    draw(st.sampled_from([b"p", b"q", b"\xff"])),
                    draw(st.sampled_from([None, b"d"])),
                )
                entries.append((address, domain, *placed))
            survey.append(entries)
        found.append(survey)
    return found


def write(place, surveys):
    for name, survey in zip("ab", surveys, strict=True):
        (place / name).mkdir(parents=True)
        for nth, entries in enumerate(survey):
            file = IIDFile()
            for address, domain, box, mask in entries:
                file.add(address, domain, box, mask)
            file.save(place / name / f"{nth}.iid")


def individuals(paths):
    """The pixels of each, united."""
    found = defaultdict(set)
    for path in paths:
        for entry in brute.read_path(path).entries:
            at = np.argwhere(entry.mask) + entry.bbox[:2]
            found[entry.domain, entry.address] |= set(map(tuple, at.tolist()))
    return found


def shape(pixels):
    low = tuple(min(pixel[axis] for pixel in pixels) for axis in (0, 1))
    return {(row - low[0], col - low[1]) for row, col in pixels}


def expected(a, b):
    rows = []
    for one in sorted({*a, *b}):
        if one not in a or one not in b:
            change = "new" if one not in a else "gone"
            rows.append((*one, change, 0.0, *(len(x[one]) if one in x else None for x in (a, b))))
            continue
        of_a, of_b = a[one], b[one]
        either = len(of_a | of_b)
        change = "changed"
        if of_a == of_b:
            change = "same"
        elif of_a and of_b and shape(of_a) == shape(of_b):
            change = "moved"
        iou = 1.0 if change == "same" else len(of_a & of_b) / either
        rows.append((*one, change, iou, len(of_a), len(of_b)))
    return rows


def told(found):
    return [(one.iid.domain or b"", one.iid.address, *one[1:]) for one in found]


@settings(max_examples=15)
@given(surveys(), st.sampled_from([1, 3000, 8 << 20]))
def test_as_plain_loops(tmp_path_factory, made, most):
    place = tmp_path_factory.mktemp("surveys")
    write(place, made)
    wanted = expected(*(individuals((place / name).iterdir()) for name in "ab"))
    patch = pytest.MonkeyPatch()
    patch.setattr(room, "_BYTES", most)
    try:
        with iidindex.open(at(place / "x.db"), create=True) as index:
            index.ingest(place)
            assert told(index.compare("a/", "b")) == wanted
            moved = index.compare("a/*", str(place / "b"), change=["moved", "gone"])
            assert told(moved) == [row for row in wanted if row[2] in ("moved", "gone")]
            in_d = index.compare("a", "b/", domain=b"d")
            assert told(in_d) == [row for row in wanted if row[0] == b"d"]
            rows = index.compare("a/", "b/").to_dicts()
            assert index.compare("a/", "b/").to_arrow().to_pylist() == rows
            assert [(row["change"], row["area_a"]) for row in rows] == [
                (row[2], row[4]) for row in wanted
            ]
    finally:
        patch.undo()


@pytest.fixture
def two(tmp_path):
    square = np.ones((4, 4), bool)
    hook = square.copy()
    hook[0, 0] = False
    for name, masks in {
        "a": {"stays": (0, square), "moves": (10, hook), "grows": (30, hook), "goes": (50, hook)},
        "b": {
            "stays": (0, square),
            # Farther down than to the right.
            "moves": (12, hook),
            "grows": (30, square),
            "comes": (60, hook),
        },
    }.items():
        file = IIDFile()
        for address, (row, mask) in masks.items():
            left = row - (name == "b" and address == "moves")
            file.add(address.encode(), b"d", (row, left, row + 4, left + 4), mask)
        (tmp_path / name).mkdir()
        file.save(tmp_path / name / "1.iid")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest([tmp_path / "a", tmp_path / "b"])
        yield index


def test_what_names_a_survey(two, tmp_path, monkeypatch):
    wanted = [
        (b"comes", "new"),
        (b"goes", "gone"),
        (b"grows", "changed"),
        (b"moves", "moved"),
        (b"stays", "same"),
    ]
    monkeypatch.chdir(tmp_path)
    for a, b in [
        ("a", "b"),
        ("a/1.iid", "b/1.iid"),
        (str(tmp_path / "a") + "/", f"{tmp_path}/b/*"),
        ("a/", "b/"),
    ]:
        assert [(one.iid.address, one.change) for one in two.compare(a, b)] == wanted
    assert [one.change for one in two.compare("a", "a")] == ["same"] * 4
    assert [one.iou for one in two.compare("a", "b")] == [0, 0, 15 / 16, 5 / 25, 1]
    jobs = two.compare("a", "b", jobs=2)
    assert list(jobs) == list(two.compare("a", "b"))
    among = two.compare("a", "b", two.entries.where(prefix=b"s"))
    assert [one.iid.address for one in among] == [b"stays"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("a", "nowhere"), {}, "nowhere: no root, file or directory"),
        (("a", ""), {}, "no root, file or directory"),
        (("a", 5), {}, "a survey must be text"),
        (("a", "b"), {"change": "better"}, "change is 'better'"),
        (("a", "b"), {"change": 5}, "change is 5"),
        (("a", "b"), {"path": "c"}, "path goes by the surveys"),
        (("a", "b", 7), {}, "entries must be a question"),
    ],
)
def test_wrong_arguments(two, arguments, options, message):
    with pytest.raises(QueryError, match=message):
        list(two.compare(*arguments, **options))


def test_a_changed_file_costs_its_individuals(two, tmp_path):
    with (tmp_path / "b" / "1.iid").open("ab") as file:
        file.write(b"more")
    with pytest.raises(SourceError, match=r"1\.iid"):
        list(two.compare("a", "b"))
    with pytest.warns(UserWarning, match=r"1\.iid"):
        left = list(two.compare("a", "b", on_stale="warn"))
    # What is alone is known without a look.
    assert [one.change for one in left] == ["new", "gone"]


def test_in_the_shell(two, tmp_path, capsys):
    def call(*arguments):
        code = run(["--db", str(at(tmp_path / "x.db")), "compare", *arguments])
        return code, *capsys.readouterr()

    code, out, _ = call("a", "b", "--format", "json", "--change", "moved", "--change", "new")
    rows = json.loads(out)
    assert code == 0
    assert [(row["address"], row["change"], row["area_a"], row["area_b"]) for row in rows] == [
        ("comes", "new", None, 15),
        ("moves", "moved", 15, 15),
    ]
    assert call("a", "b", "--count")[:2] == (0, "5\n")
    assert call("a", "b", "--limit", "2", "--count")[:2] == (0, "2\n")
    code, _, err = call("a", "b", "--address", "nobody")
    assert code == 1
    assert "nobody" in err
    code, _, err = call("a", "nowhere")
    assert code == 2
    assert "nowhere: no root" in err
    assert call("a", "b", "--change", "better")[0] == 2
    assert "changed" in call("a", "b")[1]


def test_the_buildings_of_boulder(real_archives, tmp_path):
    """Of eight years, the first and the last; nobody has an entry twice in a year."""
    root = next((path for path in real_archives if path.name == "boulder_buildings"), None)
    if root is None:
        pytest.skip("the archive is not here")
    years = [
        {(entry.domain, entry.address): entry for entry in brute.read_path(path).entries}
        for path in (root / "boulder" / "1950.iid", root / "boulder" / "2014.iid")
    ]
    rows = []
    for one in sorted({*years[0], *years[1]}):
        a, b = (year.get(one) for year in years)
        if a is None or b is None:
            areas = (None if x is None else int(np.count_nonzero(x.mask)) for x in (a, b))
            rows.append((*one, "new" if a is None else "gone", 0.0, *areas))
            continue
        assert a.bbox == b.bbox
        both, either = (int(np.count_nonzero(x)) for x in (a.mask & b.mask, a.mask | b.mask))
        areas = (int(np.count_nonzero(x.mask)) for x in (a, b))
        change = "same" if both == either else "changed"
        rows.append((*one, change, both / either, *areas))
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest([root / "boulder" / "1950.iid", root / "boulder" / "2014.iid"])
        found = told(index.compare("1950.iid", "*2014.iid"))
    assert found == rows
    assert len(rows) == 13_491
