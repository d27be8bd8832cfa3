"""Whatever the bytes: an answer, or an `IIDFormatError` that names the file.

Bounded in time and memory, and the same answer from every way in: an open file, a scan, and a
slow reader that shares no code with the package.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from campaign import rounds, seconds, seeded
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
    # To learn what is known already takes as long as a round.
    begun = Fuzzer(None, inputs)
    for seed in rounds(4, share=0.1):
        with seeded(seed) as chance:
            chance.seed(f"{seed} {part}")
            fuzzer = begun.renewed(chance)
            fuzzer.run(A_ROUND)
        assert 0 < fuzzer.refused < A_ROUND
        counted("wrong files read", fuzzer.executions)
        counted("wrong files refused", fuzzer.refused)
        counted("wrong files taken through every door", fuzzer.compared)
        counted("wrong files whose memory was measured", fuzzer.measured)


@pytest.mark.skipif(not importlib.util.find_spec("atheris"), reason="atheris is not installed")
def test_mutations_led_by_branches(tmp_path, counted):
    """The same questions, asked by libFuzzer, which ends what hangs in C as well."""
    corpus = tmp_path / "corpus"
    shutil.copytree(CORPUS[0].parent, corpus)
    # What a mutator of ours returns, atheris keeps: a kilobyte of each input.
    limits = ["-timeout=10", "-rss_limit_mb=2000", f"-artifact_prefix={tmp_path}/"]
    end = seconds(0.05)
    enough = [f"-max_total_time={int(end)}"] if end else ["-runs=1500"]
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("guided.py"), corpus, *enough, *limits],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    executions = int(re.search(r"Done (\d+) runs", done.stderr).group(1))
    assert executions >= 1000
    counted("wrong files read that branches led to", executions)
