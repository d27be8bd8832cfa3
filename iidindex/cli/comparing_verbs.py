"""Verbs that tell how surveys and masks differ."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from iidindex.cli.completion import PATH
from iidindex.cli.filter_options import limit_option, narrowed, reading_option, selection_options
from iidindex.cli.questions import Answer, Answered, Count, Question, question
from iidindex.index import Index
from iidindex.query.comparison.differences import CHANGES
from iidindex.rows import DIFFERENCE, OVERLAP

_COMPARED = ("domain", "address", "change", "iou", "area_a", "area_b")
_TWICE = (
    *("path", "a_key", "b_key", "a_domain", "a_address", "b_domain", "b_address"),
    *("pixels", "iou"),
)
_count = click.option("--count", "only_count", is_flag=True, help="Write only how many there are.")
_jobs = click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="Processes that read and compare masks; 1 by default.",
)


@click.command(cls=Question)
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@click.option(
    "--change",
    type=click.Choice(CHANGES),
    multiple=True,
    help="Only individuals of which this became. Repeated: any of them.",
)
@limit_option
@_count
@_jobs
@reading_option
@selection_options
@question(DIFFERENCE)
def compare(
    index: Index,
    a: str,
    b: str,
    change: tuple[str, ...],
    limit: int | None,
    only_count: bool,
    jobs: int | None,
    **options: Any,
) -> Answered:
    """Tell what became of individuals from survey A to survey B.

    A survey is the name of a root, or a file, a directory or a pattern. The masks that an
    individual has in a survey are united, as if all files of it were one frame. It is then the
    same (equal pixels), moved (an equal shape elsewhere), changed, gone (in A alone) or new.
    """
    asked = narrowed(index.entries, **options)
    found = islice(index.compare(a, b, asked, change=change or None, jobs=jobs), limit)
    if only_count:
        return Count(sum(1 for _ in found), [asked])
    return Answer(found, DIFFERENCE, _COMPARED, [asked], where_several=("domain",))


@click.command(cls=Question)
@click.option(
    "--iou",
    type=click.FloatRange(0, 1),
    help="The least intersection over union; 0.9 by default.",
)
@click.option(
    "--across",
    is_flag=True,
    help="Find equal pixels at the same place in different files.",
)
@limit_option
@_count
@_jobs
@reading_option
@selection_options
@question(OVERLAP)
def duplicates(
    index: Index,
    iou: float | None,
    across: bool,
    limit: int | None,
    only_count: bool,
    jobs: int | None,
    **options: Any,
) -> Answered:
    """List masks that are there twice.

    Pairs of one file that are nearly the same, of one individual or of two. With --across, pairs
    of different files that are equal.
    """
    if across and iou is not None:
        raise click.UsageError("--across finds equal masks; leave --iou out")
    asked = narrowed(index.entries, **options)
    found = index.duplicates(asked, iou=iou, across=across, jobs=jobs)
    if only_count:
        number = found.count() if limit is None else sum(1 for _ in islice(found, limit))
        return Count(number, [asked])
    shown = ("path", "b_path", *_TWICE[1:]) if across else _TWICE
    return Answer(islice(found, limit), OVERLAP, shown, [asked], ("a_domain", "b_domain"))
