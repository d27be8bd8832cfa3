"""The description of the interface, made of what declares it (OpenAPI 3.1)."""

from __future__ import annotations

from typing import Any

import iidindex
from iidindex.rows import Column, Kind, Type
from iidindex.serve.endpoints import LISTS, OTHERS, Endpoint
from iidindex.serve.parameters import Parameter

_TYPES: dict[Type, dict[str, Any]] = {
    Type.TEXT: {"type": "string"},
    Type.INTEGER: {"type": "integer"},
    Type.REAL: {"type": "number"},
    Type.BOX: {
        "type": "array",
        "items": {"type": "integer"},
        "minItems": 4,
        "maxItems": 4,
    },
    Type.TEXTS: {"type": "array", "items": {"type": "string"}},
    Type.JSON: {},
}
_REFUSALS = {
    400: "A parameter is unknown, missing, doubled or not valid; or another Host is named.",
    401: "There is no token, or a wrong one.",
    404: "There is no such file, entry or picture.",
    409: "An original file has changed, is gone, or is damaged.",
    503: "The index is locked, too much is being drawn, or the answer takes too long.",
}


def description() -> dict[str, Any]:
    """The OpenAPI document, as JSON can hold it."""
    every = (*LISTS, *OTHERS)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "iidindex",
            "version": iidindex.__version__,
            "description": "Who is where, in an archive of .iid files. Everything is asked with "
            "GET, and nothing is changed.",
        },
        "security": [{"token": []}],
        "paths": {f"/api/{one.name}": {"get": _operation(one)} for one in every},
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "token TOKEN",
                }
            },
            "schemas": {
                "Refusal": {
                    "type": "object",
                    "properties": {"error": {"type": "string"}, "hint": {"type": "string"}},
                    "required": ["error", "hint"],
                },
                **{one.name: _page_of(one.rows) for one in LISTS if one.rows is not None},
            },
        },
    }


def _operation(one: Endpoint) -> dict[str, Any]:
    if one.rows is not None:
        schema: dict[str, Any] = {"$ref": f"#/components/schemas/{one.name}"}
    else:
        schema = {"type": "object"} if one.media == "application/json" else {}
    refused = {"$ref": "#/components/schemas/Refusal"}
    return {
        "operationId": one.name,
        "summary": one.told,
        "parameters": [_parameter(parameter) for parameter in one.parameters],
        "responses": {
            "200": {"description": one.told, "content": {one.media: {"schema": schema}}},
            **{
                str(status): {
                    "description": told,
                    "content": {"application/json": {"schema": refused}},
                }
                for status, told in _REFUSALS.items()
            },
        },
    }


def _parameter(one: Parameter) -> dict[str, Any]:
    schema = dict(one.kind.schema)
    if one.default is not None:
        schema["default"] = one.default
    if schema["type"] == "string" and not one.kind.may_be_empty and "enum" not in schema:
        schema["minLength"] = 1
    if one.is_repeatable:
        schema = {"type": "array", "items": schema}
    return {
        "name": one.name,
        "in": "query",
        "description": one.help,
        "required": one.is_required,
        "schema": schema,
        **({"style": "form", "explode": True} if one.is_repeatable else {}),
    }


def _page_of(kind: Kind) -> dict[str, Any]:
    """A page of rows, of which `fields` may have left out some columns."""
    row = {
        "type": "object",
        "description": f"{kind.name}".capitalize(),
        "properties": {column.name: _column(column) for column in kind.columns},
    }
    return {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": row},
            "next": {
                "type": ["string", "null"],
                "description": "What `after` takes to go on; null, if there is no more.",
            },
        },
        "required": ["rows", "next"],
    }


def _column(column: Column) -> dict[str, Any]:
    schema = dict(_TYPES[column.type])
    if column.nullable and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema
