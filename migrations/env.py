"""Run the revisions against the connection handed over, or a database named by ``-x db=PATH``."""

from alembic import context
from sqlalchemy import create_engine

from iidindex.catalog.schema import metadata


def run(connection):
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
else:
    path = context.get_x_argument(as_dictionary=True).get("db", "iidindex.db")
    with create_engine(f"sqlite:///{path}").begin() as connection:
        run(connection)
