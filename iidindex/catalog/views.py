"""The catalogue for people who write SQL: views that join its tables, for each database."""

from __future__ import annotations

import re
from typing import NamedTuple


class Words(NamedTuple):
    """What a database says in its own way.

    Attributes
    ----------
    text : str
        How bytes, at ``{}``, become text.
    greater : str
        The function for the greater of two numbers.
    appearance, seen : str
        By what rows of entries are grouped into one of an IID in a file: as little as the database
        takes.
    """

    text: str
    greater: str
    appearance: str
    seen: str


SQLITE_WORDS = Words("CAST({} AS TEXT)", "max", "e.iid_id, e.file_id", "e.iid_id, e.file_id")

# A path that is no text is stored as a blob.
_PATH = "<f.path> AS path"
_LOCATION = "rtrim(<r.location>, '/') || '/' || <f.path>"
# What is no UTF-8 is seen by the bytes beside it.
_IID = (
    "<i.domain> AS domain, <i.address> AS address, "
    "i.domain AS domain_bytes, i.address AS address_bytes"
)
# A careless file may state a smaller area than what is shared.
_OVERLAP = (
    "o.pixels, CAST(o.pixels AS DOUBLE PRECISION) "
    "/ (<greater>(a.area, o.pixels) + <greater>(b.area, o.pixels) - o.pixels) AS iou, "
    "CAST(o.pixels AS DOUBLE PRECISION) / <greater>(a.area, o.pixels) AS a_in_b, "
    "CAST(o.pixels AS DOUBLE PRECISION) / <greater>(b.area, o.pixels) AS b_in_a"
)

# Files in order within their roots; individuals in files, in roots, and over all.
_TRACKS = f"""
WITH placed AS (
  SELECT f.id, f.root_id, f.path, r.name,
         row_number() OVER (PARTITION BY f.root_id ORDER BY f.path) AS place
  FROM files f JOIN roots r ON r.id = f.root_id WHERE f.state = 'ok'
), seen AS (
  SELECT e.iid_id, e.file_id, p.root_id, p.place, p.path, p.name, count(*) AS entries,
         min(e.area) AS area_min, sum(e.area) AS area_sum, max(e.area) AS area_max,
         min(e.minr) + max(e.maxr) AS row_twice, min(e.minc) + max(e.maxc) AS col_twice,
         row_number() OVER (PARTITION BY e.iid_id ORDER BY p.path, p.name) AS nth,
         row_number() OVER (PARTITION BY e.iid_id ORDER BY p.path DESC, p.name DESC) AS nth_last
  FROM entries e JOIN placed p ON p.id = e.file_id GROUP BY <seen>
), in_roots AS (
  SELECT iid_id, max(place) - min(place) + 1 - count(*) AS gaps, count(*) AS files,
         sum(entries) AS entries, min(area_min) AS area_min, sum(area_sum) AS area_sum,
         max(area_max) AS area_max,
         max(CASE nth WHEN 1 THEN file_id END) AS first,
         max(CASE nth_last WHEN 1 THEN file_id END) AS last,
         max(CASE nth WHEN 1 THEN row_twice END) AS first_row,
         max(CASE nth WHEN 1 THEN col_twice END) AS first_col,
         max(CASE nth_last WHEN 1 THEN row_twice END) AS last_row,
         max(CASE nth_last WHEN 1 THEN col_twice END) AS last_col
  FROM seen GROUP BY iid_id, root_id
), whole AS (
  SELECT iid_id, max(first) AS first, max(last) AS last,
         sum(files) AS files, sum(entries) AS entries, sum(gaps) AS gaps,
         min(area_min) AS area_min,
         CAST(sum(area_sum) AS DOUBLE PRECISION) / sum(entries) AS area_mean,
         max(area_max) AS area_max,
         CAST(max(last_row) - max(first_row) AS DOUBLE PRECISION) AS rows_twice,
         CAST(max(last_col) - max(first_col) AS DOUBLE PRECISION) AS cols_twice
  FROM in_roots GROUP BY iid_id
)
SELECT {_IID}, <f.path> AS first, <l.path> AS last, w.files, w.entries, w.gaps,
       w.area_min, w.area_mean, w.area_max,
       sqrt(w.rows_twice * w.rows_twice + w.cols_twice * w.cols_twice) / 2 AS displacement, w.iid_id
FROM whole w JOIN iids i ON i.id = w.iid_id JOIN files f ON f.id = w.first
JOIN files l ON l.id = w.last
"""  # noqa: S608
_PAIRS = (
    f"SELECT {_PATH}, a.key AS a_key, b.key AS b_key, <p.domain> AS a_domain, "  # noqa: S608
    "<p.address> AS a_address, <q.domain> AS b_domain, "
    f"<q.address> AS b_address, a.area AS a_area, b.area AS b_area, {_OVERLAP}, "
    'o.a_id, o.b_id, a.file_id FROM "overlaps" o JOIN entries a ON a.id = o.a_id '
    "JOIN entries b ON b.id = o.b_id JOIN iids p ON p.id = a.iid_id "
    "JOIN iids q ON q.id = b.iid_id JOIN files f ON f.id = a.file_id WHERE f.state = 'ok'"
)

# What each view holds, and the statement it stands for: `said` puts it into a database's words.
# Their columns are a promise.
VIEWS = {
    "indexed_files": (
        "each file, whatever its state",
        f"SELECT f.id, r.name AS root, {_PATH}, {_LOCATION} AS location, f.state, f.reason, "  # noqa: S608
        "f.n_entries AS entries, f.size, f.mtime_ns, f.indexed_at, f.meta "
        "FROM files f JOIN roots r ON r.id = f.root_id",
    ),
    "found": (
        "each entry of the files that could be read and are there",
        f"SELECT e.id, r.name AS root, {_PATH}, {_LOCATION} AS location, e.key, {_IID}, "  # noqa: S608
        'e.minr, e.minc, e.maxr, e.maxc, e.area, e."offset", e.length, e.file_id, e.iid_id '
        "FROM entries e JOIN iids i ON i.id = e.iid_id JOIN files f ON f.id = e.file_id "
        "JOIN roots r ON r.id = f.root_id WHERE f.state = 'ok'",
    ),
    "members": (
        "each entry of each group, once for each group that it is in",
        f'SELECT <g.name> AS "group", m.entry_id AS id, e.file_id, e.iid_id, {_PATH}, e.key '  # noqa: S608
        "FROM entry_groups m JOIN groups g ON g.id = m.group_id "
        "JOIN entries e ON e.id = m.entry_id JOIN files f ON f.id = e.file_id "
        "WHERE f.state = 'ok'",
    ),
    "appearances": (
        "each individual in each file, with its entries and the sum of their pixels",
        f"SELECT {_IID}, {_PATH}, {_LOCATION} AS location, count(*) AS entries, "  # noqa: S608
        "sum(e.area) AS area, f.id AS file_id, i.id AS iid_id "
        "FROM entries e JOIN iids i ON i.id = e.iid_id JOIN files f ON f.id = e.file_id "
        "JOIN roots r ON r.id = f.root_id WHERE f.state = 'ok' GROUP BY <appearance>",
    ),
    "tracks": (
        "each individual, from the first of its files to the last, by path",
        _TRACKS,
    ),
    "overlapping": (
        "each pair of entries that share pixels, in files whose overlaps are stored",
        _PAIRS,
    ),
    "matches": (
        "each such pair of two domains that has an IoU of at least 0.5",
        # The same in whole numbers: pixels / (a + b - pixels) >= 1 / 2.
        f"{_PAIRS} AND p.domain <> q.domain AND 3 * o.pixels >= "
        "<greater>(a.area, o.pixels) + <greater>(b.area, o.pixels)",
    ),
}


def said(words: Words) -> dict[str, str]:
    """The statement of each view in the words of a database."""

    def word(found: re.Match[str]) -> str:
        name = found[1]
        return words.text.format(name) if "." in name else str(getattr(words, name))

    return {view: re.sub("<([a-z_.]+)>", word, text) for view, (_, text) in VIEWS.items()}
