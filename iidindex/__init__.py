"""Index and search archives of ``.iid`` segmentation files."""

from __future__ import annotations

from iidindex.errors import (
    CatalogError,
    CatalogLockedError,
    CatalogNotFoundError,
    EncodeError,
    IIDFormatError,
    IIDIndexError,
    IngestError,
    QueryError,
    SchemaVersionError,
    SourceError,
    SourceNotFoundError,
    StaleFileError,
)
from iidindex.files.iidfile import IIDFile
from iidindex.model import IID, BBox, BufLoc, FileStamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from iidindex.index import Index, open  # noqa: A004

__version__ = "0.1.0"

__all__ = [
    "IID",
    "BBox",
    "BufLoc",
    "CatalogError",
    "CatalogLockedError",
    "CatalogNotFoundError",
    "EncodeError",
    "FileStamp",
    "IIDFile",
    "IIDFormatError",
    "IIDIndexError",
    "Index",
    "IngestError",
    "QueryError",
    "SchemaVersionError",
    "SourceError",
    "SourceNotFoundError",
    "StaleFileError",
    "open",
]


def __getattr__(name: str) -> object:
    # The index needs SQLAlchemy, which takes longer to import than reading a file takes.
    if name in ("Index", "open"):
        from iidindex import index

        return getattr(index, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
