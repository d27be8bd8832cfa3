"""One wrong thing at a time: each is named, with its section and its offset."""

import json
import struct

import pytest

import build
from build import Row
from hostile import read_everything
from iidindex import IIDFile


def with_sections(**changed):
    """A valid file of one row but for the sections given."""
    row = Row(0, b"d", b"tree", (0, 0, 4, 4), [build.region((0, 0, 4, 4), b"\xff\xff")], 16)
    return build.assemble({**build.sections_of([row], groups=[("g", [0])]), **changed})


def with_places(**changed):
    """The same file, its header changed."""
    data = with_sections()
    numbers = struct.unpack_from("<12I", data)
    places = dict(zip(build.SECTIONS, zip(numbers[2::2], numbers[3::2], strict=True), strict=True))
    return build.header({**places, **changed}) + data[48:]


def with_segment(segment):
    """The same file with one segment given as bytes."""
    return with_sections(lut=build.lut([(0, 0, 17, 0, len(segment))]), segs=segment)


def with_regions(*regions, bbox=(0, 0, 4, 4), area=1):
    return with_segment(build.segment(0, bbox, regions, area))


def with_group(**group):
    return with_sections(
        groups=build.groups([{"name": "g", "offset": 0, "length": 4, **group}], bytes(4))
    )


PIXEL = build.region((1, 1, 2, 2), b"\x80")


FIRST = "section lut at byte 48: the "


WRONG = {
    "nothing": (b"", "header: the file has 0 bytes; expected at least the 48"),
    "too short": (bytes(47), "header: the file has 47 bytes"),
    "version": (build.header({}, version=1), "header at byte 0: version is 1; expected 0"),
    "rformat": (build.header({}, rformat=7), "header at byte 4: rformat is 7; expected 0"),
    "section beyond the end": (
        with_places(segs=(136, 31)),
        "header at byte 40: section segs is bytes 136 to 167; the file has 166",
    ),
    "section far beyond the end": (
        with_places(lut=(2**32 - 1, 2**32 - 1)),
        "header at byte 8: section lut is bytes 4294967295 to 8589934590; the file has 166",
    ),
    "section inside the header": (
        with_places(iids=(47, 17)),
        "header at byte 16: section iids begins at byte 47, inside the header",
    ),
    "sections overlap": (
        with_places(meta=(84, 2)),
        "header at byte 24: section meta begins at byte 84, inside section iids, which ends",
    ),
    "sections overlap past an empty one": (
        with_places(iids=(0, 0), meta=(60, 2)),
        "section meta begins at byte 60, inside section lut, which ends at byte 68",
    ),
    "section beyond the end before empty ones": (
        build.header({"lut": (48, 20), **dict.fromkeys(build.SECTIONS[1:], (0, 0))}) + bytes(19),
        "section lut is bytes 48 to 68; the file has 67",
    ),
    "half a row": (
        with_places(lut=(48, 19)),
        "section lut at byte 48: its 19 bytes are not a whole number of 20-byte rows",
    ),
    "iid without a head": (
        with_sections(lut=build.lut([(0, 0, 11, 0, 30)])),
        FIRST + "iid record of row 0 has 11 bytes; expected at least 12",
    ),
    "iid beyond its section": (
        with_sections(lut=build.lut([(0, 1, 17, 0, 30)])),
        FIRST + "iid record of row 0 ends at byte 18 of section iids, which has 17",
    ),
    "segment without a head": (
        with_sections(lut=build.lut([(0, 0, 17, 0, 15)])),
        FIRST + "seg record of row 0 has 15 bytes; expected at least 16",
    ),
    "segment far beyond its section": (
        with_sections(lut=build.lut([(0, 0, 17, 2**32 - 1, 2**32 - 1)])),
        FIRST + "seg record of row 0 ends at byte 8589934590 of section segs, which has 30",
    ),
    "the second row": (
        with_sections(lut=build.lut([(0, 0, 12, 0, 16), (1, 12, 5, 0, 16)])),
        "section lut at byte 68: the iid record of row 1 has 5 bytes",
    ),
    "rows share an iid": (
        with_sections(lut=build.lut([(0, 0, 17, 0, 16), (1, 0, 17, 0, 16)])),
        FIRST + "iid records are 34 bytes long together and so overlap; section iids has 17",
    ),
    "rows share a segment": (
        with_sections(
            lut=build.lut([(0, 0, 12, 0, 30), (1, 12, 12, 0, 30)]), iids=build.iid(0, b"", b"") * 2
        ),
        FIRST + "seg records are 60 bytes long together and so overlap; section segs has 30",
    ),
    "rows share a key": (
        build.odd_file([Row(4), Row(1), Row(4)]),
        "section lut at byte 88: key 4 of row 2 is that of row 0, too",
    ),
    "iid longer than its record": (
        with_sections(iids=build.iid(0, b"d", b"tree", address_length=5)),
        "section iids at byte 68: the record of key 0 has 17 bytes; its head of 12, its domain "
        "of 1 and its address of 5 make 18",
    ),
    "iid far longer than its record": (
        with_sections(iids=build.iid(0, b"d", b"tree", 2**32 - 1, 2**32 - 1)),
        "make 8589934602",
    ),
    "segment box reversed": (
        with_segment(build.segment(0, (4, 0, 3, 4))),
        "section segs at byte 136: the segment of key 0: bbox .4, 0, 3, 4. is reversed",
    ),
    "area beyond the box": (
        with_segment(build.segment(0, (0, 0, 4, 4), area=17)),
        r"the segment of key 0: area is 17; its bbox \(0, 0, 4, 4\) has 16 pixels",
    ),
    "region of length 0": (
        with_regions(build.region((1, 1, 2, 2), b"\x80", length=0)),
        "section segs at byte 152: a region's length is 0; expected 12 to the 13 bytes left",
    ),
    "region of length 11": (
        with_regions(PIXEL, build.region((1, 1, 2, 2), b"\x80", length=11)),
        "section segs at byte 165: a region's length is 11",
    ),
    "region longer than the segment": (
        with_regions(build.region((1, 1, 2, 2), b"\x80", length=2**32 - 1)),
        "a region's length is 4294967295; expected 12 to the 13 bytes left",
    ),
    "region cut off in its length": (
        with_regions(PIXEL, b"\x0d\0\0"),
        "section segs at byte 165: a region's length is 0; expected 12 to the 3 bytes left",
    ),
    "region cut off in its head": (
        with_regions(PIXEL, b"\x0d\0\0\0\1"),
        "section segs at byte 165: a region's length is 13; expected 12 to the 5 bytes left",
    ),
    "region longer than its box": (
        with_regions(build.region((1, 1, 2, 2), b"\x80\0")),
        r"a region's length is 14; its bbox \(1, 1, 2, 2\) needs 13",
    ),
    "region shorter than its box": (
        with_regions(build.region((0, 0, 4, 4), b"\x80")),
        r"a region's length is 13; its bbox \(0, 0, 4, 4\) needs 14",
    ),
    "region box reversed": (
        with_regions(build.region((2, 2, 1, 1), b"\x80")),
        r"a region's bbox \(2, 2, 1, 1\) is reversed",
    ),
    "region outside its segment": (
        with_regions(build.region((3, 3, 5, 4), b"\x80")),
        r"a region's bbox \(3, 3, 5, 4\) reaches outside its segment's, \(0, 0, 4, 4\)",
    ),
    "meta not JSON": (with_sections(meta=b"{x}"), "section meta at byte 85: not JSON"),
    "meta not UTF-8": (
        with_sections(meta=b'"\xff"'),
        "section meta at byte 86: not UTF-8: byte 0xff",
    ),
    "meta of several values": (with_sections(meta=b"{}{}"), "section meta at byte 85: not JSON"),
    "meta with a number of 10,000 digits": (with_sections(meta=b"9" * 10000), "not JSON: .*digits"),
    "meta prefixed and wrong": (
        with_sections(meta=build.prefixed(b"{")),
        "section meta at byte 85: not JSON",
    ),
    "meta nested 201 levels": (
        with_sections(meta=b"[" * 201 + b"]" * 201),
        "section meta at byte 85: JSON is nested deeper than 200 levels",
    ),
    "meta nested 1,000 levels": (
        with_sections(meta=b'{"a":[' * 500 + b"]}" * 500),
        "JSON is nested deeper than 200 levels",
    ),
    "meta nested 1,000,000 levels": (
        with_sections(meta=b"[" * 1_000_000 + b"]" * 1_000_000),
        "JSON is nested deeper than 200 levels",
    ),
    "groups too short": (
        with_sections(groups=b"\0\0\0"),
        "section groups at byte 87: the section has 3 bytes; expected at least 4",
    ),
    "group list longer than the section": (
        with_sections(groups=struct.pack("<I", 3) + b"[]"),
        "section groups at byte 87: the list has 3 bytes; 2 are left of the section",
    ),
    "group list not JSON": (
        with_sections(groups=build.groups(b"[}")),
        "section groups at byte 91: not JSON",
    ),
    "group list nested 1,000,000 levels": (
        with_sections(groups=build.groups(b"[" * 1_000_000)),
        "section groups at byte 91: JSON is nested deeper than 200 levels",
    ),
    "group list of another type": (
        with_sections(groups=build.groups({"name": "g"})),
        "section groups at byte 91: the JSON is of type dict; expected a list",
    ),
    "group not an object": (
        with_sections(groups=build.groups([3])),
        "section groups at byte 87: group 0: is of type int; expected an object",
    ),
    "group without fields": (
        with_sections(groups=build.groups([{"name": "g"}])),
        "group 0: has no length and no offset",
    ),
    "group name no text": (with_group(name=5), "group 0: name is of type int; expected a string"),
    "group name null": (with_group(name=None), "group 0: name is of type NoneType"),
    "group name a surrogate": (
        with_group(name="\ud800"),
        r"group 0: name '\\ud800' is not valid Unicode",
    ),
    "group name not UTF-8": (
        with_sections(groups=build.groups(b'[{"name": "\xff"}]')),
        "section groups at byte 102: not UTF-8: byte 0xff",
    ),
    "group offset negative": (with_group(offset=-4), "group 0: offset is -4; expected an integer"),
    "group offset a float": (with_group(offset=0.0), "group 0: offset is 0.0; expected an integer"),
    "group offset true": (with_group(offset=True), "group 0: offset is True; expected an integer"),
    "group offset text": (with_group(offset="0"), "group 0: offset is '0'; expected an integer"),
    "group offset NaN": (with_group(offset=float("nan")), "group 0: offset is nan"),
    "group offset huge": (with_group(offset=10**4000), "group 0: offset is 1000000"),
    "group length a list": (with_group(length=[4]), r"group 0: length is \[4\]; expected"),
    "group length an object": (with_group(length={}), r"group 0: length is \{\}; expected"),
    "group length null": (with_group(length=None), "group 0: length is None; expected"),
    "group length of half a key": (
        with_group(length=3),
        "group 0: length is 3; expected whole keys of 4 bytes",
    ),
    "group beyond the section": (
        with_group(offset=1),
        "group 0: its keys end at byte 5; there are 4",
    ),
    "groups share keys": (
        with_sections(
            groups=build.groups([{"name": n, "offset": 0, "length": 4} for n in "ab"], bytes(4))
        ),
        "the key arrays are 8 bytes long together and so overlap; the section has 4",
    ),
    "group key out of range": (
        with_sections(groups=build.groups_of([("a", [0]), ("b", [0, 1])])),
        "group 'b' holds key 1, which is not in the lookup table of 1 rows",
    ),
    "group key far out of range": (
        with_sections(groups=build.groups_of([("b", [2**32 - 1])])),
        "group 'b' holds key 4294967295, which is not in the lookup table of 1 rows",
    ),
    "group key that is a row": (
        build.odd_file([Row(5), Row(6)], groups=[("b", [1])]),
        "group 'b' holds key 1, which is not in the lookup table of 2 rows",
    ),
}


# What the catalogue does not need is not looked at when a file is scanned.
NOT_SCANNED = {name for name in WRONG if name.startswith("region ")}


def test_the_file_to_be_changed_is_valid(check):
    assert check(with_sections()) == check(with_regions(PIXEL)) == ([], [])
    assert check(with_group()) == check(with_places()) == ([], [])


@pytest.mark.parametrize("name", WRONG)
def test_one_wrong_thing(check, name):
    data, message = WRONG[name]
    errors, scan_errors = check(data)
    assert errors
    for error in errors:
        error_matches(error, message)
    assert bool(scan_errors) == (name not in NOT_SCANNED)
    for error in scan_errors:
        error_matches(error, message)


def error_matches(error, message):
    with pytest.raises(type(error), match=message):
        raise error


@pytest.mark.parametrize(
    "meta", ["NaN", "[Infinity, 1e999]", '"\\ud800"', "1e400", '{"a":1,"a":2}']
)
def test_metadata_that_python_reads(check, meta):
    data = with_sections(meta=meta.encode())
    assert check(data) == ([], [])
    assert repr(IIDFile(data).meta.data) == repr(json.loads(meta))


def test_deep_metadata_reads_the_same_however_deep_the_caller_is():
    data = with_sections(meta=b"[" * 200 + b"]" * 200)

    def read_below(depth):
        return IIDFile(data).to_bytes() if depth == 0 else read_below(depth - 1)

    assert read_below(0) == read_below(400)
    assert read_everything(data) == []


def test_error_survives_pickling():
    import pickle

    (error, *_) = read_everything(WRONG["half a row"][0])
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.section, again.offset) == (str(error), "lut", 48)
    assert again.source == "<memory>"
