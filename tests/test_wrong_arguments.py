"""Whatever is given: the answer is one of ours, in one line, or the call itself is wrong."""

import warnings

import numpy as np
import pytest

import iidindex
from conftest import disk
from iidindex import IID, BBox, EncodeError, IIDFile, IIDIndexError, QueryError, WrongTypeError

WRONG = [
    *(None, 5, -1, 2.5, "text", "", "a\0b", "\ud800", b"bytes", b"", True, 1 + 2j, 10**30),
    *(float("nan"), float("inf"), bytearray(b"ab"), memoryview(b"abcd"), object(), type, slice(1)),
    *([], [None], [b"x"], ["x"], [[]], (1,), (None, None), ((1, 2), (3, 4)), {}, {"a": 1}, {1, 2}),
    *(
        np.array([1, 2]),
        np.zeros((2, 2)),
        np.array(5),
        np.int64(3),
        np.float32(1.5),
        np.bool_(True),
    ),
    *(range(4), "x" * 5000, lambda: 0),
]


def new_file():
    file = IIDFile()
    file.add(b"a", b"d", (0, 0, 2, 2), np.ones((2, 2), bool), "g")
    return file


def add(**changed):
    given = {"address": b"a", "domain": b"d", "bbox": (0, 0, 2, 2), "mask": np.ones((2, 2), bool)}
    new_file().add(**given | changed)


def set_meta(wrong):
    file = new_file()
    file.meta.data = wrong
    file.to_bytes()


OF_FILES = {
    "open": lambda wrong: IIDFile(wrong),
    "add address": lambda wrong: add(address=wrong),
    "add domain": lambda wrong: add(domain=wrong),
    "add bbox": lambda wrong: add(bbox=wrong),
    "add mask": lambda wrong: add(mask=wrong),
    "add group": lambda wrong: add(group=wrong),
    "fetch": lambda wrong: new_file().fetch(wrong),
    "fetch groups": lambda wrong: new_file().fetch(groups=wrong),
    "look_for": lambda wrong: new_file().look_for(wrong),
    "look_for domains": lambda wrong: new_file().look_for(b"a", wrong),
    "look_for groups": lambda wrong: new_file().look_for(b"a", groups=wrong),
    "filter groups": lambda wrong: new_file().filter(groups=wrong),
    "filter area": lambda wrong: new_file().filter(area=wrong),
    "filter domains": lambda wrong: new_file().filter(domains=wrong),
    "at": lambda wrong: new_file().at(wrong, 1),
    "region": lambda wrong: new_file().region(wrong),
    "masks": lambda wrong: list(new_file().masks(wrong)),
    "groups.add": lambda wrong: new_file().groups.add(wrong, [0]),
    "groups.add keys": lambda wrong: new_file().groups.add("g", wrong),
    "groups.get": lambda wrong: new_file().groups.get(wrong),
    "groups.keys": lambda wrong: new_file().groups.keys(wrong),
    "in groups": lambda wrong: wrong in new_file().groups,
    "mask": lambda wrong: new_file().fetch(0)[0].seg.mask(wrong),
    "meta": set_meta,
    "IID": lambda wrong: IID(wrong, b"x"),
    "IID address": lambda wrong: IID(b"x", wrong),
    "BBox.of": lambda wrong: BBox.of(wrong),
}

OF_INDEXES = {
    "open": lambda index, wrong: iidindex.open(wrong),
    "ingest": lambda index, wrong: index.ingest(wrong, dry_run=True),
    "ingest jobs": lambda index, wrong: index.ingest([], jobs=wrong),
    "files": lambda index, wrong: index.files(state=wrong),
    "relocate": lambda index, wrong: index.relocate(wrong, "x", dry_run=True),
    "relocate place": lambda index, wrong: index.relocate("archive", wrong, dry_run=True),
    "prune": lambda index, wrong: index.prune(root=wrong, dry_run=True),
    "entry": lambda index, wrong: index.entry(wrong, 0),
    "entry key": lambda index, wrong: index.entry("2020/a.iid", wrong),
    "entry address": lambda index, wrong: index.entry("2020/a.iid", address=wrong),
    "individual": lambda index, wrong: index.individual(wrong),
    "changes": lambda index, wrong: index.changes(since=wrong),
    "sql": lambda index, wrong: list(index.sql(wrong)),
    "sql parameters": lambda index, wrong: list(index.sql("SELECT :a", wrong)),
    "sql value": lambda index, wrong: list(index.sql("SELECT :a", {"a": wrong})),
    "links": lambda index, wrong: index.links(wrong),
    "links domain": lambda index, wrong: index.links(b"tree", domain=wrong),
    "shared": lambda index, wrong: index.shared(wrong),
    "related": lambda index, wrong: index.related(wrong),
    "related k": lambda index, wrong: index.related("2020/a.iid", k=wrong),
    "cooccurring": lambda index, wrong: index.cooccurring(wrong),
    "cooccurring by": lambda index, wrong: index.cooccurring(b"tree", by=wrong),
    "cooccurring k": lambda index, wrong: index.cooccurring(b"tree", k=wrong),
    "chain": lambda index, wrong: index.chain(wrong, (b"garden", b"tree")),
    "chain address": lambda index, wrong: index.chain((b"", wrong), (b"garden", b"tree")),
    "chain domain": lambda index, wrong: index.chain((wrong, b"x"), (b"garden", b"tree")),
    "identities": lambda index, wrong: index.identities(faults=wrong),
    "identities by": lambda index, wrong: index.identities(by=wrong),
    "identities iou": lambda index, wrong: index.identities(iou=wrong),
    "descendants": lambda index, wrong: index.descendants(wrong),
    "descendants depth": lambda index, wrong: index.descendants(b"tree", depth=wrong),
    "descendants key": lambda index, wrong: index.descendants(b"tree", meta_key=wrong),
    "ancestors": lambda index, wrong: index.ancestors(wrong),
    "ancestors domain": lambda index, wrong: index.ancestors(b"tree", domain=wrong),
    "lineage graph": lambda index, wrong: index.lineage_graph(wrong),
    "lineage graph limit": lambda index, wrong: index.lineage_graph(b"tree", limit=wrong),
    "iids": lambda index, wrong: index.iids(prefix=wrong),
    "iids limit": lambda index, wrong: index.iids(limit=wrong),
    "graph": lambda index, wrong: index.link_graph(project=wrong),
    "graph address": lambda index, wrong: index.link_graph(address=wrong),
    "graph path": lambda index, wrong: index.link_graph(path=wrong),
    "graph depth": lambda index, wrong: index.link_graph(address=b"tree", depth=wrong),
    "overlaps": lambda index, wrong: next(index.overlaps(wrong), None),
    "agreement": lambda index, wrong: list(index.agreement(wrong, b"extra")),
    "agreement paths": lambda index, wrong: list(index.agreement(paths=wrong)),
    "agreement pair": lambda index, wrong: list(index.agreement(paths=("a", "b"), pair=wrong)),
    "agreement iou": lambda index, wrong: list(index.agreement("a", "b", iou=wrong)),
    "agreement order": lambda index, wrong: list(index.agreement("a", "b", order_by=wrong)),
    "agreement limit": lambda index, wrong: list(index.agreement("a", "b", limit=wrong)),
    "render": lambda index, wrong: index.render(wrong),
    "render entries": lambda index, wrong: index.render("2020/a.iid", wrong, size=9),
    "render image": lambda index, wrong: index.render("2020/a.iid", image=wrong, size=9),
    "render size": lambda index, wrong: index.render("2020/a.iid", size=wrong),
    "render crop": lambda index, wrong: index.render("2020/a.iid", crop=wrong, size=9),
    "render alpha": lambda index, wrong: index.render("2020/a.iid", alpha=wrong, size=9),
    "render font": lambda index, wrong: index.render("2020/a.iid", font=wrong, size=9),
    "sheet": lambda index, wrong: index.sheet(wrong, tile=9),
    "sheet entries": lambda index, wrong: index.sheet(b"tree", wrong, tile=9),
    "sheet margin": lambda index, wrong: index.sheet(b"tree", margin=wrong, tile=9),
    "sheet tile": lambda index, wrong: index.sheet(b"tree", tile=wrong, limit=1),
    "at": lambda index, wrong: index.entries.at(wrong, 1).first(),
    "at on_stale": lambda index, wrong: index.entries.at(1, 1, on_stale=wrong).first(),
    "at jobs": lambda index, wrong: index.entries.at(1, 1, jobs=wrong),
    "region": lambda index, wrong: index.entries.region(wrong).first(),
    "nearest": lambda index, wrong: index.entries.nearest(wrong, 1).first(),
    "nearest k": lambda index, wrong: index.entries.nearest(1, 1, wrong).first(),
    "order_by": lambda index, wrong: index.entries.order_by(wrong).first(),
    "limit": lambda index, wrong: index.entries.limit(wrong).first(),
    "after": lambda index, wrong: index.entries.after(wrong).first(),
    "heat size": lambda index, wrong: index.entries.heat(size=wrong),
    "heat crop": lambda index, wrong: index.entries.heat(crop=wrong),
    "to_dicts": lambda index, wrong: index.entries.to_dicts(wrong),
    "to_arrow": lambda index, wrong: index.links(b"tree").to_arrow(wrong),
    "mask": lambda index, wrong: index.entries.first().mask(wrong),
    **{
        name: lambda index, wrong, name=name: index.entries.where(**{name: wrong}).first()
        for name in ("address", "domain", "prefix", "group", "key", "area", "path", "root", "meta")
    },
    "meta value": lambda index, wrong: index.entries.where(meta={"day": wrong}).first(),
}


def check(call):
    for wrong in WRONG:
        told = answer_to(call, wrong)
        assert "\n" not in told


def answer_to(call, wrong):
    """What one of our errors says, if it is raised; no other may be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy, of complex numbers
        try:
            call(wrong)
        except IIDIndexError as error:
            return str(error)
    return ""


@pytest.mark.parametrize("name", OF_FILES)
def test_files(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(OF_FILES[name])


@pytest.mark.parametrize("name", OF_INDEXES)
def test_indexes(name, index, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(lambda wrong: OF_INDEXES[name](index, wrong))


@pytest.mark.parametrize(
    "wrong",
    [None, 5, 2.5, [], object(), np.array([1]), bytearray(b"x"), memoryview(b"x"), "", "a\0b"],
)
def test_saving(wrong):
    with pytest.raises(IIDIndexError):
        new_file().save(wrong)


HINTS = [
    ("tree", r"must be bytes, not str: 'tree' \(try 'tree'.encode\(\)\)"),
    (119, r"must be bytes, not int: 119 \(try b'119'\)"),
    (np.int64(7), r"must be bytes, not int64: np.int64\(7\) \(try b'7'\)"),
    (bytearray(b"x"), r"must be bytes, not bytearray: bytearray\(b'x'\) \(try bytes\(…\) of it\)"),
    (True, "must be bytes, not bool: True$"),
    (2.5, "must be bytes, not float: 2.5$"),
]


@pytest.mark.parametrize(("wrong", "told"), HINTS)
def test_addresses_that_are_no_bytes(index, wrong, told):
    for call in (
        lambda: index.entries.where(address=wrong),
        lambda: index.entries.where(address=[b"tree", wrong]),
        lambda: index.entries.where(prefix=wrong),
        lambda: index.links(wrong),
        lambda: index.cooccurring(wrong),
        lambda: index.chain((b"garden", wrong), (b"garden", b"tree")),
        lambda: index.iids(prefix=wrong),
        lambda: index.link_graph(address=wrong),
        lambda: IID(b"garden", wrong),
        lambda: new_file().look_for([wrong]),
    ):
        with pytest.raises(QueryError, match=told):
            call()
    with pytest.raises(EncodeError, match=f"address {told}"):
        add(address=wrong)
    with pytest.raises(QueryError, match=f"domain {told}"):
        IID(wrong, b"tree")


def test_boxes_that_give_four_integers_by_chance(index):
    for wrong in (b"\0\0\5\5", bytearray(4), memoryview(bytes(4)), {0, 1, 2, 3}, {0: 1, 1: 2}):
        with pytest.raises(QueryError, match="bbox must be four integers"):
            index.entries.region(wrong)
    assert index.entries.region(np.array([0, 0, 500, 500])).count() > 0
    assert BBox.of(range(4)) == (0, 1, 2, 3)


def test_what_is_no_file_is_a_type_error_as_well():
    for wrong in (5, [b"x"], {}):
        with pytest.raises(WrongTypeError, match="expected a path, bytes or a binary file"):
            IIDFile(wrong)
    assert issubclass(WrongTypeError, TypeError)


# ---------------------------------------------------------------------- masks


def test_a_mask_of_labels():
    labels = np.array([[0, 4], [7, 9]])
    with pytest.raises(EncodeError, match="^mask holds labels 4, 7, 9: try mask == 4, or "):
        add(mask=labels)
    with pytest.raises(EncodeError, match="labels 1, 2, 3, 4, 5, 6, 7, 8, …: try mask == 1"):
        add(mask=np.arange(100).reshape(10, 10), bbox=(0, 0, 10, 10))
    with pytest.raises(EncodeError, match="mask holds labels -1, 1: try mask == -1"):
        add(mask=[[-1, 0], [1, 0]])
    for mask in (labels == 4, labels != 0, [[0, 0], [0, 0]], [[0, 255], [0, 0]], [[3, 3], [3, 3]]):
        add(mask=mask)
    for kind in (np.uint8, np.int8, np.uint64, np.int64):
        file = IIDFile()
        file.add(b"x", None, (0, 0, 41, 41), disk(20).astype(kind) * kind(100))
        assert (file.fetch(0)[0].seg.mask() == disk(20)).all()
    add(mask=np.array([[-128, 0], [0, -128]], np.int8))
    add(mask=np.zeros((0, 5), int), bbox=(0, 0, 0, 5))


# ---------------------------------------------------------------------- metadata


def test_numpy_in_metadata():
    file = new_file()
    file.meta.data = {
        "whole": np.int64(5),
        "huge": np.uint64(2**64 - 1),
        "real": np.float32(0.5),
        "truth": np.bool_(True),
        "text": np.str_("x"),
        "alone": np.array(7),
        "picked": [np.array([1, 2])[0], np.array([0.25])[0]],
    }
    assert IIDFile(file.to_bytes()).meta.data == {
        "whole": 5,
        "huge": 2**64 - 1,
        "real": 0.5,
        "truth": True,
        "text": "x",
        "alone": 7,
        "picked": [1, 0.25],
    }


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ({"a": {"b": [0, b"x"]}}, r": meta\['a'\]\['b'\]\[1\] is of type bytes: b'x'$"),
        ({"a": np.eye(3)}, r": meta\['a'\] is of type ndarray of shape \(3, 3\): .*try .tolist"),
        ({"a": {1}}, r"^meta cannot be written as JSON: meta\['a'\] is of type set: \{1\}$"),
        ({"a": np.datetime64("2020-01-01")}, r": meta\['a'\] is of type datetime64"),
        ({"a": 1j}, r": meta\['a'\] is of type complex"),
        ({"a": {(1, 2): 3}}, r": meta\['a'\] has the key \(1, 2\) of type tuple; expected text"),
        (np.zeros(3), r": meta is of type ndarray of shape \(3,\)"),
    ],
)
def test_metadata_that_json_cannot_hold(meta, told, tmp_path):
    file = new_file()
    file.meta.data = meta
    with pytest.raises(EncodeError, match=told) as raised:
        file.save(tmp_path / "a.iid")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "a.iid").exists()


def test_metadata_that_hold_themselves():
    file = new_file()
    file.meta.data = {"a": []}
    file.meta.data["a"].append(file.meta.data)
    with pytest.raises(EncodeError, match=r"Circular reference: meta\['a'\]\[0\] holds what"):
        file.to_bytes()


# ---------------------------------------------------------------------- names


def test_a_name_without_iid_warns(tmp_path):
    for name in ("x", "x.idd", "iid"):
        with pytest.warns(iidindex.FileNameWarning, match=f"{name}: does not end in .iid") as told:
            new_file().save(tmp_path / name)
        assert told[0].filename == __file__
        assert len(IIDFile(tmp_path / name)) == 1
    new_file().save(tmp_path / "x.iid")
    new_file().save(tmp_path / "x.IID")
    assert issubclass(iidindex.FileNameWarning, UserWarning)


# ---------------------------------------------------------------------- SQL


def test_rows_of_sql_as_tables(index):
    pytest.importorskip("pyarrow")
    statement = (
        "SELECT path, count(*) AS n, 0.5 AS half, x'00ff' AS raw, NULL AS none "
        "FROM found GROUP BY path ORDER BY path"
    )
    rows = list(index.sql(statement))
    assert [row["path"] for row in rows] == ["2020/a.iid", "2020/b.iid", "2021/c.iid"]
    assert index.sql(statement).to_dicts() == rows
    assert index.sql(statement).to_dicts(["n", "path"])[0] == {"n": 3, "path": "2020/a.iid"}
    table = index.sql(statement).to_arrow()
    assert table.to_pylist() == rows
    assert [str(field.type) for field in table.schema] == [
        *("string", "int64", "double", "binary", "null")
    ]
    assert index.sql(statement).to_arrow(["n"]).column_names == ["n"]
    streamed = index.sql(statement)
    assert next(streamed) == rows[0]
    assert streamed.to_arrow().to_pylist() == rows[1:]
    assert list(streamed) == []
    # Without rows, the columns have names all the same.
    assert index.sql("SELECT path, key FROM found WHERE 0").to_arrow().column_names == [
        *("path", "key")
    ]
    with pytest.raises(QueryError, match="column a has values of several types, .* CAST it"):
        index.sql("SELECT 1 AS a UNION SELECT 'x'").to_arrow()
    with pytest.raises(QueryError, match="there is no field 'm'; .*known are path, n"):
        index.sql(statement).to_dicts(["m"])


def test_rows_of_sql_as_data_frames(index):
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    statement = "SELECT path, area FROM found ORDER BY path, key"
    frame = index.sql(statement).to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["area"].tolist() == [row["area"] for row in index.sql(statement)]
    assert polars.DataFrame(index.sql(statement)).to_dicts() == list(index.sql(statement))
    # A question is none of their lists either.
    assert len(polars.DataFrame(index.entries)) == len(index.entries.to_pandas()) == 11


def test_rows_of_sql_can_be_given_up(index):
    rows = index.sql("SELECT path FROM found")
    assert next(rows)
    rows.close()
    assert list(rows) == []
    assert list(index.sql("SELECT :k AS k", {"k": np.int64(5)})) == [{"k": 5}]
