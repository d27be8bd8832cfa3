"""Whatever the bytes: they decode, or end in an `IIDFormatError` that names the file."""

import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import build
import strategies
from build import Row
from hostile import read_everything
from iidindex import IIDFile


def plain():
    """As the package writes it: two masks that overlap, an empty one, groups, metadata."""
    file = IIDFile()
    file.add(b"tree", b"d", (10, 10, 14, 15), np.eye(4, 5, dtype=bool), "sys")
    file.add(b"", None, (12, 11, 15, 14), np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]]), ["sys", "b"])
    file.add(b"none", b"d", (0, 0, 3, 3), np.zeros((3, 3), bool))
    file.meta.data = {"a": 1}
    return file.to_bytes()


def odd():
    """As nobody writes it, but allowed."""
    shared = build.region((11, 11, 13, 14), b"\xfc")
    rows = [
        Row(
            9, b"d", b"tree", (10, 10, 14, 15), [shared, build.region((12, 12, 13, 15), b"\xe0")], 9
        ),
        Row(2, b"", b"x", (11, 10, 65535, 65535), [shared, build.region((12, 12, 12, 12), b"")], 6),
    ]
    return build.odd_file(
        rows,
        groups=[("g", [9]), ("g", [2, 9])],
        meta=build.prefixed(b"[1]"),
        record_gap=b"-",
        backwards=True,
        order=("segs", "meta", "lut", "groups", "iids"),
        gap=b"\xff",
    )


SAMPLES = {"plain": plain(), "odd": odd()}


@pytest.fixture(params=SAMPLES)
def sample(request):
    return SAMPLES[request.param]


def test_the_samples_are_valid(check, sample):
    assert check(sample) == ([], [])


def test_cut_off_anywhere(check, sample):
    for length in range(len(sample)):
        errors, scan_errors = check(sample[:length])
        assert errors
        assert scan_errors


@pytest.mark.parametrize("flip", [0xFF, 0x01, 0x80])
def test_any_byte_flipped(check, sample, flip):
    wrong = 0
    for at in range(len(sample)):
        data = bytearray(sample)
        data[at] ^= flip
        wrong += any(check(bytes(data)))
    assert wrong > len(sample) // 4


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**32 - 1])
def test_any_four_bytes_overwritten(check, sample, number):
    wrong = 0
    for at in range(len(sample) - 3):
        data = bytearray(sample)
        struct.pack_into("<I", data, at, number)
        wrong += any(check(bytes(data)))
    assert wrong > len(sample) // 4


def test_noise_after_a_valid_header(check):
    source = random.Random(1)
    header = build.header({name: (48 + 60 * nth, 60) for nth, name in enumerate(build.SECTIONS)})
    for _ in range(100):
        assert check(header + source.randbytes(300))[0]


@given(strategies.odd_files(), st.data())
def test_several_bytes_changed(data, draw):
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(changed) - 1))
        size = draw.draw(st.sampled_from([1, 2, 4]))
        changed[at : at + size] = draw.draw(st.binary(min_size=size, max_size=size))
    read_everything(bytes(changed))


@given(strategies.files, st.data())
def test_bytes_inserted_and_removed(data, draw):
    at = draw.draw(st.integers(0, len(data)))
    gone = draw.draw(st.integers(0, 20))
    read_everything(data[:at] + draw.draw(st.binary(max_size=20)) + data[at + gone :])


@given(st.binary(max_size=200))
def test_any_bytes(data):
    assert read_everything(data)
