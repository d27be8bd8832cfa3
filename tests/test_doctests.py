"""The examples in the package's docstrings do what they show."""

import doctest
import importlib
import pkgutil

import pytest

import iidindex

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(iidindex.__path__, "iidindex.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, verbose=False)
    assert failed == 0


def test_there_are_examples():
    found = 0
    for name in MODULES:
        found += doctest.testmod(importlib.import_module(name)).attempted
    assert found > 20
