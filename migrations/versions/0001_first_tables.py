"""The first tables, and the R*Tree over the boxes.

Revision: 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    if op.get_bind().dialect.name == "postgresql":
        return  # revision 0003 makes all tables there
    op.create_table(
        "roots",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("location", sa.Text(), nullable=False),
    )
    op.create_table(
        "files",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("root_id", sa.Integer(), sa.ForeignKey("roots.id"), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary()),
        sa.Column("n_entries", sa.Integer(), nullable=False),
        sa.Column("first_entry_id", sa.Integer()),
        sa.Column("meta", sa.Text()),
        *[
            sa.Column(f"{section}_{field}", sa.BigInteger())
            for section in ("lut", "iids", "meta", "groups", "segs")
            for field in ("offset", "length")
        ],
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("indexed_at", sa.Integer(), nullable=False),
    )
    op.create_index("ix_files_root_id_path", "files", ["root_id", "path"], unique=True)
    op.create_table(
        "iids",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("domain", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_iids_address_domain", "iids", ["address", "domain"], unique=True)
    op.create_table(
        "entries",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("file_id", sa.Integer(), sa.ForeignKey("files.id"), nullable=False),
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("iid_id", sa.Integer(), sa.ForeignKey("iids.id"), nullable=False),
        sa.Column("minr", sa.Integer(), nullable=False),
        sa.Column("minc", sa.Integer(), nullable=False),
        sa.Column("maxr", sa.Integer(), nullable=False),
        sa.Column("maxc", sa.Integer(), nullable=False),
        sa.Column("area", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_entries_iid_id_file_id", "entries", ["iid_id", "file_id"])
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
    )
    op.create_table(
        "entry_groups",
        sa.Column("group_id", sa.Integer(), sa.ForeignKey("groups.id"), primary_key=True),
        sa.Column("entry_id", sa.Integer(), sa.ForeignKey("entries.id"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "file_groups",
        sa.Column("file_id", sa.Integer(), sa.ForeignKey("files.id"), primary_key=True),
        sa.Column("group_id", sa.Integer(), sa.ForeignKey("groups.id"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.execute("CREATE VIRTUAL TABLE entry_boxes USING rtree_i32(id, minr, maxr, minc, maxc)")
