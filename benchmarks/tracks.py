"""Individuals followed over an archive, against pandas on a data frame that is ready."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import iidindex
from benchmarks.runner import Contender, Promise, Scale, Work, agree
from iidindex.codec.encode import encode_iid, encode_meta, encode_segment
from iidindex.files.part import Part
from iidindex.files.saving import encode_file
from iidindex.model import IID, BBox

PER_FILE = 100
_COLUMNS = ["path", "domain", "address", "bbox", "area"]


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """A row for each individual, of long tracks and of short ones."""
    n_files = scale.of(10_000, 500)
    return [
        _following(directory, scale, n_files, max(n_files, PER_FILE), True),
        _following(directory, scale, n_files, max(20 * n_files, 2 * PER_FILE), False),
    ]


def _following(
    directory: Path, scale: Scale, n_files: int, n_individuals: int, is_promised: bool
) -> Work:
    place = directory / str(n_individuals)
    film(place / "archive", n_files, n_individuals)
    index = iidindex.open(place / "index.db", create=True)
    index.ingest(place / "archive")
    frame = index.entries.to_pandas(_COLUMNS)
    sides = np.stack(list(frame.pop("bbox")))
    frame[["minr", "minc", "maxr", "maxc"]] = sides

    def ours() -> list[Any]:
        return list(index.tracks())

    def theirs() -> pd.DataFrame:
        file = frame["path"].rank(method="dense")
        return _grouped(frame.assign(file=file), ["address", "domain"])

    def check() -> None:
        found = theirs()
        told = [
            (t.iid.address.decode(), t.files, t.entries, t.gaps, t.area_max, t.displacement)
            for t in ours()
        ]
        rows = zip(
            found.index.get_level_values(0),
            *(found[name] for name in ("files", "entries", "gaps", "area_max", "displacement")),
            strict=True,
        )
        agree("tracks", told, list(rows))

    return Work(
        name=f"tracks of {n_files * PER_FILE:,} entries of {n_individuals:,} individuals",
        ours=[
            Contender.of("list of index.tracks()", ours),
            Contender.of(
                "the ten longest", lambda: list(index.tracks(order_by="-files", limit=10))
            ),
        ],
        theirs=Contender.of(f"pandas {pd.__version__} groupby of a ready data frame", theirs),
        promise=Promise.slower(3.5) if is_promised else None,
        repeats=scale.of(5, 5),
        check=check,
        reason=(
            "The entries have to come out of SQLite, while those of the other lie ready in memory; "
            "and each individual becomes a row of its own."
        ),
    )


def _grouped(frame: pd.DataFrame, by: Any) -> pd.DataFrame:
    """The same columns, from entries that lie in the order of their files."""
    # A file's entries of one individual are one appearance in this archive.
    found: pd.DataFrame = frame.groupby(by).agg(
        first=("file", "min"),
        last=("file", "max"),
        files=("file", "nunique"),
        entries=("area", "size"),
        area_min=("area", "min"),
        area_mean=("area", "mean"),
        area_max=("area", "max"),
        **{
            f"{side}_{end}": (side, end)
            for side in ("minr", "minc", "maxr", "maxc")
            for end in ("first", "last")
        },
    )
    found["gaps"] = (found["last"] - found["first"] + 1 - found["files"]).astype(int)
    away = [
        found[f"min{axis}_last"]
        + found[f"max{axis}_last"]
        - found[f"min{axis}_first"]
        - found[f"max{axis}_first"]
        for axis in "rc"
    ]
    found["displacement"] = np.hypot(away[0] / 2, away[1] / 2)
    return found


def film(root: Path, n_files: int, n_individuals: int, per_file: int = PER_FILE) -> None:
    """Files in each of which some individuals are, and each of these once."""
    rng = np.random.default_rng(5)
    mask = np.hypot(*np.ogrid[-8:8, -8:8]) < 7
    for number in range(n_files):
        place = root / f"{number // 1000:03d}"
        place.mkdir(parents=True, exist_ok=True)
        who = rng.choice(n_individuals, per_file, replace=False).tolist()
        segments = [
            encode_segment(key, BBox(row, col, row + 16, col + 16), mask)
            for key, (row, col) in enumerate(rng.integers(0, 3000, (per_file, 2)).tolist())
        ]
        iids = [encode_iid(key, IID(b"film", b"%07d" % one)) for key, one in enumerate(who)]
        part = Part.of_records(0, iids, segments, "benchmark")
        chunks = encode_file([part], encode_meta({"frame": number}), {})
        (place / f"{number:06d}.iid").write_bytes(b"".join(chunks))
