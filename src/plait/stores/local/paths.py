"""From keys to directory descriptors: step by step from the root, never through a planted link."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import DirectoryNotFoundError, StoreError, UnsafeNameError, from_os_error
from plait.stores.content import is_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
NO_FOLLOW = DIRECTORY | os.O_NOFOLLOW
_IN_THE_WAY = (errno.ENOTDIR, errno.ELOOP)


class Place(msgspec.Struct, frozen=True):
    """Where a key leads: the names of its directories and its own."""

    key: str
    parents: tuple[str, ...]
    leaf: str


def components(key: str) -> tuple[str, ...]:
    """The names that a key consists of; none for the root.

    Raises UnsafeNameError for a key that a file system cannot hold exactly or that leads out of the root.
    """
    if not key:
        return ()
    parts = tuple(key.split("/"))
    if not {"", ".", ".."}.isdisjoint(parts) or "\0" in key or not is_key(key):
        raise UnsafeNameError("this name cannot be held by a file system, or leads out of the root", key=key)
    return parts


def place(key: str) -> Place:
    """Where a key leads. Raises UnsafeNameError, also for the root, which is no item."""
    parts = components(key)
    if not parts:
        raise UnsafeNameError("the root is a directory", key=key)
    return Place(key, parts[:-1], parts[-1])


class Root:
    """The directory that a store stands on, opened when it is first needed.

    `path` may lead through symbolic links; below it they are followed only where `follow` is set, and only to read.
    """

    def __init__(self, path: str, *, follow: bool) -> None:
        self.path = path
        self._reading = DIRECTORY if follow else NO_FOLLOW
        self._descriptor: int | None = None
        self._lock = Lock()

    def descriptor(self, *, make: bool = False, durable: bool = False) -> int:
        """The root's own descriptor. Raises DirectoryNotFoundError where it is missing, unless `make`."""
        with self._lock:
            if self._descriptor is None:
                if make:
                    _make_path(Path(self.path), durable=durable)
                try:
                    self._descriptor = os.open(self.path, DIRECTORY)
                except FileNotFoundError:
                    raise DirectoryNotFoundError("directory not found") from None
                except NotADirectoryError:
                    raise DirectoryNotFoundError("is a file not a directory") from None
                except OSError as error:
                    raise from_os_error(error, "failed to open the directory") from None
            return self._descriptor

    def open(self, parts: Sequence[str]) -> int:
        """A new descriptor of the directory of these names, for reading. Raises OSError."""
        current = os.dup(self.descriptor())
        try:
            for name in parts:
                below = os.open(name, self._reading, dir_fd=current)
                os.close(current)
                current = below
        except BaseException:
            os.close(current)
            raise
        return current

    @contextmanager
    def directory(self, parts: Sequence[str]) -> Iterator[int]:
        """The directory of these names for the time of a `with`, for reading. Raises OSError."""
        descriptor = self.open(parts)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def open_to_write(self, parts: Sequence[str], key: str, *, make: bool = True, durable: bool = False) -> int:
        """A new descriptor of the directory of these names, for writing; missing ones are made where `make` is set.

        Raises UnsafeNameError where a symbolic link stands in the way, StoreError where a file does and it was to be
        made, OSError else.
        """
        current = os.dup(self.descriptor(make=make, durable=durable))
        try:
            for name in parts:
                below = _enter(current, name, key, make=make, durable=durable)
                os.close(current)
                current = below
        except BaseException:
            os.close(current)
            raise
        return current

    @contextmanager
    def existing(self, parts: Sequence[str], key: str) -> Iterator[int]:
        """The directory of these names for the time of a `with`, for changes in it; raises as `open_to_write` does."""
        descriptor = self.open_to_write(parts, key, make=False)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Frees the descriptor; it is opened anew when it is needed again."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def _enter(directory: int, name: str, key: str, *, make: bool, durable: bool) -> int:
    try:
        return os.open(name, NO_FOLLOW, dir_fd=directory)
    except FileNotFoundError:
        if not make:
            raise
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            _refuse_link(directory, name, key)
            if make:
                raise StoreError(f"mkdir {name}: not a directory", key=key) from None
        raise
    try:
        os.mkdir(name, dir_fd=directory)
    except FileExistsError:
        pass  # another writer was faster
    else:
        if durable:
            os.fsync(directory)
    try:
        return os.open(name, NO_FOLLOW, dir_fd=directory)
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            _refuse_link(directory, name, key)
        raise


def _refuse_link(directory: int, name: str, key: str) -> None:
    """Raises UnsafeNameError where the name is that of a symbolic link."""
    with suppress(OSError):
        os.readlink(name, dir_fd=directory)
        raise UnsafeNameError(f"{name} is a symbolic link, and going through it could leave the root", key=key)


def _make_path(path: Path, *, durable: bool) -> None:
    """Makes the root and what is missing above it."""
    try:
        path.mkdir()
    except FileExistsError:
        return
    except FileNotFoundError:
        if path.parent == path:
            raise StoreError(f"mkdir {path}: no such file or directory") from None
        if path.parent.is_dir():
            # It is there, and takes no directory: /proc does so.
            raise StoreError(f"mkdir {path}: no such file or directory") from None
        _make_path(path.parent, durable=durable)
        _make_path(path, durable=durable)
        return
    except OSError as error:
        raise from_os_error(error, f"mkdir {path}") from None
    if durable:
        above = os.open(path.parent, DIRECTORY)
        try:
            os.fsync(above)
        finally:
            os.close(above)
