"""The pictures of the tour, each by a command that people can go on from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from shlex import join
from typing import NamedTuple

from iidindex.index import Index
from iidindex.model import IID
from iidindex.render.write import encode
from iidindex.storage.atomic import write_atomically


class Shown(NamedTuple):
    """What a picture shows, and the command that draws it."""

    text: str
    command: str


def draw_all(index: Index, database: str, directory: str, hero: IID) -> Iterator[Shown]:
    """Draw the archive in several ways.

    Parameters
    ----------
    index : Index
    database : str
        Its file.
    directory : str
        Where pictures go; it is there.
    hero : IID
        The individual that is followed.

    Yields
    ------
    Shown
        Once its picture is written.
    """
    name, domain = hero.address.decode(), (hero.domain or b"").decode()
    tissue, hubble = (index.entries.where(domain=one) for one in (b"tissue", b"hubble"))

    def shown(text: str, picture: str, content: bytes, *words: str) -> Shown:
        place = os.path.join(directory, picture)
        write_atomically(place, [content])
        return Shown(text, join(["iidindex", "--db", database, *words, "-o", place]))

    groups = index.render("tissue/r1c1.iid", colour_by="group", fit=True)
    yield shown(
        "Nuclei over their picture: which does this tile show whole, which are cut?",
        "groups.png",
        encode(groups.picture, ".png"),
        *("render", "tissue/r1c1.iid", "--colour-by", "group", "--fit"),
    )
    lines = index.render_svg("coins/r0c0.iid", zoom=3)
    yield shown(
        "Coins as outlines, exact however far a browser zooms. Point at one for its name:",
        "coins.svg",
        lines.svg.encode("utf-8"),
        *("render", "coins/r0c0.iid", "--zoom", "3"),
    )
    sheet = index.sheet(hero)
    yield shown(
        f"Every appearance of {name}, at one scale:",
        "appearances.png",
        encode(sheet.picture, ".png"),
        *("sheet", name, "--domain", domain),
    )
    large = hubble.where(group="whole").order_by("-area")
    sheet = index.sheet(None, large, limit=12, scale="area", colour_by="area", tile=128)
    yield shown(
        "The largest galaxies, and how large they are:",
        "galaxies.jpg",
        encode(sheet.picture, ".jpg"),
        *("sheet", "--domain", "hubble", "--group", "whole", "--order-by", "-area"),
        *("--limit", "12", "--scale", "area", "--colour-by", "area", "--tile", "128"),
    )
    yield shown(
        "Where in the tissue nuclei lie; tiles overlap, so that some are in up to four:",
        "heat.png",
        encode(index.draw_heat(tissue).picture, ".png"),
        *("heat", "--domain", "tissue"),
    )
    if find_spec("networkx") is None:
        return
    from iidindex.pictures.graph import draw_graph

    around = index.link_graph(address=hero.address, domain=hero.domain)
    yield shown(
        f"Who is with {name}, and in which files:",
        "graph.png",
        draw_graph(around, ".png"),
        *("graph", "--address", name, "--domain", domain),
    )
