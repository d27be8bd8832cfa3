"""What is measured is measured of equal answers; here at the tiniest scale, times aside."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

for needed in ("duckdb", "geopandas", "matplotlib", "pycocotools", "iidfile"):
    pytest.importorskip(needed, reason="only with the bench extra")

from benchmarks import growing, growth, page, plots, quick  # noqa: E402
from benchmarks.memory import HERE, environment  # noqa: E402
from benchmarks.peers import works as peers  # noqa: E402
from benchmarks.peers.corpus import Corpus, Questions  # noqa: E402
from benchmarks.results import Results  # noqa: E402
from benchmarks.runner import Disagreement, Line, Promise, Scale, Times  # noqa: E402

TINY = Scale(quick=True, tiny=True)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    # In a process of its own, with all that the others leave open.
    kept = tmp_path_factory.mktemp("results") / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--keep", str(kept)]
    subprocess.run(command, check=True, capture_output=True, env=environment(), cwd=HERE)
    return Results.load(kept)


def test_all_families_run_with_equal_answers_and_fill_the_page(results, tmp_path):
    text = page.page(results)
    for line in [*results.lines, *results.contests]:
        assert line.ours.median > 0
        assert line.theirs.median > 0
    for peer in peers.PEERS:
        assert peer.name in text
    for line in results.lines:
        assert line.work in text
        if line.met is False:
            assert line.reason, f"{line.work}: nothing explains why the promise is not kept"
    assert len(results.figures) == 3
    plots.peers(results.contests, tmp_path / "peers.png")
    assert (tmp_path / "peers.png").stat().st_size < 100_000


def test_results_are_the_same_after_being_kept(results, tmp_path):
    results.save(tmp_path / "results.json")
    assert page.page(Results.load(tmp_path / "results.json")) == page.page(results)


@pytest.mark.parametrize("kind", list(peers.ASKED))
def test_a_wrong_answer_is_noticed(kind, tmp_path):
    corpus = Corpus.made(1)
    questions = Questions.about(corpus, 1, 1)
    able = [peer for peer in peers.PEERS if peer.can(kind) and peer is not peers.Original][:2]
    opened = []
    for peer in able:
        # What the second holds lacks an entry that is the answer to something.
        peers._built(peer, corpus, tmp_path / peer.__name__)
        corpus = Corpus({name: entries[1::2] for name, entries in corpus.files.items()})
        opened.append(peer(tmp_path / peer.__name__))
    contest = peers._asking(kind, opened, corpus, questions, TINY)
    with pytest.raises((Disagreement, LookupError)):
        contest.check()
    for peer in opened:
        peer.close()


def test_growth_measures_and_shows(tmp_path):
    points = [growth.measure(tmp_path, *size) for size in [(3, 50), (1, 150)]]
    for point in points:
        assert point.entries == point.n_files * point.per_file
        assert point.asked["find"].found >= 1
        assert point.asked["at, masks"].found >= 1
    growth.write(points, "a machine", tmp_path)
    text = (tmp_path / "growth.md").read_text("utf-8")
    assert points[1].name in text
    for name in growth.PLOTS:
        assert name in text
        assert 0 < (tmp_path / name).stat().st_size < 100_000
    again = growth._point(json.loads(json.dumps(growth.asdict(points[0]))))
    assert again == points[0]
    assert str(growing.Asked(0.5, 0.4, 0.6, 12)) == "500 ms (12)"


def test_a_ratio_is_lower_only_beyond_the_noise_of_both():
    theirs = [Times((2.0, 2.2)), Times((2.01, 2.5)), Times((2.5, 2.04))]
    steady = quick.Ratio.of([Times((1.0, 1.5)), Times((1.01, 1.1)), Times((1.3, 1.02))], theirs)
    twice = quick.Ratio.of([Times((2.0, 2.5)), Times((2.1, 2.0)), Times((2.02, 2.5))], theirs)
    unsure = quick.Ratio.of([Times((1.9, 3.0)), Times((1.7, 3.0)), Times((1.0, 3.0))], theirs)
    assert (steady.best, steady.low, steady.high) == (2.0, 2.01 / 1.01, 2.0)
    assert twice.is_below(steady)
    assert not steady.is_below(twice)
    assert not unsure.is_below(steady)
    assert not steady.is_below(steady)
    text, slower = quick.compared({"a": steady, "b": steady}, {"a": twice, "b": steady})
    assert slower == ["a"]
    assert "- a" in text


def test_a_machine_that_is_now_quick_and_now_slow_makes_nothing_slower():
    """Each contender by up to a quarter more or less in each round, as short jobs may be."""
    rng = np.random.default_rng(2)

    def measured(seconds):
        def rounds(least):
            return [
                Times(tuple((least * drift * (1 + rng.exponential(0.2, 20))).tolist()))
                for drift in rng.uniform(0.8, 1.25, quick._ROUNDS)
            ]

        return quick.Ratio.of(rounds(seconds), rounds(0.001))

    def is_slower(seconds):
        before = measured(0.0005)
        # What is slower is measured once more.
        return all(measured(seconds).is_below(before) for _ in range(2))

    assert not any(is_slower(0.0005) for _ in range(500))
    assert sum(is_slower(0.001) for _ in range(500)) > 400


def test_a_baseline_is_the_same_after_being_kept(tmp_path):
    ratios = {"work | ours | theirs": quick.Ratio(2.0, 1.5, 2.5)}
    quick.save(ratios, tmp_path / "baseline.json")
    assert quick.load(tmp_path / "baseline.json") == ratios


def test_quick_names_works_that_there_are(results):
    measured = {line.work for line in results.lines}
    for _, names in quick._CHOSEN:
        for name in names:
            # How many there are of something depends on the scale.
            start = re.split(r"\d", name)[0]
            assert any(work.startswith(start) for work in measured), name


def test_a_promise_is_kept_or_not():
    line = Line("w", "a", "b", Times((1.0,)), Times((2.0,)), Promise.faster(3), "because")
    assert line.met is False
    assert replace(line, promise=Promise.slower(1)).met is True
    assert line.spread == (2.0, 2.0)
