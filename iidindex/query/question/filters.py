"""What entries can be asked for: each filter is declared here, and nowhere else.

A line of `Where` is an argument of ``Entries.where`` with its type and its docstring, an option
of every verb that searches, with its help and completion, a condition in SQL, and what is told of
it where nothing was found.
"""

# No `from __future__ import annotations`: the declarations are read from the annotations.

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from textwrap import fill, indent
from typing import Annotated, Any, Self, TypedDict, TypeVar, get_args

from iidindex.catalog.schema import entries, files, groups, iids, roots
from iidindex.errors import QueryError
from iidindex.files.group_names import check_name
from iidindex.model import IID
from iidindex.query.question.filter_kinds import AnyOf, Between, Filter, Prefix, Root
from iidindex.query.question.group_filters import InAll, InAny, InNone
from iidindex.query.question.individual_filter import AnyIndividual, NoDomain
from iidindex.query.question.metadata_filter import Metadata
from iidindex.query.question.path_filters import NotPath, Path

F = TypeVar("F", bound=Callable[..., Any])


class Where(TypedDict, total=False):
    """The filters by name, in the order in which they are told; None asks for anything."""

    address: Annotated[
        bytes | IID | Iterable[bytes | IID] | None,
        AnyIndividual(
            asks_of="iids",
            type=bytes,
            column=iids.c.address,
            known=iids.c.address,
            told="Any of these: addresses, in any domain, and IIDs, each of which is one "
            "individual. There may be a hundred thousand of them.",
            help="The address of the individual, in any domain, or iid:DOMAIN.ADDRESS. Repeated: "
            "any of them.",
        ),
    ]
    domain: Annotated[
        bytes | Iterable[bytes] | None,
        AnyOf(
            asks_of="iids",
            type=bytes,
            column=iids.c.domain,
            known=iids.c.domain,
            told='Any of these; ``b""`` for IIDs without a domain.',
            help="The domain of the individual; '' for none. Repeated: any of them.",
        ),
    ]
    not_domain: Annotated[
        bytes | Iterable[bytes] | None,
        NoDomain(
            asks_of="iids",
            type=bytes,
            column=iids.c.domain,
            known=iids.c.domain,
            told='None of these; ``b""`` leaves out IIDs without a domain.',
            help="A domain to leave out; '' for individuals without a domain. Repeated: all of "
            "them.",
        ),
    ]
    prefix: Annotated[
        bytes | None,
        Prefix(
            asks_of="iids",
            column=iids.c.address,
            known=iids.c.address,
            told="The beginning of the address.",
            help="The beginning of the address.",
        ),
    ]
    group: Annotated[
        str | Iterable[str] | None,
        InAny(
            asks_of="groups",
            type=str,
            column=groups.c.name,
            known=groups.c.name,
            check=lambda name: check_name(name, QueryError),
            can_meet=False,
            told="In any of these groups.",
            help="A group that the entry is in. Repeated: any of them.",
        ),
    ]
    all_groups: Annotated[
        str | Iterable[str] | None,
        InAll(
            asks_of="groups",
            type=str,
            column=groups.c.name,
            known=groups.c.name,
            check=lambda name: check_name(name, QueryError),
            told="In every one of these groups.",
            help="A group that the entry is in. Repeated: every one of them.",
        ),
    ]
    not_group: Annotated[
        str | Iterable[str] | None,
        InNone(
            asks_of="entries",
            type=str,
            column=groups.c.name,
            known=groups.c.name,
            check=lambda name: check_name(name, QueryError),
            told="In none of these groups.",
            help="A group to leave out. Repeated: all of them.",
        ),
    ]
    path: Annotated[
        str | None,
        Path(
            asks_of="files",
            known=files.c.path,
            told="A glob pattern for the path inside the root (``*`` also matches ``/``, case "
            "matters), or an exact path. If it begins with ``/``, it is compared with the "
            "location on disk.",
            help="The file's path inside its root, or its path on disk if it begins with /. It "
            "may be a pattern: * stands for any text, even with /.",
        ),
    ]
    not_path: Annotated[
        str | Iterable[str] | None,
        NotPath(
            asks_of="files",
            known=files.c.path,
            told="Patterns or paths, as in `path`. The file must fit none of them.",
            help="A path to leave out, or a pattern of paths, as in --path. Repeated: all of them.",
        ),
    ]
    root: Annotated[
        str | None,
        Root(
            asks_of="files",
            known=roots.c.name,
            told="The name of the root that the file is in.",
            help="The name of the root that the file is in.",
        ),
    ]
    meta: Annotated[
        Mapping[str, Any] | None,
        Metadata(
            asks_of="files",
            told="What the file's metadata must say: a mapping of names to values, with mappings "
            "inside for nested names. Text, numbers, True, False and None are compared: "
            '``{"camera": {"iso": 200}}``. Two numbers are a range with both ends included; '
            'None leaves an end open: ``{"minutes": (20, None)}``.',
            help="What the file's metadata must say, as JSON or text: camera.iso=200, "
            "day=monday; or a range of numbers, both ends included: minutes=20..30. "
            "Repeated: all of them.",
        ),
    ]
    area: Annotated[
        tuple[int | None, int | None] | None,
        Between(
            asks_of="entries",
            column=entries.c.area,
            told="The number of pixels of the mask, both ends included; None leaves an end open.",
            help="The number of pixels of the mask, both ends included: 100..5000, 100.. or "
            "..5000.",
        ),
    ]
    key: Annotated[
        int | Iterable[int] | None,
        AnyOf(
            asks_of="entries",
            type=int,
            column=entries.c.key,
            told="Any of these keys in their files.",
            help="The key of the entry in its file. Repeated: any of them.",
        ),
    ]


_TYPES = {name: get_args(declared) for name, declared in Where.__annotations__.items()}
FILTERS: dict[str, Filter] = {name: declared for name, (_, declared) in _TYPES.items()}


class _AsWritten(str):
    """A type as it stands in source, which ``help`` shows without quotes and modules."""

    def __new__(cls, type_: Any) -> Self:
        """Write it."""
        text = type_ if isinstance(type_, str) else inspect.formatannotation(type_)
        return super().__new__(
            cls, re.sub(r"\b(collections\.abc|typing|iidindex\.model)\.", "", text)
        )

    def __repr__(self) -> str:
        return str(self)


def with_filters(function: F) -> F:
    """Give a function that takes the filters by keyword their signature and docstring.

    The line ``FILTERS`` in its docstring stands for what is told of them.
    """
    own = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    given = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_AsWritten(type_)
        )
        for name, (type_, _) in _TYPES.items()
    ]
    returns = _AsWritten(inspect.signature(function).return_annotation)
    function.__signature__ = inspect.Signature([*own, *given], return_annotation=returns)  # type: ignore[attr-defined]
    told = "\n".join(
        f"{name} : {declared.type_told}, optional\n{indent(fill(declared.told, 88), '    ')}"
        for name, declared in FILTERS.items()
    )
    doc = function.__doc__ or ""
    margin = doc.partition("FILTERS")[0].rpartition("\n")[2]
    function.__doc__ = doc.replace("FILTERS", indent(told, margin).lstrip())
    return function
