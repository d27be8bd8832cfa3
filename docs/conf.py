"""How Sphinx makes a site of the pages: `make site`.

Its source is the directory above, so that the pages stay plain Markdown that leads from one to the
next wherever it is read.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

project = "iidindex"
author = "The iidindex developers"
project_copyright = "The iidindex developers"
extensions = ["myst_parser", "sphinx_copybutton"]
root_doc = "README"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/**.md",
    "docs/howto/**.md",
]
html_theme = "furo"
html_title = "iidindex"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
# Whoever opens the directory of the site is led to its first page.
templates_path = ["site"]
html_additional_pages = {"index": "first.html"}
# As the places where Markdown is usually read name them.
myst_heading_anchors = 4

# What the left side shows; a page that is missing here stops the making of the site.
CONTENTS = {
    "Begin": ["tutorial", "formats", "pictures"],
    "How to": [
        "howto/viewer",
        "howto/compare",
        "howto/metadata",
        "howto/training",
        "howto/scripts",
        "howto/nightly",
        "howto/moving",
        "howto/sharing",
        "howto/wrong",
        "howto/damage",
    ],
    "Past one machine": [
        "howto/large",
        "howto/objects",
        "howto/postgres",
        "howto/lake",
        "howto/cluster",
    ],
    "Reference": ["cli", "api", "http", "sql", "dataframes", "format"],
    "What to expect": ["benchmarks", "peers", "growth", "faults", "../CHANGELOG"],
    "For those who change it": ["design", "internals", "../CONTRIBUTING"],
}


def setup(app: Sphinx) -> None:
    """Add the contents to the first page, where people who read it elsewhere do not see them."""
    app.connect("source-read", _with_contents)


def _with_contents(_app: Sphinx, name: str, source: list[str]) -> None:
    if name != root_doc:
        return
    for caption, pages in CONTENTS.items():
        names = "\n".join(Path("/docs", page).as_posix().replace("docs/../", "") for page in pages)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{names}\n```\n"
