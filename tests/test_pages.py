"""What the pages say of the project itself: rooms, modules, names, dependencies."""

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "README.md"])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGE = ROOT / "iidindex"
PARTS = ("iidindex", "docs", "tests", "benchmarks", "migrations")


def text_of(page):
    """A page without its blocks of code."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_and_rooms_that_are_named_are_there(page):
    # The table of differences names what was planned, too.
    text = text_of(page).partition("## Where it differs from the first plan")[0]
    for name in re.findall(r"`([\w/]+(?:\.py|/))`", text):
        places = [ROOT / name, *(path for part in PARTS for path in (ROOT / part).rglob(name))]
        assert any(place.exists() for place in places), f"there is no {name}"


def test_names_on_the_page_for_those_who_change_the_code():
    modules = {
        path.stem: ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
    }
    found = 0
    # Behind this, names are those of tables and columns.
    text = text_of(ROOT / "docs" / "internals.md").partition("## The tables")[0]
    for module, name in re.findall(r"`(\w+)\.(\w+)`", text):
        if module not in modules or name == "py":
            continue
        assert hasattr(import_module(modules[module]), name), f"{module}.{name}"
        found += 1
    assert found > 20


def layers():
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (contract,) = (one for one in contracts if one["name"] == "Imports go down only")
    return " → ".join(layer.replace("iidindex.", "") for layer in contract["layers"])


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/design.md"])
def test_the_order_of_rooms_is_the_one_that_is_checked(name):
    assert f"\n    {layers()}\n" in (ROOT / name).read_text(encoding="utf-8")


def test_every_room_is_on_the_page_about_them():
    text = text_of(ROOT / "docs" / "internals.md")
    for room in PACKAGE.iterdir():
        if room.is_dir() and (room / "__init__.py").exists():
            assert f"`{room.name}/`" in text or f"{room.name}/" in text, room.name


def test_every_dependency_has_a_reason():
    project = PROJECT["project"]
    wanted = {*project["dependencies"], *PROJECT["build-system"]["requires"]}
    for extra in project["optional-dependencies"].values():
        wanted |= set(extra)
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    reasons = design[design.index("## Dependencies") :]
    for requirement in wanted:
        name = re.match(r"[\w-]+", requirement)[0]
        assert re.search(rf"\b{name}\b", reasons), f"{name} has no reason"


def test_every_page_can_be_reached_from_the_readme():
    reached, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in re.findall(r"\]\(([^)#:\s]+\.md)(?:#[^)]*)?\)", page.read_text()):
            left.append((page.parent / target).resolve())
    assert {page for page in PAGES if page.parent != ROOT / "benchmarks"} <= reached


def test_the_columns_of_answers_are_on_their_page():
    from iidindex import rows

    text = (ROOT / "docs" / "dataframes.md").read_text(encoding="utf-8")
    for kind in (
        rows.FILE,
        rows.LINK,
        rows.RELATED,
        rows.IID_COUNT,
        rows.COOCCURRENCE,
        rows.GROUP,
        rows.TRACK,
    ):
        assert f"`{' '.join(kind.names)}`" in text, kind.name


def test_every_format_is_on_the_page_about_them():
    from iidindex.exchange.exporting import export_formats
    from iidindex.formats.registry import FORMATS

    text = text_of(ROOT / "docs" / "formats.md")
    read, written = text.split("## What goes out")
    assert [name for name in FORMATS if f"\n| `{name}` |" not in read] == []
    assert [name for name in export_formats() if f"\n| `{name}` |" not in written] == []
