"""A store of objects that throttles, cuts, tells less or more, and gives other bytes.

Whatever it does, an answer is that of the objects as they were indexed, or an error of our own;
and when it has stopped, all is as before.
"""

import random

import pytest

import iidindex
from campaign import rounds, seeded
from iidindex import IIDIndexError
from model import make
from test_flips import QUESTIONS, asked
from test_ingest import content

N_FILES = 5


def _without(headers, name):
    return [pair for pair in headers if pair[0].lower() != name]


def _with(headers, name, value):
    return [*_without(headers, name), (name, value)]


def _flipped(body, chance):
    changed = bytearray(body)
    for bit in chance.sample(range(8 * len(body)), min(len(body), chance.choice([1, 1, 2, 8]))):
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# What is not so; the headers and the body of an honest answer become others.
LIES = {
    "fewer bytes": lambda h, b, chance: (h, b[: chance.randrange(len(b) + 1)]),
    "more bytes": lambda h, b, chance: (h, b + chance.randbytes(chance.randint(1, 99))),
    "no bytes": lambda h, b, chance: (h, b""),
    "another ETag": lambda h, b, chance: (_with(h, "etag", f'"{chance.random()}"'), b),
    "no ETag": lambda h, b, chance: (_without(h, "etag"), b),
    "an ETag that is none": lambda h, b, chance: (_with(h, "etag", "\x7f" * 99), b),
    "another range": lambda h, b, chance: (
        _with(h, "content-range", f"bytes {chance.randrange(99)}-{len(b)}/{chance.randrange(999)}"),
        b,
    ),
    "no range": lambda h, b, chance: (_without(h, "content-range"), b),
    "a range that is none": lambda h, b, chance: (_with(h, "content-range", "bytes 7-/x"), b),
    "another time": lambda h, b, chance: (_with(h, "last-modified", "yesterday"), b),
}
# What only a checksum tells from the truth.
FORGERIES = {
    "turned bits": lambda h, b, chance: (h, _flipped(b, chance)),
    "other bytes": lambda h, b, chance: (h, chance.randbytes(len(b))),
    "zeros": lambda h, b, chance: (h, bytes(len(b))),
    "bytes in another order": lambda h, b, chance: (h, b[::-1]),
}


def _fault(chance, lies):
    """Something that goes wrong: what it is called, and what the gate is told."""
    kind = chance.choice(["a status", "a cut", *lies])
    if kind == "a status":
        return kind, chance.choice([301, 400, 403, 404, 409, 412, 416, 429, 500, 503, 504])
    if kind == "a cut":
        return kind, "cut"
    return kind, lambda headers, body: lies[kind](headers, body, chance)


def _filled(bucket, prefix, seed):
    for nth in range(N_FILES):
        bucket.put(f"{prefix}/{nth}.iid", make(random.Random(seed + nth)))
    return f"s3://{bucket.name}/{prefix}"


def _is_read(handler):
    return "list-type" not in handler.path


def test_questions_to_a_store_that_lies(bucket, gate, tmp_path, counted):
    for seed in rounds(2, share=0.02):
        with seeded(seed) as chance:
            root = _filled(bucket, f"{seed}", seed)
            with iidindex.open(tmp_path / f"{seed}.db", create=True) as index:
                index.ingest(root, fixity=True)
                truth = {question: asked(index, question) for question in QUESTIONS}
                assert truth["masks"]
                for _ in range(12):
                    kind, fault = _fault(chance, LIES | FORGERIES)
                    question = chance.choice([*QUESTIONS])
                    gate.fail(fault, times=chance.choice([1, 1, 2]), which=_is_read)
                    told = asked(index, question)
                    assert told in (None, truth[question]), (kind, question)
                    counted("questions to an object store that lies or fails")
                    counted("… of which answered, and rightly", told is not None)
                    gate.fail(None, times=0)
                    assert asked(index, question) == truth[question]


def _lists_less(headers, body, chance):
    """A list that is cut, turned, or not one at all."""
    way = chance.random()
    if way < 0.3:
        return headers, body[: chance.randrange(len(body))]
    if way < 0.6:
        return headers, _flipped(body, chance)
    if way < 0.8:
        return headers, b"<html>Sign in</html>"
    return headers, body.replace(b"<Size>", b"<Size>-")


@pytest.mark.parametrize("of_lists", [False, True], ids=["objects", "lists"])
def test_ingests_from_a_store_that_lies(bucket, gate, tmp_path, counted, of_lists):
    lies = {"a list": _lists_less} if of_lists else LIES
    for seed in rounds(6, share=0.01):
        with seeded(seed) as chance:
            root = _filled(bucket, f"{of_lists}{seed}", seed)
            with iidindex.open(tmp_path / "truth.db", create=True) as index:
                index.ingest(root)
                truth = content(index)
            with iidindex.open(tmp_path / f"{seed}.db", create=True) as index:
                kind, fault = _fault(chance, lies)
                gate.fail(
                    fault,
                    times=chance.choice([1, 2, 9]),
                    which=lambda handler: _is_read(handler) != of_lists,
                )
                try:
                    failed = index.ingest(root).failures
                except IIDIndexError:
                    failed = {"all": "refused"}
                gate.fail(None, times=0)
                if not of_lists:
                    found = content(index)
                    assert [row for row in found if row not in truth] == [], kind
                    counted("files that such a store gave", N_FILES - len(failed))
                counted("ingests from an object store that lies or fails")
                index.ingest(root)
                assert content(index) == truth
            (tmp_path / "truth.db").unlink()
