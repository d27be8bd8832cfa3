"""What is offered to a shell that completes, whoever named things."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex import IIDFile
from test_hostile_names import NASTY, assert_harmless, call, name_of

SHELL = [
    "$(touch owned)", "`touch owned`", "x;touch owned;", "a&touch owned&", "a|touch owned",
    "a b", "q'uote", 'dou"ble', "*", "[a]", "{a,b}", "~root", "back\\slash", "!!", "#no", "<a",
    ">owned", "--db", "-o", *NASTY,
]  # fmt: skip


@pytest.fixture
def shell_archive(tmp_path):
    root = tmp_path / "archive"
    for text in SHELL:
        write_garden(root / f"{name_of(text)}.iid")
    file = IIDFile()
    for text in [*SHELL, "plain", "comma,comma"]:
        file.add(text.encode(), text.encode(), (0, 0, 2, 2), np.ones((2, 2), bool), text)
    file.save(root / "names.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(root)
    return tmp_path / "x.db"


ASKED = ["find", "find --group", "find --domain", "find --path", "related", "links", "find --root"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_is_offered_for_completion(shell, shell_archive, monkeypatch, counted):
    from click.shell_completion import split_arg_string

    offered = set()
    for words in ASKED:
        line = f"iidindex --db {shell_archive} {words} "
        monkeypatch.setenv("_IIDINDEX_COMPLETE", f"{shell}_complete")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", "" if shell == "fish" else str(line.count(" ")))
        code, out, err = call([])
        assert_harmless(out + err, words)
        assert code == 0
        if shell == "bash":
            for item in out.splitlines():
                text = item.partition(",")[2]
                # As a word of a line, it stands for itself.
                assert split_arg_string(text) == [text]
                assert not text.startswith("-")
                offered.add(text)
        counted("completions offered", out.count("\n"))
    assert shell != "bash" or {"plain", "comma,comma"} <= offered


def test_bash_runs_nothing_that_it_completes(shell_archive, tmp_path):
    """What is offered is put into a line as bash puts it, and the line is run."""
    program = tmp_path / "bin" / "iidindex"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m iidindex "$@"\n')
    program.chmod(0o755)
    if not shutil.which("bash"):
        pytest.skip("there is no bash")
    asked = "\n".join(
        f"""
        COMP_WORDS=(iidindex --db x.db {words} "") COMP_CWORD={3 + len(words.split())}
        COMPREPLY=()
        _iidindex_completion iidindex
        all+=("${{COMPREPLY[@]}}")
        """
        for words in ASKED
    )
    script = f"""
        eval "$(iidindex completion bash)"
        all=()
        {asked}
        echo "${{#all[@]}}"
        for word in "${{all[@]}}"; do eval "echo $word" > /dev/null; done
    """
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.split()[-1]) > 5, done.stderr
    assert not (tmp_path / "owned").exists()
