"""The option of verbs that show pictures to others: where these may lie."""

from __future__ import annotations

import click

pictures_option = click.option(
    "--pictures",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="A further directory that pictures may be in, besides the roots. Repeated: several.",
)
