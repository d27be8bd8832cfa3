"""The tour, told on the terminal."""

from __future__ import annotations

import click

from iidindex.cli.filters import ENTRY_COLUMNS
from iidindex.cli.main import DONE
from iidindex.cli.output import Form, write
from iidindex.demo.tour import Question, tour
from iidindex.rows import ENTRY


@click.command()
@click.argument("directory", type=click.Path(file_okay=False), default="demo")
def demo(directory: str) -> int:
    """Build a small archive of real pictures and take a tour of it.

    Everything is written below DIRECTORY; nothing is downloaded.
    """

    def ask(question: Question) -> None:
        click.echo(f"\n{question.text}\n$ {question.command}")
        columns = (*ENTRY_COLUMNS[:-1], "offset", "length")
        write(question.answer, Form(), ENTRY, columns)

    place = tour(directory, click.echo, ask)
    click.echo(f"\nA picture of it all, drawn from the masks: {place.picture}")
    click.echo(f"The files: {place.archive}   The index: {place.database}")
    return DONE
