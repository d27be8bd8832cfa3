"""Verbs that answer questions: one from the command line, or many from standard input."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import click
from click.core import ParameterSource

from iidindex.cli.hint import hint, hint_excluded
from iidindex.cli.iidtext import told as told_of
from iidindex.cli.opening import open_to_ask
from iidindex.cli.output import Form, row_options, write
from iidindex.cli.streams import is_terminal, require_output
from iidindex.cli.terminal import DONE, ERROR, NOTHING_FOUND, STALE, for_shell, printable
from iidindex.cli.waiting import Waiting
from iidindex.errors import IIDIndexError, StaleFileError
from iidindex.query.entries import Entries
from iidindex.rows import Column, Kind, Type

F = TypeVar("F", bound=Callable[..., Any])


class Answer(NamedTuple):
    """Records of a kind, and the columns of a table of them; all by default.

    If there are no records, `asked` are questions of which something may be unknown. Domains in
    columns `where_several` are shown only if there is more than one.
    """

    records: Iterable[Any]
    kind: Kind
    shown: Sequence[str] | None = None
    asked: Sequence[Entries] = ()
    where_several: Sequence[str] = ()


class Count(NamedTuple):
    """How many records there would be, and what was asked."""

    number: int
    asked: Sequence[Entries] = ()


# An explanation is text.
Answered: TypeAlias = Answer | Count | str

_COUNT = Kind("count", (Column("count", Type.INTEGER, lambda number: number),))

# Parameters that are of all questions of a batch together.
_OF_ALL = {"form", "fields", "format_version", "nul", "batch", "only_count", "explain"}
_BATCH = "iidindex.batch"
_LINE = "iidindex.line"


def question(kind: Kind) -> Callable[[F], F]:
    """Give a verb that returns an `Answered` the options of its rows, and ``--batch``.

    The verb is called with an `Index` and its own parameters.
    """

    def decorate(verb: F) -> F:
        @row_options(kind)
        @click.option(
            "--batch",
            is_flag=True,
            help="Read many questions from standard input. Each line is what you would write "
            "after the verb. Every row names its question.",
        )
        @click.pass_obj
        @wraps(verb)
        def called(db: str, /, *, form: Form, batch: bool, **options: Any) -> int:
            with open_to_ask(db) as index:
                if batch:
                    return _ask_all(partial(verb, index), options, form)
                return _tell(verb(index, **options), form)

        return cast(F, called)

    return decorate


class Question(click.Command):
    """A verb with ``--batch``, with which its arguments come from elsewhere."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take note of ``--batch`` before anything else."""
        before = args[: args.index("--")] if "--" in args else args
        if not ctx.meta.get(_LINE):
            ctx.meta[_BATCH] = "--batch" in before
        left = super().parse_args(ctx, args)
        if ctx.meta.get(_BATCH) and not ctx.params.get("batch"):
            raise click.UsageError("--batch stands where a value is expected", ctx)
        return left

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Those that may be given: on a line, or beside the lines."""
        found = super().get_params(ctx)
        if ctx.meta.get(_LINE):
            return [param for param in found if param.name not in _OF_ALL]
        if ctx.meta.get(_BATCH):
            return [param for param in found if not isinstance(param, click.Argument)]
        return found

    def asked_on(self, line: str) -> dict[str, Any]:
        """The parameters that a line names.

        Raises
        ------
        ClickException
            If it is no question.
        """
        # Asked for on a line, help would end the batch.
        context = click.Context(self, info_name=self.name, help_option_names=[])
        context.meta[_LINE] = True
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise click.UsageError(f"{error}.") from None
        with context.scope(cleanup=False):
            self.parse_args(context, words)
        arguments = {param.name for param in self.params if isinstance(param, click.Argument)}
        return {
            name: value
            for name, value in context.params.items()
            if name in arguments
            or context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        }


def _tell(answer: Answered, form: Form) -> int:
    """Write the answer to a single question."""
    if not isinstance(answer, Answer):
        require_output()
    if isinstance(answer, str):
        click.echo(answer)
        return DONE
    if isinstance(answer, Count):
        click.echo(answer.number)
        code = DONE if answer.number else NOTHING_FOUND
    else:
        code = write(answer.records, form, answer.kind, answer.shown, answer.where_several)
    if code == NOTHING_FOUND:
        hint(*answer.asked)
    else:
        hint_excluded(*answer.asked)
    return code


def lines_of_input() -> Iterator[str]:
    """The lines of standard input, whatever bytes they hold.

    Raises
    ------
    UsageError
        If it is closed.
    """
    if sys.stdin is None:
        raise click.UsageError("standard input is closed")
    if is_terminal(sys.stdin):
        Waiting.stop()  # it is not the program that is waited for
    return (line.decode("utf-8", "surrogateescape") for line in sys.stdin.buffer)


def _ask_all(verb: partial[Answered], options: dict[str, Any], form: Form) -> int:
    """Answer the questions of standard input; one that cannot be answered stops no other."""
    if form.name == "paths":
        raise click.UsageError("--batch names the question in each row, and --format paths cannot")
    if options.get("explain"):
        raise click.UsageError("--batch answers questions and explains none; leave --explain out")
    command = click.get_current_context().command
    assert isinstance(command, Question)
    batch = _Batch(verb, options, command)
    lines = lines_of_input()
    first = next(batch.answers(lines), None)
    if first is None:
        return max(batch.code, write((), form, _COUNT))
    asked, answer = first
    if form.fields is not None:
        form = replace(form, fields=("question", *form.fields))
    shown = None if answer.shown is None else ("question", *answer.shown)
    found = batch.records([(asked, answer)], lines)
    code = write(found, form, _tagged(answer.kind), shown, answer.where_several)
    return max(code, batch.code)


@dataclass
class _Batch:
    """Questions being asked, and the exit code so far."""

    verb: partial[Answered]
    options: dict[str, Any]
    command: Question
    code: int = DONE
    number: int = field(default=0)

    def answers(self, lines: Iterator[str]) -> Iterator[tuple[str, Answer]]:
        """The answers to the questions of some lines."""
        for line in lines:
            self.number += 1
            asked = line.strip()
            if not asked:
                continue
            try:
                answer = self.verb(**self.options | self.command.asked_on(asked))
            except (click.ClickException, IIDIndexError) as error:
                self._failed(error)
                continue
            assert not isinstance(answer, str)
            if isinstance(answer, Count):
                answer = Answer([answer.number], _COUNT)
            yield asked, answer

    def records(
        self, known: Iterable[tuple[str, Answer]], lines: Iterator[str]
    ) -> Iterator[tuple[str, Any]]:
        """The records of all answers, each with its question."""
        for asked, answer in (answer for part in (known, self.answers(lines)) for answer in part):
            try:
                for record in answer.records:
                    yield asked, record
            except IIDIndexError as error:
                self._failed(error)

    def _failed(self, error: click.ClickException | IIDIndexError) -> None:
        told = error.format_message() if isinstance(error, click.ClickException) else told_of(error)
        click.echo(f"iidindex: line {self.number}: {printable(for_shell(told))}", err=True)
        self.code = max(self.code, STALE if isinstance(error, StaleFileError) else ERROR)


def _tagged(kind: Kind) -> Kind:
    """The kind of rows that have their question before what they had."""
    columns = [column._replace(get=_of_record(column.get)) for column in kind.columns]
    metadata = kind.metadata
    return Kind(
        kind.name,
        (Column("question", Type.TEXT, itemgetter(0)), *columns),
        None if metadata is None else lambda pair, names: metadata(pair[1], names),
    )


def _of_record(get: Callable[[Any], Any]) -> Callable[[tuple[str, Any]], Any]:
    return lambda pair: get(pair[1])
