"""What makes a file that was put in another's place stay there, as the other was."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from iidindex.system.portable import FORCED

_HAS_FCHMOD = hasattr(os, "fchmod") and not FORCED
_HAS_DIRECTORIES = hasattr(os, "O_DIRECTORY") and not FORCED


def set_mode(file: BinaryIO, path: Path, mode: int) -> None:
    """Give an open file permissions."""
    if _HAS_FCHMOD:
        os.fchmod(file.fileno(), mode)
    else:
        path.chmod(mode)


def sync_directory(directory: Path) -> None:
    """Have what lies in a directory written to the disk, where a directory can be opened."""
    if not _HAS_DIRECTORIES:
        return
    with suppress(OSError):
        fd = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
