"""Parquet out of an index, against pyarrow writing the same columns from memory."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

import iidindex
from benchmarks.long_load import PER_FILE, build
from benchmarks.runner import Contender, Promise, Scale, Work, agree

# Rows of a row group, as ours have.
_ROW_GROUP = 122_880


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """A sorting by individuals, and one by place."""
    entries = max(PER_FILE, scale.of(1_000_000, 100_000) // PER_FILE * PER_FILE)
    build(directory / "archive", entries)
    index = iidindex.open(directory / "x.db", create=True)
    index.ingest(directory / "archive")
    return [_work(index, directory, entries, by) for by in ("iid", "place")]


def _work(index: iidindex.Index, directory: Path, entries: int, by: str) -> Work:
    out, theirs_out = directory / f"lake-{by}", directory / f"{by}.parquet"
    index.entries.export(out, to="parquet", by=by)
    (part,) = (out / f"by={by}").iterdir()
    table = pq.ParquetFile(part).read()

    def ours() -> None:
        shutil.rmtree(out)
        index.entries.export(out, to="parquet", by=by)

    def theirs() -> None:
        pq.write_table(
            table, theirs_out, compression="zstd", row_group_size=_ROW_GROUP, write_page_index=True
        )

    def check() -> None:
        theirs()
        agree("rows", table.num_rows, entries)
        agree("columns", pq.ParquetFile(theirs_out).schema_arrow.names, table.schema.names)
        if part.stat().st_size > 25 * entries:
            agree("bytes", part.stat().st_size, 25 * entries)

    told = {"iid": "by individual", "place": "by place"}[by]
    return Work(
        name=f"Parquet of {entries:,} entries, sorted {told}",
        ours=[Contender.of("entries.export", ours)],
        theirs=Contender.of(f"pyarrow {version('pyarrow')} write_table, sorted already", theirs),
        promise=Promise.slower(2.0),
        repeats=5,
        check=check,
        reason=(
            "Reading the rows and their groups from SQLite takes more than twice as long as "
            "writing them. Then they are sorted, and paths and addresses are added to them."
        ),
    )
