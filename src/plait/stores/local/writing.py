"""Writing a local file: beside its name, checked, then renamed into place."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import (
    AlreadyExistsError,
    IntegrityError,
    NotSupportedError,
    StoreError,
    from_os_error,
)
from plait.native import allocate
from plait.stores.content import blocks
from plait.stores.hashes import Digests
from plait.stores.local.attributes import apply_metadata, own_link, stat_of, times_of
from plait.stores.local.moves import rename_to_new
from plait.stores.local.partials import WRITERS, lock, partial_name, remove_left_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.model.items import Stat
    from plait.stores.base import Outgoing, Source
    from plait.stores.local.options import LocalOptions
    from plait.stores.local.resuming import Found

CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MODE = 0o666
PREALLOCATE_FROM = 1 << 20


class Target(msgspec.Struct, frozen=True):
    """What is to be written: a name in an open directory, which the caller keeps open until it is done.

    `warn` is told what could not be set.
    """

    directory: int
    leaf: str
    key: str
    options: LocalOptions
    warn: Callable[[str], None]

    def durable(self, how: Outgoing) -> bool:
        """True where content and name are to survive a power loss."""
        return how.durable or self.options.durable


@contextmanager
def system_errors(what: str, key: str) -> Iterator[None]:
    """Turns an OSError of the calls inside into the catalogue's error."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, what, key=key) from None


class Partial:
    """A partial file of the target.

    It is removed by `discard`, also after a failed `commit`; after `commit` it has its final name.
    """

    def __init__(self, target: Target, found: Found | None = None) -> None:
        """Makes the file, or takes over `found`."""
        self._target = target
        if found is not None:
            self._name, self.descriptor = found.name, found.descriptor
        else:
            with system_errors("failed to create the partial file", target.key):
                self._name, self.descriptor = create_partial(
                    target.directory, target.leaf, target.options.partial_suffix
                )
        self._there = True
        self._open = True

    def commit(self, size: int, how: Outgoing) -> Stat:
        """Gives the file its attributes and its name. Raises IntegrityError unless it holds `size` bytes."""
        target = self._target
        found = os.fstat(self.descriptor).st_size
        if found != size:
            raise IntegrityError(f"corrupted on transfer: sizes differ: expected {size}, got {found}", key=target.key)
        with system_errors("failed to write", target.key):
            set_attributes(self.descriptor, how, target)
            if target.durable(how):
                os.fsync(self.descriptor)
        put_in_place(target, self._name, if_absent=how.if_absent)
        self._there = False
        with system_errors("failed to sync the directory", target.key):
            if target.durable(how):
                os.fsync(target.directory)
            stat = stat_of(os.fstat(self.descriptor))
        self._close()
        return stat

    def discard(self) -> None:
        """Removes the file, unless it has its final name; repeated calls do nothing."""
        if self._there:
            self._there = False
            with suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=self._target.directory)
        self._close()

    def leave(self) -> None:
        """Lets go of the file, which stays for the next writer to go on with."""
        self._there = False
        self._close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            os.close(self.descriptor)


def put_in_place(target: Target, name: str, *, if_absent: bool) -> None:
    """Renames a finished partial file to its final name.

    Raises AlreadyExistsError, StoreError where a directory has the name.
    """
    directory, key = target.directory, target.key
    try:
        if if_absent:
            rename_to_new(directory, name, directory, target.leaf)
        else:
            os.rename(name, target.leaf, src_dir_fd=directory, dst_dir_fd=directory)
    except FileExistsError:
        raise AlreadyExistsError("the file exists already", key=key) from None
    except IsADirectoryError:
        raise StoreError("a directory has this name", key=key) from None
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            raise NotSupportedError("this file system cannot create a file only where there is none", key=key) from None
        raise from_os_error(error, "failed to rename the partial file", key=key) from None


def set_attributes(descriptor: int, how: Outgoing, target: Target) -> None:
    """Gives an open file the mode, metadata and times of `how`. Raises OSError."""
    if how.mode is not None:
        os.fchmod(descriptor, how.mode)
    if how.metadata is not None:
        apply_metadata(descriptor, how.metadata, special_bits=target.options.restore_special_bits, warn=target.warn)
    times = times_of(how.metadata, how.modified, target.warn)
    if times is not None and not target.options.no_set_modtime:
        os.utime(descriptor, ns=times)


def write_file(target: Target, content: Source, size: int | None, how: Outgoing) -> Stat:
    """Writes one file, atomically."""
    partial = Partial(target)
    try:
        if size is not None:
            preallocate(partial.descriptor, size, target)
        written = _fill(partial.descriptor, content, size, how, target.key)
        return partial.commit(written, how)
    finally:
        partial.discard()


def write_in_place(target: Target, content: Source, size: int | None, how: Outgoing) -> Stat:
    """Writes one file under its final name, as a person asked for."""
    with in_place(target, how) as descriptor:
        written = _fill(descriptor, content, size, how, target.key)
        return finish_in_place(descriptor, written, how, target)


@contextmanager
def in_place(target: Target, how: Outgoing) -> Iterator[int]:
    """The file under its final name, open to be written over; removed where that fails, for it is a mixture then.

    It is not emptied first: it may be the very file that is being read, under a second name.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    with system_errors("failed to open for writing in place", target.key):
        descriptor = os.open(target.leaf, flags | (os.O_EXCL if how.if_absent else 0), MODE, dir_fd=target.directory)
    try:
        yield descriptor
    except BaseException:
        with suppress(OSError):
            os.unlink(target.leaf, dir_fd=target.directory)
        raise
    finally:
        os.close(descriptor)


def finish_in_place(descriptor: int, size: int, how: Outgoing, target: Target) -> Stat:
    """Cuts a file that was written over to its size, and gives it its attributes."""
    with system_errors("failed to write", target.key):
        os.ftruncate(descriptor, size)
        set_attributes(descriptor, how, target)
        if target.durable(how):
            os.fsync(descriptor)
            os.fsync(target.directory)
        return stat_of(os.fstat(descriptor))


def write_link(target: Target, text: bytes, how: Outgoing) -> None:
    """Makes a symbolic link to `text`, atomically, with its own modification time, and (with metadata) owner."""
    with system_errors("failed to create the symbolic link", target.key):
        name = _new_link(target, os.fsdecode(text))
    try:
        if how.metadata is not None and target.options.metadata:
            with system_errors("failed to change the link's owner", target.key):
                own_link(target.directory, name, how.metadata, target.warn)
        if how.modified is not None and not target.options.no_set_modtime:
            with system_errors("failed to set the link's time", target.key):
                times = (how.modified, how.modified)
                os.utime(name, ns=times, dir_fd=target.directory, follow_symlinks=False)
        put_in_place(target, name, if_absent=how.if_absent)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=target.directory)
        raise
    if target.durable(how):
        with system_errors("failed to sync the directory", target.key):
            os.fsync(target.directory)


def preallocate(descriptor: int, size: int, target: Target) -> None:
    """Reserves the space of a large file, where the file system can. Raises NoSpaceError before anything is carried."""
    if size >= PREALLOCATE_FROM and not target.options.no_preallocate:
        with system_errors("failed to reserve space", target.key):
            allocate(descriptor, size)


def write_all(descriptor: int, data: bytes, offset: int | None = None) -> None:
    """Writes all bytes, here or at an offset. Raises OSError."""
    view = memoryview(data)
    while view:
        written = os.write(descriptor, view) if offset is None else os.pwrite(descriptor, view, offset)
        view = view[written:]
        if offset is not None:
            offset += written


def _fill(descriptor: int, content: Source, size: int | None, how: Outgoing, key: str) -> int:
    digests = Digests(how.hashes)
    written = 0
    for block in blocks(content, size, key):
        with system_errors("failed to write", key):
            write_all(descriptor, block)
        digests.update(block)
        written += len(block)
    digests.check(key)
    return written


def create_partial(directory: int, leaf: str, suffix: str, mode: int = MODE) -> tuple[str, int]:
    """Name and descriptor of a new, locked partial file of a name in a directory. Raises OSError."""
    for number in range(WRITERS):
        name = partial_name(leaf, suffix, number)
        for _ in range(2):
            try:
                descriptor = os.open(name, CREATE, mode, dir_fd=directory)
            except FileExistsError:
                if not remove_left_over(directory, name):
                    break
                continue
            # Before it was locked, someone may have taken it for a left-over.
            if lock(descriptor) and os.fstat(descriptor).st_nlink:
                return name, descriptor
            os.close(descriptor)
            break
    raise OSError(errno.EBUSY, "too many writers of one file")


def _new_link(target: Target, text: str) -> str:
    for number in range(WRITERS):
        name = partial_name(target.leaf, target.options.partial_suffix, number)
        try:
            os.symlink(text, name, dir_fd=target.directory)
        except FileExistsError:
            continue
        return name
    raise OSError(errno.EBUSY, "too many writers of one link")
