"""A table that grows picture by picture, beside the files of an export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO

from iidindex.formats.writing import Sink


class TableStream:
    """A CSV file, there when it is finished.

    Parameters
    ----------
    sink : Sink
    name : str
        Of the file.
    header : sequence of str
    """

    def __init__(self, sink: Sink, name: str, header: Sequence[str]) -> None:
        self._context: AbstractContextManager[BinaryIO] = sink.stream(name)
        self._file: BinaryIO | None = None
        self._header = header

    def write(self, rows: Iterable[Sequence[object]]) -> None:
        """Write rows."""
        text = io.StringIO(newline="")
        table = csv.writer(text, lineterminator="\n")
        if self._file is None:
            self._file = self._context.__enter__()
            table.writerow(self._header)
        table.writerows(rows)
        self._file.write(text.getvalue().encode("utf-8", "surrogateescape"))

    def finish(self) -> None:
        """End the file, which may have no rows."""
        self.write(())
        self._context.__exit__(None, None, None)
