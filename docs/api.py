"""Write ``docs/api.md`` from the docstrings of the public names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import griffe

HEAD = """\
# The Python interface

Written by `make docs` from the docstrings; do not edit.

Boxes are `(minr, minc, maxr, maxc)`, half-open, in pixels, rows before columns. `at` and `nearest`
take `x` (column) before `y` (row). Addresses and domains are bytes. Masks are NumPy arrays of bool,
as large as their entry's box.
"""

# Chapters, and what is in them: where a name is defined, and whether its members are told too.
CHAPTERS = {
    "An index": ["index.open", "index.Index"],
    "Questions": ["exchange.answers_out.Entries"],
    "Answers": [
        "query.answers.entry.Entry",
        "query.overlaps.overlap.Overlap",
        "query.overlaps.overlap.Overlaps",
        "query.comparison.differences.Difference",
        "query.holdings.raw_sql.SQLRows",
        "query.answers.records.Records",
        "query.answers.records.Tabular",
        "query.comparison.agreement.Agreement",
        "query.comparison.agreement_figures.PictureAgreement",
        "query.comparison.agreement_figures.TotalAgreement",
        "query.comparison.agreement_figures.GroupAgreement",
        "query.linkage.links.Link",
        "query.linkage.sharing.Related",
        "query.linkage.cooccurring.Cooccurrence",
        "query.comparison.tracks.Tracks",
        "query.comparison.tracks.Track",
        "query.comparison.identity_faults.IdentityFault",
        "query.linkage.lineage.Relatives",
        "query.linkage.lineage.Relative",
        "query.holdings.inventory.IIDCount",
        "query.holdings.inventory.GroupCount",
        "query.answers.indexed_file.IndexedFile",
        "query.holdings.stats.Stats",
        "query.heat.coverage.Heat",
        "pictures.drawing.Drawing",
        "pictures.drawing.VectorDrawing",
        "pictures.many.RenderReport",
        "exchange.dataset.Dataset",
        "exchange.label_planes.LabelPlanes",
        "catalog.roots.Root",
        "catalog.contract.Optimization",
        "catalog.transferring.Copied",
        "catalog.transferring.CopyProgress",
        "query.holdings.verify.Problem",
        "ingestion.report.IngestReport",
        "ingestion.report.Progress",
    ],
    "One file": [
        "files.iidfile.IIDFile",
        "files.file_entry.Entry",
        "files.groups.Groups",
        "files.segment_bytes.decode_segment",
        "files.segment_bytes.Segment",
    ],
    "Other formats": [
        "exchange.importing.import_archive",
        "exchange.import_report.ImportReport",
        "exchange.export_report.ExportReport",
        "pages.page_report.PageReport",
        "formats.read",
        "formats.annotation.Picture",
        "formats.annotation.Annotation",
    ],
    "Values": ["model.IID", "model.BBox", "model.BufLoc", "model.FileStamp"],
}
WIDTH = 80
# Classes that people call themselves.
_OPENED = {"Index", "IIDFile"}


def reference() -> str:
    """The page as it should be."""
    here = Path(__file__).resolve().parent
    package: Any = griffe.load("iidindex", search_paths=[here.parent], docstring_parser="numpy")
    parts = [HEAD]
    for title, paths in CHAPTERS.items():
        parts.append(f"## {title}\n")
        for path in paths:
            parts += _object(package[path], _title(path))
    parts.append("## Errors\n")
    parts += _errors(package["errors"])
    return "\n".join(parts).replace("\n\n\n", "\n\n")


def _title(path: str) -> str:
    module, name = path.rsplit(".", 1)
    if module == "index" and name == "open":
        return "iidindex.open"
    # Two kinds of entries: of an index, and of a file.
    return f"{name} (of a file)" if path == "files.file_entry.Entry" else name


def _object(found: Any, title: str) -> Iterator[str]:
    yield f"### {title}\n"
    if found.is_function:
        yield _signature(found, title)
    elif title in _OPENED:
        yield _signature(found.all_members["__init__"], title)
    yield from _docstring(found)
    if not found.is_class:
        return
    for name, member in _members(found):
        if member.is_function:
            yield f"#### {found.name}.{name}\n"
            yield _signature(member, name)
        else:
            kind = f": {member.annotation}" if member.annotation else ""
            yield f"#### {found.name}.{name}{kind}\n"
        yield from _docstring(member)


def _bases(found: Any) -> list[str]:
    return [str(base) for base in found.bases]


def _members(found: Any) -> Iterator[tuple[str, Any]]:
    """What people call, in the order of the source; the parts of a class are of one order."""
    for name, member in found.all_members.items():
        target = member.final_target if member.is_alias else member
        if not name.startswith("_") and target.docstring is not None:
            yield name, target


def _called(function: Any) -> Any:
    """The function itself; what it is told of only when it is made is not in the source."""
    module = import_module(function.parent.parent.path)
    return getattr(getattr(module, function.parent.name), function.name)


def _signature(function: Any, name: str) -> str:
    given: list[str] = []
    if function.docstring and "FILTERS" in function.docstring.value:
        _, *parameters = inspect.signature(_called(function)).parameters.values()
        return _shown(["*", *map(str, parameters)], name, function)
    for parameter in function.parameters:
        kind = parameter.kind.value if parameter.kind else ""
        if parameter.name == "self":
            continue
        if kind == "keyword-only" and "*" not in "".join(given):
            given.append("*")
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        text = star + parameter.name
        if parameter.annotation is not None:
            text += f": {parameter.annotation}"
        if parameter.default is not None and not star:
            text += f" = {parameter.default}" if parameter.annotation else f"={parameter.default}"
        given.append(text)
    return _shown(given, name, function)


def _shown(given: list[str], name: str, function: Any) -> str:
    is_class = function.name == "__init__"
    result = f" -> {function.returns}" if function.returns and not is_class else ""
    line = f"{name}({', '.join(given)}){result}"
    if len(line) > WIDTH:
        inner = "".join(f"    {text},\n" for text in given)
        line = f"{name}(\n{inner}){result}"
    return f"```text\n{line}\n```\n"


def _docstring(found: Any) -> Iterator[str]:
    docstring = found.docstring
    if docstring and "FILTERS" in docstring.value:
        told = inspect.getdoc(_called(found)) or ""
        docstring = griffe.Docstring(told, parser="numpy")
    for section in docstring.parsed if docstring else ():
        yield _SECTIONS.get(section.kind.value, _items)(section)


def _text(section: Any) -> str:
    return f"{_plain(section.value)}\n"


def _admonition(section: Any) -> str:
    return f"**{section.title}.** {_plain(section.value.description)}\n"


def _examples(section: Any) -> str:
    shown = "\n".join(text for _, text in section.value)
    return f"```pycon\n{shown}\n```\n"


def _items(section: Any) -> str:
    title = section.title or section.kind.value.replace("_", " ").capitalize()
    lines = [f"**{title}**\n"]
    for item in section.value:
        # What looks like Python is read as such: "path-like" as a difference.
        annotation = str(item.annotation or "").replace(" - ", "-")
        if section.kind.value == "raises":  # several errors are read as a tuple
            annotation = annotation.strip("()")
        names = [getattr(item, "name", ""), annotation]
        head = ", ".join(f"`{name}`" for name in names if name)
        told = _plain(item.description).replace("\n", " ")
        lines.append(f"- {head}: {told}" if told else f"- {head}")
    return "\n".join(lines) + "\n"


_SECTIONS = {"text": _text, "admonition": _admonition, "examples": _examples}


def _plain(text: str) -> str:
    """Markdown has code in single quotes, and takes underlining for a heading."""
    return re.sub(r"``([^`]+)``", r"`\1`", text.strip())


def _errors(module: Any) -> Iterator[str]:
    yield "All of them are in `iidindex`.\n"
    for name, error in module.classes.items():
        if not name.startswith("_"):
            bases = ", ".join(_bases(error))
            yield f"- `{name}` ({bases}): {_plain(error.docstring.value.partition(chr(10))[0])}"
    yield ""


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(reference(), encoding="utf-8")
