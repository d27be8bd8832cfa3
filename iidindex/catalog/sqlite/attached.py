"""Databases in memory that a connection has attached, and that go when it is given back."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection

# Under this name SQLAlchemy keeps which images a connection has.
_ATTACHED = "iidindex_images"


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
    """Attach a database with nothing in it, unless that is attached; as `attach`."""
    attached = connection.info.setdefault(_ATTACHED, [])
    if schema not in attached:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute(f"ATTACH ':memory:' AS {schema}")
        attached.append(schema)


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
