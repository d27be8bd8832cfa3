"""Many who write to a catalogue on PostgreSQL at once, and many who read it meanwhile."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import psycopg
import pytest

import iidindex
from conftest import write_garden
from iidindex import CatalogLockedError
from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.postgres import briefly, interning
from iidindex.catalog.postgres.briefly import Briefly
from iidindex.catalog.postgres.interning import Interning
from iidindex.cli.main import run
from iidindex.iidwords import IIDWords
from iidindex.ingestion import pool
from iidindex.ingestion import run as running
from kept_state import sound


@pytest.fixture
def opened(schema_url):
    with iidindex.open(schema_url, create=True) as index:
        yield index


def written(place, number=3, shift=0):
    for nth in range(number):
        write_garden(place / f"{nth}.iid", shift=nth + shift, extra=[b"%d" % nth])
    return place


def test_a_second_writer_of_a_root_is_told_at_once(opened, schema_url, tmp_path, capsys):
    written(tmp_path / "one" / "inside")
    opened.ingest(tmp_path / "one")
    for place in (tmp_path / "one", tmp_path / "one" / "inside"):
        with opened._catalog.sole_writer([str(place)]):
            begin = time.monotonic()
            assert run(["--db", schema_url, "ingest", str(tmp_path / "one")]) == 2
            assert time.monotonic() - begin < 30  # it does not wait until the other is done
    told = capsys.readouterr().err
    assert f"another process is writing to {tmp_path / 'one'}" in told
    assert run(["--db", schema_url, "ingest", str(tmp_path / "one")]) == 0


def test_others_go_on_beside_it(opened, schema_url, tmp_path):
    for name in ("one", "two"):
        written(tmp_path / name)
    with opened._catalog.sole_writer([str(tmp_path / "one")]):
        assert run(["--db", schema_url, "ingest", str(tmp_path / "two")]) == 0
        # What is of all roots has to be alone.
        for verb in ("prune", "optimize"):
            assert run(["--db", schema_url, verb]) == 2
        # So has one who takes the other's root into a new one.
        assert run(["--db", schema_url, "ingest", str(tmp_path)]) == 2
    with opened._catalog.sole_writer():
        assert run(["--db", schema_url, "ingest", str(tmp_path / "two")]) == 2
    assert run(["--db", schema_url, "ingest", str(tmp_path)]) == 0
    assert len(opened.roots()) == 1
    assert opened.verify() == []


def test_catalogues_of_one_database_do_not_meet(opened, schema_url, tmp_path):
    with psycopg.connect(schema_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA another_one")
        try:
            url = schema_url.replace("%3Dtest_", "%3Danother_one,test_")
            with Catalog(url, create=True) as other:
                assert not other.store.is_blank()
                with opened._catalog.sole_writer(), other.sole_writer():
                    pass
        finally:
            connection.execute("DROP SCHEMA another_one CASCADE")


def test_a_root_that_moved_is_not_written_by_another(opened, tmp_path):
    written(tmp_path / "old")
    opened.ingest(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    with (
        opened._catalog.sole_writer([str(tmp_path / "old")]),
        iidindex.open(opened._catalog.store.location) as other,
        pytest.raises(CatalogLockedError, match="old"),
    ):
        other.ingest(tmp_path / "new")
    assert opened.ingest(tmp_path / "new").unchanged == 3


def test_who_loses_the_lock_stops(opened, schema_url, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "_BATCH_FILES", 1)
    monkeypatch.setattr(pool, "_TASK_FILES", 1)
    written(tmp_path / "one", 6)
    told = []

    def cut(progress):
        if not told:
            told.append(progress)
            with psycopg.connect(schema_url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                    "AND pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = "
                    "current_setting('application_name'))"
                )

    with pytest.raises(CatalogLockedError, match="the connection that held the lock is lost"):
        opened.ingest(tmp_path / "one", jobs=1, progress=cut)
    sound(schema_url)
    report = opened.ingest(tmp_path / "one")
    assert report.unchanged > 0
    assert report.added > 0
    assert opened.verify() == []


def test_ids_are_given_once(opened, schema_url):
    engine = opened._catalog.engine
    given = []

    def take():
        mine = Briefly(engine)
        for number in range(1, 40):
            first = mine.take("entries", number)
            given.append((first, first + number))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given.sort()
    assert len(given) == 6 * 39
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(given))


def test_iids_are_made_once(opened, monkeypatch):
    """Several make the same thousands in another order each; nobody waits for ever."""
    monkeypatch.setattr(interning, "_TOGETHER", 500)
    engine = opened._catalog.engine
    every = [(b"d%d" % (n % 3), b"%d" % (n // 3)) for n in range(6000)]
    every += [(b"", b"\x00" * n + b"x" * 70) for n in range(40)]
    words = IIDWords.of_pairs(every)
    found = {}

    def make(seed):
        order = np.random.default_rng(seed).permutation(len(every))
        mine = Interning(Briefly(engine))
        ids = np.empty(len(every), np.int64)
        for part in np.array_split(order, 7):
            ids[part] = mine.ids_of(words.take(part))
        found[seed] = ids

    threads = [threading.Thread(target=make, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all((ids == found[0]).all() for ids in found.values())
    rows = [*opened.sql("SELECT id, domain, address FROM iids")]
    assert len(rows) == len(every)
    stored = {(row["domain"], row["address"]): row["id"] for row in rows}
    assert [stored[pair] for pair in every] == found[0].tolist()


def test_what_is_forgotten_is_found_again(opened):
    every = [(b"d", b"%d" % n) for n in range(900)]
    words = IIDWords.of_pairs(every)
    mine = Interning(Briefly(opened._catalog.engine), most=100)
    parts = np.array_split(np.arange(900), 30)
    first = np.concatenate([mine.ids_of(words.take(part)) for part in parts])
    again = np.concatenate([mine.ids_of(words.take(part)) for part in parts])
    assert (first == again).all()
    assert len(set(first.tolist())) == 900


@pytest.mark.parametrize("number", [2, briefly._TRIES])
def test_what_others_get_in_the_way_of_is_tried_again(opened, schema_url, number):
    """A statement that fails so often, as the server says of a deadlock, goes through or not."""
    with psycopg.connect(schema_url, autocommit=True) as connection:
        connection.execute(
            "CREATE SEQUENCE tries; CREATE FUNCTION unlucky(wanted int) RETURNS bigint LANGUAGE "
            "plpgsql AS $$ DECLARE n bigint := nextval('tries'); BEGIN IF n < wanted THEN "
            "RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected'; END IF; "
            "RETURN n; END $$"
        )
    mine = Briefly(opened._catalog.engine)
    assert mine.rows("SELECT unlucky(%s)", (number,)) == [(number,)]
    with (
        pytest.raises(CatalogLockedError, match="deadlock detected"),
        opened._catalog.store.translated(),
    ):
        mine.rows("SELECT unlucky(%s)", (10**9,))


def writer(url, place, rounds):
    """A process that ingests a root again and again, whose files change meanwhile."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "import iidindex\n"
        "from iidindex.ingestion import run, pool\n"
        "run._BATCH_FILES = 8; pool._TASK_FILES = 4\n"
        "place = Path(sys.argv[2])\n"
        "end = time.monotonic() + float(sys.argv[3])\n"
        "number = 0\n"
        "with iidindex.open(sys.argv[1]) as index:\n"
        "    while time.monotonic() < end or number < 2:\n"
        "        for nth in range(12):\n"
        "            file = iidindex.IIDFile()\n"
        "            for n in range(20):\n"
        "                row = (number + nth) % 90 + n\n"
        "                mask = np.ones((4, 4), bool)\n"
        "                group = 'g%d' % (row % 7)\n"
        "                file.add(b'%d' % row, b'd', (row, n, row + 4, n + 4), mask, group)\n"
        "            file.save(place / f'{nth}.iid')\n"
        "        (place / f'{number % 12}.iid').rename(place / f'moved{number % 5}.iid')\n"
        "        index.ingest(place, jobs=1)\n"
        "        number += 1\n"
        "print(number)\n"
    )
    arguments = [url, str(place), str(rounds)]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True
    )


def reader(url, ends, torn, counts):
    """Ask until it is told to stop; what is seen must be whole files."""
    with iidindex.open(url) as index:
        while not ends.is_set():
            with index._catalog.reading() as connection:
                wrong = connection.exec_driver_sql(
                    "SELECT f.id FROM files f WHERE n_entries <> "
                    "(SELECT count(*) FROM entries e WHERE e.file_id = f.id) LIMIT 1"
                ).all()
                torn += wrong
            for row in index.iids(limit=5):
                assert row.entries > 0
            index.entries.at(120, 100).count()
            counts.append(index.stats().entries)


@pytest.mark.parametrize("seconds", [float(os.environ.get("IIDINDEX_LOAD_SECONDS", "4"))])
def test_eight_readers_and_four_writers(opened, schema_url, tmp_path, seconds):
    """`IIDINDEX_LOAD_SECONDS=180` has them at it for three minutes."""
    places = [tmp_path / f"root{nth}" for nth in range(4)]
    for place in places:
        place.mkdir()
    ends, torn, counts = threading.Event(), [], []
    failures = []

    def reading():
        try:
            reader(schema_url, ends, torn, counts)
        except BaseException as error:
            failures.append(error)

    writers = [writer(schema_url, place, seconds) for place in places]
    readers = [threading.Thread(target=reading) for _ in range(8)]
    for thread in readers:
        thread.start()
    rounds = [int(process.communicate()[0]) for process in writers]
    ends.set()
    for thread in readers:
        thread.join()
    assert [process.returncode for process in writers] == [0] * 4
    assert min(rounds) >= 2
    assert failures == []
    assert torn == []
    assert counts
    print(f"\n{rounds} rounds of ingest, {len(counts)} rounds of questions")
    sound(schema_url)
    assert opened.verify() == []
    # As one who comes to it new.
    with iidindex.open(tmp_path / "fresh.db", create=True) as fresh:
        fresh.ingest(places)
        where = {"path": "*"}
        assert opened.entries.where(**where).count() == fresh.entries.where(**where).count()


def test_killed_among_others(opened, schema_url, tmp_path):
    """One of three writers is killed again and again; the others do not notice."""
    places = [tmp_path / f"root{nth}" for nth in range(3)]
    for place in places:
        place.mkdir()
    others = [writer(schema_url, place, 3) for place in places[1:]]
    for nth in range(3):
        one = writer(schema_url, places[0], 60)
        time.sleep(0.8 + 0.3 * nth)
        one.send_signal(signal.SIGKILL)
        one.communicate()
    for process in others:
        process.communicate()
        assert process.returncode == 0
    sound(schema_url)
    opened.ingest(places)
    with iidindex.open(tmp_path / "fresh.db", create=True) as fresh:
        fresh.ingest(places)
        assert opened.stats().entries == fresh.stats().entries
    assert opened.verify() == []
