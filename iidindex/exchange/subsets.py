"""Some entries of a ``.iid`` file as a file of their own; no mask is decoded."""

from __future__ import annotations

import numpy as np

from iidindex.codec import layout
from iidindex.codec.encode import encode_groups, encode_header, encode_iid, encode_lut, encode_meta
from iidindex.exchange.chosen import ChosenFile
from iidindex.exchange.export_report import ExportReport
from iidindex.files.file_records import Records
from iidindex.formats.writing import Sink
from iidindex.query.answers.entry import segments_of
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Original
from iidindex.storage.given import open_source


def write_subset(
    file: ChosenFile, originals: Originals, on_stale: OnStale, sink: Sink, report: ExportReport
) -> None:
    """Write the entries that were chosen of a file; keys count from 0.

    Segments are copied byte for byte, but for the key that each repeats; the metadata are copied,
    and the groups are those that the chosen entries are in.

    Raises
    ------
    SourceError
        If the original cannot be believed, and `on_stale` does not leave it out.
    """
    entries = file.entries
    n_bytes = sum(entry.bufloc.length for entry in entries)
    segments: list[bytes] = []
    if entries:
        by_offset = sorted(entries, key=lambda entry: entry.bufloc.offset)
        where = {entries[0].file_id: Original(entries[0].location, entries[0].stamp)}
        found = originals.read(where, segments_of(by_offset), on_stale)
        if not found.is_there.all():
            report.unread += 1
            return
        raw = found.data.tobytes() if n_bytes else b""
        place_of = {entry.id: place for place, entry in enumerate(by_offset)}
        for key, entry in enumerate(entries):
            place = place_of[entry.id]
            begin, length = int(found.offset[place]), int(found.length[place])
            number = np.array(key, layout.GROUP_KEY).tobytes()
            segments.append(number + raw[begin + len(number) : begin + length])
    iids = [encode_iid(key, entry.iid) for key, entry in enumerate(entries)]
    groups: dict[str, list[int]] = {}
    for key, entry in enumerate(entries):
        for name in entry.groups:
            groups.setdefault(name, []).append(key)
    listed = encode_groups({name: np.array(keys, np.int64) for name, keys in groups.items()})
    lut = encode_lut(
        np.arange(len(entries)),
        np.array([len(record) for record in iids], np.int64),
        np.array([len(record) for record in segments], np.int64),
    )
    meta = _meta_of(file)
    head = encode_header(
        [len(lut), sum(map(len, iids)), len(meta), len(listed), sum(map(len, segments))]
    )
    sink.put(file.path, b"".join([head, lut, *iids, meta, listed, *segments]))
    report.pictures += 1
    report.entries += len(entries)


def _meta_of(file: ChosenFile) -> bytes:
    """The metadata as they stand in the file; those of the index write NaN as null."""
    records = Records(open_source(file.location))
    try:
        return records.encoded_meta() or encode_meta({})
    finally:
        records.close()
