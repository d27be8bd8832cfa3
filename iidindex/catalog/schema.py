"""The tables. Their names are a promise: people query them with tools of their own."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

# The newest revision under migrations/; a database of any other is not opened.
HEAD = "0003"

# What the state column of `files` may say.
OK, MISSING, FAILED = "ok", "missing", "failed"


def path_value(path: str) -> str | bytes:
    """What the database stores for a path: text, or the bytes of one that is no text.

    File names are bytes; Python marks those that are not UTF-8 with lone surrogates, which no
    database holds as text.
    """
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def name_bytes(name: str) -> bytes:
    """What a database whose text cannot hold every character stores for the name of a group."""
    return name.encode("utf-8", "surrogatepass")


def name_of(value: str | bytes) -> str:
    """The name of a group from what the database stores."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


class PathText(TypeDecorator[str]):
    """A path as Python knows it; PostgreSQL has its bytes."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What it is to the database."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else LargeBinary())

    def process_bind_param(self, value: str | bytes | None, dialect: Dialect) -> Any:
        """Store as `path_value` says, or what it has said."""
        if not isinstance(value, str):
            return value
        return path_value(value) if dialect.name == "sqlite" else os.fsencode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Read it back."""
        return os.fsdecode(value) if isinstance(value, bytes) else value


class NameText(TypeDecorator[str]):
    """The name of a group, which may be any characters; PostgreSQL has its bytes."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What it is to the database."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else LargeBinary())

    def process_bind_param(self, value: str | bytes | None, dialect: Dialect) -> Any:
        """Store it, or what `name_bytes` has said."""
        if not isinstance(value, str) or dialect.name == "sqlite":
            return value
        return name_bytes(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Read it back."""
        return None if value is None else name_of(value)


# All integers of SQLite have up to 64 bits; a key and an area of the format take 32 without sign.
Integer64 = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

roots = Table(
    "roots",
    metadata,
    Column("id", Integer64, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("location", PathText, nullable=False),
    # Whether the fixity of its files is recorded; null for no.
    Column("fixity", Integer),
)

SECTION_COLUMNS = [
    f"{section}_{field}"
    for section in ("lut", "iids", "meta", "groups", "segs")
    for field in ("offset", "length")
]

files = Table(
    "files",
    metadata,
    Column("id", Integer64, primary_key=True),
    Column("root_id", Integer64, ForeignKey("roots.id"), nullable=False),
    Column("path", PathText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    # Of everything but the masks; null for a file that never could be read.
    Column("digest", LargeBinary),
    Column("n_entries", Integer64, nullable=False),
    # A file's entries have the ids first_entry_id … first_entry_id + n_entries - 1.
    Column("first_entry_id", Integer64),
    Column("meta", Text),
    *[Column(name, BigInteger) for name in SECTION_COLUMNS],
    Column("state", Text, nullable=False),
    Column("reason", Text),
    # Seconds since the epoch.
    Column("indexed_at", Integer64, nullable=False),
    # What an object store calls this content of the file; null for a file on a disk.
    Column("etag", Text),
    # BLAKE2b of all bytes, 32 of them; null if it was not asked for.
    Column("fixity", LargeBinary),
    Index("ix_files_root_id_path", "root_id", "path", unique=True),
)

iids = Table(
    "iids",
    metadata,
    Column("id", Integer64, primary_key=True),
    # No domain is the empty one: a null would be different from every other null.
    Column("domain", LargeBinary, nullable=False),
    Column("address", LargeBinary, nullable=False),
)

# Questions name an address more often than a domain.
iids_by_address = Index("ix_iids_address_domain", iids.c.address, iids.c.domain, unique=True)

entries = Table(
    "entries",
    metadata,
    Column("id", Integer64, primary_key=True),
    Column("file_id", Integer64, ForeignKey("files.id"), nullable=False),
    Column("key", Integer64, nullable=False),
    Column("iid_id", Integer64, ForeignKey("iids.id"), nullable=False),
    Column("minr", Integer, nullable=False),
    Column("minc", Integer, nullable=False),
    Column("maxr", Integer, nullable=False),
    Column("maxc", Integer, nullable=False),
    Column("area", Integer64, nullable=False),
    # Of the segment, from the start of the file, in bytes.
    Column("offset", BigInteger, nullable=False),
    Column("length", BigInteger, nullable=False),
    # Of the segment's bytes, from 1; 0 if it was not asked for.
    Column("checksum", BigInteger, nullable=False, server_default="0"),
    Index("ix_entries_iid_id_file_id", "iid_id", "file_id"),
)

groups = Table(
    "groups",
    metadata,
    Column("id", Integer64, primary_key=True),
    Column("name", NameText, nullable=False, unique=True),
)

entry_groups = Table(
    "entry_groups",
    metadata,
    Column("group_id", Integer64, ForeignKey("groups.id"), primary_key=True),
    Column("entry_id", Integer64, ForeignKey("entries.id"), primary_key=True),
    sqlite_with_rowid=False,
)

# Which groups a file has. With it, the groups of an entry are found through the primary key of
# `entry_groups`, and that table needs no second index, which would be as large as itself.
file_groups = Table(
    "file_groups",
    metadata,
    Column("file_id", Integer64, ForeignKey("files.id"), primary_key=True),
    Column("group_id", Integer64, ForeignKey("groups.id"), primary_key=True),
    sqlite_with_rowid=False,
)

# Pairs of entries of one file that share pixels, the one with the smaller key first. They are
# kept for the files of `overlap_files` only, and follow what becomes of those.
overlaps = Table(
    "overlaps",
    metadata,
    Column("a_id", Integer64, ForeignKey("entries.id"), primary_key=True),
    Column("b_id", Integer64, ForeignKey("entries.id"), primary_key=True),
    Column("pixels", BigInteger, nullable=False),
    Index("ix_overlaps_b_id", "b_id"),
    sqlite_with_rowid=False,
)

overlap_files = Table(
    "overlap_files",
    metadata,
    Column("file_id", Integer64, ForeignKey("files.id"), primary_key=True),
)

# The largest id that a table ever had: an id that somebody keeps is never given to another.
last_ids = Table(
    "last_ids",
    metadata,
    Column("name", Text, primary_key=True),
    Column("id", BigInteger, nullable=False),
)

# Every ingest, and by name what it changed. Paths are what they were then.
ingests = Table(
    "ingests",
    metadata,
    Column("id", Integer64, primary_key=True),
    # Seconds since the epoch; one that was cut off has no end.
    Column("started", BigInteger, nullable=False),
    Column("finished", BigInteger),
    # What it was to look at, and how many files became what: JSON.
    Column("paths", Text, nullable=False),
    Column("counts", Text),
)

changes = Table(
    "changes",
    metadata,
    Column("id", Integer64, primary_key=True),
    Column("ingest_id", Integer64, ForeignKey("ingests.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("path", PathText, nullable=False),
    Column("old_path", PathText),
    Index("ix_changes_ingest_id", "ingest_id"),
)

# SQLite's R*Tree over integers. Its boxes are closed: maxr and maxc are the last row and
# column inside, one less than in `entries`. An entry whose box holds no pixel is not in it.
# It is described outside `metadata`, as it is no table that could be created like others.
entry_boxes = Table(
    "entry_boxes",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("minr", Integer),
    Column("maxr", Integer),
    Column("minc", Integer),
    Column("maxc", Integer),
)
