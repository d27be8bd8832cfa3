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
        url = _now["schemas"].enter_context(postgres_server.schema_of_its_own())
        # At once what `migrate` makes step by step.
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_tables())
        _urls[path] = url
        _now["schemas"].callback(_urls.pop, path)
    return _urls[path]


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
