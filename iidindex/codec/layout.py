"""The ``.iid`` format on one page: every field and every limit, under its sentence.

Sentences in quotes are from the founding document, the package page of iidfile 0.2.0; the
others state what files written by that program hold where the document is silent or differs.
``docs/format.md`` tells the whole story.
"""

from __future__ import annotations

import struct

import numpy as np

# All integers are little-endian and nothing is padded. The founding program writes native
# order; every known file comes from a little-endian machine.

# "file ::= header lut iids meta groups segments"
SECTIONS = ("lut", "iids", "meta", "groups", "segs")

# "header ::= version rformat bufloc_lut bufloc_iids bufloc_meta bufloc_groups bufloc_segs"
# A bufloc is offset and length; those of the header count from the start of the file.
HEADER = struct.Struct("<12I")
HEADER_SIZE = HEADER.size

# "version ::= uint32": 0 is the only one known, and so it is for rformat.
VERSION = 0
RFORMAT = 0

# "lut ::= { key iid seg }": one row per entry. The two buflocs count from the start of the
# iids and of the segs section.
LUT_ROW_SIZE = 20
LUT_COLUMNS = ("key", "iid_offset", "iid_length", "seg_offset", "seg_length")

# "iids ::= { key len len bytes bytes }": the domain's length and bytes come first, then the
# address's. A domain of no bytes means that there is no domain.
IID_HEAD = np.dtype([("key", "<u4"), ("domain_length", "<u4"), ("address_length", "<u4")])
IID_HEAD_STRUCT = struct.Struct("<3I")

# "meta ::= json", and "json ::= string", which would put a length before it; the program
# writes the JSON bare. Both are read; bare is written.
META_PREFIX = struct.Struct("<I")
# How deep lists and objects may lie in each other. The document names no limit, but every
# program that walks JSON has one, and not every reader fails gently: Python's own depends on
# how deep its caller is, and SQLite stops at 1,000.
MAX_JSON_DEPTH = 200

# "groups ::= len json { group }": the length of a JSON list of objects with a name, an offset
# and a length; then arrays of keys. The offset counts from the end of the list, the length is
# in bytes.
GROUPS_PREFIX = struct.Struct("<I")
GROUP_KEY = np.dtype("<u4")

# "segments ::= { key bbox area { region } }": regions follow until the segment's bufloc ends.
SEGMENT_HEAD = np.dtype([("key", "<u4"), ("bbox", "<u2", (4,)), ("area", "<u4")])
SEGMENT_HEAD_STRUCT = struct.Struct("<I4HI")

# "region ::= len bbox { byte }": the length counts itself and the box; the box is in image
# coordinates; the mask is row-major, most significant bit first, packed over the whole region
# (rows are not padded), with zeros after its last bit.
REGION_LENGTH = struct.Struct("<I")
REGION_HEAD = np.dtype([("length", "<u4"), ("bbox", "<u2", (4,))])
REGION_HEAD_STRUCT = struct.Struct("<I4H")

# "bbox ::= uint16*4": minr, minc, maxr, maxc, half-open.
MAX_COORDINATE = 2**16 - 1
# Every other number is a uint32.
MAX_UINT32 = 2**32 - 1

IID_HEAD_SIZE = IID_HEAD.itemsize
SEGMENT_HEAD_SIZE = SEGMENT_HEAD.itemsize
REGION_HEAD_SIZE = REGION_HEAD.itemsize
