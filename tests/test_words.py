"""IIDs as words, and the hash table over them, against lists and dictionaries."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iidindex.catalog.iid_table import IIDTable, first_of_each
from iidindex.iidwords import IIDRecords, IIDWords, pack_iid, unpack_iid

# Some of every length that matters: none, a word, the longest of 64 bytes, longer ones; alike
# but for the place where the domain ends, or a last zero.
parts = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"", b"\0", b"a", b"aa", b"x" * 56, b"x" * 57, b"x" * 500, b"x" * 499 + b"y"]),
)
pairs = st.lists(st.tuples(parts, parts), min_size=1, max_size=60)


@given(parts, parts, st.binary(max_size=4))
def test_packed_and_unpacked(domain, address, behind):
    assert unpack_iid(pack_iid(domain, address) + behind) == (domain, address)


@given(pairs, pairs)
def test_words_are_equal_where_iids_are(some, others):
    one, other = IIDWords.of_pairs(some), IIDWords.of_pairs(others)
    assert one.pairs() == some
    both = IIDWords.joined([one, other])
    assert both.pairs() == some + others
    listed = some + others
    for row, iid in enumerate(listed):
        same = (both.words == both.words[row]).all(axis=1)
        assert same.tolist() == [candidate == iid for candidate in listed]


@given(pairs, st.data())
def test_taking_some(some, data):
    rows = data.draw(st.lists(st.integers(0, len(some) - 1)))
    taken = IIDWords.of_pairs(some).take(np.array(rows, np.int64))
    assert taken.pairs() == [some[row] for row in rows]


@given(pairs, st.binary(max_size=9), st.randoms(use_true_random=False))
def test_records_in_any_order_within_a_buffer(some, gap, random):
    order = list(range(len(some)))
    random.shuffle(order)
    data, offset = b"", [0] * len(some)
    for nth in order:
        data += gap
        offset[nth] = len(data)
        data += pack_iid(*some[nth])
    length = [len(pack_iid(*iid)) for iid in some]
    records = IIDRecords(np.frombuffer(data, np.uint8), np.array(offset), np.array(length))
    assert records.unpacked() == some
    assert IIDWords.of([records, records]).pairs() == some + some


@given(pairs)
def test_first_of_each(some):
    first, which = first_of_each(IIDWords.of_pairs(some).words)
    distinct = list(dict.fromkeys(some))
    assert [some[row] for row in first.tolist()] == distinct
    assert [distinct[place] for place in which.tolist()] == some


@given(st.lists(pairs, max_size=5), pairs)
def test_table_finds_what_a_dictionary_does(batches, questions):
    table, expected = IIDTable(), {}
    for batch in batches:
        new = [iid for iid in dict.fromkeys(batch) if iid not in expected]
        if new:
            ids = len(expected) + np.arange(len(new))
            table.add(IIDWords.of_pairs(new).words, ids)
            expected.update(zip(new, ids.tolist(), strict=True))
    assert len(table) == len(expected)
    asked = [iid for batch in batches for iid in batch] + questions
    found = table.find(IIDWords.of_pairs(asked).words)
    assert found.tolist() == [expected.get(iid, -1) for iid in asked]


def test_a_large_table():
    rng = np.random.default_rng(3)
    words = rng.integers(0, 1 << 20, (200_000, 1)).astype(np.uint64)
    first, which = first_of_each(words)
    assert (words[first][which] == words).all()
    assert (np.diff(first) > 0).all()
    table = IIDTable()
    for part in np.array_split(first, 7):
        table.add(words[part], part)
    assert (table.find(words) == first[which]).all()
    assert (table.find(words + np.uint64(1 << 20)) == -1).all()
    table.clear()
    assert (table.find(words[:5]) == -1).all()
