"""Run the revisions against the connection handed over, or a database named by ``-x db=PATH``."""

from alembic import context
from sqlalchemy import create_engine

from iidindex.catalog.schema import metadata


def run(connection):
    # On PostgreSQL a catalogue is in one schema, though others may be on the way to it.
    where = {}
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql("SELECT current_schema()").scalar()
        where["version_table_schema"] = found
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=True, **where
    )
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
else:
    path = context.get_x_argument(as_dictionary=True).get("db", "iidindex.db")
    with create_engine(f"sqlite:///{path}").begin() as connection:
        run(connection)
