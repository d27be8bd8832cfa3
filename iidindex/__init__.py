"""Index and search archives of ``.iid`` segmentation files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iidindex.errors import (
        CatalogError,
        CatalogLockedError,
        CatalogNotFoundError,
        DamagedFileError,
        EncodeError,
        ExchangeError,
        FileNameWarning,
        FormatGuessError,
        IIDFormatError,
        IIDIndexError,
        IngestError,
        QueryError,
        SchemaVersionError,
        SeveralDomainsError,
        SourceError,
        SourceNotFoundError,
        StaleFileError,
        TimeLimitError,
        WrongTypeError,
    )
    from iidindex.exchange.answers_out import Entries
    from iidindex.exchange.dataset import Dataset
    from iidindex.exchange.export_report import ExportReport
    from iidindex.exchange.import_report import ImportReport
    from iidindex.exchange.importing import import_archive
    from iidindex.exchange.label_planes import LabelPlanes
    from iidindex.files.iidfile import IIDFile
    from iidindex.files.segment_bytes import Segment, decode_segment
    from iidindex.index import Index, open  # noqa: A004
    from iidindex.ingestion.report import IngestReport
    from iidindex.model import IID, BBox, BufLoc, FileStamp
    from iidindex.pages.page_report import PageReport
    from iidindex.pictures.drawing import Drawing
    from iidindex.query.answers.entry import Entry
    from iidindex.query.answers.records import Records
    from iidindex.query.heat.coverage import Heat
    from iidindex.query.holdings.inventory import GroupCount, IIDCount
    from iidindex.query.linkage.cooccurring import Cooccurrence
    from iidindex.query.linkage.links import Link
    from iidindex.query.linkage.sharing import Related
    from iidindex.query.overlaps.overlap import Overlap

__version__ = "0.2.0"

__all__ = [
    "IID",
    "BBox",
    "BufLoc",
    "CatalogError",
    "CatalogLockedError",
    "CatalogNotFoundError",
    "Cooccurrence",
    "DamagedFileError",
    "Dataset",
    "Drawing",
    "EncodeError",
    "Entries",
    "Entry",
    "ExchangeError",
    "ExportReport",
    "FileNameWarning",
    "FileStamp",
    "FormatGuessError",
    "GroupCount",
    "Heat",
    "IIDCount",
    "IIDFile",
    "IIDFormatError",
    "IIDIndexError",
    "ImportReport",
    "Index",
    "IngestError",
    "IngestReport",
    "LabelPlanes",
    "Link",
    "Overlap",
    "PageReport",
    "QueryError",
    "Records",
    "Related",
    "SchemaVersionError",
    "Segment",
    "SeveralDomainsError",
    "SourceError",
    "SourceNotFoundError",
    "StaleFileError",
    "TimeLimitError",
    "WrongTypeError",
    "decode_segment",
    "import_archive",
    "open",
]

# A name is imported when it is used: NumPy takes longer than a --help should, and SQLAlchemy
# longer than reading a file does.
_HOMES = {
    **dict.fromkeys(("BBox", "BufLoc", "FileStamp", "IID"), "iidindex.model"),
    **dict.fromkeys(("Index", "open"), "iidindex.index"),
    "Cooccurrence": "iidindex.query.linkage.cooccurring",
    "Related": "iidindex.query.linkage.sharing",
    **dict.fromkeys(("GroupCount", "IIDCount"), "iidindex.query.holdings.inventory"),
    "Drawing": "iidindex.pictures.drawing",
    "Dataset": "iidindex.exchange.dataset",
    "Entries": "iidindex.exchange.answers_out",
    "Entry": "iidindex.query.answers.entry",
    "Heat": "iidindex.query.heat.coverage",
    "ExportReport": "iidindex.exchange.export_report",
    "PageReport": "iidindex.pages.page_report",
    "ImportReport": "iidindex.exchange.import_report",
    "import_archive": "iidindex.exchange.importing",
    "IIDFile": "iidindex.files.iidfile",
    **dict.fromkeys(("Segment", "decode_segment"), "iidindex.files.segment_bytes"),
    "IngestReport": "iidindex.ingestion.report",
    "LabelPlanes": "iidindex.exchange.label_planes",
    "Link": "iidindex.query.linkage.links",
    "Overlap": "iidindex.query.overlaps.overlap",
    "Records": "iidindex.query.answers.records",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES.get(name, "iidindex.errors")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
