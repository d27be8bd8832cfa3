"""The verb that serves an index over HTTP."""

from __future__ import annotations

import logging
import re

import click

from iidindex.cli.places_option import pictures_option
from iidindex.cli.streams import require_output
from iidindex.cli.terminal import DONE
from iidindex.cli.waiting import Waiting
from iidindex.index import Index
from iidindex.query.answers.arrow import library


def _check_token(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    # A header carries nothing else.
    if value is not None and not re.fullmatch(r"[!-~]+", value):
        raise click.BadParameter("expected letters, digits and signs, at least one", ctx, param)
    return value


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="The port to listen at; 0 for one that is free.",
)
@click.option(
    "--token",
    envvar="IIDINDEX_TOKEN",
    callback=_check_token,
    help="The secret that every request must contain; random by default. The variable "
    "IIDINDEX_TOKEN sets it, too.",
)
@pictures_option
@click.pass_obj
def serve(db: str, /, host: str, port: int, token: str | None, pictures: tuple[str, ...]) -> int:
    """Serve the index over HTTP, for the viewer and for programs.

    Nothing is changed. Prints the address to open, which contains the token, and serves until
    Ctrl-C. Other machines are answered only if --host names an address that they can reach.
    """
    require_output()
    for name in ("starlette", "uvicorn"):
        library(name, "serve")
    from iidindex.serve.application import application
    from iidindex.serve.running import address_of, listen, new_token, run
    from iidindex.serve.served import Served

    token = token or new_token()
    logging.basicConfig(format="iidindex: %(message)s", level=logging.WARNING)
    with Index(db, read_only=True) as index:
        app = application(Served(index, token, pictures), host)
        taken = listen(host, port)
        Waiting.stop()
        run(app, taken, lambda: click.echo(address_of(taken, host, token)))
    return DONE
