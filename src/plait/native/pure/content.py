"""Copying bytes from one open file to another: in the kernel where it can, by reading and writing where it cannot."""

from __future__ import annotations

import os
import sys
from enum import Enum
from errno import EDQUOT, EFBIG, EINTR, ENOSPC, ENXIO
from typing import TypeAlias

Flag: TypeAlias = bytes | bytearray | memoryview
"""A byte that another thread may set."""

_BUFFER = 256 * 1024
_KERNEL_CHUNK = 8 * 1024 * 1024
_LONGEST = 2**63 - 1
_FICLONE = 0x40049409
_NO_SPACE = frozenset({ENOSPC, EDQUOT, EFBIG})


class Side(Enum):
    """Which side a copy failed on."""

    SOURCE = "source"
    DESTINATION = "destination"


class ContentError(Exception):
    """The copy failed on one side with the system's error `cause`."""

    def __init__(self, side: Side, cause: OSError) -> None:
        super().__init__(side, cause)
        self.side = side
        self.cause = cause


class CopyCancelled(Exception):  # noqa: N818  (no error)
    """The cancel flag was set."""


def copy_range(source: int, destination: int, offset: int, length: int, sparse: bool, /) -> int:  # noqa: FBT001  (positional in C)
    """Copies `length` bytes at `offset` of one open file to the same place of another.

    Returns the number of bytes copied, which is less than `length` only where the source ends. With `sparse`, what is
    a hole in the source is counted but not written: the destination has to read as zeros there, and its size is the
    caller's to set. Neither descriptor's offset matters, so that several threads may copy ranges of one file at once.

    Raises OSError with the errno of the failed call, ValueError for a negative range or one beyond 2**63 - 1.
    """
    if offset < 0 or length < 0 or offset > _LONGEST - length:
        raise ValueError("offset and length cannot be negative or reach beyond 2**63 - 1")
    try:
        return copy_content(source, destination, offset, length, sparse=sparse)
    except ContentError as error:
        raise error.cause from None


def allocate(descriptor: int, size: int, /) -> bool:
    """Reserves the blocks of the first `size` bytes (at least one) of an open file, and makes it at least so long.

    Returns False where the system or the file system cannot. Saves time for files of a megabyte and more, and tells in
    time that there is no space: raises OSError for that, with ENOSPC, EDQUOT or EFBIG. Raises ValueError for a size
    below one.
    """
    if size < 1:
        raise ValueError("the size has to be positive")
    if sys.platform != "linux":
        return False
    import ctypes

    # Not os.posix_fallocate: where the file system cannot, that writes into every block.
    library = ctypes.CDLL(None, use_errno=True)
    reserve = getattr(library, "fallocate64", None) or library.fallocate
    while reserve(descriptor, 0, ctypes.c_int64(0), ctypes.c_int64(size)) != 0:
        error = ctypes.get_errno()
        if error in _NO_SPACE:
            raise OSError(error, os.strerror(error))
        if error != EINTR:
            return False
    return True


def clone(source: int, destination: int) -> bool:
    """Lets a new file share the blocks of the source, where the file system can; True when it does."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(destination, _FICLONE, source)
    except OSError:
        return False
    return True


def copy_content(
    source: int, destination: int, offset: int, length: int, *, sparse: bool = False, cancel: Flag | None = None
) -> int:
    """As `copy_range`; stops where the first byte of `cancel` is not zero. Raises ContentError, CopyCancelled."""
    content = _Content(source, destination, offset, cancel)
    if not (sparse and content.copy_data_only(length)):
        content.copy_until(length)
    return content.copied


def write_all(destination: int, data: bytes | memoryview, offset: int) -> None:
    """Writes all of `data` at `offset`. Raises OSError."""
    view = memoryview(data)
    while view:
        count = os.pwrite(destination, view, offset)
        offset += count
        view = view[count:]


class _Content:
    """A copy under way; `copied` counts from `offset`, holes too."""

    def __init__(self, source: int, destination: int, offset: int, cancel: Flag | None) -> None:
        self.source = source
        self.destination = destination
        self.offset = offset
        self.copied = 0
        self._cancel = cancel

    def copy_until(self, stop: int) -> None:
        """Copies until `stop` bytes are copied in all or the source ends."""
        if hasattr(os, "copy_file_range"):
            self._copy_in_kernel(stop)
        self._copy_through_buffer(stop)

    def copy_data_only(self, length: int) -> bool:
        """Copies the data and passes over the holes; True when it came to the end of the range or of the source."""
        end = self.offset + length
        while self.copied < length:
            position = self.offset + self.copied
            try:
                data = os.lseek(self.source, position, os.SEEK_DATA)
                hole = os.lseek(self.source, data, os.SEEK_HOLE) if data < end else end
            except OSError as error:
                if error.errno != ENXIO:
                    return False
                # A hole up to the end of the file, or beyond it.
                self.copied = max(self.copied, min(os.fstat(self.source).st_size, end) - self.offset)
                return True
            if data >= end:
                self.copied = length
                return True
            if hole <= data:
                return False
            self.copied = data - self.offset
            stop = min(hole, end) - self.offset
            self.copy_until(stop)
            if self.copied < stop:
                return True
        return True

    def _copy_in_kernel(self, stop: int) -> None:
        """Copies as far as the kernel can.

        Whatever it stumbles over is left to reading and writing, which can tell a failed read from a failed write, and
        a lying file system from the end of the file; only that there is no space needs no second try.
        """
        while self.copied < stop:
            self._look()
            position = self.offset + self.copied
            chunk = min(stop - self.copied, _KERNEL_CHUNK)
            try:
                count = os.copy_file_range(self.source, self.destination, chunk, position, position)
            except OSError as error:
                if error.errno in _NO_SPACE:
                    raise ContentError(Side.DESTINATION, error) from error
                return
            if count == 0:
                return
            self.copied += count

    def _copy_through_buffer(self, stop: int) -> None:
        while self.copied < stop:
            self._look()
            position = self.offset + self.copied
            try:
                data = os.pread(self.source, min(stop - self.copied, _BUFFER), position)
            except OSError as error:
                raise ContentError(Side.SOURCE, error) from error
            if not data:
                return
            try:
                write_all(self.destination, data, position)
            except OSError as error:
                raise ContentError(Side.DESTINATION, error) from error
            self.copied += len(data)

    def _look(self) -> None:
        if self._cancel is not None and self._cancel[0]:
            raise CopyCancelled
