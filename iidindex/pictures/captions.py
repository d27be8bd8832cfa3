"""What is written below the tiles of a sheet."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

from iidindex.metadata_names import META, asked_of, value_in
from iidindex.pictures.track_tiles import Gap
from iidindex.query.answers.entry import Entry
from iidindex.render.text import Typeface
from iidindex.rows import Kind, in_cell


def common_place(chosen: Sequence[Entry], face: Typeface, width: int) -> str:
    """The directory in which all lie, if paths do not fit below their tiles; or nothing."""
    paths = {entry.path for entry in chosen}
    if all(face.width(path) <= width for path in paths) or len(paths) < 2:
        return ""
    common = os.path.commonpath([f"/{path}" for path in paths]).strip("/")
    return f"{common}/" if common else ""


def captions(chosen: Sequence[Entry], face: Typeface, place: str) -> list[list[str]]:
    """For each entry its file; and whose it is, and its key, where these tell it from others."""
    times = Counter((entry.file_id, entry.iid) for entry in chosen)
    has_domains = len({entry.iid.domain for entry in chosen}) > 1
    has_addresses = len({entry.iid.address for entry in chosen}) > 1
    needs_keys = any(number > 1 for number in times.values())
    found = []
    for entry in chosen:
        who = []
        if has_addresses:
            who.append(face.readable(entry.iid.address) or "no address")
        if needs_keys and times[entry.file_id, entry.iid] > 1:
            who.append(f"key {entry.key}")
        if has_domains:
            who.append(face.readable(entry.iid.domain or b"") or "no domain")
        path = face.readable(os.fsencode(entry.path.removeprefix(place)))
        found.append([path, *([" · ".join(who)] if who else [])])
    return found


def fields(entry: Entry, kind: Kind, face: Typeface) -> list[str]:
    """The columns of an entry, a line each: who and where it is as they are, others by name."""
    names: dict[str, bytes] = {
        "path": os.fsencode(entry.path),
        "location": os.fsencode(entry.location),
        "address": entry.iid.address,
        "domain": entry.iid.domain or b"",
    }
    lines = []
    for column in kind.columns:
        if column.name in names:
            lines.append(face.readable(names[column.name]) or f"no {column.name}")
            continue
        lines.append(_line(column.name, column.get(entry), face))
    return lines


def of_gap(gap: Gap, kind: Kind | None, face: Typeface, place: str) -> list[str]:
    """What is written below a file that lacks the individual: what is known of the file."""
    if kind is None:
        return [face.readable(os.fsencode(gap.path.removeprefix(place))), "not here"]
    lines = []
    for column in kind.columns:
        names = asked_of(column.name)
        if column.name in ("path", "location"):
            lines.append(face.readable(os.fsencode(getattr(gap, column.name))))
        elif names is not None:
            lines.append(_line(column.name, value_in(gap.meta, names), face))
        else:
            lines.append("-")
    return lines


def _line(name: str, value: Any, face: Typeface) -> str:
    """A value and its name."""
    value = in_cell(value)
    shown = "-" if value is None else str(value)
    # There is one line for each.
    text = "".join(char if char.isprintable() else " " for char in shown)
    return face.readable(f"{name.removeprefix(META)} {text}".encode())
