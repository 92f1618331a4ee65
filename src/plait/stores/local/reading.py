"""Reading a local file, watching that it stays what it was."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, TypeVar

from plait.model.closing import Closing
from plait.model.errors import (
    IntegrityError,
    ObjectNotFoundError,
    PlaitError,
    SourceChangedError,
    StoreError,
    from_os_error,
)
from plait.model.items import Kind
from plait.stores.content import check_expected
from plait.stores.local.attributes import kind_of, stat_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.model.items import Posix, Stat
    from plait.stores.local.paths import Place, Root

T = TypeVar("T")

# Not blocking: a pipe that took the name of a file must not hold the run.
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
WHOLE = 1 << 20


def not_found(error: OSError, what: str, key: str) -> PlaitError:
    """The catalogue's error; a name that is missing, below a file, or a link that is not followed is not found."""
    if error.errno in _NOT_THERE:
        return ObjectNotFoundError("object not found", key=key)
    return from_os_error(error, what, key=key)


def open_file(root: Root, place: Place, *, follow: bool) -> int:
    """A descriptor for reading. Raises ObjectNotFoundError, PermissionDeniedError; whatever else is no regular file is
    a StoreError.
    """
    try:
        with root.directory(place.parents) as directory:
            flags = READ if follow else READ | os.O_NOFOLLOW
            descriptor = os.open(place.leaf, flags, dir_fd=directory)
    except OSError as error:
        raise not_found(error, "failed to open source object", place.key) from None
    if kind_of(os.fstat(descriptor).st_mode) is not Kind.FILE:
        os.close(descriptor)
        raise StoreError("Can't transfer non file/directory", key=place.key)
    return descriptor


def check_file(expected: Stat | None, found: Stat, key: str) -> None:
    """Raises SourceChangedError where a file is known to be another one than expected, or changed.

    Besides size and time, the change time tells, unless what changed it is seen: mode, owner or the number of names.
    The inode alone does not, because some network file systems number their files anew.
    """
    check_expected(expected, found, key)
    if expected is None or expected.posix is None or found.posix is None:
        return
    before, now = expected.posix, found.posix
    if before.changed != now.changed and (before.inode != now.inode or _visible(before) == _visible(now)):
        raise SourceChangedError("can't copy - source file is being updated (it changed since it was listed)", key=key)


def _visible(posix: Posix) -> tuple[int, int, int, int]:
    return (posix.mode, posix.uid, posix.gid, posix.links)


def check_length(descriptor: int, size: int, end: int, key: str) -> None:
    """Raises IntegrityError unless the content of a file that ended at `end` is as long as its size says.

    Files that a system makes up as they are read (procfs, sysfs) say 0 bytes, or a page.
    """
    if end < size:
        found = f"content ended at {end}"
    elif _has_more(descriptor, size, key):
        found = "content goes on"
    else:
        return
    raise IntegrityError(f"corrupted on transfer: sizes differ: expected {size}, {found}", key=key)


def _has_more(descriptor: int, offset: int, key: str) -> bool:
    try:
        return bool(os.pread(descriptor, 1, offset))
    except OSError as error:
        raise from_os_error(error, "failed to read", key=key) from None


class LocalReader(Closing):
    """An open file from `offset` on, for `length` bytes or to the end that it had when it was opened."""

    def __init__(self, descriptor: int, stat: Stat, key: str, offset: int, length: int | None, *, check: bool) -> None:
        self._descriptor: int | None = descriptor
        self._key = key
        self._check = check
        self._position = offset
        left = max((stat.size or 0) - offset, 0)
        self._left = left if length is None else min(length, left)
        self.stat = stat

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            found = []
            while block := self.read(WHOLE):
                found.append(block)
            return b"".join(found)
        if self._descriptor is None:
            raise StoreError("the file was closed while it was read", key=self._key)
        wanted = min(size, self._left)
        try:
            data = os.pread(self._descriptor, wanted, self._position) if wanted else b""
        except OSError as error:
            raise from_os_error(error, "failed to read", key=self._key) from None
        self._position += len(data)
        self._left -= len(data)
        if wanted and not data:
            found_size = os.fstat(self._descriptor).st_size
            if found_size == self.stat.size:
                check_length(self._descriptor, found_size, self._position, self._key)
            raise SourceChangedError(
                f"can't copy - source file is being updated (size changed from {self.stat.size} to {found_size})",
                key=self._key,
            )
        if not self._left:
            self._check_at_end(self._descriptor)
        return data

    def pass_file(self, send: Callable[[int, int, int], T]) -> T:
        """Hands over what is left as a range of the open file; see `plait.stores.base.PassesFile`."""
        if self._descriptor is None:
            raise StoreError("the file was closed while it was read", key=self._key)
        result = send(self._descriptor, self._position, self._left)
        self._position += self._left
        self._left = 0
        self._check_at_end(self._descriptor)
        return result

    def _check_at_end(self, descriptor: int) -> None:
        if self._check:
            check_expected(self.stat, stat_of(os.fstat(descriptor)), self._key)
            if self._position == self.stat.size:
                check_length(descriptor, self._position, self._position, self._key)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
