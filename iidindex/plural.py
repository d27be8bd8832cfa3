"""How many of something, in words."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and what is counted, in the singular or in the plural.

    Parameters
    ----------
    number : int
    one : str
        What one of them is called.
    many : str, optional
        What several or none are called; by default `one` and an ``s``.

    Examples
    --------
    >>> counted(1, "file"), counted(0, "file"), counted(2, "entry", "entries")
    ('1 file', '0 files', '2 entries')
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"
