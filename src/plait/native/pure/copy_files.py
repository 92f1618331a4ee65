"""Copying a batch of files from one directory to another: each written beside, checked, renamed."""

from __future__ import annotations

import fcntl
import os
import stat as modes
import sys
from contextlib import suppress
from errno import EEXIST, EOPNOTSUPP
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from plait.native.pure.content import ContentError, CopyCancelled, Flag, Side, allocate, clone, copy_content, write_all
from plait.native.pure.scan import clamped, refuse_negative, refuse_paths, wrapped
from plait.native.stages import (
    CANCELLED,
    CLOSE,
    CREATE,
    DONE,
    DURABLE,
    EXCLUSIVE,
    IN_PLACE,
    LENGTH,
    OPEN_SOURCE,
    READ,
    RENAME,
    SET_MODE,
    SET_TIMES,
    SOURCE_CHANGED,
    SYNC,
    UNNAMED,
    WRITE,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.native.results import Outcome

_SMALL = 128 * 1024
"""Up to this size a file is read at once, before anything is created."""
_ALLOCATED = 1024 * 1024
"""From this size on, reserving the space beforehand saves time."""
_EXPECTED = Struct("=5q")


class _Expected(NamedTuple):
    size: int
    modified: int
    changed: int
    inode: int
    device: int


class _Batch(NamedTuple):
    source: int
    destination: int
    options: int
    mode: int
    cancel: Flag | None


class _EndError(Exception):
    """A copy ended without a system's error, at `stage`."""

    def __init__(self, stage: int) -> None:
        super().__init__(stage)
        self.stage = stage


def copy_files(  # noqa: PLR0917  (positional in C)
    source: int,
    destination: int,
    names: Sequence[bytes],
    partials: Sequence[bytes],
    expected: Flag,
    options: int,
    mode: int,
    cancel: Flag | None,
    /,
) -> list[Outcome]:
    """Copies regular files from the directory open as `source` to the one open as `destination`, under their names.

    Each file by itself: it must be the expected one (`expected` holds five native int64 for each name: size in bytes,
    modification and change time in ns, inode, device, as `scan` gives them), is written under its name of `partials`
    (EEXIST at CREATE where that exists: it may be another writer's), must not have changed meanwhile (size and
    modification time), gets the source's modification time as both its times, and is renamed. As long as a partial is
    written it is locked (flock, where the file system has it), so that a left-over can be told from it. Holes of files
    larger than 128 KiB stay holes. Links are not followed. After any failure the partial is gone and the old file is
    as it was, unless `IN_PLACE`.

    `options` is a sum of `EXCLUSIVE`, `IN_PLACE`, `DURABLE` and `UNNAMED` (`plait.native.stages`); in place, and where
    files have no name before they are done, there are no partials.
    `mode` is given to every file, or -1 for what the umask leaves of 0666; in place, -1 leaves an existing file's.
    `cancel` is a buffer whose first byte another thread may set to end the work: after the file under way, or amidst
    it where that is large.

    Returns an `Outcome` for each name, in order. Raises ValueError, before anything is touched, for names that are
    empty, `.`, `..` or hold `/` or NUL, for a partial that has the name itself, for negative descriptors and for
    arguments whose lengths do not fit.
    """
    names, partials = tuple(names), tuple(partials)
    refuse_negative(source, destination)
    if cancel is not None and len(cancel) < 1:
        raise ValueError("cancel holds at least one byte")
    refuse_paths(names)
    refuse_paths(partials)
    if len(expected) != len(names) * _EXPECTED.size:
        raise ValueError("expected holds five int64 for each name")
    if options & ~(EXCLUSIVE | IN_PLACE | DURABLE | UNNAMED):
        raise ValueError("unknown options")
    if options & UNNAMED and options & (EXCLUSIVE | IN_PLACE) != EXCLUSIVE:
        raise ValueError("what has no name yet replaces nothing")
    if len(partials) != (0 if options & (IN_PLACE | UNNAMED) else len(names)):
        raise ValueError("there is one partial name for each name, none in place or without names")
    if any(map(bytes.__eq__, names, partials)):
        raise ValueError("a partial has a name of its own")
    batch = _Batch(source, destination, options, mode, cancel)
    outcomes: list[Outcome] = []
    for index, row in enumerate(_EXPECTED.iter_unpack(expected)):
        if cancel is not None and cancel[0]:
            outcomes.append((CANCELLED, 0))
            continue
        partial = partials[index] if partials else None
        outcomes.append(_Copy(batch, names[index], partial, _Expected(*row)).outcome())
    return outcomes


class _Copy:
    """The copy of one file; `stage` is what it is about, for the errors that come out of it."""

    __slots__ = ("batch", "expected", "name", "partial", "stage")

    def __init__(self, batch: _Batch, name: bytes, partial: bytes | None, expected: _Expected) -> None:
        self.batch = batch
        self.name = name
        self.partial = partial
        self.expected = expected
        self.stage = OPEN_SOURCE

    def outcome(self) -> Outcome:
        try:
            # Should a pipe have taken the name, opening it must not wait for a writer.
            source = os.open(self.name, os.O_RDONLY | os.O_NONBLOCK | _safely(), dir_fd=self.batch.source)
            try:
                self._copy_from(source)
            finally:
                _close(source)
        except _EndError as end:
            return end.stage, 0
        except OSError as error:
            return self.stage, error.errno or 0
        return DONE, 0

    def _copy_from(self, source: int) -> None:
        st = os.fstat(source)
        if not _is_expected(st, self.expected):
            raise _EndError(SOURCE_CHANGED)
        data = self._read_small(source) if self.expected.size <= _SMALL else None
        self.stage = CREATE
        destination = self._create(st)
        unnamed = self.batch.options & UNNAMED
        written = None if unnamed else self.partial or self.name
        try:
            try:
                if data is None:
                    self._copy_large(source, destination, st)
                else:
                    self.stage = WRITE
                    write_all(destination, data, 0)
                self._finish(destination, st)
                if unnamed:
                    self.stage = RENAME
                    os.link(f"/proc/self/fd/{destination}", self.name, dst_dir_fd=self.batch.destination)
                    written = self.name
            except BaseException:
                _close(destination)
                raise
            self.stage = CLOSE
            os.close(destination)
            self.stage = RENAME
            self._publish()
        except BaseException:
            if written is not None:
                with suppress(OSError):
                    os.unlink(written, dir_fd=self.batch.destination)
            raise

    def _read_small(self, source: int) -> bytes:
        self.stage = READ
        wanted = self.expected.size + 1
        data = b""
        while len(data) < wanted:
            more = os.read(source, wanted - len(data))
            data += more
            if not more or len(data) == self.expected.size:
                break
        self._check_held(source, len(data))
        return data

    def _check_held(self, source: int, copied: int) -> None:
        """Exactly the expected content was read, or _EndError."""
        self.stage = READ
        if not _same_content(os.fstat(source), self.expected):
            raise _EndError(SOURCE_CHANGED)
        if copied != self.expected.size:
            raise _EndError(LENGTH)

    def _create(self, source: os.stat_result) -> int:
        mode = 0o666 if self.batch.mode < 0 else 0o600
        directory = self.batch.destination
        if self.batch.options & UNNAMED:
            if sys.platform != "linux":
                raise OSError(EOPNOTSUPP, os.strerror(EOPNOTSUPP))
            return os.open(".", os.O_WRONLY | os.O_TMPFILE | _safely(), mode, dir_fd=directory)
        if self.partial is None:
            return self._create_in_place(mode, source)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _safely()
        destination = os.open(self.partial, flags, mode, dir_fd=directory)
        if _is_ours(destination):
            return destination
        _close(destination)
        raise FileExistsError(EEXIST, os.strerror(EEXIST))

    def _create_in_place(self, mode: int, source: os.stat_result) -> int:
        exclusive = os.O_EXCL if self.batch.options & EXCLUSIVE else 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | exclusive | _safely()
        destination = os.open(self.name, flags, mode, dir_fd=self.batch.destination)
        try:
            _empty(destination, source)
        except BaseException:
            _close(destination)
            raise
        return destination

    def _copy_large(self, source: int, destination: int, st: os.stat_result) -> None:
        self.stage = WRITE
        size = self.expected.size
        if clone(source, destination):
            self._check_held(source, size)
            return
        sparse = st.st_blocks * 512 < size
        if sparse:
            os.ftruncate(destination, size)
        elif size >= _ALLOCATED:
            allocate(destination, size)
        try:
            copied = copy_content(source, destination, 0, size, sparse=sparse, cancel=self.batch.cancel)
        except CopyCancelled as end:
            raise _EndError(CANCELLED) from end
        except ContentError as error:
            self.stage = READ if error.side is Side.SOURCE else WRITE
            raise error.cause from None
        self._check_held(source, copied)

    def _finish(self, destination: int, st: os.stat_result) -> None:
        if self.batch.mode >= 0:
            self.stage = SET_MODE
            os.fchmod(destination, self.batch.mode & 0o7777)
        self.stage = SET_TIMES
        os.utime(destination, ns=(st.st_mtime_ns, st.st_mtime_ns))
        if self.batch.options & DURABLE:
            self.stage = SYNC
            _sync_data(destination)

    def _publish(self) -> None:
        directory = self.batch.destination
        if self.partial is None:
            return
        if not self.batch.options & EXCLUSIVE:
            os.rename(self.partial, self.name, src_dir_fd=directory, dst_dir_fd=directory)
            return
        os.link(self.partial, self.name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        with suppress(OSError):
            # The file stands: a second name of it is no failure.
            os.unlink(self.partial, dir_fd=directory)


def _close(descriptor: int) -> None:
    """Closes what nothing depends on any more."""
    with suppress(OSError):
        os.close(descriptor)


def _is_ours(partial: int) -> bool:
    """Locks a new partial; False where someone took it for a left-over before. A file system may have no locks."""
    try:
        fcntl.flock(partial, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return os.fstat(partial).st_nlink > 0
    return os.fstat(partial).st_nlink > 0


def _safely() -> int:
    return os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY


def _same_content(st: os.stat_result, expected: _Expected) -> bool:
    return st.st_size == expected.size and clamped(st.st_mtime_ns) == expected.modified


def _is_expected(st: os.stat_result, expected: _Expected) -> bool:
    return (
        modes.S_ISREG(st.st_mode)
        and _same_content(st, expected)
        and clamped(st.st_ctime_ns) == expected.changed
        and wrapped(st.st_ino) == expected.inode
        and wrapped(st.st_dev) == expected.device
    )


def _empty(destination: int, source: os.stat_result) -> None:
    st = os.fstat(destination)
    if not modes.S_ISREG(st.st_mode) or os.path.samestat(st, source):
        # Nothing that may be emptied.
        raise FileExistsError(EEXIST, os.strerror(EEXIST))
    os.ftruncate(destination, 0)


def _sync_data(descriptor: int) -> None:
    if sys.platform == "darwin":
        # fsync leaves the data in the drive's cache there.
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:
            os.fsync(descriptor)
    else:
        os.fdatasync(descriptor)
