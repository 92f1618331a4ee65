"""Files that commands write for a person: whole under their name, or not there."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO


def is_special(path: str) -> bool:
    """True for a device, a pipe or whatever else is there and no regular file: such is written to, never replaced."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


class NewFile:
    """A file, readable by its owner only, that is written beside its name and takes it once it is whole.

    What is no regular file is written to directly. Raises OSError where it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._beside = None if is_special(path) else f"{path}.{os.urandom(4).hex()}.partial"
        flags = os.O_WRONLY if self._beside is None else os.O_RDWR | os.O_CREAT | os.O_EXCL
        descriptor = os.open(self._beside or path, flags | os.O_CLOEXEC, 0o600)
        self.file: BinaryIO = os.fdopen(descriptor, "wb" if self._beside is None else "w+b")

    def keep(self) -> None:
        """Gives it its name, safe from a power loss. Raises OSError."""
        self.file.flush()
        if self._beside is None:
            self.file.close()
            return
        os.fsync(self.file.fileno())
        self.file.close()
        os.replace(self._beside, self._path)
        directory = os.open(os.path.dirname(self._path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def drop(self) -> None:
        """Leaves nothing of it. Does nothing where it was kept."""
        with suppress(OSError):
            self.file.close()
        if self._beside is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._beside)
