"""Ingesting by workers of Dask, on a real cluster of this machine."""

import os
import signal
import socket
import sys

import pytest

import iidindex
from conftest import write_garden
from iidindex import IngestError, QueryError
from iidindex.ingestion import borrowed_executor, dask_workers
from iidindex.ingestion.dask_workers import dask_executor
from test_ingest import content, fresh

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as started:
        yield started


def killing(mark, times):
    """What kills a worker that begins with the fifth file, so many times."""
    real = borrowed_executor.scan_many

    def scan_or_die(task):
        if task[0].location.endswith("4.iid"):
            deaths = len(os.listdir(mark))
            if deaths < times:
                open(f"{mark}/{deaths}", "x").close()
                os.kill(os.getpid(), signal.SIGKILL)
        return real(task)

    return scan_or_die


def test_same_content(cluster, many, new, tmp_path):
    (many / "3.iid").write_bytes(b"nothing")
    with dask_executor(cluster.scheduler_address) as executor:
        report = new.ingest(many, executor=executor)
        assert (report.added, report.failed) == (8, 1)
        write_garden(many / "3.iid", shift=99)
        assert new.ingest(many, executor=executor).updated == 1
    assert content(new) == fresh(many, tmp_path)


def test_worker_killed_once(cluster, many, new, tmp_path, monkeypatch):
    mark = tmp_path / "mark"
    mark.mkdir()
    monkeypatch.setattr(borrowed_executor, "scan_many", killing(str(mark), 1))
    with dask_executor(cluster.scheduler_address) as executor:
        assert new.ingest(many, executor=executor).added == 9
    assert len(list(mark.iterdir())) == 1
    assert content(new) == fresh(many, tmp_path)


def test_worker_killed_always(cluster, many, new, tmp_path, monkeypatch):
    mark = tmp_path / "mark"
    mark.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(borrowed_executor, "scan_many", killing(str(mark), 1000))
        with (
            dask_executor(cluster.scheduler_address) as executor,
            pytest.raises(IngestError, match=r"4\.iid: .*KilledWorker.*run it again"),
        ):
            new.ingest(many, executor=executor)
    assert {entry.path for entry in new.entries} == {f"{nth}.iid" for nth in range(4)}
    assert new.verify() == []
    with dask_executor(cluster.scheduler_address) as executor:
        assert new.ingest(many, executor=executor).added == 5
    assert content(new) == fresh(many, tmp_path)


def test_archive_that_workers_do_not_see(cluster, many, new, monkeypatch):
    here = os.getpid()

    def elsewhere(task):
        assert os.getpid() != here
        from iidindex.ingestion.work import scan_many

        return scan_many([one._replace(location=f"/elsewhere{one.location}") for one in task])

    with monkeypatch.context() as patched:
        patched.setattr(borrowed_executor, "scan_many", elsewhere)
        with (
            dask_executor(cluster.scheduler_address) as executor,
            pytest.raises(IngestError, match=r"0\.iid: it is there for .* not for a worker"),
        ):
            new.ingest(many, executor=executor)
    assert new.stats().files == 0
    assert new.ingest(many).added == 9


def test_by_the_command_line(cluster, many, tmp_path, call):
    code, out, err = call("ingest", str(many), "--dask", cluster.scheduler_address)
    assert (code, err) == (0, "")
    assert out.startswith("9 added")


@pytest.mark.parametrize("address", ["", "host", "tcp://host", "foo://host:1", "tcp://host:abc"])
def test_what_is_no_address(address, many, tmp_path, call):
    code, _, err = call("ingest", str(many), "--dask", address)
    assert code == 2
    assert "tcp://host:8786" in err
    with pytest.raises(QueryError, match="expected an address"):
        dask_executor(address).__enter__()


def test_nobody_there(many, call):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code, _, err = call("ingest", str(many), "--dask", f"tcp://127.0.0.1:{port}")
    assert code == 2
    assert "no scheduler of Dask answers there" in err


def test_somebody_who_says_nothing(many, call, monkeypatch):
    monkeypatch.setattr(dask_workers, "_TO_ANSWER", 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        code, _, err = call("ingest", str(many), "--dask", address)
    assert code == 2
    assert "no scheduler of Dask answers there (timed out)" in err


def test_other_version(cluster, monkeypatch):
    monkeypatch.setattr(iidindex, "__version__", "9.9")
    with pytest.raises(IngestError, match=r"the worker tcp.* has iidindex .*; expected 9\.9"):
        dask_executor(cluster.scheduler_address).__enter__()


def test_jobs_beside_it_and_without_the_extra(many, call, monkeypatch):
    code, _, err = call("ingest", str(many), "--dask", "local", "--jobs", "2")
    assert code == 2
    assert "cannot be combined" in err
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, err = call("ingest", str(many), "--dask", "local")
    assert code == 2
    assert "iidindex[dask]" in err
