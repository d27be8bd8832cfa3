"""Timing contenders against each other: in turn, several times, as medians and their ratio.

A noisy or throttled machine slows everything that runs at that moment. So contenders take
turns within each repetition, and only figures of one run are compared.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Job = Callable[[], object]


@dataclass(frozen=True)
class Contender:
    """One way to do a piece of work.

    Attributes
    ----------
    name : str
    prepare : callable
        Called before every repetition, untimed. It returns the callable that is timed.
    """

    name: str
    prepare: Callable[[], Job]

    @classmethod
    def of(cls, name: str, job: Job) -> Contender:
        """Make a contender that needs no preparing."""
        return cls(name, lambda: job)


@dataclass(frozen=True)
class Promise:
    """What is promised of a ratio.

    Attributes
    ----------
    text : str
        As the table shows it.
    ratio : float
        The least that theirs divided by ours may be. A promise to take no more than twice
        their time is a ratio of 0.5.
    """

    text: str
    ratio: float

    @classmethod
    def faster(cls, times: float) -> Promise:
        """Promise to be at least so many times faster."""
        return cls(f"≥ {times:g}×", times)

    @classmethod
    def slower(cls, times: float) -> Promise:
        """Promise to take at most so many times as long."""
        return cls("no slower" if times == 1 else f"≤ {times:g}× the time", 1 / times)


@dataclass(frozen=True)
class Work:
    """One piece of work, done by several contenders.

    Attributes
    ----------
    name : str
    ours : sequence of Contender
        The promise is about the first; the others put it in proportion.
    theirs : Contender
    promise : Promise or None
    repeats : int
    check : callable
        Raises `Disagreement` unless all contenders give the same answer. It is called once,
        before anything is timed, and so warms the caches as well.
    reason : str
        Why the promise is not kept, should it not be.
    also : callable
        Makes figures of other kinds from the first line.
    """

    name: str
    ours: Sequence[Contender]
    theirs: Contender
    promise: Promise | None
    repeats: int
    check: Callable[[], None]
    reason: str = ""
    also: Callable[[Line], Sequence[Figure]] = lambda _: ()

    def run(self) -> tuple[list[Line], list[Figure]]:
        """Check that all contenders agree, then time them."""
        self.check()
        *ours, theirs = measure([*self.ours, self.theirs], self.repeats)
        lines = [
            Line(
                work=self.name,
                contender=contender.name,
                rival=self.theirs.name,
                ours=times,
                theirs=theirs,
                promise=self.promise if contender is self.ours[0] else None,
                reason=self.reason,
            )
            for contender, times in zip(self.ours, ours, strict=True)
        ]
        return lines, list(self.also(lines[0]))


@dataclass(frozen=True)
class Contest:
    """One piece of work, done by us and by many others, about which nothing is promised.

    Attributes
    ----------
    name : str
    ours : Contender
    theirs : sequence of Contender
    repeats : int
    check : callable
        As for `Work`.
    """

    name: str
    ours: Contender
    theirs: Sequence[Contender]
    repeats: int
    check: Callable[[], None]

    def run(self) -> tuple[list[Line], list[Figure]]:
        """Check that all contenders agree, then time them."""
        self.check()
        ours, *theirs = measure([self.ours, *self.theirs], self.repeats)
        lines = [
            Line(self.name, self.ours.name, contender.name, ours, times)
            for contender, times in zip(self.theirs, theirs, strict=True)
        ]
        return lines, []


class Disagreement(Exception):
    """Contenders gave different answers, so that their times mean nothing."""


def agree(what: str, ours: object, theirs: object) -> None:
    """Raise `Disagreement` unless two answers are equal."""
    if ours != theirs:
        raise Disagreement(f"{what}: the answers differ: {ours!r:.80} and {theirs!r:.80}")


@dataclass(frozen=True)
class Scale:
    """How much to do.

    Attributes
    ----------
    quick : bool
        A look, in a minute or two. Its figures are not for quoting.
    tiny : bool
        A trial that everything runs, in seconds. Its times mean nothing.
    """

    quick: bool
    tiny: bool = False

    def of(self, full: int, quick: int) -> int:
        """One of two sizes or numbers of repetitions."""
        if self.tiny:
            return max(1, quick // _TINY)
        return quick if self.quick else full


_TINY = 50


class Family(Protocol):
    """A module of works: it builds what they need below a directory and yields them."""

    def __call__(self, directory: Path, scale: Scale) -> Sequence[Work | Contest]:
        """Build, and say what there is to do."""
        ...


@dataclass(frozen=True)
class Times:
    """Seconds of all repetitions."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        low, high = min(self.seconds), max(self.seconds)
        return f"{duration(self.median)} ({duration(low)} … {duration(high)})"


@dataclass(frozen=True)
class Line:
    """One line of the table: one of our contenders against theirs.

    Attributes
    ----------
    promise : Promise or None
        None if nothing is promised of this contender.
    reason : str
        Why the promise is not kept, should it not be.
    """

    work: str
    contender: str
    rival: str
    ours: Times
    theirs: Times
    promise: Promise | None = None
    reason: str = ""

    @property
    def ratio(self) -> float:
        """How many times longer theirs takes: the ratio of the medians."""
        return self.theirs.median / self.ours.median

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of the ratios of single repetitions, in which both had their turns."""
        ratios = [b / a for a, b in zip(self.ours.seconds, self.theirs.seconds, strict=True)]
        if len(ratios) < 2:
            return ratios[0], ratios[0]
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, high

    @property
    def met(self) -> bool | None:
        """Whether the promise is kept; None if there is none."""
        return None if self.promise is None else self.ratio >= self.promise.ratio


@dataclass(frozen=True)
class Figure:
    """A figure that is no ratio of times: what was promised, what was measured.

    Attributes
    ----------
    work, against, measured, promise : str
        As the table shows them.
    met : bool or None
        None if nothing is promised.
    reason : str
        Why the promise is not kept, should it not be.
    """

    work: str
    against: str
    measured: str
    promise: str
    met: bool | None
    reason: str = ""


@dataclass(frozen=True)
class Elapsed:
    """What a job returns that has measured itself: its seconds."""

    seconds: float


def measure(contenders: Sequence[Contender], repeats: int) -> list[Times]:
    """Time contenders in turn.

    Parameters
    ----------
    contenders : sequence of Contender
    repeats : int
        Each takes its turn so many times. Who begins changes from one time to the next.

    Returns
    -------
    list of Times
        In the order of `contenders`.
    """
    seconds: list[list[float]] = [[] for _ in contenders]
    gc.collect()
    # What lies about already is nobody's: no collection need look at it again.
    gc.freeze()
    for repetition in range(repeats):
        for turn in range(len(contenders)):
            which = (repetition + turn) % len(contenders)
            job = contenders[which].prepare()
            # One contender must not pay for what another left behind.
            gc.collect()
            begin = time.perf_counter()
            answer = job()
            elapsed = time.perf_counter() - begin
            seconds[which].append(answer.seconds if isinstance(answer, Elapsed) else elapsed)
            del answer, job
    gc.unfreeze()
    return [Times(tuple(values)) for values in seconds]


def duration(seconds: float) -> str:
    """Write seconds with three digits and a unit.

    Examples
    --------
    >>> duration(0.01234), duration(2.5)
    ('12.3 ms', '2.50 s')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        # Half a digit below, a value already rounds up to the unit.
        if seconds >= 0.9995 * size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds / 1e-9)} ns"


def _three_digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def ratio(value: float) -> str:
    """Write a ratio with two or three digits.

    Examples
    --------
    >>> ratio(0.0234), ratio(0.912), ratio(7.25), ratio(1234.5)
    ('0.023×', '0.91×', '7.2×', '1234×')
    """
    digits = 3 if value < 0.0995 else 2 if value < 1.95 else 1 if value < 99.5 else 0
    return f"{value:.{digits}f}×"
