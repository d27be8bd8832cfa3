"""The command ``iidindex``: its verbs, and what becomes of errors."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click

import iidindex
from iidindex.cli.streams import prepare_streams
from iidindex.cli.terminal import DONE, ERROR, INTERRUPTED, SCHEMA, STALE, for_shell, printable
from iidindex.errors import (
    DamagedFileError,
    IIDIndexError,
    SchemaVersionError,
    StaleFileError,
)

# Each verb, the module it lives in, and a line for --help. A verb's module is imported when
# the verb is used, so that none waits for what another needs.
VERBS = {
    "import": ("import_verb", "Make .iid files from masks in another format."),
    "export": ("export_verb", "Write entries in another format, for other programs."),
    "ingest": ("ingest", "Bring the index up to date with files and directories."),
    "status": ("ingest", "Show how much the index holds."),
    "roots": ("upkeep_verbs", "List the roots: the directories that the paths of files begin at."),
    "relocate": ("upkeep_verbs", "Tell the index that a root has moved to another directory."),
    "verify": (
        "upkeep_verbs",
        "Check that the original files and the index are as they were indexed.",
    ),
    "changes": ("upkeep_verbs", "List the changes that ingests found, by name."),
    "doctor": (
        "upkeep_verbs",
        "Show versions, what SQLite can do here, and the state of the index.",
    ),
    "prune": ("upkeep_verbs", "Delete what the index knows about missing files."),
    "migrate": ("upkeep_verbs", "Upgrade an index of an older version to this one."),
    "copy": (
        "upkeep_verbs",
        "Copy an index to another place, or between SQLite and PostgreSQL.",
    ),
    "optimize": ("upkeep_verbs", "Make the index compact again, after many small changes."),
    "find": ("search_verbs", "Find entries by address and other filters."),
    "at": ("search_verbs", "Find entries whose mask holds the pixel in column X, row Y."),
    "region": ("search_verbs", "Find entries whose mask has a pixel inside a box."),
    "nearest": ("search_verbs", "Find the entries whose masks are nearest to a pixel."),
    "overlaps": ("overlap_verbs", "List the pairs of entries of a file that share pixels."),
    "duplicates": ("comparing_verbs", "List masks that were drawn twice."),
    "compare": (
        "comparing_verbs",
        "List what happened to each individual from survey A to survey B.",
    ),
    "agree": (
        "comparing_verbs",
        "Measure how well two domains agree on the masks of the same pictures.",
    ),
    "files": ("file_verbs", "List the indexed files, and those that are missing or failed."),
    "links": ("link_verbs", "List the files in which an individual appears."),
    "iids": ("link_verbs", "List the individuals, and in how many files and entries they appear."),
    "tracks": ("following_verbs", "Follow individuals from the first of their files to the last."),
    "identities": ("following_verbs", "List individuals that seem to be named wrongly."),
    "groups": ("link_verbs", "List the groups, and how many files and entries they have."),
    "shared": ("link_verbs", "List the individuals that appear in all of the given files."),
    "related": (
        "link_verbs",
        "List the files that share individuals with a file, the closest first.",
    ),
    "cooccur": (
        "link_verbs",
        "List the individuals that appear together with one individual, most often first.",
    ),
    "chain": ("link_verbs", "Find the shortest chain of files that leads from individual A to B."),
    "descendants": (
        "lineage_verbs",
        "List the descendants of an individual, generation by generation.",
    ),
    "ancestors": (
        "lineage_verbs",
        "List the ancestors of an individual, generation by generation.",
    ),
    "graph": ("graph_verbs", "Draw the graph of individuals and files, or write it as GraphML."),
    "sql": ("sql", "Answer an SQL query on the index, opened read-only."),
    "show": ("show", "Show what is in a .iid file; needs no index."),
    "mask": ("mask", "Write the mask of an entry as a PNG or NPY file, and print whose it is."),
    "render": ("render_verb", "Draw the masks of a file, or of many, over their pictures."),
    "sheet": (
        "picture_verbs",
        "Draw every appearance of an individual, or all that fits the filters, tile by tile.",
    ),
    "heat": ("picture_verbs", "Draw where in the frame masks lie, over all files."),
    "serve": ("serve_verb", "Serve the index over HTTP, for the viewer and for programs."),
    "page": (
        "page_verb",
        "Write a static web page to share: pictures with their masks, and individuals.",
    ),
    "completion": (
        "completion",
        "Print the script that lets bash, zsh or fish complete what you type.",
    ),
    "demo": ("demo", "Build a small archive of real pictures and take a tour of it."),
}


class Verbs(click.Group):
    """The verbs, imported one by one when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names in the order of VERBS: the way somebody comes to need them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a verb."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f"iidindex.cli.{VERBS[cmd_name][0]}")
        if not gc.isenabled():
            # What was imported stays to the end; nobody need look through it again.
            gc.freeze()
            gc.enable()
        # `import` is no name that Python allows.
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(module, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or name the one that was probably meant."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            near = get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no verb {args[0]!r}.{hint} See `iidindex --help`.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB [ARGUMENTS]…",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--db",
    envvar="IIDINDEX_DB",
    default="iidindex.db",
    show_default=True,
    metavar="PATH_OR_URL",
    help="The index to use. The variable IIDINDEX_DB sets it, too.",
)
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.version_option(iidindex.__version__, "-V", "--version", prog_name="iidindex")
@click.pass_context
def cli(ctx: click.Context, db: str, debug: bool) -> None:
    """Index and search archives of .iid segmentation files.

    An entry is one mask in a file. An individual is named by its address, within a domain. `tree`
    is an address in UTF-8 text, `hex:74726565` and `b64:dHJlZQ==` are exact bytes. The same
    address in another domain is another individual. `iid:Z2FyZGVu.dHJlZQ`, with domain and address
    in base64url without padding, names exactly one individual.

    Exit codes: 0 found or done, 1 nothing found, 2 wrong use or error, 3 an original file has
    changed since it was indexed or is damaged, or identities are wrong, 4 done but some files
    could not be read, 5 the index was made by another version, 6 all files of a directory are
    gone, 130 interrupted.
    """
    ctx.obj = db
    ctx.meta["iidindex.debug"] = debug


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of this process by default.

    Returns
    -------
    int
        The exit code.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = _called(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # what cannot be written is to be found out here
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        click.echo(_shown(told.getvalue()), err=True, nl=False)
        if isinstance(error, click.NoSuchOption) and error.option_name == "--db":
            click.echo("--db goes before the verb: iidindex --db PATH VERB …", err=True)
        return ERROR
    except (click.Abort, KeyboardInterrupt):
        message = "iidindex: interrupted; whatever was finished is kept"
        click.echo(message, err=True)
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # The reader has seen enough, which click turns into an exit of its own. Python would
        # complain once more when it flushes.
        _drop_output()
        return DONE
    except Exception as error:
        if "--debug" in arguments:
            click.echo(_shown(traceback.format_exc()), err=True, nl=False)
        return _tell(error)
    return code if isinstance(code, int) else DONE


def _called(arguments: list[str]) -> Any:
    from iidindex.cli.waiting import Waiting

    with Waiting(), warnings.catch_warnings():
        # What --on-stale leaves out.
        warnings.filterwarnings("always", "left out: ")
        warnings.showwarning = _warn  # type: ignore[assignment]
        return cli.main(arguments, prog_name="iidindex", standalone_mode=False)


def _warn(message: Warning | str, *_: object) -> None:
    click.echo(f"iidindex: {printable(str(message))}", err=True)


def _drop_output() -> None:
    """Let what is still to be written go nowhere: Python would try once more at its end."""
    with suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(error: Exception) -> int:
    """Say in a line what went wrong; return the exit code."""
    if not isinstance(error, IIDIndexError):
        if isinstance(error, OSError):
            if error.filename is None:
                # Files are read and written where their names are known: this was the output.
                _drop_output()
            about = "cannot go on" if error.filename is None else os.fsdecode(error.filename)
            click.echo(f"iidindex: {printable(f'{about}: {error.strerror or error}')}", err=True)
            return ERROR
        told = printable(f"{type(error).__name__}: {error}")
        click.echo(f"iidindex: {told} (--debug before the verb tells more)", err=True)
        return ERROR
    from iidindex.cli.iidtext import told as told_of

    click.echo(f"iidindex: {printable(for_shell(told_of(error)))}", err=True)
    if isinstance(error, (StaleFileError, DamagedFileError)):
        return STALE
    return SCHEMA if isinstance(error, SchemaVersionError) else ERROR


def _shown(text: str) -> str:
    """Lines of text without control characters."""
    return "\n".join(map(printable, text.split("\n")))


def main() -> None:
    """Run as a program."""
    # Until a verb is imported, there is no garbage to speak of: a quarter of the time that
    # `find` takes went into looking for it.
    gc.disable()
    prepare_streams()
    code = run()
    # All is done: Ctrl-C while Python cleans up would end in a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)
