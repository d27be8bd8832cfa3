"""What a shell offers when somebody presses the tabulator."""

import os
import subprocess
import sys

import pytest

from conftest import write_garden
from iidindex.cli.main import run

ON_BOTH = True


def completed(monkeypatch, capsys, line):
    """What bash is offered at the end of a line."""
    words = line.split(" ")
    monkeypatch.setenv("_IIDINDEX_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    assert run([]) == 0
    return [text.partition(",")[2] for text in capsys.readouterr().out.splitlines() if text]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("iidindex fi", ["find", "files"]),
        ("iidindex find tr", ["tree"]),
        ("iidindex find treee", []),
        ("iidindex find hex:ff", ["hex:ff0062696e"]),
        ("iidindex links x --domain g", ["garden"]),
        ("iidindex find --group ", ["plants", "tall", "water"]),
        ("iidindex find --all-groups t", ["tall"]),
        ("iidindex find --not-group p", ["plants"]),
        ("iidindex find --not-domain e", ["extra"]),
        ("iidindex find --not-path 2021", ["2021/c.iid"]),
        ("iidindex find --not", ["--not-domain", "--not-group", "--not-path"]),
        ("iidindex find --path 2020/", ["2020/a.iid", "2020/b.iid"]),
        ("iidindex related 2021", ["2021/c.iid"]),
        ("iidindex overlaps 2021", ["2021/c.iid"]),
        ("iidindex find --root ", ["archive"]),
        ("iidindex find --format j", ["jsonl", "json"]),
        ("iidindex find hex:zz", []),
        ("iidindex --db nowhere.db find t", []),
    ],
)
def test_completion(call, monkeypatch, capsys, line, offered):
    assert completed(monkeypatch, capsys, line) == offered


def test_completion_of_another_index(call, monkeypatch, capsys, tmp_path):
    write_garden(tmp_path / "more" / "z.iid", extra=[b"zebra"])
    assert call("--db", "other.db", "ingest", tmp_path / "more")[0] == 0
    assert completed(monkeypatch, capsys, "iidindex --db other.db find z") == ["zebra"]
    assert completed(monkeypatch, capsys, "iidindex find z") == []
    monkeypatch.setenv("IIDINDEX_DB", "other.db")
    assert completed(monkeypatch, capsys, "iidindex find z") == ["zebra"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(call, shell):
    code, out, _ = call("completion", shell)
    assert code == 0
    assert "_IIDINDEX_COMPLETE" in out


def test_bash_completes(call, tmp_path):
    script = """
        eval "$(iidindex completion bash)"
        complete -p iidindex
        COMP_WORDS=(iidindex find tr) COMP_CWORD=2
        _iidindex_completion iidindex
        echo "${COMPREPLY[@]}"
    """
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines()[-1] == "tree", result.stderr
