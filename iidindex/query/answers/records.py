"""Answers that can be had as dictionaries, as data frames and as Arrow tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from iidindex.rows import Kind

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from iidindex.catalog.catalogue import Catalog, Elsewhere

T_co = TypeVar("T_co", covariant=True)


class Tabular(ABC):
    r"""An answer of rows of one kind, of which `iidindex.rows` says the columns.

    Whatever reads Arrow streams reads it: ``polars.DataFrame(answer)``, ``duckdb.sql("FROM
    answer")``, ``pyarrow.table(answer)``. This and the methods below need ``pip install
    'iidindex[arrow]'`` or ``'iidindex[pandas]'``. The columns, their types and their values are
    those of `to_dicts`. Some need an explanation:

    - ``bbox`` is a list of fixed size, four int32; other integers are int64.
    - ``address`` and ``domain`` are null if they are not UTF-8; ``address_b64`` and ``domain_b64``
      are always exact, in base64, as JSON has them.
    - A value of a file's metadata, asked for as ``meta.camera.iso``, has the type that all values
      have: text, bool, int64, or float64 if some numbers are not whole. If values have several
      types, or are lists, mappings or whole numbers that these types cannot hold, each is written
      as JSON. A column for which no file has a value holds nulls.
    - A byte of a file name that is not UTF-8, such as ``0xff``, is written as ``\udcff`` in
      ``path`` and ``location``, as JSON writes it.
    """

    @abstractmethod
    def _kind_of_rows(self) -> Kind:
        """Which kind of row it has."""

    @abstractmethod
    def _batches(self, kind: Kind) -> Iterator[pyarrow.RecordBatch]:
        """The answer as columns, in parts, of all columns of its kind, or of some."""

    @abstractmethod
    def __iter__(self) -> Iterator[Any]: ...

    def to_dicts(self, fields: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The rows as dictionaries that JSON can hold.

        Parameters
        ----------
        fields : sequence of str, optional
            Only these columns, in this order. What is left out is not looked up. If each row is
            about one file, ``meta.camera.iso`` is a column with the value that the file's metadata
            have under these names, or null. A name that contains a dot stands in double quotes.

        Raises
        ------
        QueryError
            If there is no such column.
        """
        return list(self._kind_of_rows().select(fields).rows(self))

    def to_arrow(self, fields: Sequence[str] | None = None) -> pyarrow.Table:
        """The rows as an Arrow table.

        Parameters
        ----------
        fields : sequence of str, optional
            As in `to_dicts`.

        Raises
        ------
        QueryError
            If there is no such column, or pyarrow is not installed.
        """
        from iidindex.query.answers.arrow import library, schema_of
        from iidindex.query.answers.json_columns import typed

        table = library("pyarrow", "arrow").Table
        kind = self._kind_of_rows().select(fields)
        return typed(kind, table.from_batches(self._batches(kind), schema_of(kind)))

    def to_pandas(self, fields: Sequence[str] | None = None) -> pandas.DataFrame:
        """The rows as a pandas data frame.

        Parameters
        ----------
        fields : sequence of str, optional
            As in `to_dicts`.

        Raises
        ------
        QueryError
            If there is no such column, or pandas or pyarrow is not installed.
        """
        from iidindex.query.answers.arrow import library

        for name in ("pandas", "pyarrow"):
            library(name, "pandas")
        return self.to_arrow(fields).to_pandas()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow stream, read as they come.

        An error while it is read reaches the reader in a form of its own, with the message in
        it. See https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html.
        """
        from iidindex.query.answers.arrow import library, schema_of

        reader = library("pyarrow", "arrow").RecordBatchReader
        kind = self._kind_of_rows()
        stream = reader.from_batches(schema_of(kind), self._batches(kind))
        capsule: object = stream.__arrow_c_stream__(requested_schema)
        return capsule


class Records(Tabular, Generic[T_co]):
    """Records of one kind: read like a list, and equal to a list of the same records.

    It is not a list, because data frame libraries look into lists before they ask for columns.

    Parameters
    ----------
    kind : Kind
    records : iterable
    catalog : Catalog, optional
        That of the files that they are of, each of one.
    """

    def __init__(
        self, kind: Kind, records: Iterable[T_co], catalog: Catalog | Elsewhere | None = None
    ) -> None:
        self._kind = kind
        self._kept: list[T_co] | None = list(records)
        self._catalog = catalog

    def _all(self) -> list[T_co]:
        """All records at once, which are kept."""
        if self._kept is None:
            self._kept = list(self._ask())
        return self._kept

    def _ask(self) -> Iterator[T_co]:
        """The records as they come."""
        raise NotImplementedError  # only of what has not kept them

    def _kind_of_rows(self) -> Kind:
        if self._catalog is None:
            return self._kind
        from iidindex.query.answers.file_metadata import FileMetadata

        told: Any = self._all()
        return replace(self._kind, metadata=FileMetadata(self._catalog, told).under)

    @property
    def kind(self) -> Kind:
        """The kind of its rows: their columns, in order."""
        return self._kind_of_rows()

    def __getstate__(self) -> tuple[Any, ...]:
        catalog = None if self._catalog is None else self._catalog.elsewhere
        return self._kind, self._all(), catalog

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._kind, self._kept, self._catalog = state

    def _batches(self, kind: Kind) -> Iterator[pyarrow.RecordBatch]:
        from iidindex.query.answers.arrow import batches_of_records

        return batches_of_records(kind, self)

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[T_co]:
        return self._ask() if self._kept is None else iter(self._kept)

    def __contains__(self, record: object) -> bool:
        return record in self._all()

    @overload
    def __getitem__(self, place: int) -> T_co: ...

    @overload
    def __getitem__(self, place: slice) -> Records[T_co]: ...

    def __getitem__(self, place: int | slice) -> T_co | Records[T_co]:
        if isinstance(place, slice):
            return Records(self._kind, self._all()[place], self._catalog)
        return self._all()[place]

    def __add__(self, other: Iterable[T_co]) -> list[T_co]:
        return [*self._all(), *other]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Records):
            other = other._all()
        return self._all() == other if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._all())


class LazyRecords(Records[T_co]):
    """Records that are asked for when they are read, and come one after the other.

    To iterate over them, and to make data frames or tables of them, keeps none; the index must be
    open then, and each time it is asked anew. Whatever else a list can do keeps all of them.

    Parameters
    ----------
    kind : Kind
    ask : callable
        Gives an iterator over them.
    """

    def __init__(self, kind: Kind, ask: Callable[[], Iterator[T_co]]) -> None:
        self._kind = kind
        self._kept = None
        self._catalog = None
        self._asking = ask

    def _ask(self) -> Iterator[T_co]:
        return self._asking()

    def __iter__(self) -> Iterator[T_co]:
        # A list that is made of it asks for the length before the first record: that keeps all,
        # and nothing is to be asked twice.
        yield from self._ask() if self._kept is None else self._kept

    def __reduce__(self) -> tuple[type[Records[T_co]], tuple[Kind, list[T_co]]]:
        # Elsewhere there may be no index to ask.
        return Records, (self._kind, self._all())
