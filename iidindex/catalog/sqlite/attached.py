"""Databases in memory that a connection has attached, and that go when it is given back."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection

# Under this name SQLAlchemy keeps which images a connection has.
_ATTACHED = "iidindex_images"

_PAGE_BYTES = 1 << 16


def attach(connection: Connection, image: bytes, schema: str) -> None:
    """Attach an image as a schema that is not there yet; `detach_all` when it is given back.

    It can be neither replaced nor detached in the transaction that read it.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute(f"ATTACH ':memory:' AS {schema}")
    connection.info.setdefault(_ATTACHED, []).append(schema)
    driver.deserialize(image, name=schema)


def attach_empty(connection: Connection, schema: str) -> None:
    """Attach a database with nothing in it, unless that is attached; as `attach`.

    `shrink` makes it as small again, when its tables are dropped.
    """
    attached = connection.info.setdefault(_ATTACHED, [])
    if schema not in attached:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute(f"ATTACH ':memory:' AS {schema}")
        attached.append(schema)
        # Of large pages there are few to be given back.
        driver.execute(f"PRAGMA {schema}.page_size = {_PAGE_BYTES}")
        driver.execute(f"PRAGMA {schema}.auto_vacuum = INCREMENTAL")


def shrink(driver: sqlite3.Connection, schema: str) -> None:
    """Give back the pages that a database attached by `attach_empty` no longer uses."""
    (number,) = driver.execute(f"PRAGMA {schema}.freelist_count").fetchone()
    for _ in range(number):
        # The driver takes the first step, which is a page, for the last.
        driver.execute(f"PRAGMA {schema}.incremental_vacuum")


def detach_all(driver: sqlite3.Connection, info: dict[Any, Any]) -> None:
    """Detach the images of a transaction that is over.

    Parameters
    ----------
    driver : sqlite3.Connection
    info : dict
        What SQLAlchemy keeps of the connection.
    """
    for schema in info.pop(_ATTACHED, ()):
        driver.execute(f"DETACH {schema}")


def most_images(connection: Connection) -> int:
    """How many images can be attached at a time."""
    if not hasattr(sqlite3.Connection, "deserialize"):
        return 0
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver.getlimit(sqlite3.SQLITE_LIMIT_ATTACHED)
