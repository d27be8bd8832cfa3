"""Addresses, and individuals, as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iidindex import IID
from iidindex.cli.main import run
from iidindex.typed_iids import parse, parse_named, show, show_individual

TREE = "iid:Z2FyZGVu.dHJlZQ"


@given(st.binary(max_size=20) | st.text(max_size=20).map(str.encode))
def test_what_is_shown_is_read_back(value):
    assert parse(show(value)) == parse_named(show(value)) == value
    assert show(value).strip() == show(value)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_an_individual_that_is_shown_is_read_back(domain, address):
    text = show_individual(IID(domain, address))
    assert parse_named(text) == IID(domain, address)
    # As it is, it stands in a URL, and in a shell.
    assert set(text) <= set("iid:.-_") | {chr(n) for n in range(128) if chr(n).isalnum()}


@given(st.text(st.sampled_from("AQgw-_=+/. ä"), max_size=9))
def test_each_individual_is_written_in_one_way(text):
    try:
        iid = parse_named(f"iid:{text}")
    except ValueError:
        return
    assert show_individual(iid) == f"iid:{text}"


def test_an_individual_is_domain_and_address():
    assert parse_named(TREE) == IID(b"garden", b"tree")
    assert parse_named("iid:.dHJlZQ") == IID(None, b"tree")
    assert parse_named("iid:.") == IID(None, b"")
    # An address that only looks like one is written as bytes.
    assert show(b"iid:.dHJlZQ") == "hex:6969643a2e64484a6c5a51"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("iid:", "expected iid:DOMAIN.ADDRESS"),
        ("iid:dHJlZQ", "expected iid:DOMAIN.ADDRESS"),
        ("iid:a.b.c", "expected iid:DOMAIN.ADDRESS"),
        ("iid:Z2FyZGVu.dHJlZQ==", "expected base64url without padding, not 'dHJlZQ=='"),
        ("iid:Z2FyZGVu.dHJlZR", "not 'dHJlZR'"),
        ("iid:Z2FyZGVu.dHJ lZQ", "not 'dHJ lZQ'"),
        ("iid:+A.dHJlZQ", "not '+A'"),
        ("iid:Z.dHJlZQ", "not 'Z'"),
        ("iid:ä.dHJlZQ", "not 'ä'"),
    ],
)
@pytest.mark.parametrize("verb", [["find"], ["links"], ["cooccur"], ["find", "--address"]])
def test_what_is_no_individual_is_refused(capsys, verb, text, told):
    assert run([*verb, text]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "Traceback" not in err
