"""Small files that ask for much: memory and time stay within a multiple of the file."""

import subprocess
import sys
import textwrap
import tracemalloc

import pytest

import build
from build import Row
from hostile import no_hang, read_everything
from iidindex import IIDFile, IIDFormatError
from iidindex.files.scan import scan

EVERYTHING = (0, 0, 65535, 65535)
PIXEL = build.region((7, 7, 8, 8), b"\x80")


def in_child(code, data, address_space=None):
    """Run code in a process of its own, `data` in its stdin; return what it prints."""
    prologue = """
        import resource, sys
        import numpy as np
        import rtree.index
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        from iidindex import IIDFile, IIDFormatError
        file = IIDFile(sys.stdin.buffer.read())
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        def limit(size):
            with open("/proc/self/statm") as statm:
                now = int(statm.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (now + size, now + size))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(prologue) + textwrap.dedent(code)],
        input=data,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode()


def test_an_empty_mask_of_the_largest_box_takes_no_memory():
    data = build.odd_file([Row(0, b"", b"", EVERYTHING)], meta=b"")
    assert len(data) < 130
    code = """
        before = peak()
        (entry,) = file
        try:
            mask = entry.seg.mask()
            assert mask.shape == (65535, 65535)
            assert not mask[40000:40010].any()
            for _, other in file.masks():
                assert other.shape == (65535, 65535)
        except IIDFormatError as error:
            assert "does not fit into memory" in str(error)
        assert entry.seg.mask((100, 100, 110, 120)).shape == (10, 20)
        assert file.at(5, 5) == file.region((0, 0, 65535, 65535)) == []
        assert file.overlap_graph() == ([entry], [])
        print(peak() - before)
    """
    assert int(in_child(code, data)) < 64 << 20


def test_a_mask_that_does_not_fit_into_memory():
    rows = [Row(nth, b"", b"", EVERYTHING, [PIXEL], 1) for nth in range(2)]
    code = """
        limit(1 << 30)
        for entry in file:
            for ask in (entry.seg.mask, lambda: list(file.masks([entry]))):
                try:
                    ask()
                except IIDFormatError as error:
                    print(error)
            assert entry.seg.mask((0, 0, 10, 10)).sum() == 1
        assert len(file.at(7, 7)) == 2
    """
    lines = in_child(code, build.odd_file(rows)).splitlines()
    assert len(lines) == 4
    for line, offset in zip(lines, [120, 120, 149, 149], strict=True):
        assert line == (
            f"<memory>: section segs at byte {offset}: a mask of 65535 x 65535 pixels does not "
            "fit into memory; ask for a part of it with mask(bbox)"
        )


def test_many_large_boxes_are_decoded_a_few_at_a_time():
    # Each mask takes 16 MB and may be let go when the next is asked for.
    rows = [Row(nth, b"", b"", (0, 0, 4000, 4000), [PIXEL], 1) for nth in range(200)]
    code = """
        limit(256 << 20)
        print(sum(int(mask[7, 7]) for _, mask in file.masks()))
    """
    assert in_child(code, build.odd_file(rows)).strip() == "200"


def test_regions_far_apart_that_share_pixels():
    corners = [(0, 0, 1, 1), (65534, 65534, 65535, 65535), (0, 65534, 1, 65535)]
    regions = [build.region(box, b"\x80") for box in [*corners, corners[0]]]
    rows = [Row(nth, b"", b"", EVERYTHING, regions, 3) for nth in range(2)]
    code = """
        limit(512 << 20)
        print([pixels for _, _, pixels in file.overlap_graph()[1]])
    """
    assert in_child(code, build.odd_file(rows)).strip() == "[3]"


def test_a_file_said_to_be_larger_than_it_is():
    # Every table claims as much as 32 bits can say.
    places = dict.fromkeys(build.SECTIONS, (48, 2**32 - 1))
    for name in build.SECTIONS:
        data = build.header({name: places[name]})
        with pytest.raises(IIDFormatError, match=f"section {name} is bytes 48 to 4294967343"):
            IIDFile(data)


def test_many_rows_that_point_at_one_record():
    record = build.segment(0, (0, 0, 1000, 1000), [build.region((0, 0, 1000, 1000), bytes(125000))])
    rows = [(nth, 0, 12, 0, len(record)) for nth in range(1000)]
    data = build.assemble(
        {"lut": build.lut(rows), "iids": build.iid(0, b"", b"") * 1000, "segs": record}
    )
    for error in read_everything(data):
        assert "the seg records are 125028000 bytes long together and so overlap" in str(error)
    with pytest.raises(IIDFormatError):
        len(IIDFile(data))


def many_regions_in_one_place():
    return build.odd_file([Row(0, b"", b"", (0, 0, 9, 9), [PIXEL] * 10_000, 1)])


def many_regions_without_a_pixel():
    blank = build.region((0, 0, 8, 1), b"\0")
    return build.odd_file([Row(0, b"", b"", (0, 0, 9, 9), [blank] * 10_000)])


def many_regions_of_no_size():
    none = build.region((7, 7, 7, 8), b"")
    rows = [Row(nth, b"", b"", (0, 0, 9, 9), [none] * 400) for nth in range(50)]
    return build.odd_file(rows)


def many_empty_entries():
    return build.odd_file([Row(nth, b"", b"", (0, 0, 9, 9)) for nth in range(5000)])


def one_name_for_many_groups():
    return build.odd_file(
        [Row(nth) for nth in range(9)], groups=[("g", [nth % 9]) for nth in range(9000)]
    )


def many_groups_of_scattered_keys():
    rows = [Row(2**32 - 1 - 7 * nth) for nth in range(2000)]
    return build.odd_file(rows, groups=[(f"{nth}", [rows[nth].key]) for nth in range(2000)])


def metadata_of_many_lists():
    return build.odd_file([], meta=b"[" + b"[]," * 60_000 + b"0]")


LARGE = [
    many_regions_in_one_place,
    many_regions_without_a_pixel,
    many_regions_of_no_size,
    many_empty_entries,
    one_name_for_many_groups,
    many_groups_of_scattered_keys,
    metadata_of_many_lists,
]


@pytest.mark.parametrize("make", LARGE)
def test_memory_is_a_multiple_of_the_file(make):
    data = make()
    with no_hang():
        read_everything(many_empty_entries()[:100])  # what is imported late is imported now
        tracemalloc.start()
        try:
            assert read_everything(data) == []
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # Pairs are compared in blocks, whose size does not depend on the file.
    assert peak < 100 * len(data) + (128 << 20)


@pytest.mark.parametrize("make", LARGE)
def test_scan_takes_no_more(make, tmp_path):
    data = make()
    path = tmp_path / "large.iid"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with no_hang():
            columns = scan(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(columns) == len(IIDFile(data))
    assert peak < 60 * len(data)


def test_one_mask_of_many_regions_in_one_place_is_counted_once():
    with no_hang():
        other = Row(1, b"", b"", (0, 0, 9, 9), [build.region((0, 0, 9, 9), b"\xff" * 11)], 81)
        rows = [Row(0, b"", b"", (0, 0, 9, 9), [PIXEL] * 10_000, 1), other]
        file = IIDFile(build.odd_file(rows))
        assert [pixels for _, _, pixels in file.overlap_graph()[1]] == [1]
