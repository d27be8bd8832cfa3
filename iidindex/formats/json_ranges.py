"""Where the elements of large JSON arrays lie, found in one pass and never held.

A file of annotations is one object whose values are long arrays of small objects, or one such
array. A pass over blocks of it classifies bytes with NumPy: which lie within text, and how deep in
brackets each is. What lies in arrays further inside an element, such as the corners of a polygon,
is left out of what is decoded in this pass; it makes up nearly all of such a file. Each
element is decoded whole when its picture is read, by its range of bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

# So many bytes are read at a time: some six times as many are held while they are classified.
BLOCK = 1 << 21
# An element longer than this is no record of an annotation; to look for its end takes memory.
_LONGEST = 1 << 28
# Brackets deeper than this are nobody's annotations; Python's own decoder ends there, too.
_DEEPEST = 900

# A look is taken bit by bit, as what is behind may not be readable.
_LOOK = 1 << 16

# Values that are passed over are mostly short.
_GLANCE = 1 << 12

_BOM = b"\xef\xbb\xbf"
_OPENS, _CLOSES = 1, 2
_KINDS = np.zeros(256, np.uint8)
_KINDS[[ord("{"), ord("[")]] = _OPENS
_KINDS[[ord("}"), ord("]")]] = _CLOSES


class ByteRange(Protocol):
    """What bytes can be asked of."""

    def __call__(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer at the end."""


class Elements(NamedTuple):
    """Some elements of an array, one behind the other.

    Attributes
    ----------
    name : str or None
        The key that the array stands under; None for an array that is the whole file.
    outlines : list
        Each decoded, without what lies in arrays inside it: those are empty.
    offset, length : ndarray of int64, shape (n,)
        The bytes of each.
    """

    name: str | None
    outlines: list[Any]
    offset: Ints
    length: Ints


class Plain(NamedTuple):
    """A value under a key of the outermost object that is no array."""

    name: str
    offset: int
    length: int


def scan(read: ByteRange, block: int = BLOCK) -> Iterator[Elements | Plain]:
    """Find the elements of the arrays that stand in a JSON file's outermost object.

    Parameters
    ----------
    read : callable
        Gives bytes by offset and length.
    block : int
        Bytes to read at a time.

    Yields
    ------
    Elements or Plain
        In the order of the file; an array's elements in parts, as blocks end. An empty array is
        given as no elements.

    Raises
    ------
    ExchangeError
        If it is not JSON, or is one value that is neither object nor array; the byte is named.
    """
    return _Scan(read, block).parts()


class _Scan:
    """The state of one pass."""

    def __init__(self, read: ByteRange, block: int) -> None:
        self._read = read
        self._block = block
        self._window = b""
        self._first = 0  # byte of the file that begins the window
        self._at = 0  # byte of the file that comes next
        self._ended = False

    def parts(self) -> Iterator[Elements | Plain]:
        self._more()
        if self._rest(len(_BOM)) == _BOM:
            self._skip(len(_BOM))
        first = self._next_byte()
        if first == b"[":
            self._skip(1)
            yield from self._array(None)
        elif first == b"{":
            self._skip(1)
            yield from self._object()
        else:
            raise self._problem("an object or an array")
        if self._next_byte():
            raise self._problem("the end of the file")

    # ------------------------------------------------------------------ the outermost object

    def _object(self) -> Iterator[Elements | Plain]:
        if self._next_byte() == b"}":
            self._skip(1)
            return
        while True:
            name = self._key()
            if self._next_byte() == b"[":
                self._skip(1)
                yield from self._array(name)
            else:
                offset, length = self._value()
                yield Plain(name, offset, length)
            if self._comma_or(b"}"):
                return

    def _key(self) -> str:
        if self._next_byte() != b'"':
            raise self._problem("a name in quotation marks")
        offset, length = self._value()
        name = decode(self._read(offset, length), offset)
        if self._next_byte() != b":":
            raise self._problem("':'")
        self._skip(1)
        assert isinstance(name, str)
        return name

    def _comma_or(self, end: bytes) -> bool:
        found = self._next_byte()
        if found not in (b",", end) or not found:
            raise self._problem(f"',' or {end.decode()!r}")
        self._skip(1)
        return found == end

    def _value(self) -> tuple[int, int]:
        """Pass over a value that is no array of the outermost object."""
        start = self._at
        first = self._next_byte()
        if not first:
            raise self._problem("a value")
        start = self._at
        if first in b'{"[':
            self._skip_nested(first)
        else:
            self._skip_scalar()
        return start, self._at - start

    def _skip_nested(self, first: bytes) -> None:
        length = _GLANCE
        while True:
            seen = self._ahead(length)
            ends = _Structure(seen).ends(text=first == b'"')
            if len(ends):
                self._skip(int(ends[0]) + 1)
                return
            if len(seen) < length or length > _LONGEST:
                raise self._problem("an end of what begins here")
            length *= 4

    def _skip_scalar(self) -> None:
        seen = self._ahead(_GLANCE)
        stops = np.flatnonzero(_STOPS[np.frombuffer(seen, np.uint8)])
        if not len(stops) and len(seen) == _GLANCE:
            raise self._problem("a number, true, false or null")
        self._skip(int(stops[0]) if len(stops) else len(seen))

    # ------------------------------------------------------------------ a long array

    def _array(self, name: str | None) -> Iterator[Elements]:
        if self._next_byte() == b"]":
            self._skip(1)
            yield Elements(name, [], np.empty(0, np.int64), np.empty(0, np.int64))
            return
        while True:
            window = self._rest()
            structure = _Structure(window)
            starts, ends = structure.bracketed()
            found = self._elements(name, structure, starts, ends) if len(ends) else None
            if found is None:
                # Some are numbers, text or null: commas tell where they end.
                starts, ends = structure.parted()
                found = self._elements(name, structure, starts, ends) if len(ends) else None
                if found is None and len(ends):
                    raise self._problem("records parted by single commas")
            if found is not None:
                yield found
                self._skip(int(ends[-1]))
                if self._comma_or(b"]"):
                    return
                self._next_byte()
            elif len(window) > _LONGEST or not self._more():
                raise self._problem("',' or ']'", self._at + len(window))

    def _elements(
        self, name: str | None, structure: _Structure, starts: Ints, ends: Ints
    ) -> Elements | None:
        """Decode the outlines; None if they are not as many as begin and end were found."""
        outlines = decode(b"[" + structure.outline(int(ends[-1])) + b"]", self._at)
        if len(outlines) != len(starts):
            return None
        return Elements(name, outlines, starts + self._at, ends - starts)

    # ------------------------------------------------------------------ the window

    def _rest(self, length: int | None = None) -> bytes:
        """What is left of the window, or its next bytes."""
        begin = self._at - self._first
        return self._window[begin : None if length is None else begin + length]

    def _ahead(self, length: int) -> bytes:
        """The next bytes, so many if the file has them."""
        while len(self._window) - (self._at - self._first) < length and self._more():
            pass
        return self._rest(length)

    def _more(self) -> bool:
        """Read on; False at the end."""
        if self._ended:
            return False
        self._window, self._first = self._rest(), self._at
        # Twice as much each time, so that a long element is not classified over and over.
        wanted = max(self._block, len(self._window))
        found = self._read(self._at + len(self._window), wanted)
        self._ended = len(found) < wanted
        self._window += found
        return bool(found)

    def _skip(self, n_bytes: int) -> None:
        self._at += n_bytes

    def _next_byte(self) -> bytes:
        """The next byte that is no space; b"" at the end."""
        while True:
            found = _SOLID_BYTE.search(self._window, self._at - self._first)
            if found is not None:
                self._at = self._first + found.start()
                return found.group()
            self._at = self._first + len(self._window)
            if not self._more():
                return b""

    def _problem(self, expected: str, at: int | None = None) -> ExchangeError:
        at = self._at if at is None else at
        found = self._read(at, 20)
        told = repr(found.decode("utf-8", "backslashreplace")) if found else "the end of the file"
        return ExchangeError(f"is not JSON: at byte {at} found {told}; expected {expected}")


_SOLID_BYTE = re.compile(rb"[^ \t\r\n]", re.DOTALL)
_STOPS = np.zeros(256, np.bool_)
_STOPS[[ord(mark) for mark in ",]} \t\r\n"]] = True


class _Structure:
    """The brackets and commas of a window that begins outside of text, by NumPy."""

    def __init__(self, window: bytes) -> None:
        self._bytes = np.frombuffer(window, np.uint8)
        self._quotes = self._real_quotes(window)
        # One count of marks tells which bytes lie between an odd one and the next.
        marks = np.zeros(len(window) + 1, np.uint8)
        marks[self._quotes] = 1
        inside = np.bitwise_xor.accumulate(marks[:-1])
        kinds = _KINDS[self._bytes]
        kinds[inside.view(np.bool_)] = 0
        self._inside = inside.view(np.bool_)
        self._brackets = np.flatnonzero(kinds)
        opens = kinds[self._brackets] == _OPENS
        self._opens = opens
        self._depth = np.cumsum(np.where(opens, 1, -1))

    def _real_quotes(self, window: bytes) -> Ints:
        quotes = np.flatnonzero(self._bytes == ord('"'))
        if b"\\" not in window:
            return quotes
        # A mark is escaped behind an odd number of backslashes.
        other = np.flatnonzero(self._bytes != ord("\\"))
        before = np.searchsorted(other, quotes) - 1
        last = np.where(before >= 0, other[np.maximum(before, 0)], -1)
        real: Ints = quotes[(quotes - 1 - last) % 2 == 0]
        return real

    def ends(self, text: bool) -> Ints:
        """Where the value that begins the window ends, if it does."""
        if text:
            return self._quotes[1:2]
        ends: Ints = self._brackets[self._depth == 0][:1]
        return ends

    def bracketed(self) -> tuple[Ints, Ints]:
        """Begin and end of the whole objects and arrays before the array's end."""
        first_out = np.flatnonzero(self._depth < 0)[:1]
        until = int(first_out[0]) if len(first_out) else len(self._depth)
        brackets, opens = self._brackets[:until], self._opens[:until]
        depth = self._depth[:until]
        ends = brackets[~opens & (depth == 0)] + 1
        starts: Ints = brackets[opens & (depth == 1)][: len(ends)]
        return starts, ends

    def parted(self) -> tuple[Ints, Ints]:
        """Begin and end of whole elements that are parted by commas, spaces left out."""
        commas = np.flatnonzero((self._bytes == ord(",")) & ~self._inside)
        depth = np.append(0, self._depth)[np.searchsorted(self._brackets, commas)]
        last = self._brackets[self._depth < 0][:1]
        if len(last):
            commas, depth = commas[commas < last[0]], depth[commas < last[0]]
        cuts = np.append(commas[depth == 0], last)
        if not len(cuts):
            return cuts, cuts
        starts, ends = np.append(0, cuts[:-1] + 1), cuts
        solid = np.flatnonzero(_SOLID[self._bytes])
        first = solid[np.searchsorted(solid, starts)]
        behind = solid[np.maximum(np.searchsorted(solid, ends) - 1, 0)] + 1
        return first, np.maximum(first, behind)

    def outline(self, cut: int) -> bytes:
        """The bytes before `cut` without what lies in arrays inside the elements."""
        which = self._brackets < cut
        brackets, opens = self._brackets[which], self._opens[which]
        depth = self._depth[which]
        if len(depth) and int(depth.max()) > _DEEPEST:
            raise ExchangeError(f"is nested {int(depth.max())} deep; the limit is {_DEEPEST}")
        square = np.isin(self._bytes[brackets], _SQUARE)
        nested = np.cumsum(np.where(square, np.where(opens, 1, -1), 0))
        # From behind an outermost array's opening bracket to its closing one.
        begins = brackets[square & opens & (nested == 1)] + 1
        ends = brackets[square & ~opens & (nested == 0)]
        if len(begins) != len(ends):
            raise ExchangeError("is not JSON: brackets of an element do not match")
        steps = np.zeros(cut + 1, np.int8)
        steps[begins] += 1
        steps[ends] -= 1
        kept: Bytes = self._bytes[:cut][np.cumsum(steps[:cut], dtype=np.int8) == 0]
        return kept.tobytes()


_SQUARE = np.frombuffer(b"[]", np.uint8)
_SOLID = np.ones(256, np.bool_)
_SOLID[[ord(mark) for mark in " \t\r\n"]] = False


def decode(data: bytes, at: int = 0) -> Any:
    """Decode a piece of JSON that begins at byte `at` of a file.

    Raises
    ------
    ExchangeError
        If it is not JSON, or not UTF-8.
    """
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ExchangeError(f"is not UTF-8 at byte {at + error.start}") from error
    except (ValueError, RecursionError) as error:
        raise ExchangeError(f"is not JSON near byte {at}: {error}") from error


def peek(read: ByteRange, limit: int = 1 << 20) -> dict[str | None, Any]:
    """The first names of a JSON file's outermost object, each with its first element's outline.

    Parameters
    ----------
    read : callable
        Gives bytes by offset and length.
    limit : int
        How many bytes to look at.

    Returns
    -------
    dict
        By name the first element of an array, or None for an empty array and for a value that
        is none. The name is None for an array that is the whole file. Empty, if it is not JSON.
    """

    def beginning(offset: int, length: int) -> bytes:
        return read(offset, max(0, min(length, limit - offset)))

    found: dict[str | None, Any] = {}
    try:
        for part in scan(beginning, _LOOK):
            first = part.outlines[0] if isinstance(part, Elements) and part.outlines else None
            found.setdefault(part.name, first)
    except ExchangeError:
        pass  # Most files are longer than what is looked at.
    return found
