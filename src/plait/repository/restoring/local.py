"""Restoring to a directory of this machine, without ever leaving it through a link."""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from contextlib import contextmanager, suppress
from struct import Struct
from threading import Lock, local
from typing import TYPE_CHECKING, Final

from plait.model.errors import (
    IntegrityError,
    NotSupportedError,
    PlaitError,
    StoreError,
    UnsafeNameError,
    from_os_error,
)
from plait.model.items import order_bytes
from plait.native import write_files
from plait.repository.format import entries
from plait.repository.restoring.attributes import Dresser
from plait.repository.restoring.target import IncompleteError
from plait.stores.local.options import LocalOptions
from plait.stores.local.partials import WRITERS, partial_bytes, partial_name
from plait.stores.local.paths import NO_FOLLOW, Root
from plait.stores.local.writing import create_partial, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from plait.repository.restoring.settings import RestoreSettings
    from plait.repository.restoring.target import Folder, Item

_PRIVATE: Final = 0o600
_OWNER_MAY_ALL: Final = 0o700
_HELD: Final = 48
"""Open directories of each thread."""
_HOLE: Final = 64 << 10
"""Bytes of zeros, at a multiple of this offset, that become a hole of the file."""
_ZEROS: Final = bytes(_HOLE)
_ROW: Final = Struct("=7q")
"""What `native.write_files` takes of each file."""


class LocalTarget:
    """A directory, made with its parents where it is missing, and what is below it."""

    hard_links = True

    def __init__(self, path: str, settings: RestoreSettings) -> None:
        self.path = os.path.abspath(path)
        self.workers = max(os.cpu_count() or 1, 2)
        self._root = Root(self.path, follow=False)
        self._suffix = LocalOptions().partial_suffix
        self._suffix_bytes = order_bytes(self._suffix)
        self._dresser = Dresser(permissions=settings.permissions)
        self._threads = local()
        self._lock = Lock()
        self._all: list[_Descriptors] = []

    @property
    def restores_owners(self) -> bool:
        """Whether files get the owners that they had."""
        return self._dresser.restores_owners

    def make_directory(self, folder: Folder) -> None:
        """As in `Target`. Raises UnsafeNameError where a link is in the way, StoreError where a file is."""
        with _system_errors("mkdir", folder.key):
            if folder.parent is None:
                descriptor = self._root.descriptor(make=True)
            else:
                parent = self._descriptors().get(folder.parent)
                with suppress(FileExistsError):
                    os.mkdir(folder.name, _OWNER_MAY_ALL, dir_fd=parent)
                    return
                _refuse_what_is_in_the_way(parent, folder)
                descriptor = self._descriptors().get(folder)
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            if folder.entry is not None and mode & _OWNER_MAY_ALL != _OWNER_MAY_ALL:
                os.fchmod(descriptor, mode | _OWNER_MAY_ALL)

    def write(self, item: Item, size: int, chunks: Iterable[bytes]) -> None:
        """As in `Target`: beside the name, then renamed."""
        # No context manager: this runs once for each file.
        try:
            directory = self._descriptors().get(item.folder)
            info = item.entry.file_info
            name, descriptor = create_partial(directory, info.name, self._suffix, self._dresser.first_mode(info))
            try:
                _fill(descriptor, chunks, size)
                trouble = self._dresser.dress(descriptor, info, item.attributes)
                os.rename(name, info.name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                with suppress(OSError):
                    os.unlink(name, dir_fd=directory)
                raise
            finally:
                os.close(descriptor)
        except (OSError, ValueError) as error:
            raise _catalogued(error, "failed to write", item.key) from None
        if trouble is not None:
            _tell(trouble, item.key)

    def write_together(self, files: Sequence[tuple[Item, int, int]], data: memoryview) -> Sequence[bool]:
        """As in `Target`: in one native call, whatever is not plain about a file aside."""
        rows, names, plain = bytearray(), [], []
        for item, start, end in files:
            numbers = None if item.attributes else self._dresser.numbers(item.entry.file_info)
            plain.append(numbers is not None)
            if numbers is not None:
                rows += _ROW.pack(start, end - start, *numbers)
                names.append(order_bytes(item.name))
        try:
            directory = self._descriptors().get(files[0][0].folder)
        except (OSError, UnsafeNameError):
            return [False] * len(files)
        partials = [partial_bytes(name, self._suffix_bytes) for name in names]
        written = iter(write_files(directory, names, partials, data, rows))
        return [is_plain and bool(next(written)) for is_plain in plain]

    def link(self, item: Item, first: Item) -> None:
        """As in `Target`."""
        with _system_errors("failed to link", item.key):
            directory = self._descriptors().get(item.folder)
            origin = self._descriptors().get(first.folder)

            def make(name: str) -> None:
                os.link(first.name, name, src_dir_fd=origin, dst_dir_fd=directory, follow_symlinks=False)

            self._put(directory, item, make, lambda _: None)

    def make_special(self, item: Item) -> None:
        """As in `Target`; devices cannot be made, as snapshots do not keep their numbers."""
        mode = item.entry.file_info.mode
        with _system_errors("failed to create", item.key):
            directory = self._descriptors().get(item.folder)

            def make(name: str) -> None:
                if mode & entries.MODE_SYMLINK:
                    os.symlink(item.entry.symlink_target, name, dir_fd=directory)
                else:
                    kind = stat.S_IFIFO if mode & entries.MODE_FIFO else stat.S_IFSOCK
                    os.mknod(name, kind | _PRIVATE, dir_fd=directory)

            if not mode & (entries.MODE_SYMLINK | entries.MODE_FIFO | entries.MODE_SOCKET):
                raise NotSupportedError("a snapshot does not keep what is needed to make this kind of file")
            info, attributes = item.entry.file_info, item.attributes
            self._put(directory, item, make, lambda name: self._dresser.dress_name(directory, name, info, attributes))

    def finish_directory(self, folder: Folder) -> None:
        """As in `Target`."""
        if folder.entry is None:
            return
        with _system_errors("failed to set attributes", folder.key):
            descriptor = self._descriptors().get(folder)
            trouble = self._dresser.dress(descriptor, folder.entry.file_info, folder.attributes)
        _tell(trouble, folder.key)

    def close(self) -> None:
        """As in `Target`."""
        with self._lock:
            for descriptors in self._all:
                descriptors.close()
            self._all.clear()
        self._root.close()

    def _put(self, directory: int, item: Item, make: Callable[[str], None], dress: Callable[[str], str | None]) -> None:
        """Makes something beside its name, dresses it, and renames it."""
        name = _make_partial(item.name, self._suffix, make)
        try:
            trouble = dress(name)
            os.rename(name, item.name, src_dir_fd=directory, dst_dir_fd=directory)
        finally:
            # A rename to another name of the same file leaves both.
            with suppress(OSError):
                os.unlink(name, dir_fd=directory)
        _tell(trouble, item.key)

    def _descriptors(self) -> _Descriptors:
        held: _Descriptors | None = getattr(self._threads, "descriptors", None)
        if held is None:
            held = self._threads.descriptors = _Descriptors(self._root)
            with self._lock:
                self._all.append(held)
        return held


class _Descriptors:
    """The directories that one thread used last, open."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._held: OrderedDict[tuple[str, ...], int] = OrderedDict()

    def get(self, folder: Folder) -> int:
        """The descriptor of a directory, good until the next but a few calls. Raises OSError, UnsafeNameError."""
        if folder.parent is None:
            return self._root.descriptor()
        found = self._held.get(folder.parts)
        if found is not None:
            self._held.move_to_end(folder.parts)
            return found
        missing = [folder]
        above = folder.parent
        while above.parent is not None and above.parts not in self._held:
            missing.append(above)
            above = above.parent
        found = self._root.descriptor() if above.parent is None else self._held[above.parts]
        while missing:
            found = self._enter(found, missing.pop())
        return found

    def _enter(self, above: int, folder: Folder) -> int:
        try:
            found = os.open(folder.name, NO_FOLLOW, dir_fd=above)
        except OSError:
            # Step by step from the root, which tells a link from what else may be in the way.
            found = self._root.open_to_write(folder.parts, folder.key, make=False)
        self._held[folder.parts] = found
        if len(self._held) > _HELD:
            os.close(self._held.popitem(last=False)[1])
        return found

    def close(self) -> None:
        while self._held:
            os.close(self._held.popitem()[1])


def _fill(descriptor: int, chunks: Iterable[bytes], size: int) -> None:
    """Writes content of so many bytes, with holes for zeros. Raises OSError, and what taking the chunks raises."""
    position = 0
    holes = False
    for chunk in chunks:
        if len(chunk) < _HOLE:
            write_all(descriptor, chunk, position if holes else None)
        else:
            for start, stop in _filled(chunk):
                if start != stop:
                    write_all(descriptor, chunk[start:stop], position + start)
            holes = True
        position += len(chunk)
    if position != size:
        raise IntegrityError(f"the content has {position} bytes instead of {size}")
    if holes:
        os.ftruncate(descriptor, size)


def _filled(chunk: bytes) -> Iterator[tuple[int, int]]:
    """The ranges of a chunk that are not holes."""
    start = 0
    for offset in range(0, len(chunk), _HOLE):
        if chunk.startswith(_ZEROS, offset):
            yield start, offset
            start = offset + _HOLE
    yield start, max(start, len(chunk))


def _make_partial(leaf: str, suffix: str, make: Callable[[str], None]) -> str:
    for number in range(WRITERS):
        name = partial_name(leaf, suffix, number)
        try:
            make(name)
        except FileExistsError:
            continue
        return name
    raise StoreError("too many partial files of one name")


def _refuse_what_is_in_the_way(parent: int, folder: Folder) -> None:
    found = os.stat(folder.name, dir_fd=parent, follow_symlinks=False).st_mode
    if stat.S_ISLNK(found):
        raise UnsafeNameError("a symbolic link has the name of this directory, and is not followed", key=folder.key)
    if not stat.S_ISDIR(found):
        raise StoreError("something that is no directory has the name of this one", key=folder.key)


def _tell(trouble: str | None, key: str) -> None:
    if trouble is not None:
        raise IncompleteError(f"restored, but for {trouble}", key=key)


@contextmanager
def _system_errors(what: str, key: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise _catalogued(error, what, key) from None


def _catalogued(error: OSError | ValueError, what: str, key: str) -> PlaitError:
    if isinstance(error, IsADirectoryError):
        return StoreError("a directory has this name", key=key)
    if isinstance(error, OSError):
        return from_os_error(error, what, key=key)
    # A name or a target with a NUL in it.
    return UnsafeNameError(f"this name cannot be held by a file system: {error}", key=key)
