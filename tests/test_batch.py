"""Many questions from one run of the command line."""

import io
import json
import shlex

import pytest


@pytest.fixture
def ask(call, monkeypatch):
    """Ask a verb many questions; the rows of the answers, the code, and what went wrong."""

    def asked(text, *arguments):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8"))
        code, out, err = call(*arguments, "--batch", "--format", "jsonl")
        return [json.loads(line) for line in out.splitlines()], code, err

    return asked


def test_batch_answers_as_single_questions_do(call, ask):
    lines = ["70 125", "5 5", "70 125 --path '2020/*'", "70 125 --boxes", "-3 2"]
    rows, code, err = ask("\n\n".join(lines) + "\n", "at", "--domain", "garden")
    assert (code, err) == (0, "")
    for line in lines:
        asked = shlex.split(line)
        alone = call("at", *asked, "--domain", "garden", "--format", "jsonl")[1].splitlines()
        with_question = [{"question": line} | json.loads(row) for row in alone]
        assert [row for row in rows if row["question"] == line] == with_question
    assert [row["question"] for row in rows] == sorted(
        (row["question"] for row in rows), key=lines.index
    )


@pytest.mark.parametrize(
    ("verb", "lines"),
    [
        ("find", ["tree", "pond ghost", "hex:ff0062696e", "--group tall", "nobody"]),
        ("region", ["100 50 141 91", "0 0 5 5 --boxes"]),
        ("nearest", ["70 99 -k 3", "-5 -5"]),
        ("links", ["tree", "pond --domain garden", "pond --domain ''"]),
        ("shared", ["2020/a.iid 2021/c.iid"]),
        ("related", ["2020/a.iid", "2021/c.iid -k 1"]),
        ("cooccur", ["tree", "pond --by overlap"]),
        ("chain", ["tree pond", "tree hex:ff0062696e"]),
    ],
)
def test_batch_of_every_verb(call, ask, verb, lines):
    rows, _, err = ask("\n".join(lines), verb)
    assert err == ""
    expected = []
    for line in lines:
        alone = call(verb, *shlex.split(line), "--format", "jsonl")[1].splitlines()
        expected += [{"question": line} | json.loads(row) for row in alone]
    assert rows == expected != []


def test_batch_goes_on_after_a_question_that_cannot_be_answered(call, ask, archive):
    with (archive / "2021" / "c.iid").open("ab") as file:
        file.write(b" ")
    rows, code, err = ask(
        "250 125\nx y\n70\n'70\n70 125 --format csv\n70 125 --path '2020/*'", "at"
    )
    assert {row["question"] for row in rows} == {"70 125 --path '2020/*'"}
    told = [line.partition(": ")[2] for line in err.splitlines()]
    assert [line.partition(":")[0] for line in told] == [f"line {n}" for n in range(1, 6)]
    assert "has changed" in told[0]
    assert "'x' is not a valid integer" in told[1]
    assert "No such option" in told[4]
    assert code == 3
    assert ask("70 125 --path '2020/*'\n1", "at")[1] == 2


def test_batch_without_answers_is_json_all_the_same(call, monkeypatch):
    for text in (b"", b"x y\n", b"nobody 1\n"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert call("at", "--batch", "--format", "json")[1] == "[]\n"
    monkeypatch.setattr("sys.stdin", None)
    assert call("at", "--batch")[0] == call("sql", "-")[0] == 2
    assert call("find", "--address", "--batch")[0] == 2


def test_batch_counts_and_chooses(call, ask):
    rows, code, _ = ask("tree\nnobody\n", "find", "--count")
    assert [tuple(row.values()) for row in rows] == [("tree", 3), ("nobody", 0)]
    assert (list(rows[0]), code) == (["question", "count"], 0)
    rows, _, _ = ask("tree\n", "find", "--fields", "key,path", "--limit", 1)
    assert rows == [{"question": "tree", "key": 0, "path": "2020/a.iid"}]
    assert ask("nobody\n", "find")[:2] == ([], 1)
    assert ask("", "find")[:2] == ([], 1)
    for more in (("tree",), ("--format", "paths"), ("--explain",), ("-0",)):
        assert call("find", "--batch", *more)[0] == 2
