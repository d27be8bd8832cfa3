"""A file of a name that one process at a time can hold.

The system lets a lock go with the process that has it. Where it has no such locks, whoever makes
the file holds it, and a file whose maker is dead is nobody's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from iidindex.system.portable import FORCED

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:
    msvcrt = None  # type: ignore[assignment]

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

# Seconds in which the maker of a file says in it whose it is. One that is held up for longer
# finds that the file is not its own; one that was killed in between never will say it.
_NAMELESS = 1.0


class HeldError(Exception):
    """Another holds the file; as text, who, if that is known."""


class Lock(Protocol):
    """A file that is held."""

    def is_ours(self) -> bool:
        """Whether nobody has removed it or put another in its place."""
        ...

    def release(self) -> None:
        """Let it go; it is removed if it is still ours."""
        ...


class _Locked:
    """A file that the system has locked."""

    def __init__(self, name: str, fd: int) -> None:
        self._name = name
        self._fd = fd

    def is_ours(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._fd), os.stat(self._name))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        # Removed while it is held: whoever opened it meanwhile will notice. What lies there
        # after somebody has removed ours is another's. What cannot be removed locks nothing,
        # and a system without fcntl removes nothing that anybody has open.
        if fcntl is None:
            self.close()
            self._remove()
        else:
            if self.is_ours():
                self._remove()
            self.close()

    def close(self) -> None:
        os.close(self._fd)

    def _remove(self) -> None:
        with suppress(OSError):
            os.unlink(self._name)


def take_by_lock(name: str) -> Lock:
    """Make a file of that name, or open it, and lock it.

    Raises
    ------
    HeldError
        If another process has locked it.
    OSError
        If it cannot be made.
    """
    while True:
        fd = os.open(name, _FLAGS, 0o666)
        try:
            _lock(fd)
        except (BlockingIOError, PermissionError):  # as fcntl says it, and msvcrt
            os.close(fd)
            raise HeldError from None
        except OSError:
            os.close(fd)
            raise
        lock = _Locked(name, fd)
        # It may have been removed after it was opened.
        if lock.is_ours():
            return lock
        lock.close()


def _lock(fd: int) -> None:
    if fcntl is not None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        system: Any = msvcrt
        system.locking(fd, system.LK_NBLCK, 1)


class _Made:
    """A file that says who made it."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text

    def is_ours(self) -> bool:
        return _text_of(self._name) == self._text

    def release(self) -> None:
        if self.is_ours():
            with suppress(OSError):
                os.unlink(self._name)
        _ours.discard(self._text)


# What is in the files that this process has made and holds: one with its number in it that is
# not among them is of a dead process that had the same.
_ours: set[str] = set()


def take_by_making(name: str) -> Lock:
    """Make a file of that name, which must not be there, or be a dead process's.

    Raises
    ------
    HeldError
        If it is there, and its maker is alive, or on another machine, where nobody can tell.
    OSError
        If it cannot be made.
    """
    text = f"{os.getpid()} {_machine()} {os.urandom(8).hex()}\n"
    while True:
        try:
            fd = os.open(name, _FLAGS | os.O_EXCL, 0o666)
        except FileExistsError:
            _clear(name)
            continue
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
        _ours.add(text)
        return _Made(name, text)


def _clear(name: str) -> None:
    """Take away the file of a dead process; whoever has made one meanwhile gets it back."""
    found = _text_of(name)
    if found is not None and not _says_whose(found):
        time.sleep(_NAMELESS)
        found = _text_of(name)
    if found is None:
        return
    holder = _holder_in(found, name)
    if holder is not None:
        raise HeldError(holder)
    aside = f"{name}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        os.rename(name, aside)
    except FileNotFoundError:  # another was quicker
        return
    if _text_of(aside) != found:
        # Two have found the same file of a dead process, and the other was quicker. Should a
        # third be quicker still, the other will notice that its file is not its own any more.
        with suppress(OSError):
            os.link(aside, name)
    os.unlink(aside)


def _says_whose(text: str) -> bool:
    told = text.split()
    return len(told) == 3 and told[0].isdecimal() and text.endswith("\n")


def _holder_in(text: str, name: str) -> str | None:
    """Who holds the file with this text in it; None if nobody does."""
    if not _says_whose(text):
        return None
    told = text.split()
    number, machine = int(told[0]), told[1]
    if machine != _machine():
        return f"process {number} on {machine}; if it is dead, remove {name}"
    is_alive = text in _ours if number == os.getpid() else _is_alive(number)
    return f"process {number}; if it is another's by now, remove {name}" if is_alive else None


def _is_alive(number: int) -> bool:
    """Whether there is a process of that number, as far as one can tell."""
    if os.name != "posix":
        return True  # elsewhere, to ask like this may end it
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _machine() -> str:
    from platform import node

    return "".join(node().split()) or "unknown"


def _text_of(name: str) -> str | None:
    try:
        with open(name, encoding="utf-8", errors="replace") as file:
            return file.read(1000)
    except FileNotFoundError:
        return None


_HAS_LOCKS = any((fcntl, msvcrt)) and not FORCED

# Hold the file of a name.
take: Callable[[str], Lock] = take_by_lock if _HAS_LOCKS else take_by_making
