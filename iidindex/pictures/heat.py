"""Where masks lie, as a picture."""

from __future__ import annotations

from iidindex.pictures.drawing import Drawing
from iidindex.pictures.fonts import typeface
from iidindex.query.heat.coverage import Heat
from iidindex.render.color_scale import heat_picture

_LETTERS = 15
# A smaller one is enlarged, each cell to a square.
_LEAST_SIDE = 480


def draw_heat(heat: Heat, *, font: str | None = None) -> Drawing:
    """Draw how many masks cover each place, with a scale.

    Parameters
    ----------
    heat : Heat
        Of `Entries.heat`.
    font : str, optional
        A font file for the words.
    """
    mean = heat.mean
    zoom = max(1, _LEAST_SIDE // max(mean.shape))
    values = mean.repeat(zoom, axis=0).repeat(zoom, axis=1)
    box = heat.grid.bbox
    of = "1 mask" if heat.entries == 1 else f"{heat.entries:,} masks"
    where = f"rows {box.minr} … {box.maxr - 1}, columns {box.minc} … {box.maxc - 1}"
    title = f"masks per pixel · {of} · {where}"
    return Drawing(heat_picture(values, title, typeface(_LETTERS, font)), heat.entries)
