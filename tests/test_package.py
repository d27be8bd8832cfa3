"""The package as somebody else installs it."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]

SCRIPT = """
import pathlib, sys
import numpy as np
import iidindex
from iidindex.catalog.migrate import script_location
assert "site-packages" in iidindex.__file__, iidindex.__file__
assert "site-packages" in str(script_location()), script_location()
file = iidindex.IIDFile()
file.add(b"tree", b"garden", (0, 0, 2, 2), np.ones((2, 2), bool))
pathlib.Path("archive").mkdir()
file.save("archive/a.iid")
with iidindex.open("x.db", create=True) as index:
    assert index.ingest("archive").added == 1
    assert index.entries.first().mask().all()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(place), str(HERE)],
        check=True,
        capture_output=True,
    )
    (found,) = place.glob("*.whl")
    return found


def test_wheel_holds_the_package_and_the_revisions_only(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "iidindex/migrations/env.py" in names
    assert any(name.startswith("iidindex/migrations/versions/0001") for name in names)
    assert "iidindex/py.typed" in names
    assert "iidindex/napari.yaml" in names
    assert "iidindex/serve/static/index.html" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"iidindex"}
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


def test_wheel_tells_napari_where_its_manifest_is(wheel):
    with zipfile.ZipFile(wheel) as file:
        (place,) = (name for name in file.namelist() if name.endswith("/entry_points.txt"))
        points = file.read(place).decode()
    assert "[napari.manifest]\niidindex = iidindex:napari.yaml\n" in points


def test_wheel_works_outside_the_checkout(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # The dependencies come from the environment of the tests, the package from the wheel.
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel],
        check=True,
    )
    ours = next(path for path in map(Path, sys.path) if (path / "sqlalchemy").is_dir())
    script = f"import sys; sys.path.append({str(ours)!r})\n{SCRIPT}"
    subprocess.run([python, "-I", "-c", script], cwd=tmp_path, check=True)
