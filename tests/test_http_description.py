"""What the interface says of itself: it is true, and whatever fits it is answered."""

import json

import pytest
from hypothesis import Phase, given, settings

import iidindex
from conftest import write_garden
from iidindex.query.question.filters import FILTERS
from iidindex.rows import Type
from iidindex.serve.application import application
from iidindex.serve.endpoints import LISTS, OTHERS
from iidindex.serve.openapi import description
from iidindex.serve.parameters import FILTER_PARAMETERS
from iidindex.serve.served import Served
from served import TOKEN, client_of, rows_of

schemathesis = pytest.importorskip("schemathesis")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")


# Without the Host, nobody comes as far as the token; and what fits one by one may not together.
EXCLUDED = [checks.ignored_auth, checks.positive_data_acceptance]
HEADERS = {"Authorization": f"token {TOKEN}", "Host": "localhost"}


@pytest.fixture(scope="module")
def garden(tmp_path_factory):
    place = tmp_path_factory.mktemp("described")
    for name in "ab":
        write_garden(place / "archive" / f"{name}.iid", shift=ord(name) - 90)
    with iidindex.open(place / "x.db", create=True) as index:
        index.ingest(place / "archive")
        yield index


@pytest.fixture(scope="module")
def api(garden):
    return schemathesis.openapi.from_asgi(
        "/api/openapi.json",
        application(Served(garden, TOKEN)),
        headers=HEADERS,
    )


@pytest.mark.parametrize("name", [one.name for one in (*LISTS, *OTHERS)])
def test_whatever_fits_is_answered_as_described(api, name):
    asked = []

    @settings(max_examples=10, phases=[Phase.explicit, Phase.generate])
    @given(api[f"/api/{name}"]["GET"].as_strategy())
    def ask(case):
        answer = case.call(headers=HEADERS)
        asked.append(answer.status_code)
        assert answer.status_code in (200, 400, 404), answer.text
        case.validate_response(answer, excluded_checks=EXCLUDED)

    ask()
    assert asked


def test_the_description_is_that_of_the_table(garden):
    with client_of(garden) as client:
        told = client.get("/api/openapi.json").json()
    assert told == json.loads(json.dumps(description()))
    assert set(told["paths"]) == {f"/api/{one.name}" for one in (*LISTS, *OTHERS)}
    for one in (*LISTS, *OTHERS):
        parameters = told["paths"][f"/api/{one.name}"]["get"]["parameters"]
        assert [each["name"] for each in parameters] == [each.name for each in one.parameters]
    assert [one.name for one in FILTER_PARAMETERS] == list(FILTERS)


TYPES = {
    Type.TEXT: str,
    Type.INTEGER: int,
    Type.REAL: float,
    Type.BOX: list,
    Type.TEXTS: list,
}


def test_rows_have_the_columns_that_are_described(garden):
    schemas = description()["components"]["schemas"]
    asked = {
        "at": {"x": 55, "y": 125},
        "region": {"box": "0,0,200,200"},
        "nearest": {"x": 5, "y": 5},
        "links": {"address": "tree"},
        "related": {"path": "a.iid"},
        "cooccur": {"address": "tree"},
        "chain": {"a": "tree", "b": "pond"},
    }
    for one in LISTS:
        rows = rows_of(client_for(garden), one.name, asked.get(one.name, {}))
        assert rows, one.name
        columns = schemas[one.name]["properties"]["rows"]["items"]["properties"]
        for row in rows:
            assert list(row) == list(columns) == list(one.rows.names)
            for column in one.rows.columns:
                value = row[column.name]
                assert (value is None and column.nullable) or isinstance(value, TYPES[column.type])


def client_for(index):
    from served import BASE, TestClient

    client = TestClient(application(Served(index, TOKEN)), BASE)
    client.headers["authorization"] = f"token {TOKEN}"
    return client
