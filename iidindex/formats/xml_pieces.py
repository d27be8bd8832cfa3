"""XML in one pass and in pieces: bytes go in, elements come out, and nothing is kept.

A document type is refused, as its entities can make a few bytes as many as one likes. Where an
element lies in the file is known, so that it can be read again alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from iidindex.errors import ExchangeError
from iidindex.formats.json_ranges import ByteRange

BLOCK = 1 << 20
# A tag longer than this is no annotation's; expat reads it anew with every block.
_LONGEST = 1 << 26
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0<", b"<\0")


class Elements:
    """What a pass does with elements; to be derived from.

    Attributes
    ----------
    encoding : str or None
        That the document declares.
    depth : int
        Of the element that begins or ends; 1 is the outermost.
    """

    def __init__(self, encoding: str | None = None) -> None:
        self.encoding = encoding
        self.depth = 0
        self.parser = expat.ParserCreate(encoding)
        self.parser.buffer_text = True
        self.parser.XmlDeclHandler = self._declared
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self.parser.StartElementHandler = self._begins
        self.parser.EndElementHandler = self._ends
        self.parser.CharacterDataHandler = self.text

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins at byte `at`."""

    def end(self, name: str) -> None:
        """An element ends; its end tag begins at byte `at`, or ended there if it has none."""

    def text(self, text: str) -> None:
        """Text within an element."""

    @property
    def at(self) -> int:
        """Where in the bytes it is."""
        return self.parser.CurrentByteIndex

    def feed(self, data: bytes, is_last: bool = False) -> None:
        """Give the next bytes.

        Raises
        ------
        ExchangeError
            If they are not XML.
        """
        try:
            self.parser.Parse(data, is_last)
        except expat.ExpatError as error:
            told = expat.ErrorString(error.code)
            raise ExchangeError(
                f"is not XML: {told}, line {error.lineno}, column {error.offset}"
            ) from None
        except ExchangeError:
            raise
        except (LookupError, ValueError) as error:
            # The encoding is nobody's, or has characters of several bytes.
            raise ExchangeError(f"is not XML that can be decoded: {error}") from None

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:  # noqa: ARG002
        self.encoding = encoding

    def _begins(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.begin(name, attributes)

    def _ends(self, name: str) -> None:
        self.end(name)
        self.depth -= 1


def _refuse_doctype(*_: Any) -> None:
    raise ExchangeError("has a DOCTYPE, which no annotations need; expected none")


def pass_over(read: ByteRange, elements: Elements) -> None:
    """Read a whole file.

    Raises
    ------
    ExchangeError
        If it is not XML of one byte a character or UTF-8, or has a document type.
    """
    at = 0
    while data := read(at, BLOCK):
        if not at and data.startswith(_WIDE):
            raise ExchangeError("is UTF-16; expected UTF-8")
        elements.feed(data)
        at += len(data)
        if at - elements.at > _LONGEST:
            raise ExchangeError(f"has a tag of over {_LONGEST} bytes at byte {elements.at}")
    elements.feed(b"", True)


class _Piece(Elements):
    """Elements that lie `depth` deep in a piece of a file."""

    def __init__(self, encoding: str | None, wanted: int) -> None:
        super().__init__(encoding)
        self._wanted = wanted
        self._attribute: str | None = None
        self.outer = ""
        self._texts: list[str] = []
        self.found: list[tuple[str, dict[str, str], dict[str, str]]] = []

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if self.depth == 1:
            self.outer = name
        if self.depth == self._wanted:
            self.found.append((name, attributes, {}))
        elif self.depth == self._wanted + 1 and name == "attribute":
            self._attribute = attributes.get("name")
            self._texts = []

    def text(self, text: str) -> None:
        if self._attribute is not None:
            self._texts.append(text)

    def end(self, name: str) -> None:  # noqa: ARG002
        if self._attribute is not None:
            self.found[-1][2][self._attribute] = "".join(self._texts)
            self._attribute = None


def elements_of(
    data: bytes, encoding: str | None, are_inside: bool
) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """The elements of a piece of a file, each with its attributes, and those of CVAT.

    Parameters
    ----------
    data : bytes
        From the beginning of an element up to its end tag.
    encoding : str or None
        Of the file.
    are_inside : bool
        Give those that lie in the element; otherwise that alone.

    Yields
    ------
    (name, attributes, texts of ``<attribute name="…">`` by name)

    Raises
    ------
    ExchangeError
        If it is not XML.
    """
    piece = _Piece(encoding, 2 if are_inside else 1)
    piece.feed(data)
    end = f"</{piece.outer}>" if piece.depth else ""
    piece.feed(end.encode(encoding or "utf-8", "replace"), True)
    yield from piece.found
