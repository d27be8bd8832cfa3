"""What can be asked: each address once, with its parameters and what answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from iidindex.metadata_names import META
from iidindex.pictures.sheet import MOST_TILES
from iidindex.pictures.sheet import SCALES as SHEET_SCALES
from iidindex.query.comparison.tracks import ORDERS as TRACK_ORDERS
from iidindex.query.holdings.archive_files import ORDERS as FILE_ORDERS
from iidindex.query.holdings.inventory import ORDERS as IID_ORDERS
from iidindex.query.overlaps.pair_filters import PAIR_ORDERS
from iidindex.render.palettes import PALETTES, SCALES
from iidindex.rows import (
    CHANGE,
    COOCCURRENCE,
    ENTRY,
    FILE,
    GROUP,
    IID_COUNT,
    LINK,
    NEAREST,
    OVERLAP,
    RELATED,
    STEP,
    TRACK,
    Kind,
)
from iidindex.serve import lists, pictures_out
from iidindex.serve.parameters import (
    BOX_WANTED,
    DOMAIN,
    EXACT,
    FILTER_PARAMETERS,
    MOST_ROWS,
    OF_FILE,
    ON_STALE,
    ORDER_BY,
    PAGING,
    PATH,
    ROOT,
    Parameter,
    X,
    Y,
)
from iidindex.serve.value_kinds import (
    BOX,
    BYTES,
    DOMAINS,
    FLAG,
    FRACTIONS,
    INDIVIDUAL,
    INTEGER,
    NAMES,
    TEXT,
    fraction,
    number,
    one_of,
)


@dataclass(frozen=True)
class Endpoint:
    """An address that can be asked.

    Attributes
    ----------
    name : str
        What stands behind ``/api/``.
    told : str
        What it answers.
    parameters : tuple of Parameter
    rows : Kind, optional
        Of a list.
    answer : callable
        For a list as in `lists`, for all else as in `pictures_out`.
    media : str
        The type of what is no list.
    """

    name: str
    told: str
    parameters: tuple[Parameter, ...]
    answer: Callable[..., Any]
    rows: Kind | None = None
    media: str = "application/json"


_SEARCH = (*FILTER_PARAMETERS, ORDER_BY, *PAGING)
_BOX = Parameter("box", BOX, "minr,minc,maxr,maxc: only what is in this box, rows before columns.")
_SIZE = Parameter(
    "size",
    number(1, pictures_out.MOST_SIDE),
    "The largest number of pixels along the longer side; larger pictures are reduced.",
    default=2048,
)

ADDRESS = Parameter(
    "address", INDIVIDUAL, "The address of the individual, or iid:DOMAIN.ADDRESS.", True
)
_MOST = Parameter("k", number(1, 1_000_000), "The largest number of rows, over all pages.")

_CELLS = Parameter(
    "size",
    number(1, pictures_out.MOST_SIDE),
    "The largest number of cells along the longer side.",
    default=1024,
)


_COLOUR_BY = f"individual, group, domain, area, or {META}NAME, what the file's metadata say."

_LEAST_FILES = Parameter(
    "min_files",
    number(1, 2**31),
    "Only individuals that are in at least this many files.",
    default=1,
)


def _order(names: Sequence[str]) -> Parameter:
    told = f"One of {', '.join(names)}; -FIELD for descending. Repeat to sort rows that tie."
    return Parameter("order_by", TEXT, told, is_repeatable=True)


def _filter(name: str) -> Parameter:
    return next(one for one in FILTER_PARAMETERS if one.name == name)


LISTS = (
    Endpoint(
        "files",
        "Files by root and path, and those that are missing or failed; with filters of entries, "
        "those that have an entry which fits.",
        (
            Parameter("state", one_of("ok", "missing", "failed"), "Only files in this state."),
            *FILTER_PARAMETERS,
            _order((*FILE_ORDERS, "meta.NAME")),
            *PAGING,
        ),
        lists.files,
        FILE,
    ),
    Endpoint("entries", "Entries that fit the filters.", _SEARCH, lists.entries, ENTRY),
    Endpoint(
        "at",
        "Entries whose mask holds the pixel in column x, row y.",
        (X, Y, EXACT, ON_STALE, *_SEARCH),
        lists.at,
        ENTRY,
    ),
    Endpoint(
        "region",
        "Entries whose mask has a pixel inside a box.",
        (BOX_WANTED, EXACT, ON_STALE, *_SEARCH),
        lists.region,
        ENTRY,
    ),
    Endpoint(
        "nearest",
        "The k entries whose masks are nearest to a pixel, nearest first.",
        (
            X,
            Y,
            Parameter("k", number(1, MOST_ROWS), "The number of entries.", default=1),
            ON_STALE,
            *FILTER_PARAMETERS,
            *PAGING,
        ),
        lists.nearest,
        NEAREST,
    ),
    Endpoint(
        "iids",
        "Individuals, and in how many files and entries they appear.",
        (
            Parameter("prefix", BYTES, "The beginning of the address."),
            DOMAIN,
            _filter("root"),
            _filter("path"),
            _LEAST_FILES,
            _order(IID_ORDERS),
            *PAGING,
        ),
        lists.iids,
        IID_COUNT,
    ),
    Endpoint("groups", "Groups, by name.", PAGING, lists.groups, GROUP),
    Endpoint(
        "links",
        "Files in which an individual appears.",
        (ADDRESS, DOMAIN, *PAGING),
        lists.links,
        LINK,
    ),
    Endpoint(
        "related",
        "Files that share individuals with a file, the closest first.",
        (PATH, ROOT, _MOST, *PAGING),
        lists.related,
        RELATED,
    ),
    Endpoint(
        "cooccur",
        "Individuals that appear together with one individual, most often first.",
        (
            ADDRESS,
            DOMAIN,
            Parameter(
                "by",
                one_of("file", "group", "overlap"),
                "What is counted: files in common, groups in common, or pairs that overlap.",
                default="file",
            ),
            _MOST,
            *PAGING,
        ),
        lists.cooccur,
        COOCCURRENCE,
    ),
    Endpoint(
        "overlaps",
        "Pairs of entries of a file that share pixels.",
        (
            Parameter(
                "between", DOMAINS, "The domain of a and the domain of b, separated by a comma."
            ),
            Parameter("a_group", TEXT, "A group that a is in. Repeated: any.", is_repeatable=True),
            Parameter("b_group", TEXT, "A group that b is in. Repeated: any.", is_repeatable=True),
            Parameter("min_iou", fraction(0, 1), "The smallest intersection over union (IoU)."),
            Parameter("a_in_b", FRACTIONS, "LOW..HIGH: the fraction of a that lies in b."),
            Parameter("b_in_a", FRACTIONS, "LOW..HIGH: the fraction of b that lies in a."),
            Parameter(
                "within",
                number(0, 1_000_000),
                "Also pairs that are at most this many pixels apart: 1 if they touch.",
            ),
            _order(PAIR_ORDERS),
            ON_STALE,
            *FILTER_PARAMETERS,
            *PAGING,
        ),
        lists.overlaps,
        OVERLAP,
    ),
    Endpoint(
        "chain",
        "The shortest chain of files that leads from individual a to b.",
        (
            Parameter("a", INDIVIDUAL, "The address of the first, or iid:DOMAIN.ADDRESS.", True),
            Parameter("b", INDIVIDUAL, "The address of the last, or iid:DOMAIN.ADDRESS.", True),
            Parameter("from_domain", BYTES, "The domain of a; empty for none."),
            Parameter("to_domain", BYTES, "The domain of b; empty for none."),
            *PAGING,
        ),
        lists.chain,
        STEP,
    ),
    Endpoint(
        "tracks",
        "Individuals, followed from the first of their files to the last.",
        (
            Parameter(
                "by",
                TEXT,
                "The order of the files: path, or meta.NAME, a value of their metadata.",
                default="path",
            ),
            _LEAST_FILES,
            _order(TRACK_ORDERS),
            Parameter(
                "exact",
                FLAG,
                "Measure the displacement between centroids of masks, not middles of boxes.",
                default=False,
            ),
            ON_STALE,
            *FILTER_PARAMETERS,
            *PAGING,
        ),
        lists.tracks,
        TRACK,
    ),
    Endpoint(
        "changes",
        "The changes that ingests found, by name, the oldest first.",
        (
            Parameter(
                "since",
                TEXT,
                "`last` ingest, a span such as 1d, 12h, 90m or 2w, or a date or time.",
            ),
            *PAGING,
        ),
        lists.changes,
        CHANGE,
    ),
)

OTHERS = (
    Endpoint(
        "status",
        "How much the index holds, and the roots in which its files lie: a plain object.",
        (),
        pictures_out.status,
    ),
    Endpoint(
        "masks.bin",
        "The masks of a file, one bit for each pixel, after a head in JSON.",
        (*OF_FILE, _BOX),
        pictures_out.masks,
        media="application/octet-stream",
    ),
    Endpoint(
        "mask.png",
        "The mask of one entry: white inside, black outside, one bit for each pixel.",
        (
            PATH,
            ROOT,
            Parameter("key", INTEGER, "The key of the entry in its file."),
            Parameter("address", INDIVIDUAL, "The address whose mask it is, instead of a key."),
            DOMAIN,
            _BOX,
            Parameter(
                "frame",
                FLAG,
                "Show the whole frame, with the size that the file's metadata state.",
                default=False,
            ),
        ),
        pictures_out.mask,
        media="image/png",
    ),
    Endpoint(
        "picture.png",
        "The picture that the file's metadata name, without masks.",
        (PATH, ROOT, _BOX, _SIZE),
        pictures_out.picture,
        media="image/png",
    ),
    Endpoint(
        "heat.png",
        "Where masks lie in the frame, over all files, in colours.",
        (
            *(ON_STALE, *FILTER_PARAMETERS, _BOX, _CELLS),
            Parameter("fit", FLAG, "Only the part of the frame that holds all.", default=False),
            Parameter("image", FLAG, "Draw over the picture, if there is one.", default=True),
            Parameter("palette", one_of(*SCALES), "The colours.", default="ember"),
            Parameter("alpha", fraction(0, 1), "Strength of the colours."),
        ),
        pictures_out.heat,
        media="image/png",
    ),
    Endpoint(
        "sheet.png",
        "Every appearance of an individual, or all that fits, side by side.",
        (
            *(ON_STALE, *FILTER_PARAMETERS, ORDER_BY),
            Parameter("limit", number(1, MOST_TILES), "At most so many tiles.", default=60),
            Parameter("tile", number(1, 1024), "Width and height of a tile.", default=192),
            Parameter(
                "margin",
                fraction(0, 100),
                "What is shown around a mask, as a fraction of its longer side.",
                default=0.25,
            ),
            Parameter("fit", FLAG, "Scale each tile to its own mask.", default=False),
            Parameter("caption", NAMES, "Fields to write below each tile, with commas between."),
            Parameter("image", FLAG, "Draw over the pictures, if they are there.", default=True),
            Parameter(
                "gaps", FLAG, "Show files that lack the individual as empty tiles.", default=False
            ),
            Parameter("strip", FLAG, "Lay out all tiles in one row.", default=False),
            Parameter(
                "scale",
                one_of(*SHEET_SCALES),
                "Draw how long so many pixels are, or write areas.",
                default="bar",
            ),
            Parameter("colour_by", TEXT, _COLOUR_BY, default="individual"),
            Parameter("palette", one_of(*PALETTES), "The colours."),
            Parameter("legend", FLAG, "Write what colours mean.", default=True),
            Parameter("outlines", FLAG, "Draw outlines.", default=True),
            Parameter("alpha", fraction(0, 1), "Strength of the tints."),
        ),
        pictures_out.sheet,
        media="image/png",
    ),
)
