"""Object stores by way of obstore: requests, again where that helps, and what went wrong.

Credentials come from the environment, as the store's own programs take them, and go nowhere else.
What a store says of an error may repeat them, so that only its status and its code are told.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from iidindex.errors import SourceError, SourceNotFoundError, StaleFileError
from iidindex.model import FileStamp
from iidindex.storage.etags import condition, stamp_of_object
from iidindex.storage.object_urls import is_web, object_name
from iidindex.system.descriptors import after_fork

T = TypeVar("T")
R = TypeVar("R")

# Requests under way at a time. A store takes tens of milliseconds to answer, and many at once.
AT_ONCE = 32
# How often a request is made again, and seconds: from the first to the last one, for one answer,
# and for a connection.
_RETRIES = 5
_RETRY_SECONDS = 40
_SECONDS = "60s"
_CONNECT_SECONDS = "10s"
# Names listed at a time.
_LISTED = 1000

# Which variables of the environment say where a store is, and who asks.
_VARIABLES = ("AWS_", "AZURE_", "GOOGLE_", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_CLASSES = {"s3": "S3Store", "gs": "GCSStore", "az": "AzureStore"}

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
# Where programs on a cloud's machines ask who they are.
_METADATA = re.compile(r"169\.254\.169\.254|metadata\.google\.internal|169\.254\.170\.2")
_TOLD = {
    "401": "who asks is not known (401): credentials are taken from the environment",
    "403": "access is denied (403): the credentials in the environment do not allow it",
    "404": "there is nothing of this name (404)",
    "416": "it ends before the bytes that were asked for (416)",
    "429": "the store is asked too often (429)",
    "503": "the store is busy (503)",
}


class _CutError(SourceError):
    """An answer broke off in the middle."""


class PastEndError(SourceError):
    """An object has no byte where some were asked for."""


class Got(NamedTuple):
    """Some bytes of an object, and the stamp of the content that they are of."""

    content: bytes
    stamp: FileStamp


class _Kept:
    """The stores that this process has asked, and the threads that ask."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        # By URL; what the environment said when it was made, and the store.
        self.stores: dict[str, tuple[list[tuple[str, str]], Any]] = {}
        self.threads: ThreadPoolExecutor | None = None
        self.left_by_parent: object = None

    def forget(self) -> None:
        """Begin anew in a process that was forked off, where no thread of the parent is."""
        if self.stores:
            # It is not taken apart here.
            self.left_by_parent = self.stores, self.threads
        self.lock, self.stores, self.threads = threading.Lock(), {}, None


_KEPT = _Kept()
after_fork(_KEPT.forget)


def require() -> Any:
    """Import obstore.

    Raises
    ------
    SourceError
        If it is not installed.
    """
    try:
        return import_module("obstore")
    except ImportError:
        raise SourceError(
            "obstore is not installed, which URLs of objects need; `pip install obstore` installs "
            "it, as does `pip install 'iidindex[objects]'`"
        ) from None


def _store_of(url: str) -> Any:
    """The store of a URL, as the environment says now."""
    if _KEPT.left_by_parent is not None:
        raise SourceError(
            f"{url}: cannot be read in a process that was forked from one which has asked for "
            "objects; start processes with the method 'spawn' or 'forkserver'"
        )
    said = [item for item in os.environ.items() if item[0].upper().startswith(_VARIABLES)]
    with _KEPT.lock:
        before, found = _KEPT.stores.get(url, (None, None))
        if before != said:
            found = _made(url)
            _KEPT.stores[url] = said, found
        return found


def _made(url: str) -> Any:
    require()
    stores = import_module("obstore.store")
    scheme, _, name = url.partition("://")
    options: dict[str, Any] = {
        "client_options": {"timeout": _SECONDS, "connect_timeout": _CONNECT_SECONDS},
        "retry_config": {
            "max_retries": _RETRIES,
            "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=5),
            },
        },
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "") if scheme == "s3" else url
    if endpoint.startswith("http://"):
        # Whoever names such a place means it.
        options["client_options"]["allow_http"] = True
    try:
        if is_web(url):
            return stores.HTTPStore.from_url(url, **options)
        return getattr(stores, _CLASSES[scheme])(name, **options)
    except (import_module("obstore.exceptions").BaseError, ValueError) as error:
        # Of what is wrong, only what is said first, which names a variable, never its value.
        reason = re.sub(r"\s+", " ", str(error).partition("Debug source")[0])
        reason = _hidden(reason)[:200].strip()
        raise SourceError(f"{url}: no such store can be asked: {reason}") from None


def _hidden(text: str) -> str:
    """Text without any value of a variable that may be secret."""
    for name, value in os.environ.items():
        if name.upper().startswith(_VARIABLES[:3]) and len(value) > 3:
            text = text.replace(value, f"${name}")
    return text


def get(location: str, begin: int, end: int, stamp: FileStamp | None = None) -> Got:
    """Read some bytes of an object, fewer only where it ends.

    Parameters
    ----------
    location : str
    begin, end : int
        At least one byte.
    stamp : FileStamp, optional
        Which content is meant. The request says so, and what it answers is looked at, too, as
        some servers do not heed that.

    Raises
    ------
    SourceNotFoundError, SourceError
        If it is not there or cannot be read.
    StaleFileError
        If it has another content, of which the message says no more.
    """
    options: dict[str, Any] = {"range": (begin, end)}
    if stamp is not None and stamp.etag is not None:
        options |= condition(stamp.etag)

    def ask(obstore: Any, store: Any, key: str) -> Got:
        answer = obstore.get(store, key, options=options)
        found = _stamp_of(answer.meta)
        if stamp is not None and found != stamp:
            raise StaleFileError(f"{location}: has another content")
        return Got(bytes(answer.bytes()), found)

    return _asked(location, ask)


def head(location: str) -> FileStamp:
    """Which content an object has now.

    Raises
    ------
    SourceNotFoundError, SourceError
        If it is not there or cannot be looked at.
    """

    def ask(obstore: Any, store: Any, key: str) -> FileStamp:
        return _stamp_of(obstore.head(store, key))

    return _asked(location, ask)


def listed(location: str) -> Iterator[list[tuple[str, FileStamp]]]:
    """Names and stamps of all objects below a name, some at a time.

    Raises
    ------
    SourceError
        If they cannot be listed.
    """
    steps: Iterator[Any] | None = None
    last: str | None = None
    left = _RETRIES

    def following(obstore: Any, store: Any, key: str) -> Any:
        nonlocal steps
        if steps is None:
            steps = iter(obstore.list(store, key or None, offset=last, chunk_size=_LISTED))
        return next(steps, None)

    while True:
        try:
            some = _asked(location, following)
        except _CutError:
            # Of an answer that breaks off in the middle, obstore makes an error at once, and the
            # list ends there as if it were whole.
            steps, left = None, left - 1
            if left < 0:
                raise
            continue
        if some is None:
            return
        left = _RETRIES
        last = some[-1]["path"] if some else last
        yield [(one["path"], _stamp_of(one)) for one in some]


def _stamp_of(meta: Any) -> FileStamp:
    return stamp_of_object(meta["size"], meta["e_tag"], meta["last_modified"])


def _asked(location: str, ask: Callable[[Any, Any, str], T]) -> T:
    """Ask a store; what it raises becomes ours."""
    url, key = object_name(location)
    store = _store_of(url)
    obstore = require()
    failures = import_module("obstore.exceptions")
    try:
        return ask(obstore, store, key)
    except FileNotFoundError:
        raise SourceNotFoundError(f"{location}: there is no such object") from None
    except failures.PreconditionError:
        raise StaleFileError(f"{location}: has another content") from None
    except (failures.BaseError, ValueError) as error:
        raise _kind(str(error))(f"{location}: {_reason(error)}") from None


def _kind(told: str) -> type[SourceError]:
    """The error of ours that one of obstore becomes."""
    if "response body" in told:
        return _CutError
    return PastEndError if "status: 416" in told or "StartTooLarge" in told else SourceError


def _reason(error: Exception) -> str:
    """What went wrong, in words of ours and a code of the store's."""
    name, told = type(error).__name__, str(error)
    status, code = _STATUS.search(told), _CODE.search(told)
    number = {"PermissionDeniedError": "403", "UnauthenticatedError": "401"}.get(name)
    number = status[1] if status else number
    if number is None or (_METADATA.search(told) and number != "403"):
        return f"cannot be read: {_without_status(name, told)}"
    reason = _TOLD.get(number, f"the store answers with status {number}")
    return f"cannot be read: {reason}" + (f", {code[1]}" if code else "")


def _without_status(name: str, told: str) -> str:
    if _METADATA.search(told):
        return (
            "no credentials were found in the environment; of what everybody may read, "
            "AWS_SKIP_SIGNATURE=true (or GOOGLE_SKIP_SIGNATURE, AZURE_SKIP_SIGNATURE) asks "
            "without any"
        )
    if name == "InvalidPathError" or "parse path" in told:
        return "the name of an object has an empty part between slashes, or a control character"
    if name == "NotSupportedError" or "non-partial" in told:
        return "the server does not answer with ranges of bytes"
    for sign, reason in (
        ("Timeout", "the store did not answer in time"),
        ("timed out", "the store did not answer in time"),
        ("Connect", "the store cannot be reached"),
        ("response body", "the connection was cut, again and again"),
        ("Interrupted", "the connection was cut, again and again"),
        ("error sending request", "the connection was cut, again and again"),
        ("ListRequest", "the store did not answer with a list"),
        ("configured region", "the bucket is in another region than AWS_REGION says"),
    ):
        if sign in told:
            return reason
    return f"{re.sub('Error$', '', name)} error of the store"


def at_once(ask: Callable[[T], R], each: Sequence[T]) -> Iterator[Future[R]]:
    """Ask for many at once; what comes of each, in order, as it is there."""
    if len(each) == 1:
        done: Future[R] = Future()
        try:
            done.set_result(ask(each[0]))
        except SourceError as error:
            done.set_exception(error)
        yield done
        return
    yield from _submitted(ask, each)


def _submitted(ask: Callable[[T], R], each: Iterable[T]) -> Iterator[Future[R]]:
    # No more than twice as many as are under way, so that what nobody has taken is not piled up.
    waiting: list[Future[R]] = []
    source = iter(each)
    try:
        while True:
            while len(waiting) < 2 * AT_ONCE:
                try:
                    waiting.append(threads().submit(ask, next(source)))
                except StopIteration:
                    break
            if not waiting:
                return
            yield waiting.pop(0)
    finally:
        for future in waiting:
            future.cancel()


def threads() -> ThreadPoolExecutor:
    """The threads that ask for many at once."""
    with _KEPT.lock:
        if _KEPT.threads is None:
            _KEPT.threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="iidindex-objects")
        return _KEPT.threads
