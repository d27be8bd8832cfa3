"""What the documentation shows is what happens."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
PAGES = sorted([*HERE.glob("*.md"), *HERE.glob("docs/*.md")])


def blocks(page):
    return re.findall(r"^```(python|sh)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda p: p.name)
def test_blocks_run_in_their_order(page, tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONWARNINGS": "error"}
    environment.pop("IIDINDEX_DB", None)
    for language, code in blocks(page):
        command = [sys.executable, "-c", code] if language == "python" else ["bash", "-ec", code]
        result = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, f"{code}\n{result.stdout}\n{result.stderr}"
    if page.name == "README.md":
        assert (tmp_path / "tree.png").exists()


def test_command_line_reference_is_current():
    sys.path.insert(0, str(HERE / "docs"))
    try:
        from reference import reference
    finally:
        sys.path.pop(0)
    assert (HERE / "docs" / "cli.md").read_text("utf-8") == reference(), "run `make docs`"


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_dependency_has_a_reason():
    import tomllib

    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    design = (HERE / "docs" / "design.md").read_text("utf-8")
    extras = [name for names in project["optional-dependencies"].values() for name in names]
    for requirement in [*project["dependencies"], *extras]:
        name = re.match(r"[\w-]+", requirement)[0]
        assert re.search(rf"\b{name}\b", design), f"docs/design.md has no reason for {name}"
        assert re.search(r"[><=]=", requirement), f"{requirement} has no lower bound"
