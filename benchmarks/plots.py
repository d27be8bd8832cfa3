"""Plots for the pages, as small pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.runner import Line

# Colours that differ for people who see few of them, and shapes for those who see none.
_COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"),
    *("#8b5a2b", "#5d3a9b"),
)
_MARKERS = "osD^vP*Xph"
_DOTS = 100
# So many colours are enough for lines and their smooth edges, and keep the files small.
_PALETTE = 128


def _figure(*args: Any, **options: Any) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    return pyplot.subplots(*args, layout="constrained", **options)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=_DOTS)
    pyplot.close(figure)
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(_PALETTE).save(path, optimize=True)


def peers(lines: Sequence[Line], path: Path) -> None:
    """Plot each peer's time divided by ours, a row for each question."""
    works = list(dict.fromkeys(line.work for line in lines))
    rivals = list(dict.fromkeys(line.rival for line in lines))
    figure, axes = _figure(figsize=(9, 0.75 * len(works) + 1.9))
    axes.axvspan(1e-6, 1, color="#f2f2f2", zorder=0)
    axes.axvline(1, color="black", linewidth=1)
    for number, rival in enumerate(rivals):
        # Side by side within a row, so that no mark hides another.
        shift = (number - (len(rivals) - 1) / 2) * 0.11
        found = [line for line in lines if line.rival == rival]
        ratios = [line.ratio for line in found]
        low = [max(0.0, line.ratio - line.spread[0]) for line in found]
        high = [max(0.0, line.spread[1] - line.ratio) for line in found]
        axes.errorbar(
            ratios,
            [works.index(line.work) + shift for line in found],
            xerr=[low, high],
            fmt=_MARKERS[number % len(_MARKERS)],
            color=_COLOURS[number % len(_COLOURS)],
            markersize=6,
            linewidth=1,
            label=rival,
        )
    axes.set_xscale("log")
    axes.set_xlim(
        min(0.5, *(line.ratio for line in lines)) / 2, max(2, *(line.ratio for line in lines)) * 2
    )
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.set_yticks(range(len(works)), works)
    axes.set_ylim(len(works) - 0.5, -0.5)
    for row in range(1, len(works)):
        axes.axhline(row - 0.5, color="#dddddd", linewidth=0.8)
    axes.set_xlabel(
        "time of the peer ÷ time of iidindex, log scale\n"
        "← the peer is faster | iidindex is faster →"
    )
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    _save(figure, path)


def growth(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]],
    path: Path,
    *,
    same: bool = False,
) -> None:
    """Plot panels of lines over the number of entries, both axes logarithmic.

    Parameters
    ----------
    panels : mapping
        From a title, a colon, and the label of the vertical axis with its unit, to lines by
        name: pairs of entries and value.
    path : Path
    same : bool
        Give all panels the same vertical axis, and more height.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    columns = 2
    rows = -(-len(panels) // columns)
    figure, grid = _figure(
        rows, columns, figsize=(10, (4.6 if same else 3.4) * rows + 0.6), squeeze=False, sharey=same
    )
    places = [place for line in grid for place in line]
    # A line has the same style in every panel.
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    for place in places[len(panels) :]:
        place.set_visible(False)
    for place, (label, lines) in zip(places, panels.items(), strict=False):
        for name, points in lines.items():
            number = names.index(name)
            place.plot(
                [entries for entries, _ in points],
                [value for _, value in points],
                marker=_MARKERS[number % len(_MARKERS)],
                color=_COLOURS[number % len(_COLOURS)],
                linestyle="--" if name.startswith("one file") else "-",
                markersize=5,
                linewidth=1.3,
                label=name,
            )
        place.set_xscale("log")
        place.set_yscale("log")
        place.set_xlabel("entries, log scale")
        title, _, unit = label.partition(": ")
        place.set_title(title, fontsize=11)
        place.set_ylabel(f"{unit}, log scale")
        place.tick_params(labelleft=True)
        place.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        values = [value for points in lines.values() for _, value in points]
        wide = max(values) > 100 * min(values)
        place.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        place.yaxis.set_minor_formatter(NullFormatter())
        place.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        place.grid(color="#dddddd", linewidth=0.6, which="major")
    handles = {
        name: handle
        for place in places
        for handle, name in zip(*place.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9
    )
    _save(figure, path)
