"""The URLs of objects: what stands in them, and what may not. Pure text; nothing is opened.

Behind ``s3://bucket/``, ``gs://bucket/`` and ``az://container/``, the name of an object stands as
it is. The path of ``http://`` and ``https://`` is written as in every URL, with ``%20`` for a
space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile
from typing import NamedTuple

from iidindex.errors import SourceError, SourceNotFoundError

# Schemes whose objects can be listed, and those of a web server, whose cannot.
STORES = ("s3", "gs", "az")
WEB = ("http", "https")

# What may stand in the path of a URL as it is (https://www.rfc-editor.org/rfc/rfc3986, 3.3).
_PLAIN = "/~!$&'()*+,;=:@"
# Parameters that sign a URL of Amazon, Google or Microsoft, or that are keys to something.
_SIGNED = re.compile(
    r"[?&](x-amz-|x-goog-|awsaccesskeyid=|signature=|sig=|sv=|token=|access_token=|key=)", re.I
)


class ObjectName(NamedTuple):
    """An object, or what begins the names of several: its store's URL, and its name in there."""

    store: str
    key: str


def refuse_credentials(location: str, *, is_pattern: bool = False) -> None:
    """Refuse a URL that has a password, a key or a signature in it.

    In a pattern, a `?` stands for any character.

    Raises
    ------
    SourceError
        Which does not repeat them.
    """
    scheme, _, rest = location.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    has_query = _SIGNED.search(rest) is not None
    if scheme in WEB and not is_pattern:
        has_query = "?" in rest
    is_bucket = scheme in STORES and ":" in host
    if "@" in host or is_bucket or has_query:
        raise SourceError(
            f"{without_secrets(location)}: was given with a user, a password or a query (what "
            "stands behind `?`), which the index would keep; expected a URL without them: "
            "credentials are taken from the environment"
        )


def without_secrets(location: str) -> str:
    """A URL without what may be secret in it."""
    scheme, _, rest = location.partition("://")
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def canonical(location: str) -> str:
    """A URL as it is recorded: without a slash behind it, and written in one way.

    Raises
    ------
    SourceNotFoundError
        If it names no store.
    SourceError
        If no object can have such a name here.
    """
    scheme, _, rest = location.partition("://")
    host, _, path = rest.partition("/")
    if not host:
        raise SourceNotFoundError(
            f"{location}: names no {'host' if scheme in WEB else 'bucket'}; expected "
            f"{scheme}://{'host' if scheme in WEB else 'bucket'}/…"
        )
    path = path.strip("/") if scheme in WEB else path.rstrip("/")
    parts = path.split("/") if path else []
    for part in parts:
        if part in ("", ".", "..") or any(ord(one) < 32 or ord(one) == 127 for one in part):
            raise SourceError(
                f"{location}: has {part!r} between two slashes; expected the name of an object "
                "or of what lies above it"
            )
    if scheme in WEB:
        if "#" in path:
            raise SourceError(f"{location}: has a `#` in it; expected %23, or a URL without it")
        host = host.lower()
        parts = [_quoted(_unquoted(part)) for part in parts]
    return "/".join([f"{scheme}://{host}", *parts])


def object_name(location: str) -> ObjectName:
    """The store of a URL that is as it is recorded, and the name in there."""
    scheme, _, rest = location.partition("://")
    host, _, path = rest.partition("/")
    return ObjectName(f"{scheme}://{host}", _unquoted(path) if scheme in WEB else path)


def location_of_key(store: str, key: str) -> str:
    """The URL of a name in a store."""
    return f"{store}/{_quoted(key) if is_web(store) else key}"


# Every program imports this module, and few need what is imported here.
def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe=_PLAIN)


def _unquoted(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)


def web_homes(directories: Iterable[str]) -> dict[str, str]:
    """The deepest directory that those of each web server have in common, by directory.

    They cannot be listed, so that nobody has said where an archive begins.
    """
    of_server: dict[str, list[str]] = {}
    for directory in directories:
        if is_web(directory):
            of_server.setdefault(object_name(directory).store, []).append(directory)
    homes: dict[str, str] = {}
    for server, several in of_server.items():
        parts = [one.removeprefix(server).split("/") for one in several]
        common = [
            level[0]
            for level in takewhile(lambda one: len(set(one)) == 1, zip(*parts, strict=False))
        ]
        homes |= dict.fromkeys(several, server + "/".join(common))
    return homes


def is_web(location: str) -> bool:
    """Whether a URL is that of a web server."""
    return location.startswith("http")
