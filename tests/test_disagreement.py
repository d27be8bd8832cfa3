"""Where two sides agree: in SQL, and drawn."""

import numpy as np
import pytest

from annotators import square
from iidindex import QueryError
from iidindex.cli.main import run
from iidindex.render.colors import AGREED, BACKGROUND, ONLY_A, ONLY_B


def test_the_view_of_matches(ask):
    """It has what is matched, where masks of one domain share no pixel."""
    rng = np.random.default_rng(3)
    masks = []
    for nth in range(30):
        top, left = nth // 6 * 20, nth % 6 * 20
        shift = int(rng.integers(0, 8))
        masks.append((b"a", (top, left, top + 10, left + 10), square()))
        masks.append((b"b", (top + shift, left, top + shift + 10, left + 10), square()))
    # Others of its own domain, and the threshold itself.
    masks += [(b"c", (200, 0, 210, 10), square()), (b"c", (200, 0, 210, 10), square())]
    masks += [(b"a", (300, 0, 300 + 10, 10), square()), (b"b", (300, 0, 310, 5), square()[:, :5])]
    index = ask(one=masks)
    assert list(index.sql("SELECT * FROM matches")) == []
    index.overlaps(store=True)
    told = [(row["a_key"], row["b_key"], row["iou"]) for row in index.sql("SELECT * FROM matches")]
    found = [(pair.a.key, pair.b.key, pair.iou) for pair in index.agreement("a", "b").matched()]
    assert sorted(told) == found
    assert (62, 63, 0.5) in told


@pytest.fixture
def disputed(ask):
    """Agreed at the left, A alone in the middle, B alone at the right."""
    return ask(
        one=[
            (b"a", (10, 10, 30, 30), square(20)),
            (b"b", (12, 10, 32, 30), square(20)),
            (b"a", (10, 50, 30, 70), square(20)),
            (b"b", (10, 90, 30, 110), square(20)),
            (b"c", (40, 40, 60, 60), square(20)),
        ]
    )


def test_a_picture_of_what_two_agree_on(disputed):
    drawn = disputed.render("one.iid", compare=("a", b"b"), labels=False, alpha=1.0)
    assert drawn.drawn == 4
    picture = drawn.picture
    # The frame ends with the last box of the two; the legend is below.
    assert picture.shape[0] > 32
    assert (picture[:32, 110:] == 8).all()
    assert tuple(picture[20, 20]) == AGREED
    assert tuple(picture[31, 20]) == AGREED
    assert tuple(picture[20, 60]) == ONLY_A
    assert tuple(picture[10, 95]) == ONLY_B
    assert tuple(picture[20, 100]) == BACKGROUND
    stricter = disputed.render("one.iid", compare=("a", "b"), iou=0.95, labels=False, alpha=1.0)
    assert tuple(stricter.picture[11, 11]) == ONLY_A
    turned = disputed.render("one.iid", compare=("b", "a"), labels=False, alpha=1.0)
    assert tuple(turned.picture[20, 100]) == ONLY_A
    legend = picture[32:].reshape(-1, 3)
    assert {AGREED, ONLY_A, ONLY_B} <= {tuple(pixel) for pixel in legend.tolist()}


def test_what_cannot_be_compared(disputed, capsys, tmp_path):
    for compare in ("ab", ("a",), ("a", "b", "c"), 3, ("a", "a")):
        with pytest.raises(QueryError):
            disputed.render("one.iid", compare=compare)
    with pytest.raises(QueryError, match="outlines"):
        disputed.render("one.iid", compare=("a", "b"), outlines=False)
    words = ["render", "one.iid", "--compare", "a", "b", "-o", "out.png"]
    assert run(words) == 0
    assert "4 entries" in capsys.readouterr().out
    assert (tmp_path / "out.png").stat().st_size
    assert run([*words, "--no-outlines"]) == 2
    assert run([*words, "--domain", "a"]) == 2
    capsys.readouterr()
    assert run(["render", "one.iid", "--compare", "x", "y", "-o", "none.png"]) == 1
    assert "no domain 'x'" in capsys.readouterr().err
    assert not (tmp_path / "none.png").exists()


def apart_for_all(colors):
    """The least distance of colours in Oklab to people of all kinds of eyes.

    Also without one kind of cones: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A
    Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15, 2009.
    """
    without = {
        "none": np.eye(3),
        "long": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "middle": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        "short": [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    }
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    encoded = np.array(colors) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    found = []
    for matrix in without.values():
        seen = np.clip(linear @ np.array(matrix).T, 0, 1)
        lab = np.cbrt(seen @ np.array(to_cones).T) @ np.array(to_lab).T
        found.append(np.linalg.norm(lab[:, None] - lab, axis=-1)[np.triu_indices(len(colors), 1)])
    return np.min(found)


def test_colours_that_everybody_can_tell_apart():
    assert apart_for_all([AGREED, ONLY_A, ONLY_B, BACKGROUND]) > 0.2
