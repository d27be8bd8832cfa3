"""Whatever the bytes: an answer, or an `IIDFormatError` that names the file.

Bounded in time and memory, and the same answer from every way in: an open file, a scan, and a
slow reader that shares no code with the package.
"""

from pathlib import Path

import pytest

from campaign import rounds, seeded
from fuzz import Fuzzer, execute, execute_measured
from hostile import read_everything

CORPUS = sorted((Path(__file__).parents[1] / "data" / "corpus").glob("*.iid"))
A_ROUND = 500


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_kept_input(path):
    """Each reaches the refusal that it is named for."""
    data = path.read_bytes()
    outcome = execute(data, thorough=True)
    execute_measured(data)
    assert outcome.label == path.stem.rpartition("-")[0]
    assert bool(read_everything(data)) == bool(outcome.errors)


def test_the_corpus_reaches_what_the_fuzzer_does(counted):
    """Every section of the format refuses something, in many words."""
    inputs = [path.read_bytes() for path in CORPUS]
    with seeded(0) as chance:
        fuzzer = Fuzzer(chance, inputs)
    assert {section for section, _ in fuzzer.messages} == {
        "header", "lut", "iids", "meta", "groups", "segs",
    }  # fmt: skip
    assert len(fuzzer.messages) >= 40
    assert sum(map(len, inputs)) < 20_000


@pytest.mark.parametrize("part", range(2))
def test_mutations(part, counted):
    inputs = [path.read_bytes() for path in CORPUS]
    for seed in rounds(4, share=0.1):
        with seeded(seed) as chance:
            chance.seed(f"{seed} {part}")
            fuzzer = Fuzzer(chance, inputs)
            fuzzer.run(A_ROUND)
        assert 0 < fuzzer.refused < A_ROUND
        counted("wrong files read", fuzzer.executions)
        counted("wrong files refused", fuzzer.refused)
