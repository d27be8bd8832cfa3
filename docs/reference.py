"""Write ``docs/cli.md`` from the help texts of the command line."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from iidindex.cli.main import VERBS, cli

HEAD = """\
# The command line

Written by `make docs` from `iidindex --help`; do not edit.
"""


def reference() -> str:
    """The page as it should be."""
    parts = [HEAD]
    for arguments in ([], *([verb] for verb in VERBS)):
        title = " ".join(["iidindex", *arguments])
        result = CliRunner().invoke(
            cli, [*arguments, "--help"], prog_name="iidindex", terminal_width=80, color=False
        )
        text = "\n".join(line.rstrip() for line in result.output.strip().splitlines())
        parts.append(f"## {title}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(reference(), encoding="utf-8")
