"""The log of a live database, read by a descriptor: it carries no locks, so that it may be opened and closed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from plait.model.closing import Closing
from plait.model.errors import from_os_error

if TYPE_CHECKING:
    from pathlib import Path


class LogFile(Closing):
    """A log, open for reading; one that is not there is empty. `size` is its length in bytes when it was opened."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = None
        self.size = 0
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.size = os.fstat(self._descriptor).st_size
        except FileNotFoundError:
            pass
        except OSError as error:
            self.close()
            raise from_os_error(error, f"failed to open {path}") from error

    def read(self, offset: int, length: int) -> bytes:
        """The bytes at an offset; fewer only at the log's end."""
        if self._descriptor is None:
            return b""
        data = os.pread(self._descriptor, length, offset)
        while 0 < len(data) < length and (more := os.pread(self._descriptor, length - len(data), offset + len(data))):
            data += more
        return data

    def close(self) -> None:
        """Close the descriptor; repeated calls do nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
