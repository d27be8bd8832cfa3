"""The verb that compares entries with each other."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any

import click

from iidindex.cli.bar import Bar
from iidindex.cli.completion import PATH
from iidindex.cli.filter_options import (
    count_option,
    jobs_option,
    narrowed,
    reading_option,
    selection_options,
)
from iidindex.cli.hint import hint, hint_excluded
from iidindex.cli.opening import open_to_change
from iidindex.cli.output import Form, row_options, write
from iidindex.cli.pair_options import pair_options
from iidindex.cli.streams import require_output
from iidindex.cli.terminal import DONE, NOTHING_FOUND, SOME_FAILED, printable
from iidindex.query.entries import Entries
from iidindex.query.overlaps.overlap import Overlaps
from iidindex.rows import OVERLAP

_DOMAINS = ("a_domain", "b_domain")
_SHOWN = ("a_key", "b_key", "a_domain", "a_address", "b_domain", "b_address")
_FIGURES = ("pixels", "iou")
# What is asked of pairs, as `Entries.overlaps` has it.
_PAIRS = (
    *("between", "a_group", "b_group", "min_iou", "a_in_b", "b_in_a"),
    *("within", "order_by", "limit"),
)


@click.command()
@click.argument("paths", nargs=-1, type=PATH)
@pair_options
@click.option(
    "--across",
    is_flag=True,
    help="Compare two files of one picture: a is in the first of two PATHS, b in the second.",
)
@count_option
@selection_options
@reading_option
@click.option("--store", is_flag=True, help="Store the pairs in the index, and write nothing.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="With --store: list the files whose overlaps would be counted; change nothing.",
)
@jobs_option
@row_options(OVERLAP)
@click.pass_obj
def overlaps(
    db: str,
    /,
    paths: tuple[str, ...],
    store: bool,
    dry_run: bool,
    jobs: int | None,
    across: bool,
    only_count: bool,
    form: Form,
    **options: Any,
) -> int:
    """List the pairs of entries of a file that share pixels.

    Looks at the files named by PATHS, or at all files; with filters, at the entries that fit. In
    each pair, one entry is a and the other is b. If a and b are asked for different things, two
    entries that both fit both are listed as two pairs.
    """
    given = {name: options.pop(name) for name in _PAIRS}
    # What may be repeated is empty if it was not given.
    wanted = {name: value for name, value in given.items() if value not in (None, ())}
    if paths and options["path"] is not None:
        raise click.UsageError("name files as PATHS or with --path, not both")
    if dry_run and not store:
        raise click.UsageError("--dry-run works only with --store; nothing else is changed")
    if store and (wanted or across or only_count):
        raise click.UsageError("--store keeps all pairs of whole files; ask for some without it")
    if across:
        if len(paths) != 2:
            raise click.UsageError(f"--across takes two PATHS, not {len(paths)}")
        wanted["across"], paths = paths, ()
    if len(paths) > 1 and "order_by" in wanted:
        raise click.UsageError("--order-by takes one PATH, which may be a pattern")
    with open_to_change(db, dry_run=dry_run or not store) as index:
        questions = [
            narrowed(index.entries, **options | {"path": path})
            for path in paths or (options["path"],)
        ]
        if dry_run:
            # Two questions may lead to one file.
            lists = [one.files_without_overlaps() for one in questions]
            files = {file for some in lists for file in some}
            write(sorted(files), form, lists[0].kind, ("path", "entries", "location"))
            return DONE
        if store:
            return _store(questions, jobs)
        answers = [question.overlaps(jobs=jobs, **wanted) for question in questions]
        code = _count(answers, wanted) if only_count else _list(answers, wanted, form)
        if code == NOTHING_FOUND:
            hint(*questions, *_named(index.entries, wanted))
        else:
            hint_excluded(*questions)
        return code


def _named(entries: Entries, wanted: Mapping[str, Any]) -> list[Entries]:
    """Questions by the groups and domains of either side, any of which may be unknown."""
    groups = (*wanted.get("a_group", ()), *wanted.get("b_group", ()))
    return [
        *(entries.where(group=name) for name in groups),
        *(entries.where(domain=name) for name in wanted.get("between", ())),
    ]


def _store(questions: Sequence[Entries], jobs: int | None) -> int:
    with Bar("counting") as bar:
        for question in questions:
            going_on = question.reading(on_stale="warn")
            going_on.overlaps(store=True, jobs=jobs, progress=bar.show)
    return _left_out(questions)


def _count(answers: Sequence[Overlaps], wanted: Mapping[str, Any]) -> int:
    number = min(sum(one.count() for one in answers), wanted.get("limit", sys.maxsize))
    require_output()
    click.echo(number)
    return DONE if number else NOTHING_FOUND


def _list(answers: Sequence[Overlaps], wanted: Mapping[str, Any], form: Form) -> int:
    found = islice(chain.from_iterable(answers), wanted.get("limit"))
    files = ("path", "b_path") if "across" in wanted else ("path",)
    figures = (*_FIGURES, "distance") if "within" in wanted else _FIGURES
    return write(found, form, OVERLAP, (*files, *_SHOWN, *figures), _DOMAINS)


def _left_out(questions: Sequence[Entries]) -> int:
    """Name the files whose overlaps could not be stored; return the exit code."""
    files = {file for question in questions for file in question.files_without_overlaps()}
    for file in sorted(files):
        told = printable(file.location)
        click.echo(f"iidindex: {told}: its overlaps are not stored", err=True)
    return SOME_FAILED if files else DONE
