"""Writing down what became of files that were read, and of those that are gone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iidindex.catalog.journal import Noted
from iidindex.catalog.load import Loader, Place
from iidindex.columns import Batch
from iidindex.ingestion.diff import Findings
from iidindex.ingestion.plan import Known, Matcher, Outcome
from iidindex.ingestion.report import IngestReport
from iidindex.ingestion.too_long import with_long_names
from iidindex.ingestion.unread import Unread
from iidindex.ingestion.work import Failure, Scanned
from iidindex.model import FileStamp

# A stamp no file can have: one that could not be read is tried again every time.
_NEVER = FileStamp(-1, -1)


class Recorder:
    """Counts what becomes of files, names it, and writes it, if there is something to write with.

    Parameters
    ----------
    findings : Findings
        What is gone is taken out of it as it turns up elsewhere.
    report : IngestReport
    longest : int or None
        The most bytes of a name that the database holds; None for any.
    """

    def __init__(self, findings: Findings, report: IngestReport, longest: int | None) -> None:
        self._findings = findings
        self._report = report
        self._longest = longest
        self._matcher = Matcher([*findings.gone, *findings.lost])

    def record(self, loader: Loader | None, files: Sequence[Unread], result: Scanned) -> None:
        """Take in what came of some files.

        Parameters
        ----------
        loader : Loader or None
            None to change nothing.
        files : sequence of Unread
            Those that were read.
        result : Scanned
        """
        for which, failure in result.failures.items():
            self._fail(loader, files[which], failure)
        batch = result.batch
        if batch is None:
            return
        places: list[Place] = []
        which_new: list[int] = []
        counts = np.array([facts.n_entries for facts in batch.files], np.int64)
        first_row = np.cumsum(counts) - counts
        unfit = with_long_names(batch, self._longest)
        for nth, (position, facts) in enumerate(zip(result.read, batch.files, strict=True)):
            file = files[position]
            if nth in unfit:
                self._fail(loader, file, Failure(unfit[nth], transient=False))
                continue
            outcome, before = self._matcher.match(
                file.known, file.stamp, facts.digest, facts.fixity
            )
            self._note(loader, outcome.value, file, self._moved_from(outcome, file, before))
            if outcome in (Outcome.ADDED, Outcome.UPDATED):
                places.append(Place(file.root.id, file.path, before.id if before else None))
                which_new.append(nth)
                self._report.entries += facts.n_entries
            elif loader is not None and before is not None:
                if outcome is not Outcome.UNCHANGED:
                    # A file that moved has another path; one that was touched moves to its own.
                    loader.move(before.id, file.root.id, file.path, facts.stamp)
                rows = slice(int(first_row[nth]), int(first_row[nth] + counts[nth]))
                _keep_fixity(loader, before, batch, nth, rows)
        if places and loader is not None:
            loader.write(places, batch, which_new)

    def _fail(self, loader: Loader | None, file: Unread, failure: Failure) -> None:
        stamp = _NEVER if failure.transient else file.stamp
        known = file.known
        if known is not None and known.state == "failed" and known.stamp == stamp:
            self._report.failed += 1  # as the last time
        else:
            self._note(loader, "failed", file)
        self._report.failures[file.location] = failure.reason
        if loader is not None:
            known_id = None if known is None else known.id
            loader.fail(file.root.id, file.path, stamp, failure.reason, known_id)

    def miss(self, loader: Loader | None) -> None:
        """Take in that files are gone."""
        gone = self._findings.gone
        for known, file in gone.items():
            self._note(loader, "missing", file)
            self._report.gone.append(file.location)
            if loader is not None:
                loader.miss([known.id])

    def _note(
        self, loader: Loader | None, kind: str, file: Unread, old_path: str | None = None
    ) -> None:
        self._report.note(kind, file.location)
        if loader is not None and kind != Outcome.UNCHANGED.value:
            loader.note(Noted(kind, file.root.name, file.path, old_path))

    def _moved_from(self, outcome: Outcome, file: Unread, before: Known | None) -> str | None:
        """Where a file was that moved: inside its root, or on the disk if that is another."""
        if outcome is not Outcome.MOVED or before is None:
            return None
        old = self._findings.gone.pop(before, None) or self._findings.lost[before]
        self._report.moves[file.location] = old.location
        return old.path if old.root.id == file.root.id else old.location


def _keep_fixity(loader: Loader, before: Known, batch: Batch, nth: int, rows: slice) -> None:
    fixity = batch.files[nth].fixity
    if fixity is None and before.fixity is not None:
        loader.drop_fixity(before.id)
    if fixity is not None and fixity != before.fixity:
        loader.keep_fixity(before.id, fixity, batch.checksum[rows])
