"""What a group can be called."""

from __future__ import annotations

from iidindex.errors import EncodeError, QueryError


def check_name(name: object, error: type[QueryError] | type[EncodeError] = EncodeError) -> None:
    """Refuse what is no text, or text that UTF-8 cannot hold."""
    if not isinstance(name, str):
        raise error(f"group must be text, not {type(name).__name__}: {name!r}")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise error(f"group {name!a} is not valid Unicode") from None
