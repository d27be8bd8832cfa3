"""What a file that was packed with gzip (RFC 1952) holds, by ranges of bytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from tempfile import SpooledTemporaryFile

from iidindex.errors import ExchangeError, SourceError

# What is unpacked is kept in memory up to so many bytes, and else in a temporary file.
_IN_MEMORY = 1 << 25
# JSON is seldom packed to less than a thirtieth, and deflate makes a thousand bytes of one at the
# most (https://zlib.net/zlib_tech.html): such a file was made to fill the disk.
_MOST_RATIO = 200
_LARGEST = 1 << 30
# What is read whole is a record of one picture.
MOST_AT_ONCE = 1 << 28

_GZIP = 31
_BLOCK = 1 << 20
# Packed bytes that are given at a time: few at first, as what follows a short member is left over.
_FEW, _MANY = 1 << 8, 1 << 16

_SUFFIXES = (".json.gz", ".geojson.gz")


def is_packed(name: str) -> bool:
    """Whether a file is read as what was packed in it: JSON, whose name goes on with ``.gz``."""
    return name.lower().endswith(_SUFFIXES)


class GzipBytes:
    """What a file holds, unpacked as far as it was asked for.

    Parameters
    ----------
    read : callable
        Gives bytes of the packed file by offset and length; fewer at its end.
    name : str
        Of the file, for errors.
    size : int
        Bytes of the packed file.
    """

    def __init__(self, read: Callable[[int, int], bytes], name: str, size: int) -> None:
        self._read = read
        self._name = name
        self._most = max(_LARGEST, _MOST_RATIO * size)
        self._kept = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        self._n_bytes = 0
        self._at = 0
        self._packed = memoryview(b"")
        self._member: zlib._Decompress | None = None
        self._n_fed = _FEW
        self._has_members = self._is_whole = False
        self._problem: ExchangeError | SourceError | None = None

    def range(self, offset: int, length: int) -> bytes:
        """Some bytes; fewer at the end.

        Raises
        ------
        ExchangeError
            If it is not gzip up to there, or holds more than is likely.
        SourceError
            If there is no room for it.
        """
        self._unpack(offset + length)
        self._kept.seek(offset)
        return self._kept.read(length)

    def size(self) -> int:
        """How many bytes there are; all of them are unpacked."""
        self._unpack(self._most + 1)
        return self._n_bytes

    def _unpack(self, until: int) -> None:
        while self._n_bytes < until and not self._is_whole:
            if self._problem is not None:
                raise self._problem
            try:
                self._go_on()
            except zlib.error as error:
                self._problem = ExchangeError(f"is not gzip: {error}", source=self._name)
            except OSError as error:
                told = error.strerror or str(error)
                self._problem = SourceError(
                    f"{self._name}: cannot be unpacked into a temporary file: {told}"
                )
            except ExchangeError as error:
                self._problem = error

    def _go_on(self) -> None:
        if not self._packed:
            self._packed = memoryview(self._read(self._at, _MANY))
            self._at += len(self._packed)
            if not self._packed:
                if self._member is not None or not self._at:
                    raise ExchangeError("ends within its gzip data", source=self._name)
                self._is_whole = True
                return
        if self._member is None:
            first = bytes(self._packed[:_FEW])
            if self._has_members and first[0] == 0:
                # Behind the last member there may be zeros.
                self._packed = self._packed[len(first) - len(first.lstrip(b"\0")) :]
                return
            self._member, self._n_fed = zlib.decompressobj(_GZIP), _FEW
        some = self._packed[: self._n_fed]
        self._n_fed = min(2 * self._n_fed, _MANY)
        found = self._member.decompress(some, _BLOCK)
        while found:
            self._keep(found)
            if self._member.eof:
                break
            found = self._member.decompress(self._member.unconsumed_tail, _BLOCK)
        self._packed = self._packed[len(some) - len(self._member.unused_data) :]
        if self._member.eof:
            self._member, self._has_members = None, True

    def _keep(self, data: bytes) -> None:
        if self._n_bytes + len(data) > self._most:
            raise ExchangeError(
                f"holds more than {self._most} bytes in its gzip data; unpack it first",
                source=self._name,
            )
        self._kept.seek(0, 2)
        self._kept.write(data)
        self._n_bytes += len(data)

    def __del__(self) -> None:
        self._kept.close()


class LastUnpacked:
    """The packed file that was read last, unpacked: records of one are read one by one."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._file: GzipBytes | None = None

    def file(self, name: str, read: Callable[[int, int], bytes], size: int) -> GzipBytes:
        """That of a name."""
        if self._file is None or self._name != name:
            self._file = GzipBytes(read, name, size)
            self._name = name
        return self._file


def read_whole(file: GzipBytes, name: str) -> bytes:
    """All bytes.

    Raises
    ------
    ExchangeError
        If they are too many to be held.
    """
    data = file.range(0, MOST_AT_ONCE + 1)
    if len(data) > MOST_AT_ONCE:
        raise ExchangeError(
            f"holds more than {MOST_AT_ONCE} bytes in its gzip data; unpack it first", source=name
        )
    return data
