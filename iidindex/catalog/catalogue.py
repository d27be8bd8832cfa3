"""Opening and creating a catalogue, and the transactions in which it is asked and changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any, Self

from sqlalchemy import Connection, Engine

from iidindex.catalog import schema
from iidindex.catalog.contract import Sole
from iidindex.catalog.stores import store_at
from iidindex.errors import CatalogError, CatalogNotFoundError, SchemaVersionError


class Catalog:
    """An open catalogue. It can be shared by threads; each gets connections of its own.

    Parameters
    ----------
    location : path-like or str
        A path, or a SQLAlchemy URL such as ``sqlite:////data/archive.db``.
    create : bool
        Make a new, empty catalogue if there is none.
    read_only : bool
        Never write, not even a lock: works from a read-only disk.

    Raises
    ------
    CatalogNotFoundError
        If there is no index, and `create` was not given.
    SchemaVersionError
        If it is of another version of this program.
    CatalogError
        If it is something else, or cannot be read.
    """

    def __init__(
        self, location: str | os.PathLike[str], *, create: bool = False, read_only: bool = False
    ) -> None:
        self.store = store_at(location, read_only=read_only)
        self.name = self.store.name
        self.read_only = read_only
        # How to open it again in another process.
        self.arguments: dict[str, Any] = {"location": self.store.location, "read_only": read_only}
        # What entries take along, many of them together.
        self.elsewhere = Elsewhere(self.arguments)
        self._is_closed = False
        self._sole: Sole | None = None
        try:
            # To look may take a connection to a server.
            is_new = not self.store.exists() or (create and self.store.is_blank())
            if is_new and not create:
                raise CatalogNotFoundError(
                    f"{self.name}: there is no index here; `iidindex --db {self.name} ingest DIR` "
                    "makes one (in Python: create=True)"
                )
            if is_new:
                self._create()
            self._check_version()
        except BaseException:
            self.engine.dispose()
            raise

    @property
    def engine(self) -> Engine:
        """What makes connections."""
        return self.store.engine

    def _create(self) -> None:
        # Alembic takes longer to import than most questions take to answer.
        from iidindex.catalog.migrate import upgrade

        self.store.make()
        with self.writing() as connection:
            upgrade(connection)

    def _check_version(self) -> None:
        with self.reading() as connection:
            found = self.store.revision(connection)
        if found is None:
            raise CatalogError(
                f"{self.name}: is a {self.engine.dialect.name} database, but not an "
                "iidindex index; name another"
            )
        if found < schema.HEAD:
            raise SchemaVersionError(
                f"{self.name}: has schema {found}, this iidindex needs {schema.HEAD}; "
                f"upgrade it with `iidindex --db {self.name} migrate`"
            )
        if found > schema.HEAD:
            raise SchemaVersionError(
                f"{self.name}: has schema {found}, newer than the {schema.HEAD} of this "
                "iidindex; upgrade iidindex"
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hold a connection that sees one state of the catalogue until it is given back."""
        self.check_open()
        with self.store.translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def reading_sql(self) -> Iterator[Connection]:
        """Hold a connection for SQL that people write: with the views, and unable to change."""
        self.check_open()
        with self.store.reading_sql() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Hold the one connection that may write; commit at the end, or undo on an error.

        Raises
        ------
        CatalogLockedError
            If another process is writing.
        """
        self.check_open()
        self.check_writable()
        with self.store.translated(), self.engine.connect() as connection:
            connection = connection.execution_options(iidindex_writer=True)
            with connection.begin():
                if self._sole is not None:
                    self._sole.check()
                yield connection

    @contextmanager
    def sole_writer(self, places: Sequence[str] | None = None) -> Iterator[Sole]:
        """Be the only one to write, over several transactions of `writing`.

        Parameters
        ----------
        places : sequence of str, optional
            Only what lies in these directories, and in the roots that they lie in, is going to be
            written. A server lets others write elsewhere then.

        Raises
        ------
        CatalogLockedError
            If another process is. `writing` raises it, too, once the lock is lost.
        CatalogError
            If the catalogue was opened read-only.
        """
        self.check_writable()
        with self.store.sole_writer(places) as self._sole:
            try:
                yield self._sole
            finally:
                self._sole = None

    def write_also(self, places: Iterable[str]) -> None:
        """Within `sole_writer`, be the only one to write what lies in other directories, too.

        Raises
        ------
        CatalogLockedError
            If another process is.
        """
        assert self._sole is not None
        self._sole.extend(places)

    def check_open(self) -> None:
        """Refuse to go on if the catalogue has been closed."""
        if self._is_closed:
            raise CatalogError(f"{self.name}: the index is closed")

    def check_writable(self) -> None:
        """Refuse to go on if the catalogue was opened read-only."""
        if self.read_only:
            raise CatalogError(f"{self.name}: was opened read-only")

    def close(self) -> None:
        """Close all connections; what is asked afterwards raises an error."""
        self._is_closed = True
        self.engine.dispose()

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Catalog], tuple[dict[str, Any]]]:
        # Connections are nobody else's: where it arrives, it is opened anew.
        return _opened_again, (self.arguments,)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened_again(arguments: dict[str, Any]) -> Catalog:
    return Catalog(**arguments)


class Elsewhere:
    """A catalogue for what arrives in another process, where it may never be asked.

    Parameters
    ----------
    arguments : dict
        Those of `Catalog`. It is opened when it is first read.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments

    @cached_property
    def _catalog(self) -> Catalog:
        return Catalog(**self.arguments)

    @property
    def elsewhere(self) -> Elsewhere:
        """Itself."""
        return self

    def reading(self) -> AbstractContextManager[Connection]:
        """As `Catalog.reading`."""
        return self._catalog.reading()

    def __reduce__(self) -> tuple[type[Elsewhere], tuple[dict[str, Any]]]:
        return Elsewhere, (self.arguments,)
