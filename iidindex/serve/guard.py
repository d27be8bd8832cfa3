"""Who may ask: the Host that was meant, the token, and the methods; and what every answer says.

A page of a stranger may make a browser ask 127.0.0.1 in its name, and other users of a machine
reach its loopback. So nothing is answered without a token, and no request whose Host is a name
that somebody else may have pointed here (DNS rebinding).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import quote

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from iidindex.serve.query_string import pairs_in
from iidindex.serve.refusals import Refusal

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_METHODS = ("GET", "HEAD")
_HOST = re.compile(rb"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Hosts:
    """The names under which a server may be asked.

    Parameters
    ----------
    host : str
        Where it listens: a name or an address.
    """

    def __init__(self, host: str) -> None:
        self._names = {*_LOOPBACK, _written(host)}
        # Nobody can point an address elsewhere; a name has to be one of this machine.
        self._any_address = not _is_loopback(host)
        if self._any_address:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    def allow(self, value: bytes) -> bool:
        """Whether a Host header names this server; its port may be that of a tunnel."""
        found = _HOST.fullmatch(value)
        if found is None:
            return False
        name = found[1].decode()
        return name in self._names or (self._any_address and _is_address(name))


def _written(host: str) -> str:
    """A host as a header has it."""
    return f"[{host.lower()}]" if ":" in host else host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Guard:
    """Stands before an application.

    Parameters
    ----------
    app : ASGI application
    token : str
    hosts : Hosts
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Hosts) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = hosts
        # What a browser keeps is not the token itself, which may hold any character.
        self._secret = hmac.new(self._token, b"cookie", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        answer = self._checked(scope)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _checked(self, scope: Scope) -> Response | None:
        """What is answered to a request that may not pass."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        named = [value for name, value in headers if name == b"host"]
        if len(named) != 1 or not self._hosts.allow(named[0]):
            return _told(400, "this server is not asked under this Host", "open the address shown")
        if scope["method"] not in _METHODS:
            told = _told(405, f"{scope['method']} is not answered", "everything is asked with GET")
            told.headers["allow"] = ", ".join(_METHODS)
            return told
        given = [value for name, value in pairs_in(scope["query_string"]) if name == b"token"]
        if given:
            if len(given) == 1 and hmac.compare_digest(given[0], self._token):
                return self._admitted(scope)
        elif self._is_known(headers, scope):
            return None
        told = _told(
            401,
            "the token is wrong" if given else "there is no token",
            "open the address that `iidindex serve` has shown, or send `Authorization: token …`",
        )
        told.headers["www-authenticate"] = "token"
        return told

    def _is_known(self, headers: Iterable[tuple[bytes, bytes]], scope: Scope) -> bool:
        """Whether a request has the token in a header, or what was made of it in a cookie."""
        for name, value in headers:
            if name == b"authorization":
                scheme, _, token = value.partition(b" ")
                if scheme.lower() == b"token" and hmac.compare_digest(token.strip(), self._token):
                    return True
            if name == b"cookie" and any(
                hmac.compare_digest(kept, self._secret.encode())
                for kept in _cookies(value, _cookie_of(scope).encode())
            ):
                return True
        return False

    def _admitted(self, scope: Scope) -> Response:
        """Keep the token in a cookie, and go on where it is not in the address."""
        # Two slashes at the beginning, or a backslash, would lead to another server.
        raw = scope.get("raw_path") or quote(scope["path"]).encode()
        path = quote(raw, safe="/%:@!$&'()*+,;=~")
        query = b"&".join(
            part
            for part in scope["query_string"].split(b"&")
            if [name for name, _ in pairs_in(part)] not in ([], [b"token"])
        )
        target = "/" + path.lstrip("/") + (f"?{query.decode('latin-1')}" if query else "")
        response = RedirectResponse(target, 303)
        response.set_cookie(
            _cookie_of(scope), self._secret, httponly=True, samesite="strict", path="/"
        )
        response.headers["cache-control"] = "no-store"
        return response


def _told(status: int, error: str, hint: str) -> Response:
    return JSONResponse(Refusal(status, error, hint).body, status, {"cache-control": "no-store"})


def _cookie_of(scope: Scope) -> str:
    """Cookies are of all ports of a host; of two servers, each has its own."""
    server = scope.get("server") or ("", 0)
    return f"iidindex-{server[1] or 0}"


def _cookies(header: bytes, wanted: bytes) -> list[bytes]:
    """The values of a cookie; others, of whatever form, are passed over."""
    pairs = (part.strip().partition(b"=") for part in header.split(b";"))
    return [value for name, _, value in pairs if name == wanted]
