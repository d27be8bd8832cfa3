"""The domains on a picture: the first is filled, the others have outlines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from iidindex.query.answers.entry import Entry
from iidindex.query.pixels.segments import Ints
from iidindex.query.question.asked import Filters
from iidindex.render.canvas import Look
from iidindex.render.colors import Color, Colors
from iidindex.render.legend import Key
from iidindex.render.swatch import DASHES, MARKS, Mark
from iidindex.render.text import Typeface

# What stands for a domain where colours mean something else.
_PLAIN: Color = (200, 200, 208)


class Domains:
    """The domains of some entries, in the order in which they were asked for, or else by name.

    Parameters
    ----------
    names : iterable of bytes
    filters : Filters, optional
    """

    def __init__(self, names: Iterable[bytes], filters: Filters | None = None) -> None:
        asked = () if filters is None else filters.get("domain") or ()
        known = set(names)
        self.names = [name for name in asked if name in known]
        self.names += sorted(known - set(self.names))
        self._place = {name: nth for nth, name in enumerate(self.names)}

    @property
    def several(self) -> bool:
        """Whether they have to be told apart."""
        return len(self.names) > 1

    def of(self, entries: Sequence[Entry]) -> Ints:
        """Which is that of each entry: int64, shape (n,)."""
        # An ingest may have brought others meanwhile.
        for name in dict.fromkeys(entry.iid.domain or b"" for entry in entries):
            if name not in self._place:
                self._place[name] = len(self.names)
                self.names.append(name)
        return np.array([self._place[entry.iid.domain or b""] for entry in entries], np.int64)

    def mark(self, which: int) -> Mark:
        """How one of them is drawn."""
        return MARKS[min(which, len(MARKS) - 1)]

    def look(self, entries: Sequence[Entry], colors: Colors, outlines: bool) -> Look:
        """How entries are drawn: as they are, if there is one domain, or no outlines."""
        if not self.several or not outlines:
            return Look(colors)
        marks = [self.mark(which) for which in self.of(entries).tolist()]
        filled = np.array([mark == "filled" for mark in marks], np.bool_)
        return Look(colors, filled, np.array([DASHES[mark] for mark in marks], np.int64))

    def keys(
        self,
        entries: Sequence[Entry],
        face: Typeface,
        left_out: dict[int, str],
        colors: Colors | None = None,
        outlines: bool = True,
    ) -> list[Key]:
        """Which mark is which domain, how many there are of each, and what names leave out.

        Parameters
        ----------
        entries : sequence of Entry
            What is seen.
        face : Typeface
        left_out : dict of int to str
            What the names of each begin with.
        colors : ndarray of uint8, shape (n, 3), optional
            Of the entries, where it is the domain that these tell.
        outlines : bool
        """
        keys = []
        of = self.of(entries)
        for which in np.unique(of).tolist():
            own = np.flatnonzero(of == which)
            name = face.readable(self.names[which]) if self.names[which] else "no domain"
            mark = self.mark(which) if outlines else "filled"
            how = "" if mark == "filled" else f" ({_HOW[mark]})"
            text = f"{name}{how}: {len(own):,}"
            if left_out.get(which):
                text += f", names without “{left_out[which]}”"
            color = _PLAIN if colors is None else tuple(colors[own[0]].tolist())
            keys.append(Key(color, text, mark))
        return keys


_HOW: dict[Mark, str] = {"line": "outlines", "dashed": "dashed", "dotted": "dotted"}
