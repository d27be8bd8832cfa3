"""Connections to PostgreSQL: how they are opened, their transactions and errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from iidindex.catalog.dialect import OPTION
from iidindex.catalog.postgres.integers import (
    Integers,
    IntegersDumper,
    Octets,
    OctetsDumper,
    WholeBinaryLoader,
    WholeLoader,
)
from iidindex.catalog.postgres.phrasing import POSTGRES
from iidindex.catalog.statement import close_all
from iidindex.errors import CatalogError, CatalogLockedError, TimeLimitError
from iidindex.time_limit import check_time, seconds_left

Driver = psycopg.Connection[Any]

# Seconds in which a server has to answer who connects, unless the URL says another number.
_CONNECT_SECONDS = "10"

# To compile statements takes longer than to answer most of them. And a page from anywhere costs
# little more than the next one, unless a disk has to move its head there:
# https://www.postgresql.org/docs/current/runtime-config-query.html#GUC-RANDOM-PAGE-COST
_SETTINGS = "SET jit = off; SET random_page_cost = 1.1"

# Classes of errors: https://www.postgresql.org/docs/current/errcodes-appendix.html
_IN_OTHERS_WAY = {"40001", "40P01", "55P03"}
_MAY_NOT = {"42501", "25006"}
_CANCELED = "57014"

# Seconds by which the server may have given up a statement before we think the time is over.
_CLOCKS_DIFFER = 0.1


def make_engine(url: URL, read_only: bool) -> Engine:
    """Connect to a server, with transactions as they have to be; nothing is opened yet."""
    said = {"connect_timeout": _CONNECT_SECONDS, "application_name": "iidindex"} | url.query
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", query=said),
        poolclass=QueuePool,
        max_overflow=-1,
        execution_options={OPTION: POSTGRES},
        # What is indexed is nobody else's, wherever errors may be written.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Driver, _: object) -> None:
        connection.adapters.register_dumper(Integers, IntegersDumper)
        connection.adapters.register_dumper(Octets, OctetsDumper)
        for loader in (WholeLoader, WholeBinaryLoader):
            connection.adapters.register_loader("numeric", loader)
        connection.autocommit = True
        connection.execute(_SETTINGS)
        connection.autocommit = False

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver = driver_of(connection)
        is_writer = connection.get_execution_options().get("iidindex_writer", False)
        # The driver says so with the first statement. Who reads sees one state until the end;
        # who writes sees what others have committed, with whom he shares IIDs and groups.
        kinds = psycopg.IsolationLevel
        driver.isolation_level = kinds.READ_COMMITTED if is_writer else kinds.REPEATABLE_READ
        driver.read_only = read_only or not is_writer
        left = seconds_left()
        if left is not None:
            driver.execute(f"SET LOCAL statement_timeout = {max(1, int(left * 1000))}".encode())

    @event.listens_for(engine, "checkin")
    def _forget_cursors(connection: object, record: ConnectionPoolEntry) -> None:  # noqa: ARG001
        close_all(record.info)

    return engine


def driver_of(connection: Connection) -> Driver:
    """The driver's connection below one of SQLAlchemy's."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error):
            raise
        raise _as_catalog_error(name, error.orig) from error
    except psycopg.Error as error:
        raise _as_catalog_error(name, error) from error


def reason_of(error: psycopg.Error) -> str:
    """What the server, or the driver, says: its first line, without the values of rows."""
    return (error.diag.message_primary or str(error)).strip().partition("\n")[0]


def _as_catalog_error(name: str, error: psycopg.Error) -> BaseException:
    reason, state = reason_of(error), error.sqlstate or ""
    if state == _CANCELED:
        try:
            check_time(within=_CLOCKS_DIFFER)
        except TimeLimitError as over:
            return over
    if state in _IN_OTHERS_WAY:
        return CatalogLockedError(
            f"{name}: another process is writing to this catalogue ({reason}); try again when it "
            "is done"
        )
    if state in _MAY_NOT:
        return CatalogError(f"{name}: {reason}; this user of the database may only read, perhaps")
    if isinstance(error, psycopg.OperationalError) and not state:
        return CatalogError(f"{name}: cannot be reached: {reason}")
    return CatalogError(f"{name}: {reason}")
