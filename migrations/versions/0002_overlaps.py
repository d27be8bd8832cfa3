"""Overlaps that were counted, the files they are of, and the last ids that were given.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    if op.get_bind().dialect.name == "postgresql":
        return  # revision 0003 makes all tables there
    op.create_table(
        "overlaps",
        sa.Column("a_id", sa.Integer, sa.ForeignKey("entries.id"), primary_key=True),
        sa.Column("b_id", sa.Integer, sa.ForeignKey("entries.id"), primary_key=True),
        sa.Column("pixels", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_overlaps_b_id", "overlaps", ["b_id"])
    op.create_table(
        "overlap_files",
        sa.Column("file_id", sa.Integer, sa.ForeignKey("files.id"), primary_key=True),
    )
    op.create_table(
        "last_ids",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("id", sa.BigInteger, nullable=False),
    )
