"""The tour, told on the terminal."""

from __future__ import annotations

import os
import sys
from shlex import join

import click

from iidindex.cli.filter_options import ENTRY_COLUMNS
from iidindex.cli.output import Form, write
from iidindex.cli.terminal import DONE, printable
from iidindex.demo.drawn import Shown
from iidindex.demo.tour import Question, places, tour
from iidindex.rows import ENTRY


@click.command()
@click.argument("directory", type=click.Path(file_okay=False), default="demo")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be written, and where; write nothing."
)
def demo(directory: str, dry_run: bool) -> int:
    """Build a small archive of real pictures and take a tour of it.

    Everything is written below DIRECTORY; nothing is downloaded.
    """

    def tell(text: str) -> None:
        click.echo(printable(text))

    if dry_run:
        for what, path in places(directory)._asdict().items():
            there = ", over what is there" if os.path.exists(path) else ""
            tell(f"would write the {what} {path}{there}")
        return DONE

    def ask(question: Question) -> None:
        tell("")
        tell(question.text)
        tell(f"$ {question.command}")
        if sys.stdout is not None:
            write(question.answer, Form(), ENTRY, ENTRY_COLUMNS)

    def show(shown: Shown) -> None:
        tell("")
        tell(shown.text)
        tell(f"$ {shown.command}")

    place = tour(directory, tell, ask, show)
    tell("")
    tell(f"A picture of it all, drawn from the masks: {place.picture}")
    tell(f"The files: {place.archive}   The index: {place.database}")
    tell("")
    tell("To look around in a browser (once: pip install 'iidindex[serve]'):")
    tell(f"$ {join(['iidindex', '--db', place.database, 'serve'])}")
    return DONE
