"""How the package is laid out: what imports lead to, and what files are called."""

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from iidindex.cli.main import VERBS

PACKAGE = Path(__file__).parents[1] / "iidindex"


def name_of(path, package=PACKAGE):
    parts = (package.name, *path.relative_to(package).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_for_types_alone(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imported(node, module, is_package):
    """The names that a piece of code imports, in functions too, but not for types alone."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = module.split(".")
        kept = len(base) - node.level + is_package
        above = base[:kept] if node.level else []
        start = ".".join([*above, *([node.module] if node.module else [])])
        yield from (f"{start}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value  # a name that `import_module` is given
    children = node.orelse if is_for_types_alone(node) else ast.iter_child_nodes(node)
    for child in children:
        yield from imported(child, module, is_package)


def graph_of(package=PACKAGE):
    """Which modules each module imports."""
    paths = {name_of(path, package): path for path in package.rglob("*.py")}
    graph = {}
    for name, path in paths.items():
        found = imported(ast.parse(path.read_text()), name, path.name == "__init__.py")
        targets = set()
        for target in found:
            while target and target not in paths:
                target = target.rpartition(".")[0]
            targets.add(target)
        graph[name] = targets - {"", name, package.name}
    return graph


def graph_of_the_house():
    """The same for this package, whose verbs are imported by names that are put together."""
    graph = graph_of()
    graph["iidindex.cli.main"] |= {f"iidindex.cli.{module}" for module, _ in VERBS.values()}
    # It hands out names of modules below it, which nobody inside asks it for.
    del graph["iidindex"]
    return graph


def circle_in(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_no_two_modules_reach_each_other():
    assert circle_in(graph_of_the_house()) is None


@pytest.mark.parametrize(
    "back",
    [
        "import thing.b.low",
        "def f():\n    from thing.b import low",
        "def f():\n    from ..b import low",
        "import_module('thing.b.low')",
    ],
)
def test_circles_are_found_lazy_ones_too(tmp_path, back):
    files = {"__init__": "", "a/__init__": "", "b/__init__": ""}
    files |= {"a/high": back, "b/low": "from thing.a.high import name"}
    package = tmp_path / "thing"
    for name, text in files.items():
        (package / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(text)
    assert set(circle_in(graph_of(package))) == {"thing.a.high", "thing.b.low"}
    (package / "a/high.py").write_text("if TYPE_CHECKING:\n    import thing.b.low")
    assert circle_in(graph_of(package)) is None


def test_a_file_name_says_one_thing():
    names = Counter(path.name for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    rooms = {path.parent.name for path in PACKAGE.rglob("__init__.py")} - {"iidindex"}
    assert [name for name, number in names.items() if number > 1] == []
    assert names["iidfile.py"] == 1
    assert {"pixels", "question", "answers", "sqlite", "storage"} <= rooms


def test_no_file_has_become_two():
    lines = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {str(path): n for path, n in lines.items() if n > 450} == {}
