"""Locks of the server that keep two writers of one root apart, and die with their connection.

See https://www.postgresql.org/docs/current/explicit-locking.html, "Advisory Locks".
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np
import psycopg
from sqlalchemy import Engine

from iidindex.catalog.postgres.integers import Integers
from iidindex.catalog.postgres.sessions import Driver, translated
from iidindex.errors import CatalogLockedError
from iidindex.storage.enclosing import Enclosing, above

# Places from which on all of the catalogue is locked: a server has room for some thousand locks.
_MANY = 100
# How often the roots are looked up anew, as another process has changed them meanwhile.
_TRIES = 10
# Seconds in which the server finds out that a process was killed, and lets go of its locks.
_PATIENCE = 0.3

_TRY = (
    "SELECT k.key FROM unnest(%s::bigint[]) AS k (key) WHERE NOT pg_try_advisory_lock{how}(k.key)"
)
_HOLDERS = (
    "SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid() "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.classid::bigint << 32 | l.objid::bigint) = ANY(%s::bigint[]) LIMIT 1"
)
_HELD = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
    "AND pid = pg_backend_pid()"
)


class _Names(NamedTuple):
    """What is locked: for this process alone, and so that nobody else has it alone."""

    alone: frozenset[str]
    shared: frozenset[str]


# The name under which the whole catalogue is locked: no place is called so.
_ALL = ""
_WHOLE = _Names(frozenset([_ALL]), frozenset())


class Held:
    """Locks of a catalogue; see `Sole`.

    Parameters
    ----------
    driver : Driver
        A connection of its own, on which each statement is a transaction.
    name : str
        Of the catalogue, for errors.
    """

    def __init__(self, driver: Driver, name: str) -> None:
        self._driver = driver
        self._name = name
        self._schema: str = self._first("SELECT current_schema()")
        self._names = _Names(frozenset(), frozenset())

    def take(self, places: Sequence[str] | None) -> None:
        """Lock directories, and the roots that they lie in; all of the catalogue without any."""
        for _ in range(_TRIES):
            wanted = self._names_of(places)
            self._lock(wanted)
            # Another process may have made a root over a place before that was locked.
            if self._names_of(places) == wanted:
                return
            self.release()
        raise CatalogLockedError(
            f"{self._name}: other processes are changing its roots; try again when they are done"
        )

    def extend(self, places: Iterable[str]) -> None:
        """Lock further directories."""
        with translated(self._name):
            self._lock(self._names_of([*places]))

    def check(self) -> None:
        """Raise `CatalogLockedError` if the connection is lost, and the locks with it."""
        try:
            held = self._first(_HELD)
        except psycopg.OperationalError as error:
            raise CatalogLockedError(
                f"{self._name}: the connection that held the lock is lost, and another process may "
                "be writing; what was written so far is whole: run it again"
            ) from error
        if held < sum(map(len, self._names)):
            # https://www.pgbouncer.org/features.html
            raise CatalogLockedError(
                f"{self._name}: the server does not keep locks for a session; a pooler between "
                "must not hand out connections by the transaction: connect to the server itself"
            )

    def release(self) -> None:
        """Let go of all."""
        self._driver.execute("SELECT pg_advisory_unlock_all()")
        self._names = _Names(frozenset(), frozenset())

    def _names_of(self, places: Sequence[str] | None) -> _Names:
        if places is None or len(places) > _MANY or _ALL in self._names.alone:
            return _WHOLE
        rows = self._driver.execute("SELECT location FROM roots").fetchall()
        enclosing = Enclosing(os.fsdecode(location) for (location,) in rows)
        alone = {one for place in places for one in enclosing.over(place) or (place,)}
        return _Names(
            frozenset(alone), frozenset([_ALL, *(over for one in alone for over in above(one))])
        )

    def _lock(self, wanted: _Names) -> None:
        """Lock what is not locked yet, or tell who has it."""
        for how, names, known in zip(("", "_shared"), wanted, self._names, strict=True):
            keys = {self._key(one): one for one in names - known}
            if not keys:
                continue
            failed = self._not_taken([*keys], how)
            end = time.monotonic() + _PATIENCE
            while failed and time.monotonic() < end:
                time.sleep(_PATIENCE / 10)
                failed = self._not_taken(failed, how)
            if failed:
                raise self._refusal({key: keys[key] for key in failed})
        self._names = _Names(*(one | two for one, two in zip(wanted, self._names, strict=True)))

    def _not_taken(self, keys: list[int], how: str) -> list[int]:
        """Lock what is free, and tell what is not."""
        given = Integers(np.array(keys, np.int64))
        rows = self._driver.execute(_TRY.format(how=how).encode(), (given,)).fetchall()
        return [key for (key,) in rows]

    def _refusal(self, taken: dict[int, str]) -> CatalogLockedError:
        """Which place another process has, and who that is."""
        keys = Integers(np.array([*taken], np.int64))
        holder = self._driver.execute(_HOLDERS, (keys,)).fetchone()
        who = f" (process {holder[0]} of the server, {holder[1]})" if holder else ""
        where = next(iter(taken.values()))
        what = f"to {where} in this catalogue" if where else "to this catalogue"
        return CatalogLockedError(
            f"{self._name}: another process is writing {what}{who}; try again when it is done"
        )

    def _key(self, name: str) -> int:
        text = os.fsencode(f"iidindex\0{self._schema}\0{name}")
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)

    def _first(self, statement: str) -> Any:
        row = self._driver.execute(statement.encode()).fetchone()
        assert row is not None
        return row[0]


@contextmanager
def sole_writer(engine: Engine, name: str, places: Sequence[str] | None) -> Iterator[Held]:
    """Hold the right to change what lies in some directories, or all of a catalogue.

    A place is locked for this process alone, and all directories over it so that nobody has them
    alone: who makes a root over others keeps the writers of these out, and they him.

    Parameters
    ----------
    engine : Engine
    name : str
        Of the catalogue, for errors.
    places : sequence of str, optional
        Directories; without them, all of the catalogue.

    Raises
    ------
    CatalogLockedError
        If another process holds one of these rights.
    """
    with translated(name):
        raw = engine.raw_connection()
        driver: Any = raw.driver_connection
        # Nobody else is given it: the locks go when it is closed.
        raw.detach()
    try:
        with translated(name):
            driver.autocommit = True
            held = Held(driver, name)
            held.take(places)
        try:
            yield held
        finally:
            # The server takes its time to notice that a connection is closed.
            with suppress(psycopg.Error):
                held.release()
    finally:
        driver.close()
