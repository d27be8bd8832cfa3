"""The database that a test keeps its indexes in: SQLite, or PostgreSQL as well.

A module that says `ON_BOTH = True` is run on both. Its tests take `database`, for a new one of a
name; or they say `at(path)`, for the file of this path or a schema that takes its place.
"""

import contextlib
from functools import cache

import psycopg
import pytest
from alembic.script import ScriptDirectory

import postgres_server
from iidindex.catalog.migrate import script_location
from iidindex.catalog.postgres.text_views import statements
from iidindex.catalog.schema import HEAD

# The database of the tests that run now, and the schemas that take the place of files.
_now = {"kind": "sqlite"}
_urls = {}


def at(path):
    """Where the index of a path is kept."""
    if _now["kind"] == "sqlite":
        return path
    if path not in _urls:
        _urls[path] = _now["schemas"].enter_context(_with_tables())
        _now["schemas"].callback(_urls.pop, path)
    return _urls[path]


# Schemas that nobody uses now, which are as they were when they were made.
_free = []
_RELATIONS = (
    "SELECT relname, relkind FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
)


@contextlib.contextmanager
def _with_tables():
    """The URL of a schema with empty tables: to empty one takes a third of what one takes."""
    url, schema = _free.pop() if _free else _made()
    try:
        yield url
    finally:
        if _is_as_made(url):
            _free.append((url, schema))
        else:
            schema.close()


def _made():
    schema = contextlib.ExitStack()
    url = schema.enter_context(postgres_server.schema_of_its_own())
    # At once what `migrate` makes step by step.
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_tables())
        _now["made"] = set(connection.execute(_RELATIONS).fetchall())
    return url, schema


def _is_as_made(url):
    """Undo what a test did to a schema; whether that is all."""
    with psycopg.connect(url, autocommit=True) as connection:
        postgres_server.end_others(connection)
        found = set(connection.execute(_RELATIONS).fetchall())
        late = found - _now["made"]
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        is_known = found >= _now["made"] and {kind for _, kind in late} <= {"i"}
        if not is_known or revision != [(HEAD,)]:
            return False
        for name, _ in late:
            connection.execute(f'DROP INDEX "{name}"')
        tables = sorted(name for name, kind in found if kind == "r" and name != "alembic_version")
        listed = ", ".join(f'"{name}"' for name in tables)
        connection.execute(f"TRUNCATE {listed} RESTART IDENTITY")
    return True


@cache
def _tables():
    """What makes the tables of a catalogue, of the newest revision."""
    script = ScriptDirectory(str(script_location())).get_revision(HEAD).module
    version = "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"
    made = f"INSERT INTO alembic_version VALUES ('{HEAD}')"
    return "; ".join([*script.POSTGRES, *statements(), version, made])


@pytest.fixture(scope="session")
def backend(request):
    """The kind of the database; `at` goes by it."""
    kind = getattr(request, "param", "sqlite")
    with contextlib.ExitStack() as schemas:
        _now.update(kind=kind, schemas=schemas)
        yield kind
        _now["kind"] = "sqlite"
    while _free:
        _free.pop()[1].close()


@pytest.fixture(autouse=True)
def schemas_of_a_test(request):
    """What a test makes, after the fixtures that it shares with others, is gone with it."""
    params = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if "backend" in params:
        # Nothing else asks for it where a test only says `at`.
        assert request.getfixturevalue("backend") == params["backend"] == _now["kind"]
    elif "backend" not in request.fixturenames:
        yield
        return
    shared = _now["schemas"]
    with contextlib.ExitStack() as _now["schemas"]:
        yield
        _now["schemas"].callback(_now.update, schemas=shared)


@pytest.fixture
def database(tmp_path, backend):
    """Where the catalogue of a name is to be: ``database("x")``, the same each time."""
    return lambda name: at(tmp_path / f"{name}.db")


def pytest_generate_tests(metafunc):
    """Run tests that ask a database on both of them, all on one and then all on the other.

    A test that is about one alone says `of_sqlite`.
    """
    is_of_one = metafunc.definition.get_closest_marker("of_sqlite") is not None
    if getattr(metafunc.module, "ON_BOTH", False) and not is_of_one:
        has_one = "backend" in metafunc.fixturenames
        if not has_one and hasattr(metafunc.module, "at"):
            metafunc.fixturenames.insert(0, "backend")  # or it is unknown to what follows
            has_one = True
        if has_one:
            kinds = ["sqlite", "postgresql"]
            metafunc.parametrize("backend", kinds, indirect=True, scope="session")
