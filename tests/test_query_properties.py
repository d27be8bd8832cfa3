"""Every question, over archives that hypothesis makes, against the slow reader."""

import pickle
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import brute
import iidindex
import strategies
from databases import at
from iidindex import IID
from iidindex.query.question import asking as asking
from iidindex.query.question.choice import Plan
from iidindex.query.question.compile import Way, ways
from iidindex.query.question.shape import shape_of
from test_scan import without_nan

ON_BOTH = True

pixels = st.tuples(st.integers(0, 65535), st.integers(0, 65535))


@st.composite
def questions(draw, slow):
    """Pixels and boxes near what is there, or anywhere."""
    entries = [entry for file in slow.values() for entry in file.entries]
    found = []
    for _ in range(6):
        if entries and draw(st.booleans()):
            minr, minc, maxr, maxc = draw(st.sampled_from(entries)).bbox
            row, col = draw(st.integers(minr - 1, maxr)), draw(st.integers(minc - 1, maxc))
        else:
            row, col = draw(pixels)
        height, width = draw(st.integers(0, 70)), draw(st.integers(0, 70))
        found.append((row, col, row + height, col + width))
    return found


def seen(hits):
    return sorted((entry.path, entry.key) for entry in hits)


def expected(slow, keeps):
    return sorted(
        (path, entry.key) for path, file in slow.items() for entry in file.entries if keeps(entry)
    )


# An example takes half a second, so that making a failing one smaller would take minutes.
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(archive=strategies.archives, data=st.data())
def test_everything(archive, data):
    slow = {path: brute.read(content) for path, content in archive.items()}
    place = Path(tempfile.mkdtemp())
    try:
        (place / "archive").mkdir()
        for path, content in archive.items():
            (place / "archive" / path).write_bytes(content)
        with iidindex.open(at(place / "x.db"), create=True) as index:
            report = index.ingest(place / "archive")
            assert (report.added, report.failed) == (len(slow), 0)
            check_entries(index, slow)
            check_identities(index, slow)
            boxes = data.draw(questions(slow))
            check_space(index, slow, boxes)
            check_nearest(index, slow, boxes)
            check_overlaps(index, slow)
            check_filters(index, slow, data)
            check_forms(index, data)
    finally:
        shutil.rmtree(place)


def check_entries(index, slow):
    recorded = {(entry.path, entry.key): entry for entry in index.entries}
    assert sorted(recorded) == expected(slow, lambda entry: True)
    for path, file in slow.items():
        for entry in file.entries:
            hit = recorded[path, entry.key]
            assert (hit.iid.domain or b"", hit.iid.address) == (entry.domain, entry.address)
            assert (hit.bbox, hit.area) == (entry.bbox, entry.area)
            assert hit.bufloc == (entry.offset, entry.length)
            groups = sorted(name for name, keys in file.groups.items() if entry.key in keys)
            assert sorted(hit.groups) == groups
            assert (hit.mask() == entry.mask).all()


def check_identities(index, slow):
    for domain, address in {(e.domain, e.address) for f in slow.values() for e in f.entries}:

        def is_it(entry, domain=domain, address=address):
            return (entry.domain, entry.address) == (domain, address)

        assert seen(index.entries.where(address=address, domain=domain)) == expected(slow, is_it)
        links = {link.path: link.entries for link in index.links(address, domain=domain)}
        counts = {path: sum(map(is_it, file.entries)) for path, file in slow.items()}
        assert links == {path: count for path, count in counts.items() if count}


def check_space(index, slow, boxes):
    for box in boxes:
        row, col = box[:2]
        hits = expected(slow, lambda entry, row=row, col=col: entry.has(row, col))
        assert seen(index.entries.at(col, row)) == hits
        assert index.entries.at(col, row).count() == len(hits)
        hits = expected(slow, lambda entry, box=box: bool(entry.crop(box).any()))
        assert seen(index.entries.region(box)) == hits
        boxed = expected(slow, lambda entry, box=box: brute.meet(entry.bbox, box))
        assert seen(index.entries.region(box, exact=False)) == boxed


def check_nearest(index, slow, boxes):
    for row, col, *_ in boxes[:3]:
        away = sorted(
            (distance_to(entry, row, col), path, entry.key)
            for path, file in slow.items()
            for entry in file.entries
            if entry.mask.any()
        )
        for k in (1, 3, 100):
            found = list(index.entries.nearest(col, row, k))
            assert [e.distance for e in found] == [d for d, *_ in away[:k]]
            assert {(e.distance, e.path, e.key) for e in found} <= set(away)
            assert len({e.id for e in found}) == len(found)


def distance_to(entry, row, col):
    rows, cols = np.nonzero(entry.mask)
    away = (rows + entry.bbox[0] - row) ** 2 + (cols + entry.bbox[1] - col) ** 2
    return float(np.sqrt(away.min()))


def check_overlaps(index, slow):
    wanted = {
        (path, *keys): pixels
        for path, file in slow.items()
        for keys, pixels in file.overlaps().items()
    }
    for store in (False, True, False):
        found = {
            (o.a.path, o.a.key, o.b.key): o.pixels for o in index.entries.overlaps(store=store)
        }
        assert found == wanted
    by_iid = {}
    for path, a, b in wanted:
        keyed = slow[path].by_key()
        first, second = keyed[a], keyed[b]
        one, other = (first.domain, first.address), (second.domain, second.address)
        for mine, its in ((one, other), (other, one)):
            if mine != its:
                pairs, pixels = by_iid.get((mine, its), (0, 0))
                by_iid[mine, its] = pairs + 1, pixels + wanted[path, a, b]
    for domain, address in {mine for mine, _ in by_iid}:
        found = {
            (c.iid.domain or b"", c.iid.address): (c.count, c.pixels)
            for c in index.cooccurring(address, domain=domain, by="overlap")
        }
        mine = (domain, address)
        assert found == {its: counted for (m, its), counted in by_iid.items() if m == mine}


def check_filters(index, slow, data):
    entries = [entry for file in slow.values() for entry in file.entries]
    some = data.draw(st.sampled_from(entries)) if entries else None
    address, domain = (some.address, some.domain) if some else (b"x", b"")
    mine, iid = (domain, address), IID(domain, address)
    others = [IID(domain, address + b"-%d" % number) for number in range(600)]
    prefix = data.draw(st.sampled_from([address[:1], address, b"\xff"]))
    low, high = sorted(data.draw(st.tuples(st.integers(0, 40), st.integers(0, 40))))
    groups = sorted({name for file in slow.values() for name in file.groups}) or ["none"]
    group = data.draw(st.sampled_from(groups))
    metas = {path: leaves(without_nan(file.meta)) for path, file in slow.items()}
    known = [leaf for found in metas.values() for leaf in found] or [(("a",), 1)]
    names, value = data.draw(st.sampled_from(known))
    path = data.draw(st.sampled_from(sorted(slow) or ["a.iid"]))
    in_group = {(p, k) for p, f in slow.items() for k in f.groups.get(group, ())}
    meta = value
    for name in reversed(names):
        meta = {name: meta}
    many = [address, *(b"%d-" % number for number in range(600))]
    conditions = [
        ({"prefix": prefix}, lambda p, e: e.address.startswith(prefix)),
        ({"address": address}, lambda p, e: e.address == address),
        ({"address": many}, lambda p, e: e.address == address),
        ({"address": iid}, lambda p, e: (e.domain, e.address) == mine),
        ({"address": [iid, *others]}, lambda p, e: (e.domain, e.address) == mine),
        (
            {"address": [iid, b"", IID(b"", b"a")]},
            lambda p, e: e.address == b"" or (e.domain, e.address) in {mine, (b"", b"a")},
        ),
        ({"address": many, "domain": b""}, lambda p, e: (e.domain, e.address) == (b"", address)),
        ({"domain": b""}, lambda p, e: e.domain == b""),
        ({"area": (low, high)}, lambda p, e: low <= e.area <= high),
        ({"group": group}, lambda p, e: (p, e.key) in in_group),
        (
            {"all_groups": groups[:2]},
            lambda p, e: all(e.key in slow[p].groups.get(name, ()) for name in groups[:2]),
        ),
        ({"not_group": [group, "none of that name"]}, lambda p, e: (p, e.key) not in in_group),
        ({"not_domain": domain}, lambda p, e: e.domain != domain),
        ({"not_domain": [b"", *many]}, lambda p, e: e.domain not in (b"", *many)),
        ({"not_path": path}, lambda p, e: p != path),
        ({"not_path": ["x/*", f"{path[:1]}*"]}, lambda p, e: not p.startswith(path[:1])),
        ({"key": range(0, 9, 2)}, lambda p, e: e.key in range(0, 9, 2)),
        ({"key": range(0, 9000, 2)}, lambda p, e: e.key in range(0, 9000, 2)),
        ({"path": path}, lambda p, e: p == path),
        ({"path": f"{path[:1]}*"}, lambda p, e: p.startswith(path[:1])),
        ({"root": "archive"}, lambda p, e: True),
        ({"root": "other"}, lambda p, e: False),
        ({"meta": meta}, lambda p, e: any(n == names and same(v, value) for n, v in metas[p])),
    ]
    chosen = data.draw(st.lists(st.sampled_from(range(len(conditions))), max_size=3, unique=True))
    question, keeps = index.entries, []
    for number in dict.fromkeys(chosen):
        where, keep = conditions[number]
        if set(where) & {"path", "root", "prefix"} & set(vars_of(question)):
            continue
        question = question.where(**where)
        keeps.append(keep)
    if data.draw(st.booleans()):
        question = question.region((0, 0, 30, 30), exact=False)
        keeps.append(lambda p, e: brute.meet(e.bbox, (0, 0, 30, 30)))
    wanted = sorted(
        (path, entry.key)
        for path, file in slow.items()
        for entry in file.entries
        if all(keep(path, entry) for keep in keeps)
    )
    for way in [None, Way.SCAN, *ways(shape_of(question._filters))]:
        with pytest.MonkeyPatch.context() as patch:
            if way is not None:
                patch.setattr(asking, "choose", lambda *_, way=way: Plan(way, {}))
            assert seen(question) == wanted, way
            assert question.count() == len(wanted), way
            assert way is None or way is Way.SCAN or "plan: SCAN entries" not in question.explain()
            assert len(question.ids()) == len(wanted)


def vars_of(question):
    """What was asked for so far."""
    filters = question._filters
    return [name for name in ("path", "root", "prefix") if filters.get(name) is not None]


def leaves(meta, names=()):
    """Names and values of what a metadata mapping holds, but for lists."""
    if isinstance(meta, dict):
        return [leaf for name, value in meta.items() for leaf in leaves(value, (*names, name))]
    return [(names, meta)] if names and not isinstance(meta, list) else []


def same(one, other):
    """Whether two values are equal as JSON; integers that no database holds are floats."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    if max(abs(one), abs(other)) >= 2**63:
        return float(one) == float(other)
    return one == other


def check_forms(index, data):
    """The same hits in every form, and page by page."""
    question = index.entries
    if data.draw(st.booleans()):
        question = question.region((0, 0, 40, 40))
    hits = list(question)
    columns = question.to_columns()
    assert columns["id"].tolist() == question.ids().tolist() == [hit.id for hit in hits]
    assert columns["path"].tolist() == [hit.path for hit in hits]
    assert columns["bbox"].tolist() == [list(hit.bbox) for hit in hits]
    assert columns["address"].tolist() == [hit.iid.address for hit in hits]
    assert columns["offset"].tolist() == [hit.bufloc.offset for hit in hits]
    assert question.exists() is bool(hits)
    assert question.first() == (hits[0] if hits else None)
    pages, last = [], 0
    while page := list(question.after(last).limit(2)):
        pages += page
        last = page[-1]
    assert pages == hits
    there = {(entry.path, entry.key): mask for entry, mask in question.masks()}
    assert all((there[hit.path, hit.key] == hit.mask()).all() for hit in hits)
    again = pickle.loads(pickle.dumps(question))
    assert list(again) == hits
    again._catalog.close()
