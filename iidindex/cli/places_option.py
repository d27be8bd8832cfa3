"""The option of verbs that show pictures to others: where these may lie."""

from __future__ import annotations

import click

pictures_option = click.option(
    "--pictures",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="A directory beside the roots in which pictures may lie. Repeated: several.",
)
