"""Originals on a web server: named one by one, or in a list."""

import io

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex import IngestError, SourceError, SourceNotFoundError, StaleFileError
from iidindex.cli.main import run
from iidindex.files.scan import scan
from test_ingest import content, counts


@pytest.fixture
def urls(web, archive):
    """The URLs of the archive's files."""
    for path in archive.rglob("*.iid"):
        web.files[f"masks/{path.relative_to(archive)}"] = path.read_bytes()
    return [f"{web.url}/{name}" for name in sorted(web.files)]


@pytest.fixture
def hosted(urls, web, tmp_path):
    with iidindex.open(tmp_path / "web.db", create=True) as opened:
        opened.ingest(urls)
        web.taken()
        yield opened


def test_urls_one_by_one(urls, web, index, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        assert counts(opened.ingest(urls)) == {"added": 3}
        assert content(opened) == content(index)
        # Nobody says where the archive begins: where all of its files lie.
        assert [(one.name, one.location) for one in opened.roots()] == [
            ("masks", f"{web.url}/masks")
        ]
        web.taken()
        assert counts(opened.ingest(urls)) == {"unchanged": 3}
        assert {one.method for one in web.taken()} == {"HEAD"}
        for entry, same in zip(opened.entries, index.entries, strict=True):
            assert np.array_equal(entry.mask(), same.mask())
        asked = web.taken()
        assert {one.status for one in asked} == {206}
        assert all(one.if_match for one in asked)


def test_a_list(urls, web, tmp_path, monkeypatch, capsys):
    db = ["--db", str(tmp_path / "x.db"), "ingest"]
    lines = "# an archive\n\n" + "\n".join(urls) + "\r\n"
    (tmp_path / "list.txt").write_text(lines)
    assert run([*db, "--list", str(tmp_path / "list.txt")]) == 0
    assert "3 added" in capsys.readouterr().out
    web.files["masks/files.txt"] = b"2020/a.iid\n" + urls[2].encode()
    assert run([*db, "--list", f"{web.url}/masks/files.txt"]) == 0
    assert "2 unchanged" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert run([*db, "--list", "-"]) == 0
    assert "3 unchanged" in capsys.readouterr().out
    assert run([*db, "--list", f"{web.url}/gone.txt"]) == 2
    assert "there is no such object" in capsys.readouterr().err
    assert run(db) == 2
    assert "--list" in capsys.readouterr().err
    (tmp_path / "secret.txt").write_text("https://a:word@host/x.iid\n")
    assert run([*db, "--list", str(tmp_path / "secret.txt")]) == 2
    assert "word@" not in capsys.readouterr().err


def test_a_directory_cannot_be_listed(hosted, web, urls, tmp_path):
    report = hosted.ingest([f"{web.url}/masks/", *urls])
    assert "cannot be listed; name" in report.unreadable[f"{web.url}/masks/"]
    assert hosted.stats().missing == 0
    assert run(["--db", str(tmp_path / "web.db"), "ingest", f"{web.url}/masks"]) == 4


def test_changed_and_gone(hosted, web, urls, archive):
    entry = hosted.entries.where(path="2020/a.iid", key=0).first()
    write_garden(archive / "a.iid", shift=7)
    web.files["masks/2020/a.iid"] = (archive / "a.iid").read_bytes()
    with pytest.raises(StaleFileError, match="has changed"):
        entry.mask()
    assert web.taken()[0].status == 412
    assert counts(hosted.ingest(urls)) == {"updated": 1, "unchanged": 2}
    del web.files["masks/2021/c.iid"]
    with pytest.raises(SourceNotFoundError):
        hosted.entries.where(path="2021/c.iid", key=0).first().mask()
    assert counts(hosted.ingest(urls)) == {"missing": 1, "unchanged": 2}
    with pytest.raises(IngestError, match="no such"):
        hosted.ingest(f"{web.url}/other/gone.iid")


@pytest.mark.parametrize("etags", ["weak", False])
def test_servers_whose_etags_are_worth_less(urls, web, archive, etags, tmp_path):
    web.etags = etags
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        opened.ingest(urls)
        assert opened.verify(masks=True) == []
        assert not any(one.if_match for one in web.taken())
        entry = opened.entries.where(path="2020/a.iid", key=0).first()
        write_garden(archive / "a.iid", shift=7, extra=[] if etags else [b"longer"])
        web.files["masks/2020/a.iid"] = (archive / "a.iid").read_bytes()
        # The answer tells which version it is of, or at least how large that is.
        with pytest.raises(StaleFileError, match="has changed"):
            entry.mask()


def test_a_server_that_heeds_no_condition(hosted, web, archive, monkeypatch):
    entry = hosted.entries.where(path="2020/a.iid", key=0).first()
    write_garden(archive / "a.iid", shift=7)
    web.files["masks/2020/a.iid"] = (archive / "a.iid").read_bytes()
    web.conditions = False
    with pytest.raises(StaleFileError, match="has changed"):
        entry.mask()
    assert web.taken()[0].status == 206


def test_a_server_without_ranges(urls, web):
    web.ranges = False
    with pytest.raises(SourceError, match="does not answer with ranges"):
        scan(urls[0])


def test_names_with_spaces(web, archive, tmp_path):
    web.files["my masks/ü #1.iid"] = (archive / "2020" / "a.iid").read_bytes()
    url = f"{web.url}/my%20masks/%C3%BC%20%231.iid"
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        assert opened.ingest(url).added == 1
        (file,) = opened.files()
        assert file.location == url
        assert opened.entry(url, 0).mask().any()
        assert counts(opened.ingest(f"{web.url}/my masks/ü %231.iid")) == {"unchanged": 1}
