"""One ``.iid`` file: the founding library's API, read lazily and written atomically."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Iterable
from typing import Any, BinaryIO, Self

import numpy.typing as npt

from iidindex.codec.encode import check_segment, encode_iid, encode_meta
from iidindex.errors import EncodeError, FileNameWarning, QueryError
from iidindex.files.arguments import all_texts
from iidindex.files.contents import Contents
from iidindex.files.file_records import Records
from iidindex.files.group_names import check_name
from iidindex.files.saving import encode_file
from iidindex.masks.regions import as_binary
from iidindex.model import IID, BBox, BBoxLike, check_bytes
from iidindex.plural import counted
from iidindex.storage.atomic import write_atomically
from iidindex.storage.given import open_source
from iidindex.storage.local import LocalFile
from iidindex.storage.paths import is_iid


class IIDFile(Contents):
    """A ``.iid`` file: labelled masks of one picture.

    Opening reads the 48 bytes of the header. Everything else is read through a read-only memory
    map when it is asked for. Only `save` writes to the file.

    Parameters
    ----------
    fpath : path-like, bytes-like or binary file object, optional
        What to open. By default, the file is new and empty.

    Raises
    ------
    SourceNotFoundError, SourceError
        If the file is not there or cannot be read.
    IIDFormatError
        If it is not a ``.iid`` file. Damage after the header is found when it is read.

    Examples
    --------
    >>> import numpy as np
    >>> new = IIDFile()
    >>> new.add(address=b"tree", domain=b"example", bbox=(10, 20, 12, 23),
    ...         mask=np.ones((2, 3), bool), group="plants")
    >>> file = IIDFile(new.to_bytes())
    >>> [entry.iid.address for entry in file.at(x=22, y=11)]
    [b'tree']
    >>> file.fetch(groups=["plants"])[0].seg.mask().shape
    (2, 3)
    """

    def __init__(
        self,
        fpath: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | None = None,
    ) -> None:
        super().__init__(Records(None if fpath is None else open_source(fpath)))

    # ------------------------------------------------------------------ editing

    def add(
        self,
        address: bytes,
        domain: bytes | None,
        bbox: BBoxLike,
        mask: npt.ArrayLike,
        group: str | Iterable[str] | None = None,
    ) -> None:
        """Add an entry. `save` writes it to the disk.

        Parameters
        ----------
        address, domain : bytes
            The IID. None or ``b""`` as the domain means no domain.
        bbox : sequence of int
            ``(minr, minc, maxr, maxc)``, half-open, in image pixels, 0 … 65535. It may be larger
            than the mask.
        mask : array_like of bool or int, shape (maxr - minr, maxc - minc)
            In an array of integers, 0 is outside and one other value is inside. If there are
            several other values, they are labels: use ``mask == label``.
        group : str or iterable of str, optional
            Groups to put the entry in.

        Raises
        ------
        EncodeError
            If the format cannot hold it; nothing is added.
        """
        self._records.check_open()
        groups = all_texts(group, "group", EncodeError)
        for name in groups:
            check_name(name)
        try:
            box = BBox.of(bbox)
        except QueryError as error:
            raise EncodeError(str(error)) from None
        check_bytes(address, "address", EncodeError)
        if domain is not None:
            check_bytes(domain, "domain", EncodeError)
        key = self._records.next_key
        record = encode_iid(key, IID(domain, address))
        binary = as_binary(mask)
        check_segment(key, box, binary)
        if groups:
            _ = self.groups  # They may have to be read, which may fail, before anything is added.
        self._records.append(record, box, binary)
        for name in groups:
            self.groups.extend(name, [key])
        self._space = None
        self._loaded_keys.add(key)

    def save(self, fpath: str | os.PathLike[str]) -> None:
        """Write the file, completely or not at all. It may replace the file that is open.

        Records that were not touched are copied as they are. Afterwards this object reads
        from the saved file.

        Parameters
        ----------
        fpath : path-like

        Raises
        ------
        EncodeError
            If a section would exceed 4 GiB, or the metadata is not JSON; nothing is written.
        SourceError
            If the disk refuses; what was at `fpath` is untouched.

        Warns
        -----
        FileNameWarning
            If the name does not end in ``.iid``: `Index.ingest` passes such files by.
        """
        write_atomically(fpath, self._encode())
        self._records.adopt(LocalFile(fpath))
        self._space = None
        if not is_iid(os.fsdecode(fpath)):
            told = f"{os.fsdecode(fpath)}: does not end in .iid, and no ingest will find it"
            warnings.warn(told, FileNameWarning, stacklevel=2)

    def to_bytes(self) -> bytes:
        """Encode the file: the bytes that `save` would write."""
        return b"".join(self._encode())

    def _encode(self) -> list[bytes]:
        # Metadata that nobody looked at is copied as it is.
        meta = b"" if self._meta is not None else self._records.encoded_meta()
        return encode_file(
            self._records.parts, meta or encode_meta(self.meta.data), self.groups.as_dict()
        )

    # ------------------------------------------------------------------ open and closed

    def close(self) -> None:
        """Give up the file and its map; what was decoded from it stays usable."""
        self._records.close()
        self._space = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Take a copy: it opens the file anew, and has what was added to this one.

        Raises
        ------
        SourceError
            When the copy is opened, if the file is not there or has changed since.
        QueryError
            If this one is closed.
        """
        self._records.check_open()
        return {**self.__dict__, "_space": None}

    def __copy__(self) -> IIDFile:
        # Half a copy would have its entries in common with this one, and close its file.
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        holds = "closed" if self._records.closed else counted(len(self), "entry", "entries")
        return f"<IIDFile {self.name!r}, {holds}>"
