"""What SQLite does for questions of linkage: it searches, and scans little."""

import sqlite3

import pytest
from sqlalchemy import event

from test_linkage import ODD, TREE


def plans(index, ask):
    """What SQLite does for all statements of a question."""
    engine, statements, connections = index._catalog.engine, [], []

    def trace(connection, *_):
        connections.append(connection)
        connection.set_trace_callback(statements.append)

    event.listen(engine, "checkout", trace)
    try:
        ask()
    finally:
        event.remove(engine, "checkout", trace)
        for connection in connections:
            connection.set_trace_callback(None)
    database = sqlite3.connect(index._catalog.store.path)
    try:
        return [
            row[3]
            for statement in statements
            if statement.startswith("SELECT")
            for row in database.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    finally:
        database.close()


@pytest.mark.parametrize(
    "ask",
    [
        lambda index: index.shared("2020/a.iid", "2020/b.iid"),
        lambda index: index.cooccurring(b"tree"),
        lambda index: index.cooccurring(b"tree", domain=b"garden", by="group"),
        lambda index: index.chain(TREE, ODD),
    ],
)
@pytest.mark.parametrize("analysed", [False, True])
def test_nothing_is_scanned(index, ask, analysed):
    if analysed:
        index.optimize()
    found = plans(index, lambda: ask(index))
    assert any("SEARCH" in step for step in found)
    # The roots are few, and all are looked at.
    scans = [step for step in found if step.startswith("SCAN") and "roots" not in step]
    assert all(step.startswith("SCAN j VIRTUAL TABLE") for step in scans), scans


def test_what_is_scanned(index):
    found = plans(index, lambda: index.related("2020/a.iid"))
    # How many files there are.
    assert "SCAN files" in found
    assert not any(step.startswith(("SCAN e", "SCAN i")) for step in found)
    found = plans(index, lambda: list(index.iids(prefix=b"t", limit=5)))
    assert "SEARCH iids USING COVERING INDEX ix_iids_address_domain" in str(found)
    assert not any("FOR GROUP BY" in step or "FOR ORDER BY" in step for step in found)
    found = plans(index, index.link_graph)
    assert "SCAN entries USING COVERING INDEX ix_entries_iid_id_file_id" in found
