"""The groups of one file: named sets of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias, overload

import numpy as np

from iidindex.codec.reader import Ints
from iidindex.errors import EncodeError, QueryError
from iidindex.files.arguments import all_texts
from iidindex.files.file_entry import Entry
from iidindex.files.file_records import Records
from iidindex.files.group_names import check_name

# Within the class, `list` is a method.
Names = list[str]
Keys = list[int]
Entries: TypeAlias = list[Entry]


class Groups:
    """Named sets of entries; ``iidfile.groups``.

    Do not create it yourself. A name that a file lists twice is one group with the keys of both.
    """

    def __init__(
        self, records: Records, fetch: Callable[..., Entries], stored: dict[str, Ints]
    ) -> None:
        self._records = records
        self._fetch = fetch
        self._stored = stored
        # Keys added one by one wait here, so that adding an entry to a large group is cheap.
        self._new: dict[str, Keys] = {}

    def list(self) -> Names:
        """Names, sorted."""
        return sorted(self._stored)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._stored

    def __len__(self) -> int:
        return len(self._stored)

    def add(self, name: str, keys: Iterable[int] | None = None) -> None:
        """Put entries into a group, which is made if there is none of that name.

        Parameters
        ----------
        name : str
        keys : iterable of int, optional
            Keys of entries that are in the file.

        Raises
        ------
        EncodeError
            If `name` is no valid text, or a key is not in the file; nothing is added.
        """
        check_name(name)
        rows = self._records.rows_of([] if keys is None else keys, EncodeError)
        self.extend(name, self._records.keys[rows].tolist())

    def extend(self, name: str, keys: Keys) -> None:
        """Put keys that are known to exist into a group of a valid name."""
        self._stored.setdefault(name, np.empty(0, np.int64))
        self._new.setdefault(name, []).extend(keys)

    def keys(self, groups: str | Iterable[str]) -> Ints:
        """Keys in any of the groups, ascending, each once.

        Raises
        ------
        QueryError
            If there is no group of that name.
        """
        names = all_texts(groups, "groups", QueryError)
        for name in names:
            check_name(name, QueryError)
            if name not in self._stored:
                listed = ", ".join(map(repr, self.list())) or "none"
                raise QueryError(
                    f"{self._records.name}: there is no group {name!r}; its groups: {listed}"
                )
        return np.unique(np.concatenate([np.empty(0, np.int64), *map(self._keys, names)]))

    def _keys(self, name: str) -> Ints:
        new = self._new.pop(name, None)
        if new:
            self._stored[name] = np.unique(np.append(self._stored[name], new))
        return self._stored[name]

    @overload
    def get(
        self,
        groups: str | Iterable[str],
        keys_only: Literal[True],
        iids: bool = True,
        segs: bool = False,
    ) -> Keys: ...

    @overload
    def get(
        self,
        groups: str | Iterable[str],
        keys_only: Literal[False] = False,
        iids: bool = True,
        segs: bool = False,
    ) -> Entries: ...

    def get(
        self,
        groups: str | Iterable[str],
        keys_only: bool = False,
        iids: bool = True,
        segs: bool = False,
    ) -> Keys | Entries:
        """Entries in any of the groups, ascending by key.

        Parameters
        ----------
        groups : str or iterable of str
        keys_only : bool
            Return the keys instead.
        iids, segs : bool
            What of the entries to load now; the rest is loaded when it is asked for.

        Raises
        ------
        QueryError
            If there is no group of that name.
        """
        if keys_only:
            keys: Keys = self.keys(groups).tolist()
            return keys
        return self._fetch(groups=groups, iids=iids, segs=segs)

    def as_dict(self) -> dict[str, Ints]:
        """Keys by name, names in the order in which they came."""
        return {name: self._keys(name) for name in self._stored}
