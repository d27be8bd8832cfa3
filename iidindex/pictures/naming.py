"""What is written beside masks, and what all names begin with, which is told once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iidindex.pictures.domains import Domains
from iidindex.query.answers.entry import Entry
from iidindex.query.pixels.segments import Ints
from iidindex.render.canvas import Marks
from iidindex.render.colors import Colors
from iidindex.render.name_labels import Label
from iidindex.render.text import Typeface

# Of a label, in letters' heights.
_LABEL_WIDTH = 11
# What is shorter than this is not worth telling apart.
_LEAST = 3
_PARTING = frozenset("/\\_-.:;|#@+~ \t")


def common_beginning(names: Sequence[str]) -> str:
    """What all names begin with, up to where a word ends.

    Empty, if there are not two of them, or if one would be left without a character.

    Examples
    --------
    >>> common_beginning(["cell-0012", "cell-0013"])
    'cell-'
    >>> common_beginning(["T98G/1", "T98G/12"]), common_beginning(["frame12", "frame13"])
    ('T98G/', 'frame')
    >>> common_beginning(["00012", "00013"]), common_beginning(["tree", "trees"])
    ('', '')
    """
    apart = set(names)
    if len(apart) < 2 or any(name.startswith("hex:") for name in apart):
        return ""
    first, last = min(apart), max(apart)
    n = next(
        (nth for nth, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]),
        len(first),
    )
    common = first[:n]
    if common in apart:
        common = common[:-1]
    for end in range(len(common), _LEAST - 1, -1):
        if common[end - 1] in _PARTING:
            return common[:end]
        digits = all(name[end].isdigit() for name in apart)
        if digits and not common[end - 1].isdigit():
            return common[:end]
    return ""


class Names:
    """Names of the entries that are seen on a picture.

    Parameters
    ----------
    entries : sequence of Entry
    domains : Domains
        If there are several, what is left out is that of each.
    face : Typeface
    shortened : bool
        Whether what all names begin with is left out.
    parted : bool
        Whether names of several domains are told apart, so that each leaves out its own.
    any_character : bool
        Whether names are written by somebody else's fonts.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        domains: Domains,
        face: Typeface,
        *,
        shortened: bool,
        parted: bool = True,
        any_character: bool = False,
    ) -> None:
        self._face = face
        self._domains = domains
        self._is_marked = parted and domains.several
        self._names = [face.readable(entry.iid.address, any_character) for entry in entries]
        of = domains.of(entries) if parted else np.zeros(len(entries), np.int64)
        self._of = of
        self.left_out: dict[int, str] = {}
        if shortened:
            for which in np.unique(of).tolist():
                own = np.flatnonzero(of == which).tolist()
                self.left_out[which] = common_beginning([self._names[nth] for nth in own])

    def __getitem__(self, nth: int) -> str:
        """The name of an entry as it is written."""
        name = self._names[nth].removeprefix(self.left_out.get(int(self._of[nth]), ""))
        return self._face.within(name, _LABEL_WIDTH * self._face.height)

    def labels(self, marks: Marks, areas: Ints, colors: Colors) -> list[Label]:
        """Labels for what is seen, the largest first.

        Parameters
        ----------
        marks : Marks
            Where entries are seen.
        areas : ndarray of int64, shape (n,)
            Of all entries.
        colors : ndarray of uint8, shape (n, 3)
        """
        shown = []
        for nth in np.lexsort((marks.owner, -areas[marks.owner])).tolist():
            owner = int(marks.owner[nth])
            text = self[owner]
            if text:
                (row, col), box = marks.anchor[nth].tolist(), tuple(marks.bbox[nth].tolist())
                mark = self._domains.mark(int(self._of[owner])) if self._is_marked else None
                color = tuple(colors[owner].tolist())
                shown.append(Label(text, (row, col), box, color, mark))
        return shown
