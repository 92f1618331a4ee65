"""The local file system as a store."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from functools import cached_property
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from plait.model.errors import (
    DirectoryNotFoundError,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    StoreError,
    from_os_error,
)
from plait.model.items import Kind, Stat
from plait.stores.base import PLAIN, Deleted, Features
from plait.stores.content import BLOCK, BytesReader
from plait.stores.hashes import COMPUTABLE, new_digest
from plait.stores.local.at_once import AT_ONCE, can_write_at_once, checked_whole, read_at_once, write_at_once
from plait.stores.local.attributes import apply_metadata, kind_of, read_metadata, stat_of, times_of
from plait.stores.local.comparing import compare_pages
from plait.stores.local.copying import Batch
from plait.stores.local.hashing import hash_small_files
from plait.stores.local.links import link_stat, make_link, read_link, real_name, stands_for_link
from plait.stores.local.listing import Walk
from plait.stores.local.moves import rename_to_new
from plait.stores.local.moving import Moves
from plait.stores.local.options import Links, LocalOptions
from plait.stores.local.part_hashes import hash_file_parts
from plait.stores.local.partials import remove_left_over
from plait.stores.local.parts import PART_CUTOFF, PART_SIZE, LocalParts
from plait.stores.local.paths import Place, Root, components, place
from plait.stores.local.probe import probe
from plait.stores.local.reading import READ, LocalReader, check_file, not_found, open_file
from plait.stores.local.whole import move_tree, usage_of
from plait.stores.local.writing import Target, system_errors, write_file, write_in_place
from plait.stores.wrappers.base import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plait.model.items import Item, Page
    from plait.stores.abilities import Usage
    from plait.stores.base import Outgoing, PartHashes, Reader, Source, Store
    from plait.stores.copies import CopyRequest, CopyResult

    # `list` is a method below.
    Results = list[CopyResult]
    Moved = list[CopyResult | None]
    Rows = list[int]

REMEMBERED = 10_000
"""How many left-over partial files of one store are remembered; more are found by the next listing."""
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def _no_notice(key: str, text: str) -> None:
    """Nobody listens."""


class LocalStore:
    """A directory and what is below it.

    `path` is the root; it need not exist before the first write. `notice(key, text)` is told what a listing leaves out
    and what could not be set, in rclone's words; of a listing, only the keys that `notices` holds for. `unnamed_files`:
    new files have no name before they are done; cleared by the first copy that finds the file system without such.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        options: LocalOptions | None = None,
        notice: Callable[[str, str], None] | None = None,
        notices: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.path = os.path.abspath(path)
        self.options = LocalOptions() if options is None else options
        self.root = Root(self.path, follow=self.options.links is Links.FOLLOW)
        self._notice = _no_notice if notice is None else notice
        self._notices = notices
        self.unnamed_files = True
        self._left_over: dict[str, None] = {}
        self._lock = Lock()

    @cached_property
    def features(self) -> Features:
        properties = probe(self.path)
        forced = self.options.case_sensitive
        return Features(
            scheme="local",
            identity="local:",
            hashes=COMPUTABLE if self.options.hashes is None else self.options.hashes,
            time_precision=None if self.options.no_set_modtime else properties.time_precision,
            times_in_listing=True,
            set_times=not self.options.no_set_modtime,
            directories=True,
            directory_times=not self.options.no_set_modtime,
            case_sensitive=properties.case_sensitive if forced is None else forced,
            keeps_unicode=properties.keeps_unicode,
            metadata=self.options.metadata,
            posix=True,
            links=self.options.links is Links.TRANSLATE,
            batched=True,
            concurrency=max(os.cpu_count() or 1, 2),
            part_size=PART_SIZE,
            part_cutoff=PART_CUTOFF,
        )

    @property
    def description(self) -> str:
        return self.path

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        walk = Walk(self.root, self.options, self._left_out, self._remember, descend)
        yield from walk.pages(prefix, start_after)

    def stat(self, key: str) -> Stat:
        parts = components(key)
        if not parts:
            return self._described(os.fstat(self.root.descriptor()), self.root.descriptor())
        where = Place(key, parts[:-1], parts[-1])
        try:
            with self.root.directory(where.parents) as directory:
                return self._stat_in(directory, where)
        except OSError as error:
            raise not_found(error, "failed to read attributes", key) from None

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        where = place(key)
        if stands_for_link(where.leaf, self.options):
            target, stat = read_link(self.root, where, self.options)
            check_file(expected, stat, key)
            return BytesReader(target[offset : None if length is None else offset + length], stat)
        if offset == 0 and length is None:
            whole = read_at_once(self.root, where, expected, self.options)
            if whole is not None:
                check_file(expected, whole[1], key)
                return BytesReader(*whole)
        descriptor = open_file(self.root, where, follow=self.options.links is Links.FOLLOW)
        try:
            stat = self._described(os.fstat(descriptor), descriptor)
            check = not self.options.no_check_updated
            if check:
                check_file(expected, stat, key)
        except BaseException:
            os.close(descriptor)
            raise
        return LocalReader(descriptor, stat, key, offset, length, check=check)

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        if size is not None and size <= AT_ONCE and can_write_at_once(how, self.options):
            where = place(key)
            data = checked_whole(content, size, how, key)
            stat = write_at_once(self.root, where, data, how, self.options)
            if stat is not None:
                return stat
            content = BytesIO(data)
        target = self.open_target(key, how)
        try:
            if stands_for_link(target.leaf, self.options):
                return make_link(target, content, size, how)
            return (write_in_place if how.in_place else write_file)(target, content, size, how)
        finally:
            os.close(target.directory)

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        opened: tuple[tuple[str, ...], int] | None = None
        try:
            for key in keys:
                try:
                    where = place(key)
                    if opened is None or opened[0] != where.parents:
                        if opened is not None:
                            os.close(opened[1])
                            opened = None
                        opened = (where.parents, self.root.open_to_write(where.parents, key, make=False))
                    self._unlink(opened[1], where.leaf)
                except DirectoryNotFoundError:
                    yield Deleted(key)
                except OSError as error:
                    yield Deleted(key, None if error.errno in _GONE else _undeleted(error, key))
                except PlaitError as error:
                    yield Deleted(key, error)
                else:
                    yield Deleted(key)
        finally:
            if opened is not None:
                os.close(opened[1])

    def close(self) -> None:
        self.root.close()

    def rename(self, origin: str, key: str, *, replace: bool = False, durable: bool = False) -> None:
        old, new = place(origin), place(key)
        if stands_for_link(new.leaf, self.options) and not stands_for_link(old.leaf, self.options):
            raise NotSupportedError("a file does not become a symbolic link when it is renamed", key=key)
        durable = durable or self.options.durable
        with ExitStack() as opened:
            try:
                source = self.root.open_to_write(old.parents, origin, make=False)
                opened.callback(os.close, source)
                os.stat(self._real(old.leaf), dir_fd=source, follow_symlinks=False)
            except OSError as error:
                raise not_found(error, "failed to rename", origin) from None
            with system_errors("failed to rename", key):
                target = self.root.open_to_write(new.parents, key, durable=durable)
                opened.callback(os.close, target)
                if replace:
                    os.rename(self._real(old.leaf), self._real(new.leaf), src_dir_fd=source, dst_dir_fd=target)
                else:
                    rename_to_new(source, self._real(old.leaf), target, self._real(new.leaf))
                if durable:
                    os.fsync(target)
                    os.fsync(source)

    def set_attributes(
        self, key: str, *, modified: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        if metadata is not None and not self.options.metadata:
            raise NotSupportedError("this store was opened without metadata", key=key)
        if modified is not None and self.options.no_set_modtime:
            raise NotSupportedError("this store was opened without setting times", key=key)
        parts = components(key)
        if parts and self.options.links is Links.FOLLOW:
            parts = self._followed(parts, key)
        leaf = parts[-1] if parts else "."
        try:
            with self.root.existing(parts[:-1], key) as directory:
                self._set_in(directory, leaf, key, modified, metadata)
        except OSError as error:
            raise not_found(error, "failed to set attributes", key) from None

    def make_directory(self, key: str) -> None:
        parts = components(key)
        with system_errors("failed to make the directory", key):
            os.close(self.root.open_to_write(parts, key, durable=self.options.durable))

    def remove_directory(self, key: str) -> None:
        parts = components(key)
        try:
            if not parts:
                self.root.close()
                Path(self.path).rmdir()
                return
            with self.root.existing(parts[:-1], key) as directory:
                os.rmdir(parts[-1], dir_fd=directory)
        except (FileNotFoundError, DirectoryNotFoundError):
            return
        except OSError as error:
            raise from_os_error(error, "failed to remove the directory", key=key) from None

    def hash(self, key: str, name: str, *, expected: Stat | None = None) -> str | None:
        digest = new_digest(name)
        with self.read(key, expected=expected) as reader:
            while block := reader.read(BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def hash_together(self, items: Sequence[Item], name: str) -> Sequence[str | None]:
        return hash_small_files(self, items, name)

    def hash_parts(
        self, key: str, name: str, part_size: int, *, expected: Stat, cancelled: Callable[[], bool]
    ) -> PartHashes | None:
        where = place(key)
        if name != "md5" or stands_for_link(where.leaf, self.options):
            return None
        descriptor = open_file(self.root, where, follow=self.options.links is Links.FOLLOW)
        try:
            check = not self.options.no_check_updated
            return hash_file_parts(descriptor, part_size, expected, key, check=check, cancelled=cancelled)
        finally:
            os.close(descriptor)

    def begin(self, key: str, size: int, how: Outgoing = PLAIN) -> LocalParts:
        if stands_for_link(place(key).leaf, self.options):
            raise NotSupportedError("a symbolic link is not written in parts", key=key)
        target = self.open_target(key, how)
        try:
            parts = LocalParts(target, size, how)
        except BaseException:
            os.close(target.directory)
            raise
        if parts.taken_over is not None:
            with self._lock:
                self._left_over.pop(key.rpartition("/")[0] + "/" * ("/" in key) + parts.taken_over, None)
        return parts

    def can_compare_with(self, other: Store) -> bool:
        return _local(other) is not None

    def compare_pages(self, page: Page, other: Store, others: Page) -> Sequence[bool | None]:
        theirs = _local(other)
        if theirs is None:
            raise NotSupportedError("a local store compares pages with another one's only")
        return compare_pages(self, page, theirs, others)

    def can_copy_batches_from(self, source: Store) -> bool:
        return _local(source) is not None

    def copy_batch(
        self,
        source: Store,
        requests: Sequence[CopyRequest],
        how: Outgoing,
        cancelled: Callable[[], bool],
        carried: Callable[[CopyRequest, int], None] | None = None,
    ) -> Results:
        origin = _local(source)
        if origin is None:
            raise NotSupportedError("a local store copies batches from another one only")
        return Batch(origin, self, how, cancelled, carried).run(requests)

    def copy_page(self, source: Store, files: Page, prefix: str, how: Outgoing, cancelled: Callable[[], bool]) -> Rows:
        origin = _local(source)
        if origin is None:
            raise NotSupportedError("a local store copies pages from another one only")
        return Batch(origin, self, how, cancelled, None).run_page(files, prefix)

    def can_move_from(self, source: Store) -> bool:
        return _local(source) is not None

    def move_batch(
        self, source: Store, requests: Sequence[CopyRequest], how: Outgoing, cancelled: Callable[[], bool]
    ) -> Moved:
        origin = _local(source)
        if origin is None:
            raise NotSupportedError("a local store moves files from another one only")
        return Moves(origin, self, how, cancelled).run(requests)

    def remove_leftovers(self) -> Iterator[Deleted]:
        while True:
            with self._lock:
                if not self._left_over:
                    return
                key, _ = self._left_over.popitem()
            where = place(key)
            try:
                with self.root.existing(where.parents, key) as directory:
                    removed = remove_left_over(directory, where.leaf)
            except OSError as error:
                yield Deleted(key, None if error.errno in _GONE else _undeleted(error, key))
            except PlaitError as error:
                yield Deleted(key, error)
            else:
                if removed:
                    yield Deleted(key)

    def usage(self) -> Usage:
        return usage_of(self.path)

    def move_directory_from(self, source: Store) -> None:
        inner = _local(source)
        if inner is None:
            raise NotSupportedError("can't move directory - incompatible remotes")
        self.root.close()
        inner.root.close()
        move_tree(inner.path, self.path)

    def open_directory(self, key: str) -> int:
        """The directory that holds the key, for reading. Raises ObjectNotFoundError."""
        try:
            return self.root.open(place(key).parents)
        except OSError as error:
            raise not_found(error, "failed to open source object", key) from None

    def open_target(self, key: str, how: Outgoing) -> Target:
        """The key as a target to be written, in a directory that is made and opened. Raises what `write` raises."""
        if how.if_match is not None:
            raise NotSupportedError("files have no etag to be matched", key=key)
        if how.metadata is not None and not self.options.metadata:
            raise NotSupportedError("this store was opened without metadata", key=key)
        where = place(key)
        with system_errors("failed to make the directory", key):
            durable = how.durable or self.options.durable
            directory = self.root.open_to_write(where.parents, key, durable=durable)
        return self.target(directory, where.leaf, key)

    def target(self, directory: int, leaf: str, key: str) -> Target:
        """A target in a directory that is open already."""
        return Target(directory, leaf, key, self.options, self._warner(key))

    @property
    def reading_flags(self) -> int:
        """How a file is opened to be read."""
        return READ if self.options.links is Links.FOLLOW else READ | os.O_NOFOLLOW

    def _left_out(self, key: str, text: str) -> None:
        if self._notices(key):
            self._notice(key, text)

    def _remember(self, key: str) -> None:
        with self._lock:
            if len(self._left_over) < REMEMBERED:
                self._left_over[key] = None

    def _warner(self, key: str) -> Callable[[str], None]:
        return lambda text: self._notice(key, text)

    def _real(self, leaf: str) -> str:
        return real_name(leaf, self.options)

    def _stat_in(self, directory: int, where: Place) -> Stat:
        """The stat of what a listing of the directory shows under the name. Raises OSError."""
        if stands_for_link(where.leaf, self.options):
            stat = link_stat(directory, where.leaf, self.options)
            if stat is not None:
                return stat
        found = os.stat(where.leaf, dir_fd=directory, follow_symlinks=self.options.links is Links.FOLLOW)
        if kind_of(found.st_mode) not in {Kind.FILE, Kind.DIRECTORY}:
            raise ObjectNotFoundError("object not found", key=where.key)
        if not self.options.gives_metadata:
            return stat_of(found)
        try:
            descriptor = os.open(where.leaf, self.reading_flags, dir_fd=directory)
        except PermissionError:
            return self._described(found, None)
        try:
            return self._described(os.fstat(descriptor), descriptor)
        finally:
            os.close(descriptor)

    def _followed(self, parts: tuple[str, ...], key: str) -> tuple[str, ...]:
        """Where the names lead once links are followed. Raises NotSupportedError where that is not below the root.

        The answer is a path without links, and none is followed on it: one that is planted meanwhile is refused.
        """
        path = Path(self.path, *parts)
        if not path.is_symlink():
            return parts
        target, root = Path(os.path.realpath(path)), Path(os.path.realpath(self.path))
        if root not in target.parents:
            raise NotSupportedError("this link leads out of the root, where nothing is changed", key=key)
        return target.relative_to(root).parts

    def _set_in(
        self, directory: int, leaf: str, key: str, modified: int | None, metadata: Mapping[str, str] | None
    ) -> None:
        link = stands_for_link(leaf, self.options)
        leaf = self._real(leaf)
        found = os.stat(leaf, dir_fd=directory, follow_symlinks=False)
        if (kind_of(found.st_mode) is Kind.SYMLINK) != link:
            raise ObjectNotFoundError("object not found", key=key)
        if metadata is not None and not link:
            descriptor = os.open(leaf, READ | os.O_NOFOLLOW, dir_fd=directory)
            try:
                special_bits = self.options.restore_special_bits
                apply_metadata(descriptor, metadata, special_bits=special_bits, warn=self._warner(key))
            finally:
                os.close(descriptor)
        times = times_of(metadata, modified, self._warner(key))
        if times is None or self.options.no_set_modtime:
            return
        if metadata is None or "atime" not in metadata:
            times = (found.st_atime_ns, times[1])
        os.utime(leaf, ns=times, dir_fd=directory, follow_symlinks=False)

    def _unlink(self, directory: int, leaf: str) -> None:
        """Removes what a listing shows under the name. Raises OSError."""
        real = leaf
        if stands_for_link(leaf, self.options) and link_stat(directory, leaf, self.options) is not None:
            real = self._real(leaf)
        os.unlink(real, dir_fd=directory)

    def _described(self, found: os.stat_result, descriptor: int | None) -> Stat:
        return stat_of(found, read_metadata(found, descriptor) if self.options.gives_metadata else None)


def _local(store: Store) -> LocalStore | None:
    """The local store that this is, or that a wrapper passes on to."""
    # To ask for a protocol costs more than all else that is done to hand over a page.
    inner = store if isinstance(store, LocalStore) else unwrapped(store)
    return inner if isinstance(inner, LocalStore) else None


def _undeleted(error: OSError, key: str) -> PlaitError:
    if error.errno in {errno.EISDIR, errno.EPERM}:
        # POSIX lets unlink answer EPERM for a directory.
        return StoreError("failed to delete: is a directory, or not permitted", key=key)
    return from_os_error(error, "failed to delete", key=key)
