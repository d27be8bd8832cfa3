"""An address in two domains is that of two individuals, which nothing ever mixes."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import update

import iidindex
from databases import at
from iidindex import IID, IIDFile, QueryError, SeveralDomainsError
from iidindex.catalog.schema import files
from iidindex.cli.main import run
from iidindex.typed_iids import show_individual

ON_BOTH = True

# In each picture cell 119 of two domains, which lie beside each other, and others.
LEFT, RIGHT, SEVEN, LAST = (
    IID(b"left", b"119"),
    IID(b"right", b"119"),
    IID(b"left", b"7"),
    IID(b"right", b"9"),
)
SIDES = {LEFT: 10, RIGHT: 25, SEVEN: 12, LAST: 3}


def square(file, iid, row, col):
    side = SIDES[iid]
    box = (row, col, row + side, col + side)
    file.add(iid.address, iid.domain, box, np.ones((side, side), bool))


@pytest.fixture
def index(tmp_path):
    (tmp_path / "archive").mkdir()
    for name, places in {
        "frame.iid": [(LEFT, 0, 0), (RIGHT, 5, 5), (SEVEN, 8, 8)],
        "other.iid": [(RIGHT, 0, 0), (LEFT, 30, 30), (LEFT, 50, 50), (LAST, 60, 10)],
    }.items():
        file = IIDFile()
        file.meta.data = {"height": 70, "width": 80} if name == "frame.iid" else {"height": 70}
        for iid, row, col in places:
            square(file, iid, row, col)
        file.save(tmp_path / "archive" / name)
    with iidindex.open(at(tmp_path / "iidindex.db"), create=True) as opened:
        opened.ingest(tmp_path / "archive")
        yield opened


@pytest.fixture
def call(index, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IIDINDEX_DB", str(index._catalog.store.location))
    monkeypatch.delenv("COLUMNS", raising=False)

    def called(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def rows_of(call, *arguments):
    code, out, err = call(*arguments, "--format", "jsonl")
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_links_tell_each_individual_apart(index, call):
    found = index.links(b"119")
    assert [(*link, link.domain, link.iid) for link in found] == [
        ("frame.iid", 1, 100, b"left", LEFT),
        ("frame.iid", 1, 625, b"right", RIGHT),
        ("other.iid", 2, 200, b"left", LEFT),
        ("other.iid", 1, 625, b"right", RIGHT),
    ]
    assert [link.area for link in index.links(b"119", domain=b"right")] == [625, 625]
    assert pickle.loads(pickle.dumps(found)).to_dicts() == found.to_dicts()
    rows = rows_of(call, "links", "119")
    assert rows == found.to_dicts()
    assert [row["domain"] for row in rows] == ["left", "right", "left", "right"]
    assert [row["domain_b64"] for row in rows] == ["bGVmdA==", "cmlnaHQ=", "bGVmdA==", "cmlnaHQ="]
    assert rows_of(call, "links", show_individual(RIGHT)) == rows[1::2]
    assert rows_of(call, "links", show_individual(RIGHT), "--domain", "right") == rows[1::2]


def test_tables_name_domains_where_there_are_several(call):
    assert call("links", "119")[1].splitlines()[0].split() == ["path", "domain", "entries", "area"]
    assert call("links", "7")[1].splitlines()[0].split() == ["path", "entries", "area"]
    table = [line.split() for line in call("overlaps", "frame.iid")[1].splitlines()]
    heading = "path a_key b_key a_domain a_address b_domain b_address pixels iou"
    assert table[0] == heading.split()
    assert table[2][:8] == ["frame.iid", "0", "1", "left", "119", "right", "119", "25"]
    alone = call("overlaps", "frame.iid", "--domain", "left")[1].splitlines()
    assert alone[0].split() == ["path", "a_key", "b_key", "a_address", "b_address", "pixels", "iou"]
    assert call("links", "119", "--fields", "path")[1].splitlines()[0] == "path"


def test_a_domain_that_comes_late_in_a_table_is_shown(call, index, monkeypatch):
    monkeypatch.setattr("iidindex.cli.output._TABLE_ROWS", 1)
    lines = [line.split() for line in call("links", "119")[1].splitlines()]
    assert lines[0] == ["path", "entries", "area"]
    assert lines[3] == ["path", "domain", "entries", "area"]
    assert [line[1] for line in lines[5:]] == ["right", "left", "right"]


def test_one_individual_of_an_address(index):
    assert index.individual(b"7") == SEVEN
    assert index.individual(b"119", domain=b"right") == RIGHT
    assert index.individual(b"8") is index.individual(b"7", domain=b"right") is None
    with pytest.raises(SeveralDomainsError) as caught:
        index.individual(b"119")
    assert str(caught.value) == (
        "the address b'119' is in several domains: b'left', b'right'; name one with domain="
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(QueryError, match="address must be bytes"):
        index.individual("119")


def test_a_missing_file_makes_no_address_ambiguous(index, tmp_path):
    file = IIDFile()
    square(file, SEVEN, 0, 0)
    file.add(b"7", b"gone", (0, 0, 1, 1), np.ones((1, 1), bool))
    file.save(tmp_path / "archive" / "late.iid")
    index.ingest(tmp_path / "archive")
    with pytest.raises(SeveralDomainsError):
        index.individual(b"7")
    (tmp_path / "archive" / "late.iid").unlink()
    index.ingest(tmp_path / "archive")
    assert index.individual(b"7") == SEVEN


@pytest.mark.parametrize(
    "ask",
    [
        lambda index: index.cooccurring(b"119"),
        lambda index: index.cooccurring(b"119", by="group"),
        lambda index: index.cooccurring(b"119", by="overlap"),
        lambda index: index.link_graph(address=b"119"),
        lambda index: index.sheet(b"119"),
        lambda index: index.sheet([b"7", b"119"]),
        lambda index: index.sheet(b"119", index.entries.where(domain=[b"left", b"right"])),
    ],
)
def test_what_is_about_one_individual_refuses_several(index, ask):
    with pytest.raises(SeveralDomainsError, match="b'119' .* b'left', b'right'; name one"):
        ask(index)


@pytest.mark.parametrize(
    ("verb", "choice"),
    [
        (["cooccur", "119"], "--domain"),
        (["graph", "--address", "119"], "--domain"),
        (["sheet", "119", "-o", "x.png"], "--domain"),
        (["chain", "119", "7"], "--from-domain"),
        (["chain", "7", "119"], "--to-domain"),
        (["chain", "119", "119", "--from-domain", "left"], "--to-domain"),
    ],
)
def test_verbs_about_one_individual_refuse_several(call, tmp_path, verb, choice):
    code, out, err = call(*verb)
    assert (code, out) == (2, "")
    assert "the address '119' is in several domains: 'left', 'right'; name one with " in err
    assert f"with {choice} or as iid:DOMAIN.ADDRESS" in err
    assert not (tmp_path / "x.png").exists()


def test_companions_are_those_of_one(index, call):
    of_left = [(LEFT.domain, b"7", 1), (b"right", b"119", 2), (b"right", b"9", 1)]
    found = index.cooccurring(b"119", domain=b"left")
    assert sorted((one.iid.domain, one.iid.address, one.count) for one in found) == of_left
    assert rows_of(call, "cooccur", show_individual(LEFT)) == found.to_dicts()
    overlapping = index.cooccurring(b"119", domain=b"left", by="overlap")
    assert list(overlapping) == [(RIGHT, 1, 25), (SEVEN, 1, 4)]
    assert index.cooccurring(b"119", domain=b"nowhere") == []


def test_a_chain_may_lead_to_another_domain(index, call):
    def steps(*arguments):
        rows = rows_of(call, "chain", *arguments)
        return [row["path"] or IID(row["domain"].encode(), row["address"].encode()) for row in rows]

    expected = [LEFT, "frame.iid", RIGHT]
    assert index.chain(LEFT, RIGHT) == expected
    assert steps("119", "119", "--from-domain", "left", "--to-domain", "right") == expected
    assert steps("119", "119", "--domain", "left", "--to-domain", "right") == expected
    assert steps(show_individual(LEFT), show_individual(RIGHT)) == expected
    assert steps("7", show_individual(LAST))[::4] == [SEVEN, LAST]
    code, _, err = call("chain", show_individual(LEFT), "119", "--domain", "right")
    assert code == 2
    assert "is in the domain 'left'; --domain names 'right'" in err


def test_an_individual_is_exact_wherever_an_address_is_asked_for(index, call, tmp_path):
    left = show_individual(LEFT)
    assert call("find", left, "--count")[1] == "3\n"
    assert call("find", "--address", left, show_individual(SEVEN), "--count")[1] == "4\n"
    # A name without a domain is any of that name, as before.
    assert call("find", left, "7", "9", "--count")[1] == "5\n"
    assert call("find", "119", "--count")[1] == "5\n"
    assert call("at", 6, 6, "--address", left, "--count")[1] == "1\n"
    assert call("sheet", left, "-o", "x.png")[1].endswith(" 3 tiles\n")
    assert call("graph", "--address", left, "-o", "x.graphml")[0] == 0
    code, out, err = call("find", left, "--domain", "right")
    assert (code, out) == (1, "")
    code, _, err = call("find", show_individual(IID(b"right", b"7")))
    assert (code, err) == (1, "iidindex: the address '7' is not in 'right', but in 'left'\n")
    assert call("links", left, "--domain", "right")[0] == 2


def test_individuals_in_python(index):
    def found(**wanted):
        return sorted((entry.path, entry.key) for entry in index.entries.where(**wanted))

    assert found(address=LEFT) == [("frame.iid", 0), ("other.iid", 1), ("other.iid", 2)]
    assert found(address=[LEFT, RIGHT, SEVEN]) == found(address=[b"119", b"7"])
    assert found(address=LEFT, domain=b"right") == []
    many = [IID(b"right", b"%d" % number) for number in range(2000)]
    assert found(address=many) == found(domain=b"right")
    assert found(address=[*many, LEFT]) == found(address=[b"119", b"9"])
    both = index.entries.where(address=[b"119", SEVEN])
    assert {entry.iid for entry in both.where(address=[LEFT, b"7"])} == {LEFT, SEVEN}
    assert {entry.iid for entry in both.where(address=[RIGHT, IID(None, b"7")])} == {RIGHT}
    with pytest.raises(QueryError, match="domain must be bytes, not str: 'left'"):
        IID("left", b"119")
    made = (IID._make(("left", b"119")), IID._make((b"left", None)))
    for wrong in (*made, [LEFT, "7"], [("left", "119")], 5):
        with pytest.raises(QueryError, match="address"):
            index.entries.where(address=wrong)


def test_a_sheet_is_refused_only_if_it_would_mix(index):
    assert index.sheet(b"119", domain=b"left").drawn == 3
    assert index.sheet(b"119", index.entries.where(domain=b"right")).drawn == 2
    assert index.sheet([LEFT, RIGHT]).drawn == 5
    assert index.sheet(b"119", index.entries.where(area=(200, None))).drawn == 2


# ------------------------------------------------------------------------ masks


def test_a_mask_says_whose_it_is(call):
    told = "x.png: 25 x 25 pixels, 625 of them set; '119' in the domain 'right', key 1\n"
    assert call("mask", "frame.iid", 1, "-o", "x.png") == (0, told, "")
    arguments = ("mask", "frame.iid", "--address", "119", "-o", "x.png")
    assert call(*arguments, "--domain", "right") == (0, told, "")
    one = show_individual(RIGHT)
    assert call("mask", "frame.iid", "--address", one, "-o", "x.png") == (0, told, "")
    code, _, err = call(*arguments)
    assert code == 2
    assert err == (
        "iidindex: the address '119' is in several domains: 'left' (key 0), 'right' (key 1); "
        "name one with --domain, or a key\n"
    )


def test_a_mask_of_an_address_that_a_file_has_twice(call, index, tmp_path):
    arguments = ("mask", "other.iid", "--address", show_individual(LEFT), "-o", "x.png")
    code, _, err = call(*arguments)
    assert (code, err) == (
        2,
        "iidindex: other.iid: several entries have this address: keys 1, 2; name one\n",
    )
    assert not (tmp_path / "x.png").exists()
    with pytest.raises(QueryError, match="keys 1, 2"):
        index.entry("other.iid", address=b"119", domain=b"left")
    assert index.entry("other.iid", address=LAST).key == 3
    assert index.entry("other.iid", address=b"9").key == 3
    assert index.entry("other.iid", address=b"nobody") is None


def test_a_number_that_is_no_key_but_an_address(call):
    code, out, err = call("mask", "frame.iid", 119, "-o", "x.png")
    assert (code, out) == (1, "")
    assert err == (
        "iidindex: frame.iid: no entry of key 119 is indexed; 119 is an address there, for which "
        "--address 119 asks\n"
    )
    code, out, err = call("mask", "frame.iid", "--address", "nobody", "-o", "x.png")
    assert (code, out) == (1, "")
    assert "no entry of address 'nobody' is indexed" in err
    assert "no address 'nobody' in this index" in err


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["1", "--address", "119"],
        ["1", "--domain", "left"],
        ["--address", "iid:x"],
        ["--address", "iid:bGVmdA.MTE5", "--domain", "right"],
    ],
)
def test_wrong_use_of_mask(call, tmp_path, wrong):
    assert call("mask", "frame.iid", *wrong, "-o", "x.png")[0] == 2
    assert not (tmp_path / "x.png").exists()


def test_an_entry_is_named_by_key_or_address(index):
    for wrong in ({}, {"key": 1, "address": b"119"}, {"key": 1, "domain": b"left"}):
        with pytest.raises(QueryError):
            index.entry("frame.iid", **wrong)


def test_the_mask_in_its_frame(call, index):
    entry = index.entry("frame.iid", address=RIGHT)
    whole = entry.mask(frame=True)
    expected = np.zeros((70, 80), bool)
    expected[5:30, 5:30] = True
    np.testing.assert_array_equal(whole, expected)
    code, out, _ = call("mask", "frame.iid", 1, "--frame", "-o", "x.png")
    assert (code, out.split(",")[0]) == (0, "x.png: 70 x 80 pixels")
    np.testing.assert_array_equal(np.asarray(Image.open("x.png")), expected)
    with pytest.raises(QueryError, match="cannot be combined"):
        entry.mask((0, 0, 5, 5), frame=True)
    # Also while hits are streamed.
    sizes = {one.mask(frame=True).shape for one in index.entries.where(path="frame.iid")}
    assert sizes == {(70, 80)}


def test_a_frame_that_is_not_stated(call, index, tmp_path):
    with pytest.raises(QueryError, match=r"other\.iid: the metadata state no frame"):
        index.entry("other.iid", 0).mask(frame=True)
    code, _, err = call("mask", "other.iid", 0, "--frame", "-o", "x.png")
    assert (code, err.count("\n")) == (2, 1)
    assert not (tmp_path / "x.png").exists()
    assert index.entry("other.iid", 0).mask().shape == (25, 25)


def test_a_mask_outside_the_frame_that_is_stated(tmp_path):
    """An ingest refuses such a file now, and an older one did not."""
    file = IIDFile()
    file.meta.data = {"size": {"height": 30, "width": 30}}
    square(file, RIGHT, 0, 0)
    square(file, LAST, 0, 0)
    file.save(tmp_path / "a.iid")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as opened:
        opened.ingest(tmp_path)
        with opened._catalog.writing() as connection:
            connection.execute(update(files).values(meta='{"size": {"height": 20, "width": 20}}'))
    with iidindex.open(at(tmp_path / "x.db")) as opened:
        assert opened.entry("a.iid", 1).mask(frame=True).sum() == 9
        with pytest.raises(QueryError, match="reaches to row 25, column 25; .* state 20 x 20"):
            opened.entry("a.iid", 0).mask(frame=True)
