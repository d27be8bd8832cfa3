"""Whatever the bytes of other people's formats: masks, or a refusal of our own; in bounds."""

import json
import warnings

import numpy as np
import pytest

from bounds import Bounds, little_room
from campaign import rounds, seeded
from foreign_files import json_mutants, mutants, pictures_of, survives
from foreign_sources import SOURCES
from iidindex.formats.registry import FORMATS

# A sound source of these takes some milliseconds.
_SECONDS = 10.0
_A_ROUND = 40


def test_every_format_has_a_sound_source():
    assert set(SOURCES) == set(FORMATS)
    for name, make in SOURCES.items():
        pictures = pictures_of(make(), name)
        assert sum(len(picture.entries) for picture in pictures) >= 2, name
        assert not any(picture.refused for picture in pictures), name


def _damaged(files, draw):
    """A copy of some files, of which one or two are damaged, gone, or another's."""
    changed = dict(files)
    for _ in range(1 + (draw.random() < 0.2)):
        which = draw.choice(sorted(files))
        seed = draw.getrandbits(32)
        way = draw.random()
        if way < 0.04 and len(changed) > 1:
            changed.pop(which, None)
        elif way < 0.08:
            changed[which] = files[draw.choice(sorted(files))]
        elif way < 0.5 and (value := _parsed(files[which])) is not None:
            (changed[which],) = json_mutants(value, 1, seed)
        else:
            (changed[which],) = mutants(files[which], 1, seed)
    return changed


def _parsed(data):
    try:
        return json.loads(data)
    except ValueError:
        return None


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_sources(name, counted):
    files = SOURCES[name]()
    survives(files, name)  # what is imported late needs no room below
    bounds = Bounds(_SECONDS)
    for seed in rounds(1, share=0.01):
        with seeded(seed) as draw, bounds.watched(), little_room(), warnings.catch_warnings():
            warnings.simplefilter("error")
            draw.seed(f"{seed} {name}")
            read = 0
            for _ in range(_A_ROUND):
                damaged = _damaged(files, draw)
                with np.errstate(all="raise"):
                    read += bounds.work(survives, damaged, name)
        counted("wrong sources of other formats", _A_ROUND)
        counted("… of which something was read", read)
