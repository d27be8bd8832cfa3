"""The application: addresses, and what becomes of answers and errors."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cache, partial
from importlib.resources import files
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from iidindex.serve.endpoints import LISTS, OTHERS, Endpoint
from iidindex.serve.guard import Guard, Hosts
from iidindex.serve.openapi import description
from iidindex.serve.parameters import read_parameters
from iidindex.serve.pictures_out import Unchanged
from iidindex.serve.query_string import pairs_in
from iidindex.serve.refusals import Refusal, refusal_of
from iidindex.serve.served import Served
from iidindex.time_limit import time_limit

_LOG = logging.getLogger("iidindex.serve")

# Requests that are worked on at a time; each may hold a connection to the database.
_THREADS = 8
# Bytes from which on an answer is compressed.
_WORTH_COMPRESSING = 1024
_COMPRESSED = ("application/json", "application/octet-stream")
_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


class _Anything(StringConvertor):
    """What is left of a path; names of files may have any character, line breaks, too."""

    regex = r"[\s\S]*"


register_url_convertor("anything", _Anything())


def application(served: Served, host: str = "127.0.0.1") -> Guard:
    """The application that answers for an index.

    Parameters
    ----------
    served : Served
    host : str
        Where it listens.
    """
    routes = [
        Route("/", _page),
        Route("/file/{rest:anything}", _page),
        Route("/iid/{rest:anything}", _page),
        Route("/static/{name:path}", _static),
        Route("/api/openapi.json", _described),
    ]
    for one in (*LISTS, *OTHERS):
        asked = partial(_other if one.rows is None else _list, served, one)
        paths = [f"/api/{one.name}", *([f"/{one.name}"] if "." in one.name else [])]
        routes += [Route(path, partial(_answer, asked)) for path in paths]
    inner = Starlette(
        routes=routes, exception_handlers={HTTPException: _not_here}, lifespan=_lifespan
    )
    # `/api/files/` is no other way to write an address.
    inner.router.redirect_slashes = False
    return Guard(inner, served.token, Hosts(host))


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    yield


def _answer(answer: Callable[[Request], Response], request: Request) -> Response:
    """Answer in a thread of its own, or say why not."""
    try:
        return answer(request)
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None:
            _LOG.exception("%s", request.url.path)
            refusal = Refusal(500, "something went wrong", "the server's log tells what")
        return _json(request, refusal.body, refusal.status)


async def _not_here(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    refusal = Refusal(status, f"there is nothing at {request.url.path!r:.200}")
    return _json(request, refusal.body, status)


def _list(served: Served, endpoint: Endpoint, request: Request) -> Response:
    """A page of a list."""
    assert endpoint.rows is not None
    query = request.scope["query_string"]
    values = read_parameters(endpoint.parameters, query)
    question = _question(endpoint, query)
    after, limit = values["after"], values["limit"]
    place = None if after is None else served.cursors.read(question, after)
    with time_limit(served.seconds):
        found = endpoint.answer(served, values, place, limit + 1)
        last = None

        def each() -> Iterator[Any]:
            nonlocal last
            for nth, record in enumerate(found.records, 1):
                if nth == limit:
                    last = found.place_of(record)
                yield record

        rows = [*found.kind.select(values["fields"]).rows(each())]
    following = served.cursors.write(question, last) if len(rows) > limit else None
    return _json(request, {"rows": rows[:limit], "next": following})


def _question(endpoint: Endpoint, query: bytes) -> bytes:
    """What a cursor belongs to: all that is asked, but for how much of it."""
    without = (b"after", b"limit", b"fields")
    others = sorted(pair for pair in pairs_in(query) if pair[0] not in without)
    return repr((endpoint.name, others)).encode()


def _other(served: Served, endpoint: Endpoint, request: Request) -> Response:
    """What is no list."""
    values = read_parameters(endpoint.parameters, request.scope["query_string"])
    known = [tag.strip().removeprefix("W/") for tag in _known(request)]
    try:
        with time_limit(served.seconds):
            content, etag = endpoint.answer(served, values, known)
    except Unchanged as unchanged:
        return Response(
            status_code=304, headers={"etag": unchanged.etag, "cache-control": "no-cache"}
        )
    return _sent(request, content, endpoint.media, etag=etag)


def _known(request: Request) -> list[str]:
    return request.headers.get("if-none-match", "").split(",")


def _json(request: Request, content: Any, status: int = 200) -> Response:
    return _sent(request, json.dumps(content).encode(), "application/json", status)


def _sent(
    request: Request, content: bytes, media: str, status: int = 200, etag: str | None = None
) -> Response:
    headers = {"cache-control": "no-cache", "vary": "accept-encoding"}
    if etag is not None:
        headers["etag"] = etag
    is_asked = "gzip" in request.headers.get("accept-encoding", "")
    if is_asked and len(content) >= _WORTH_COMPRESSING and media in _COMPRESSED:
        content = gzip.compress(content, 1, mtime=0)
        headers["content-encoding"] = "gzip"
    return Response(content, status, headers, media)


def _described(request: Request) -> Response:
    """What can be asked."""
    return _json(request, description())


def _page(request: Request) -> Response:
    """The viewer; what it shows is in the address."""
    return _file(request, "index.html")


def _static(request: Request) -> Response:
    return _file(request, request.path_params["name"])


def _file(request: Request, name: str) -> Response:
    """One of the viewer's own files, whose names are all known."""
    found = _static_files().get(name)
    if found is None:
        refusal = Refusal(404, f"there is no file {name!r:.200}", "it is not one of the viewer's")
        return _json(request, refusal.body, 404)
    content = found.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    media = _MEDIA.get("." + name.rpartition(".")[2], "application/octet-stream")
    if etag in [tag.strip().removeprefix("W/") for tag in _known(request)]:
        return Response(status_code=304, headers={"etag": etag, "cache-control": "no-cache"})
    return _sent(request, content, media, etag=etag)


@cache
def _static_files() -> dict[str, Any]:
    """The viewer's own files, by name."""
    # Static pages have it, too, and it is theirs.
    found: dict[str, Any] = {"style/base.css": files("iidindex.pages") / "base.css"}
    waiting = [("", files("iidindex.serve") / "static")]
    while waiting:
        before, place = waiting.pop()
        for one in place.iterdir():
            if one.is_dir():
                waiting.append((f"{before}{one.name}/", one))
            else:
                found[before + one.name] = one
    return found
