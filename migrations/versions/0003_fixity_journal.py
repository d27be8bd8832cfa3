"""Fixity of files and of segments, tokens of objects, and a journal of ingests.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    # Columns are added by hand: a batch would copy the table of entries.
    for table, column, kind in (
        ("roots", "fixity", "INTEGER"),
        ("files", "etag", "TEXT"),
        ("files", "fixity", "BLOB"),
        ("entries", "checksum", "BIGINT NOT NULL DEFAULT 0"),
    ):
        op.execute(sa.text(f"ALTER TABLE {table} ADD COLUMN {column} {kind}"))
    op.create_table(
        "ingests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("finished", sa.BigInteger),
        sa.Column("paths", sa.Text, nullable=False),
        sa.Column("counts", sa.Text),
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("ingest_id", sa.Integer, sa.ForeignKey("ingests.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("old_path", sa.Text),
    )
    op.create_index("ix_changes_ingest_id", "changes", ["ingest_id"])
