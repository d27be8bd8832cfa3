"""From other formats to an archive of ``.iid`` files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import numpy as np

from iidindex.errors import ExchangeError
from iidindex.exchange.conversion import Outcome, Unit, Work, convert, convert_apart
from iidindex.exchange.import_report import ImportReport
from iidindex.exchange.left_behind import left_behind
from iidindex.exchange.output_paths import check_distinct, place_of, tile_place, tile_rivals
from iidindex.formats.annotation import Refusals
from iidindex.formats.finishing import read_pictures
from iidindex.formats.identity import Numbering
from iidindex.formats.label_table import TABLE
from iidindex.formats.planes import kept_open
from iidindex.formats.reading import Options, Survey, Task, stem
from iidindex.formats.registry import format_named, guess
from iidindex.processes import can_start, in_order
from iidindex.storage.folder import Folder
from iidindex.storage.paths import absolute
from iidindex.system.spawning import processors

# Pictures that a process is given at a time, and how many pay for starting it.
_AT_A_TIME = 16
_FEW = 200
# Pictures that are looked for to find where all are, and domains that are named.
_FEW_LOOKED_FOR = 20
_FEW_DOMAINS = 5


_EACH_ITS_OWN = (
    "each source is a domain of its own; if a number means the same in all, name one (--domain)"
)


@dataclass(frozen=True)
class ImportProgress:
    """How far an import has come."""

    files: int
    total: int

    def __str__(self) -> str:
        return f"{self.files:,} of {self.total:,} pictures"


@dataclass(frozen=True)
class _Surveyed:
    """A source, and what was found in it."""

    files: Folder
    format: str
    options: Options
    survey: Survey
    has_pictures: bool


def import_archive(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002
    domain: bytes | None = None,
    identity: str | None = None,
    images: str | os.PathLike[str] | None = None,
    strict: bool = False,
    *,
    group_by: str | None = None,
    axes: str | None = None,
    exif: Literal["raw", "turned"] | None = None,
    colors: bool = False,
    split: bool = False,
    threshold: int | None = None,
    keep_suffix: bool = False,
    merge_same_name: bool = False,
    dry_run: bool = False,
    jobs: int | None = None,
    progress: Callable[[ImportProgress], object] | None = None,
) -> ImportReport:
    """Make ``.iid`` files of pictures and masks of another format.

    Pictures are read and written one by one. A file is written completely or not at all. A file
    that is there already with the same bytes is not written again, so you can repeat an import
    that was interrupted. An existing file that was not made from the same source is never changed.

    Parameters
    ----------
    source : path-like, or sequence of path-like
        Files or directories.
    out : path-like
        The archive: a directory, made if it is not there.
    format : str, optional
        The format of the sources, as ``iidindex import --help`` lists them; by default it is
        recognised.
    domain : bytes, optional
        The domain of all individuals; by default the name of the source without its suffix.
    identity : str, optional
        The field of an annotation that names the individual.
    images : path-like, optional
        The directory of the pictures; by default the source itself, or its directory.
    strict : bool
        Write nothing if anything would be refused. Everything is read twice.
    group_by : str, optional
        The field that names the groups; by default the category.
    axes : str, optional
        The axes of a stack, such as ``"TYX"``.
    exif : {"raw", "turned"}, optional
        For square pictures that EXIF rotates: whether coordinates are those of the stored pixels
        (`raw`) or of the picture as shown (`turned`).
    colors : bool
        Take each colour of a coloured label image for a label.
    split : bool
        Make each connected part of a label an entry of its own.
    threshold : int, optional
        The smallest value of a pixel that is inside a grey mask.
    keep_suffix : bool
        Write ``a/b.jpg.iid``, not ``a/b.iid``.
    merge_same_name : bool
        Put pictures of the same name into one file.
    dry_run : bool
        Read everything and write nothing.
    jobs : int, optional
        The number of processes; by default one for each processor, if there is much to do.
    progress : callable, optional
        Called with an `ImportProgress`, which has ``files`` and ``total``.

    Returns
    -------
    ImportReport

    Raises
    ------
    FormatGuessError
        If no format is given and it is not clear which it is.
    ExchangeError
        If a source cannot be read, two pictures would be written to one path, no picture can be
        read, or, with `strict`, anything would be refused.
    SourceError
        If the disk cannot be written to. What was written is complete.
    """
    begin = time.monotonic()
    named = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    place = absolute(out)
    options = Options(domain, identity, group_by, None, axes, exif, colors, split, threshold)
    where = None if images is None else Folder(images)
    surveyed = [_survey(path, format, options, where) for path in named]
    _check_domains(surveyed)
    if not merge_same_name:
        check_distinct(
            ((one.files.name, task) for one in surveyed for task in one.survey.tasks), keep_suffix
        )
    _check_tiles(surveyed, keep_suffix)
    was_there = os.path.isdir(place)
    run = _Run(surveyed, place, keep_suffix, merge_same_name, jobs, progress)
    if strict:
        report = run.all(dry_run=True)
        if report.refused:
            raise ExchangeError(_refused_in_words(report))
    if not strict or not dry_run:
        report = run.all(dry_run=dry_run)
    if was_there:
        run.look_for_left_behind(report)
    report.seconds = time.monotonic() - begin
    if not report.pictures:
        every = ", ".join(os.fspath(path) for path in named)
        raise ExchangeError(
            _refused_in_words(report) if report.refused else f"{every}: holds no picture"
        )
    return report


# What tells whole individuals, in whatever file: this program wrote it.
_OWN = {"attributes.address", TABLE}


def _check_domains(surveyed: Sequence[_Surveyed]) -> None:
    """Refuse sources whose numbers would be taken for the same individuals by accident.

    Raises
    ------
    ExchangeError
        If two sources have one domain that nobody asked for, or ids of annotations in one that
        was asked for; both are named.
    """
    numbers = {one.value for one in Numbering}
    known: dict[bytes, _Surveyed] = {}
    for one in surveyed:
        domain = one.options.domain_of(one.files)
        other = known.setdefault(domain, one)
        if other is one or {one.survey.identity, other.survey.identity} <= _OWN:
            continue
        names = f"{other.files.location} and {one.files.location}"
        shown = domain.decode("utf-8", "backslashreplace")
        if one.options.domain is None:
            raise ExchangeError(
                f"{names} would both have the domain {shown!r}; name it with --domain if a number "
                "means the same in both, or else import them one by one, each with its own --domain"
            )
        if {one.survey.identity, other.survey.identity} & numbers:
            raise ExchangeError(
                f"annotations of {names} would be the same individuals of the domain {shown!r} "
                "where their ids are equal; give --identity, or import them one by one, each "
                "with its own --domain"
            )


def _check_tiles(surveyed: Sequence[_Surveyed], keep_suffix: bool) -> None:
    """Refuse a picture that is called as the tile of another one.

    Raises
    ------
    ExchangeError
        If there is one; both are named.
    """

    def tasks() -> Iterator[tuple[_Surveyed, Task]]:
        return ((one, task) for one in surveyed for task in one.survey.tasks)

    for one, task, others in tile_rivals(tasks, keep_suffix):
        place = place_of(task.name, keep_suffix)
        try:
            # Few are called so that it pays to look whether they are cut at all.
            found = read_pictures(one.format, one.files, one.options, one.survey.shared, task)
            tiles = [tile_place(place, tile.name) for tile in found if "offset" in tile.meta]
        except ExchangeError:
            continue  # It is refused when its turn comes.
        for tile in tiles:
            if tile in others:
                other, rival = others[tile]
                raise ExchangeError(
                    f"the picture {rival.name!r} of {other.files.name} and a tile of "
                    f"{task.name!r} of {one.files.name}, which is too large for one file, would "
                    f"both become {tile}; rename one, or import it alone"
                )


def _refused_in_words(report: ImportReport) -> str:
    count = sum(report.refused.values())
    first = next(iter(report.first_refused.values()))[0]
    told = ", ".join(f"{reason}: {times}" for reason, times in report.refused.items())
    return f"{count} refused ({told}), and nothing was written; the first: {first}"


def _survey(
    path: str | os.PathLike[str], format_name: str | None, options: Options, images: Folder | None
) -> _Surveyed:
    files = Folder(path)
    name = format_name or _implied(options) or guess(files)
    within = files if files.is_folder else Folder(os.path.dirname(files.location))
    options = replace(options, images=images or within)
    try:
        survey = format_named(name).survey(files, options)
    except ExchangeError as error:
        raise type(error)(error.problem, error.record, error.source or files.name) from error
    # A directory of masks holds their pictures only if somebody says so.
    has_pictures = images is not None or not survey.masks_are_images
    if images is None and has_pictures:
        images = _images_of(files, survey)
    return _Surveyed(files, name, replace(options, images=images or within), survey, has_pictures)


def _implied(options: Options) -> str | None:
    """The format for which alone an option is."""
    if options.colors or options.split or options.axes is not None:
        return "labels"
    return None


def _images_of(files: Folder, survey: Survey) -> Folder:
    """Where the pictures of a source lie: in it, or where they usually lie beside it."""
    if files.is_folder:
        return files
    here = os.path.dirname(files.location)
    above = os.path.dirname(here)
    # instances_val2017.json lies in annotations/, and its pictures in val2017/ or images/.
    last = stem(files.name).rpartition("_")[2]
    likely = [here, *(os.path.join(here, name) for name in ("images", last))]
    likely += [above, *(os.path.join(above, name) for name in ("images", last, f"images/{last}"))]
    some = [task.name.replace("\\", "/") for task in islice(survey.tasks, _FEW_LOOKED_FOR)]
    found = [Folder(place) for place in likely if os.path.isdir(place)]
    return max(found, key=lambda folder: sum(map(folder.holds, some)))


class _Run:
    """One way through all pictures, to write them or to try them."""

    def __init__(
        self,
        surveyed: Sequence[_Surveyed],
        out: str,
        keep_suffix: bool,
        merge: bool,
        jobs: int | None,
        progress: Callable[[ImportProgress], object] | None,
    ) -> None:
        self._surveyed = surveyed
        self._out = out
        self._keep_suffix = keep_suffix
        self._merge = merge
        self._total = sum(one.survey.n_pictures for one in surveyed)
        many = self._total >= _FEW and can_start()
        self._jobs = jobs if jobs is not None else (processors() if many else 1)
        self._progress = progress

    def all(self, dry_run: bool) -> ImportReport:
        """Convert everything."""
        with kept_open():
            return self._all(dry_run)

    def _all(self, dry_run: bool) -> ImportReport:
        report = ImportReport()
        report.identity = "; ".join(dict.fromkeys(one.survey.identity for one in self._surveyed))
        report.formats = list(dict.fromkeys(one.format for one in self._surveyed))
        refusals = Refusals()
        domains: set[bytes] = set()
        people: list[Any] = [np.empty(0, np.uint64)]
        done = 0
        for one in self._surveyed:
            refusals.update(one.survey.refused)
            _add(report.notes, one.survey.notes)
        function = convert if self._jobs == 1 else convert_apart
        for units, outcome in in_order(function, self._work(dry_run), self._jobs):
            _take(report, outcome)
            refusals.update(outcome.refused)
            domains |= outcome.domains
            people.append(outcome.individuals)
            done += units
            if self._progress is not None:
                self._progress(ImportProgress(done, self._total))
        _, times = np.unique(np.concatenate(people), return_counts=True)
        report.individuals = len(times)
        report.individuals_in_several = int(np.count_nonzero(times > 1))
        report.domains = sorted(domains)[:_FEW_DOMAINS]
        if len(self._surveyed) > 1 and len(domains) > 1:
            report.notes[_EACH_ITS_OWN] = len(domains)
        report.refused = dict(refusals.counts)
        report.first_refused = {
            reason: [f"{one.record}: {one.problem}" for one in named]
            for reason, named in refusals.first.items()
        }
        return report

    def look_for_left_behind(self, report: ImportReport) -> None:
        """Tell what earlier imports of these sources wrote, and this one does not."""
        places = {
            place
            for one in self._surveyed
            for task in one.survey.tasks
            if (place := self._place(task)) is not None
        }
        sources = {(one.files.location, one.format) for one in self._surveyed}
        found = left_behind(self._out, sources, places)
        report.left_behind = found.n_files if found.is_all or found.n_files else -1
        report.first_left_behind = found.first

    def _work(self, dry_run: bool) -> Iterator[tuple[int, tuple[Work]]]:
        for one in self._surveyed:
            units = iter(self._units(one))
            while some := list(islice(units, _AT_A_TIME)):
                work = Work(
                    one.format,
                    one.files,
                    one.files.location,
                    one.options,
                    one.survey.shared,
                    some,
                    self._out,
                    dry_run,
                )
                yield sum(len(unit.tasks) for unit in some), (work,)

    def _units(self, one: _Surveyed) -> Iterable[Unit]:
        """What is written to one path, together."""
        images = one.options.images if one.has_pictures else None
        assert images is None or isinstance(images, Folder)
        tasks = (_with_image(task, images) for task in one.survey.tasks)
        if not self._merge:
            return (Unit(self._place(task), [task]) for task in tasks)
        found: dict[str | None, list[Task]] = {}
        for task in tasks:
            found.setdefault(self._place(task), []).append(task)
        return (Unit(place, some) for place, some in found.items())

    def _place(self, task: Task) -> str | None:
        """Where a picture goes; None, if its name is none."""
        try:
            return place_of(task.name, self._keep_suffix)
        except ExchangeError:
            return None


def _with_image(task: Task, images: Folder | None) -> Task:
    """A task with the picture's own file, if it is among the images."""
    if task.image is not None or images is None:
        return task
    return task._replace(image=images.picture_of(task.name.replace("\\", "/")))


def _take(report: ImportReport, outcome: Outcome) -> None:
    report.pictures += outcome.pictures
    report.entries += outcome.entries
    report.unchanged += outcome.unchanged
    report.replaced += outcome.replaced
    report.with_image += outcome.with_image
    _add(report.notes, outcome.notes)


def _add(counts: dict[str, int], more: dict[str, int]) -> None:
    for told, count in more.items():
        counts[told] = counts.get(told, 0) + count
