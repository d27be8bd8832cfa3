"""Filters are declared once: what follows from a declaration, and how another is added."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import click
import pytest

from iidindex.cli.main import cli
from iidindex.errors import QueryError
from iidindex.query.entries import Entries
from iidindex.query.question.filters import FILTERS, Where

ON_BOTH = True

ROOT = Path(__file__).parents[1]


def test_where_tells_of_every_filter():
    parameters = inspect.signature(Entries.where).parameters
    assert [*parameters] == ["self", *Where.__annotations__]
    told = inspect.getdoc(Entries.where)
    for name, filter_ in FILTERS.items():
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].default is None
        assert f"\n{name} : {filter_.type_told}, optional\n    " in told
        assert filter_.told in " ".join(told.split())
    assert "FILTERS" not in told
    # As `help` shows it: no modules, no quotes.
    told = str(inspect.signature(Entries.where))
    assert "address: bytes | IID | Iterable[bytes | IID] | None = None" in told


@pytest.mark.parametrize(
    "verb",
    [
        *("find", "at", "region", "nearest", "overlaps", "duplicates", "compare", "identities"),
        *("sheet", "heat"),
    ],
)
def test_every_filter_is_an_option(verb):
    command = cli.get_command(click.Context(cli), verb)
    options = {name: one for one in command.params for name in one.opts}
    for name, filter_ in FILTERS.items():
        option = options[f"--{name.replace('_', '-')}"]
        assert (option.name, option.help) == (name, filter_.help)
        assert option.multiple == filter_.is_repeatable


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("groups", "did you mean 'group'"),
        ("adress", "did you mean 'address'"),
        ("colour", "expected address, domain"),
    ],
)
def test_other_names_are_refused_with_a_hint(index, name, hint):
    with pytest.raises(TypeError, match=rf"Entries\.where\(\) got .* {name!r}; {hint}"):
        index.entries.where(**{name: 1})


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda index: index.overlaps(colour=1), "Index.overlaps() got an unexpected keyword"),
        (lambda index: index.links(), "Index.links() missing 1 required positional argument"),
        (lambda index: index.ingest(colour=1), "Index.ingest() got an unexpected keyword"),
        (lambda index: index.render(colour=1), "Index.render() got an unexpected keyword"),
        (lambda index: index.sql(), "Index.sql() missing 1 required positional argument"),
        (lambda index: index.close(1), "Index.close() takes 1 positional argument"),
    ],
)
def test_errors_name_what_people_call(index, call, told):
    with pytest.raises(TypeError, match="^" + re.escape(told)):
        call(index)


def test_what_was_asked_can_be_read(index):
    question = index.entries.where(domain=b"", area=(1, None)).where(address=b"tree").limit(2)
    # Of addresses there may be a hundred thousand.
    assert repr(question) == "<Entries Filters(domain=(b'',), area=(1, None), limit=2)>"


def test_asking_twice(index):
    twice = index.entries.where(key=[0, 1]).where(key=[1, 2])
    assert {entry.key for entry in twice} == {1}
    for name, value in {"group": "plants", "area": (1, 2), "prefix": b"t", "path": "a"}.items():
        with pytest.raises(QueryError, match=f"{name} was given before"):
            index.entries.where(**{name: value}).where(**{name: value})


def test_one_declaration_adds_a_filter(archive, tmp_path):
    """The example of CONTRIBUTING.md, in a copy."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (declaration,) = re.findall(r"```text\n( +height: .*?)\n *```", page, re.S)
    shutil.copytree(ROOT / "iidindex", tmp_path / "iidindex")
    shutil.copytree(ROOT / "migrations", tmp_path / "iidindex" / "migrations")
    home = tmp_path / "iidindex" / "query" / "question" / "filters.py"
    before, key, after = home.read_text().partition("    key: Annotated[")
    added = indent(inspect.cleandoc(declaration), "    ")
    home.write_text(f"{before}{added}\n{key}{after}")

    def call(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "iidindex", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.stdout, done.stderr

    call("ingest", archive)
    rows = [
        json.loads(row)
        for row in call("find", "--height", "41..59", "--format", "jsonl")[0].split("\n")
        if row
    ]
    assert len(rows) == 3
    assert {row["bbox"][2] - row["bbox"][0] for row in rows} == {41}
    assert call("find", "--height", "41..59", "--count")[0] == "3\n"
    assert "Rows of the box, both ends included" in call("find", "--help")[0]
    assert "whole files" in call("overlaps", "--store", "--height", "42..")[1]
    ask = (
        "import iidindex; entries = iidindex.open('iidindex.db').entries; "
        "print(entries.where(height=(41, 59)).count(), entries.where(height=(None, 40)).count())"
    )
    asking = [sys.executable, "-c", ask]
    done = subprocess.run(asking, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "3 5\n"
