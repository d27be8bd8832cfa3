"""Verbs that tell how surveys, masks and those who drew them differ."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import click

from iidindex.cli.completion import DOMAIN, PATH
from iidindex.cli.filter_options import (
    ENTRY_COLUMNS,
    count_option,
    jobs_option,
    limit_option,
    narrowed,
    reading_option,
    selection_options,
)
from iidindex.cli.hint import hint
from iidindex.cli.opening import open_to_ask
from iidindex.cli.output import Form, row_options, write
from iidindex.cli.questions import Answer, Answered, Count, Question, question
from iidindex.cli.terminal import printable
from iidindex.index import Index
from iidindex.query.comparison.differences import CHANGES
from iidindex.query.entries import Entries
from iidindex.rows import (
    AGREEMENT,
    AGREEMENT_IN_ALL,
    AGREEMENT_IN_GROUP,
    DIFFERENCE,
    ENTRY,
    OVERLAP,
    Kind,
)

_COMPARED = ("domain", "address", "change", "iou", "area_a", "area_b")
_AGREEMENT = ("path_a", "path_b", "matched", "only_a", "only_b", "split", "merged", "mean_iou")
_PAIR = (
    *("path", "a_key", "b_key", "a_domain", "a_address", "b_domain", "b_address"),
    *("pixels", "iou"),
)


@click.command(cls=Question)
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@click.option(
    "--change",
    type=click.Choice(CHANGES),
    multiple=True,
    help="Only individuals with this change. Repeated: any of them.",
)
@limit_option
@count_option
@jobs_option
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
    """List what happened to each individual from survey A to survey B.

    A survey is the name of a root, or a file, a directory or a pattern. The masks that an
    individual has in a survey are united, as if all files of it were one frame. An individual is
    same (equal pixels), moved (an equal shape elsewhere), changed, gone (only in A) or new (only
    in B).
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
    help="The smallest intersection over union (IoU); 0.9 by default.",
)
@click.option(
    "--across",
    is_flag=True,
    help="Find equal pixels at the same place in different files.",
)
@limit_option
@count_option
@jobs_option
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
    """List masks that were drawn twice.

    Lists pairs of masks in one file that are nearly equal, whether they are of one individual or
    of two. With --across, lists pairs of masks in different files that are equal.
    """
    if across and iou is not None:
        raise click.UsageError("--across finds equal masks; leave --iou out")
    asked = narrowed(index.entries, **options)
    found = index.duplicates(asked, iou=iou, across=across, jobs=jobs)
    if only_count:
        number = found.count() if limit is None else sum(1 for _ in islice(found, limit))
        return Count(number, [asked])
    shown = ("path", "b_path", *_PAIR[1:]) if across else _PAIR
    return Answer(islice(found, limit), OVERLAP, shown, [asked], ("a_domain", "b_domain"))


def _kind(chosen: Mapping[str, Any]) -> Kind:
    """The kind of rows that the options choose."""
    if chosen.get("listed") is not None:
        return OVERLAP if chosen["listed"] == "matched" else ENTRY
    if chosen.get("by") is not None:
        return AGREEMENT_IN_GROUP
    return AGREEMENT_IN_ALL if chosen.get("total") else AGREEMENT


@click.command()
@click.argument("domains", metavar="[A B]", nargs=-1, type=DOMAIN)
@click.option(
    "--paths",
    nargs=2,
    type=PATH,
    metavar="A-GLOB B-GLOB",
    help="The files of each side: patterns, as with --path; directories, with a / at the end; or "
    "names of roots. A and B may then be left out.",
)
@click.option(
    "--pair",
    default="path",
    show_default=True,
    metavar="path|stem|meta.NAME",
    help="Which of these files are of the same picture: files for which the wildcards stand for "
    "the same text; files with the same name in any directory; or files with the same value "
    "in their metadata.",
)
@click.option(
    "--iou",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="The smallest IoU of a match.",
)
@click.option("--total", is_flag=True, is_eager=True, help="Write one row for all pictures.")
@click.option(
    "--by", type=click.Choice(["group"]), is_eager=True, help="Write one row for each group."
)
@click.option(
    "--list",
    "listed",
    type=click.Choice(["matched", "only_a", "only_b", "split", "merged"]),
    is_eager=True,
    help="List these entries, or the pairs that were matched, instead of counting them.",
)
@click.option(
    "--order-by",
    "orders",
    multiple=True,
    metavar="FIELD",
    help=f"One of {', '.join(_AGREEMENT)}, or pq, to list the worst pictures first; with --by, a "
    "column of its rows. -FIELD for descending. Repeat to sort rows that tie.",
)
@limit_option
@reading_option
@jobs_option
@selection_options
@row_options(AGREEMENT, _kind)
@click.pass_obj
def agree(
    db: str,
    /,
    domains: tuple[bytes, ...],
    paths: tuple[str, str] | None,
    pair: str,
    iou: float,
    total: bool,
    by: str | None,
    listed: str | None,
    orders: tuple[str, ...],
    limit: int | None,
    jobs: int | None,
    form: Form,
    **filters: Any,
) -> int:
    """Measure how well two domains agree on the masks of the same pictures.

    A and B are domains; '' stands for none. A is taken for the truth.

    Masks are matched by IoU (shared pixels over the pixels of both), from the best pair down.
    Masks without a match are counted: only_a are masks that B lacks, only_b are masks that A
    lacks. split counts entries of A that contain at least half of each of two or more entries of
    B. merged counts the reverse.

    --total adds precision, recall, F1, and segmentation, recognition and panoptic quality. With
    --by group, entries are matched within each group. An entry counts in every group that it is
    in.
    """
    _check(domains, paths, total, by, listed, orders, limit, filters)
    with open_to_ask(db) as index:
        asked = narrowed(index.entries, **filters).reading(jobs=jobs)
        ends = domains or (None, None)
        found = asked.agreement(
            *ends,
            paths=paths,
            pair=pair,
            iou=iou,
            order_by=() if by else orders,
            limit=None if by else limit,
        )
        kind = _kind({"total": total, "by": by, "listed": listed})
        shown = {AGREEMENT: _AGREEMENT, ENTRY: ENTRY_COLUMNS, OVERLAP: _PAIR}.get(kind)
        records: Any = found
        if listed is not None:
            records = getattr(found, listed)()
        elif by is not None:
            records = found.by_group(order_by=orders, limit=limit)
        elif total:
            whole = found.total()
            records = [whole] if whole.pictures else []
        code = write(records, form, kind, shown)
        hint(*_unknown(asked, domains))
        if paths is not None:
            _hint_unpaired(found.unpaired(), paths, pair)
        return code


def _check(
    domains: tuple[bytes, ...],
    paths: tuple[str, str] | None,
    total: bool,
    by: str | None,
    listed: str | None,
    orders: tuple[str, ...],
    limit: int | None,
    filters: Mapping[str, Any],
) -> None:
    """Refuse what has no meaning together."""
    if len(domains) not in (0, 2) or (not domains and paths is None):
        raise click.UsageError("name two domains, A and B, or files of two sides with --paths")
    if domains and filters["domain"]:
        raise click.UsageError("name the domains as A and B, or with --domain, not both")
    if paths is not None and filters["path"] is not None:
        raise click.UsageError("name files with --paths or with --path, not both")
    if sum((total, by is not None, listed is not None)) > 1:
        raise click.UsageError("--total, --by and --list cannot be combined")
    if (total or listed is not None) and (orders or limit is not None):
        raise click.UsageError("--order-by and --limit work only with rows of pictures or groups")


def _hint_unpaired(names: tuple[str, str] | None, paths: tuple[str, str], pair: str) -> None:
    """Say on standard error how the pictures of either side are called, if none is on both."""
    if names is None:
        return
    one, other = (f"{path} has {name}" for path, name in zip(paths, names, strict=True))
    line = (
        f"no picture is on both sides, paired by {pair}: {one}, {other}; --pair stem pairs files "
        "of the same name in whatever directory, --pair meta.NAME those whose metadata say the same"
    )
    click.echo(f"iidindex: {printable(line)}", err=True)


def _unknown(asked: Entries, domains: tuple[bytes, ...]) -> list[Entries]:
    """Sides that have no entry at all."""
    sides = [asked.where(domain=domain) for domain in domains] or [asked]
    return [side for side in sides if not side.exists()]
