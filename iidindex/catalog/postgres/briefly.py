"""Short transactions beside the one that brings files in: ids, IIDs and groups.

What many writers share is made and committed at once. In the transaction of a whole batch, each
of them would wait for those that the others made.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import Engine

from iidindex.catalog.postgres.sessions import Driver

# How often a transaction is tried that others got in the way of, and the seconds between.
_TRIES = 10
_WAIT = 0.02

# Any number, but for each table another, that no other lock of ours has.
_LOCKS = {"files": 4978712311, "entries": 4978712312, "groups": 4978712313, "iids": 4978712314}

# In one statement, so that the lock is held for no longer than that takes.
_TAKE = (
    "WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(%s)) "
    "SELECT setval(%s, nextval(%s) + %s) FROM held"
)


class Briefly:
    """Work that is committed at once, on a connection of its own, and tried again if need be.

    Parameters
    ----------
    engine : Engine
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, statement: str, values: Sequence[object]) -> list[Any]:
        """Run a statement, which is a transaction, and have all its rows.

        It is run again if another transaction got in its way.
        """
        raw: Any = self._engine.raw_connection()
        try:
            driver: Driver = raw.driver_connection
            driver.read_only = None
            driver.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            driver.autocommit = True
            try:
                return _tried(driver, statement, values)
            finally:
                if not driver.closed:
                    driver.autocommit = False
        finally:
            raw.close()

    def take(self, table: str, count: int) -> int:
        """Reserve consecutive ids, which are never given twice; return the first."""
        sequence = f"{table}_id_seq"
        ((last,),) = self.rows(_TAKE, (_LOCKS[table], sequence, sequence, count - 1))
        return int(last) - count + 1


def _tried(driver: Driver, statement: str, values: Sequence[object]) -> list[Any]:
    for nth in range(1, _TRIES + 1):
        try:
            cursor = driver.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            if nth == _TRIES:
                raise
            # Not all again at the same moment.
            time.sleep(_WAIT * nth * random.random())  # noqa: S311
    raise AssertionError
