"""What the documentation shows is what happens."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
PAGES = sorted([*HERE.glob("*.md"), *HERE.glob("docs/**/*.md")])


def blocks(page):
    """Language, code, and what a text block right below it shows, of each block that runs."""
    fence = r"^```(python|sh)\n(.*?)^```\n(?:\n```text\n(.*?)^```)?"
    return re.findall(fence, page.read_text("utf-8"), re.M | re.S)


def shown(text):
    """A pattern of what a text block shows: … stands for anything, blanks at ends for nothing."""
    lines = ("".join(f"{line.rstrip()}\n" for line in text.splitlines())).split("…")
    return ".*?".join(map(re.escape, lines))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda p: p.name)
def test_blocks_run_in_their_order(page, tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONWARNINGS": "error"}
    environment.pop("IIDINDEX_DB", None)
    if page.name == "dataframes.md":
        for name in ("pandas", "pyarrow", "polars", "duckdb"):
            pytest.importorskip(name)
    for language, code, output in blocks(page):
        command = [sys.executable, "-c", code] if language == "python" else ["bash", "-ec", code]
        result = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{code}\n{result.stdout}"
        said = "".join(f"{line.rstrip()}\n" for line in result.stdout.splitlines())
        if output:
            assert re.fullmatch(shown(output), said, re.S), f"{code}\n{result.stdout}"
    if page.name == "README.md":
        assert (tmp_path / "coin.png").exists()


def test_what_is_shown_is_compared():
    assert re.fullmatch(shown("a  \n1.… s\n"), "a\n1.25 s\n", re.S)
    assert not re.fullmatch(shown("a\n1.… s\n"), "a\n1 s\n", re.S)
    assert not re.fullmatch(shown("a\n"), "a\nb\n", re.S)


@pytest.mark.parametrize(
    ("page", "writer"), [("cli.md", "reference"), ("api.md", "api"), ("http.md", "http_reference")]
)
def test_references_are_current(page, writer):
    written = runpy.run_path(str(HERE / "docs" / f"{writer}.py"))["reference"]()
    assert (HERE / "docs" / page).read_text("utf-8") == written, "run `make docs`"


def test_every_public_name_is_in_the_reference():
    import iidindex

    page = (HERE / "docs" / "api.md").read_text("utf-8")
    for name in iidindex.__all__:
        assert re.search(rf"^(### (iidindex\.)?{name}\b|- `{name}`)", page, re.M), name


def test_links_lead_somewhere():
    number = 0
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
                number += 1
    assert number > 9


def test_every_dependency_has_a_reason():
    import tomllib

    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    design = (HERE / "docs" / "design.md").read_text("utf-8")
    extras = [name for names in project["optional-dependencies"].values() for name in names]
    for requirement in [*project["dependencies"], *extras]:
        name = re.match(r"[\w-]+", requirement)[0]
        assert re.search(rf"\b{name}\b", design), f"docs/design.md has no reason for {name}"
        assert re.search(r"[><=]=", requirement), f"{requirement} has no lower bound"
