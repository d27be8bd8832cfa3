"""What somebody needs to know who is asked for help."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

from iidindex.catalog.catalogue import Catalog
from iidindex.query.holdings.stats import stats
from iidindex.query.holdings.verify import changed_files


def doctor(catalog: Catalog) -> dict[str, Any]:
    """Versions, what the database can do here, and the state of the catalogue.

    Returns
    -------
    dict
        By name, in the order in which they are told. Every file is looked at, but none is
        opened.
    """
    counts = stats(catalog)
    with catalog.reading() as connection:
        found = {
            "iidindex": version("iidindex"),
            "python": platform.python_version(),
            **{name: version(name) for name in ("sqlalchemy", "numpy")},
            "database": catalog.name,
            "schema": catalog.store.revision(connection),
            **catalog.store.facts(connection),
        }
    problems = changed_files(catalog)
    return found | counts._asdict() | {"changed_or_gone": sum(1 for _ in problems)}
