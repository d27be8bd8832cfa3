"""A table of entries as CSV."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64encode
from collections.abc import Iterator

from iidindex.exchange.chosen import ChosenFile
from iidindex.exchange.export_report import ExportReport
from iidindex.formats.writing import Sink
from iidindex.query.answers.entry import Entry

COLUMNS = (
    *("root", "path", "key", "domain", "address", "minr", "minc", "maxr", "maxc", "area"),
    *("offset", "length", "groups", "domain_b64", "address_b64"),
)


def write_table(chosen: Iterator[ChosenFile], sink: Sink, report: ExportReport) -> None:
    """Write a row an entry.

    ``offset`` and ``length`` are where the segment lies in its file, in bytes. ``groups`` is a
    JSON list. Of bytes that are no UTF-8, the text is empty; ``…_b64`` is exact always.
    """
    with sink.stream(sink.name) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", errors="surrogateescape")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        for one in chosen:
            table.writerows(_row(one, entry) for entry in one.entries)
            report.pictures += 1
            report.entries += len(one.entries)
        text.flush()
        text.detach()


def _row(file: ChosenFile, entry: Entry) -> tuple[object, ...]:
    domain, address = entry.iid.domain or b"", entry.iid.address
    return (
        file.root,
        file.path,
        entry.key,
        _text(domain),
        _text(address),
        *entry.bbox,
        entry.area,
        *entry.bufloc,
        json.dumps(list(entry.groups), ensure_ascii=False),
        b64encode(domain).decode(),
        b64encode(address).decode(),
    )


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return ""
