"""The fuzzer with another engine: libFuzzer, led by the branches of the decoding, through atheris.

Its own mutations are mixed with those of somebody who knows the format. It kills what takes too
long or too much from outside, so that no loop in C gets away::

    pip install atheris
    python tests/torture/guided.py DIRECTORY -runs=100000 -timeout=5 -rss_limit_mb=2000
"""

import random
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import atheris

with atheris.instrument_imports(include=["iidindex.codec", "iidindex.files", "iidindex.masks"]):
    from fuzz import execute, first_seeds
    from mutate import Mutator, Seed

CORPUS = sorted((Path(__file__).parents[1] / "data" / "corpus").glob("*.iid"))
OTHERS = [Seed(data) for data in [*first_seeds(), *(path.read_bytes() for path in CORPUS)]]


def mutate(data, max_size, seed):
    """Half of the inputs as libFuzzer makes them, half by somebody who knows the format."""
    chance = random.Random(seed)
    if chance.random() < 0.5:
        return atheris.Mutate(data, max_size)
    return Mutator(chance).mutate(Seed(data), chance.choice(OTHERS))[:max_size]


def test_one_input(data):
    execute(data, thorough=hash(data) % 32 == 0)


def main():
    atheris.Setup(sys.argv, test_one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
