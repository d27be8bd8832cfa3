"""The verb that compares entries with each other."""

from __future__ import annotations

from typing import Any

import click

from iidindex.cli.bar import Bar
from iidindex.cli.completion import PATH
from iidindex.cli.filters import narrowed, selection_options
from iidindex.cli.main import DONE
from iidindex.cli.output import format_option, write
from iidindex.index import Index
from iidindex.query.overlaps import Overlap

_COLUMNS = ("path", "a_key", "b_key", "a_address", "b_address", "pixels", "iou")


@click.command()
@click.argument("paths", nargs=-1, type=PATH)
@selection_options
@click.option("--store", is_flag=True, help="Keep them in the index, and tell nothing.")
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Processes that count.")
@format_option
@click.pass_obj
def overlaps(
    db: str, /, paths: tuple[str, ...], store: bool, jobs: int | None, form: str, **filters: Any
) -> int:
    """List the pairs of entries of a file that share pixels.

    Of the files named by PATHS, or of all files; with filters, between the entries that fit.
    """
    with Index(db) as index:
        if paths and filters["path"] is not None:
            raise click.UsageError("name files as PATHS or with --path, not both")
        questions = [
            narrowed(index, **filters | {"path": path}) for path in paths or (filters["path"],)
        ]
        if store:
            with Bar("counting") as bar:
                for question in questions:
                    question.overlaps(store=True, jobs=jobs, progress=bar.show)
            return DONE
        found = (pair for question in questions for pair in question.overlaps(jobs=jobs))
        return write(map(_row, found), form, _COLUMNS)


def _row(pair: Overlap) -> dict[str, Any]:
    row: dict[str, Any] = {"path": pair.a.path}
    for name, entry in (("a", pair.a), ("b", pair.b)):
        told = entry.to_dict()
        for field in ("key", "address", "domain", "address_b64", "domain_b64", "area"):
            row[f"{name}_{field}"] = told[field]
    return row | {
        "pixels": pair.pixels,
        "iou": pair.iou,
        "a_in_b": pair.a_in_b,
        "b_in_a": pair.b_in_a,
    }
