"""What all requests share: the index, and what limits them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from iidindex.exchange.answers_out import Entries
from iidindex.index import Index
from iidindex.query.holdings.named_file import NamedFile
from iidindex.query.pixels.picture_places import PicturePlaces
from iidindex.query.question.filters import FILTERS
from iidindex.serve.cursors import Cursors
from iidindex.serve.kept_pictures import KeptPictures
from iidindex.serve.refusals import Refused

# Seconds that an answer may take, and that a drawing waits for others.
MOST_SECONDS = 30.0
_PATIENCE = 5.0
_DRAWINGS = 2


@dataclass
class Served:
    """An index that is served.

    Parameters
    ----------
    index : Index
        Opened read-only.
    token : str
        Without which nothing is answered.
    pictures : sequence of str
        Directories beside the roots in which pictures may lie.
    seconds : float
        That an answer may take.
    patience : float
        Seconds that a drawing waits for others to be finished.
    kept : KeptPictures
        Pictures that were sent.
    """

    index: Index
    token: str
    pictures: Sequence[str] = ()
    seconds: float = MOST_SECONDS
    patience: float = _PATIENCE
    kept: KeptPictures = field(default_factory=KeptPictures)
    _drawing: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_DRAWINGS)
    )

    @cached_property
    def cursors(self) -> Cursors:
        """What writes and reads the ends of pages."""
        return Cursors(self.token)

    @property
    def places(self) -> PicturePlaces:
        """Where pictures may lie; a root may be told to be elsewhere while this runs."""
        return self.index.picture_places(*self.pictures)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Be one of the few that draw at a time.

        Raises
        ------
        Refused
            If others take too long.
        """
        if not self._drawing.acquire(timeout=self.patience):
            raise Refused(503, "too much is being drawn", "ask again in a few seconds")
        try:
            yield
        finally:
            self._drawing.release()

    def file(self, values: dict[str, Any]) -> NamedFile:
        """The file that parameters name.

        Raises
        ------
        Refused
            If there is none.
        """
        found = self.index.named_file(values["path"], root=values["root"])
        if found is None:
            raise Refused(
                404,
                f"no indexed file has the path {values['path']!r:.500}",
                "/api/files lists the files; `path` is that of a row, or its location",
            )
        return found

    def narrowed(self, values: dict[str, Any], *without: str) -> Entries:
        """All entries, narrowed down by the filters that are given."""
        question: Entries = self.index.entries
        for meta in values.get("meta", ()):
            question = question.where(meta=meta)
        given = {
            name: values[name]
            for name in FILTERS
            if name != "meta" and name not in without and values.get(name) not in (None, [])
        }
        question = question.where(**given)
        return question.reading(on_stale=values.get("on_stale"))
