"""Write the reference in ``docs/http.md`` from what declares the interface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from iidindex.serve.endpoints import LISTS, OTHERS, Endpoint
from iidindex.serve.parameters import FILTER_PARAMETERS, PAGING, Parameter

PAGE = Path(__file__).with_name("http.md")
# What stands above this is written by hand.
TITLE = "## All that can be asked\n"
NOTE = "Written by `make docs` from what declares it; do not edit below this line.\n"


def reference() -> str:
    """The page as it should be."""
    above = PAGE.read_text(encoding="utf-8").partition(TITLE)[0]
    parts = [f"{above}{TITLE}", NOTE, "### Lists\n"]
    for one in LISTS:
        parts += _endpoint(one)
    parts.append("### All else\n")
    for one in OTHERS:
        parts += _endpoint(one)
    parts.append("### Filters\n\nAll that are given must fit.\n")
    parts.append(_table(FILTER_PARAMETERS))
    parts.append("### Pages\n")
    parts.append(_table(PAGING))
    return "\n".join(parts)


def _endpoint(one: Endpoint) -> Iterator[str]:
    yield f"#### /api/{one.name}\n\n{one.told}\n"
    if one.rows is not None:
        yield f"Rows: `{' '.join(one.rows.names)}`.\n"
    filters = {parameter.name: parameter for parameter in FILTER_PARAMETERS}
    of_all = {parameter.name for parameter in PAGING} if one.rows is not None else set()
    own = [
        parameter
        for parameter in one.parameters
        if parameter != filters.get(parameter.name) and parameter.name not in of_all
    ]
    if own:
        yield _table(own)
    others = [
        *(["the filters"] if any(one == filters.get(one.name) for one in one.parameters) else []),
        *(["those of pages"] if of_all else []),
    ]
    if others:
        yield f"{'Also' if own else 'It takes'} {' and '.join(others)}.\n"


def _table(parameters: Sequence[Parameter]) -> str:
    lines = ["| parameter | | |", "|---|---|---|"]
    for one in parameters:
        kind = one.kind.schema
        told = ", ".join(
            text
            for text in (
                "needed" if one.is_required else "",
                "may be repeated" if one.is_repeatable else "",
                " \\| ".join(f"`{name}`" for name in kind.get("enum", ())),
                f"{kind['minimum']:,} … {kind['maximum']:,}" if "minimum" in kind else "",
                "`true` or `false`" if kind["type"] == "boolean" else "",
                f"`{_written(one.default)}` without it" if one.default is not None else "",
            )
            if text
        )
        lines.append(f"| `{one.name}` | {one.help} | {told} |")
    return "\n".join(lines) + "\n"


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
