"""Copying from one local store to another, a directory's worth of files at a time, by the operating system.

Small files go through one native call for many of them. Whatever that call could not do for a file (something stands in
the way, the source changed, no space …) is tried again for this file alone, with all the rules and the words for them.
Large files are copied range by range, so that a person sees them move and can stop them.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from array import array
from contextlib import ExitStack
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import (
    AlreadyExistsError,
    CancelledError,
    PlaitError,
    PreconditionError,
    SourceChangedError,
    StoreError,
    from_os_error,
)
from plait.model.items import POSIX_FIELDS, Kind, Posix, Stat, order_bytes
from plait.native import copy_files, copy_range
from plait.native.stages import CREATE, DONE, DURABLE, EXCLUSIVE, RENAME, UNNAMED
from plait.stores.content import check_expected
from plait.stores.copies import CopyResult
from plait.stores.local.attributes import kind_of, read_metadata, stat_of
from plait.stores.local.links import stands_for_link
from plait.stores.local.options import Links
from plait.stores.local.partials import WRITERS, partial_bytes
from plait.stores.local.reading import check_file, check_length, not_found
from plait.stores.local.writing import Partial, finish_in_place, in_place, preallocate, system_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.model.items import Page
    from plait.native import Outcome
    from plait.stores.base import Outgoing
    from plait.stores.copies import CopyRequest
    from plait.stores.local.store import LocalStore

RANGE = 16 << 20
"""Bytes that are copied between two looks at the cancellation."""
SMALL = 8 << 20
"""Bytes up to which a file is copied by the native call for many."""
GROUP_FILES = 256
GROUP_BYTES = 32 << 20
"""How much one native call copies; between two of them the cancellation is looked at."""
_EXPECTED = struct.Struct("=5q")
_DONE = (DONE, 0)
_CHANGED, _INODE, _DEVICE = map(Posix.__struct_fields__.index, ("changed", "inode", "device"))


class _Work:
    """A request, its names, and the result once there is one."""

    __slots__ = ("copied", "directories", "leaf", "request", "source")

    def __init__(self, request: CopyRequest) -> None:
        self.request = request
        origin, _, self.source = request.item.key.rpartition("/")
        directory, _, self.leaf = request.key.rpartition("/")
        self.directories = (origin, directory)
        self.copied: CopyResult | None = None


class Batch:
    """Requests being copied from `source` to `destination`; `carried` is told of each range of a large file."""

    def __init__(
        self,
        source: LocalStore,
        destination: LocalStore,
        how: Outgoing,
        cancelled: Callable[[], bool],
        carried: Callable[[CopyRequest, int], None] | None,
    ) -> None:
        self._source = source
        self._destination = destination
        self._how = how
        self._cancelled = cancelled
        self._carried = carried
        self._translating = Links.TRANSLATE in {source.options.links, destination.options.links}
        self._durable = how.durable or destination.options.durable
        # What the native call does not do.
        self._by_hand = (
            how.in_place
            or how.metadata is not None
            or (source.options.metadata and destination.options.metadata)
            or destination.options.no_set_modtime
        )
        self._mode = -1 if how.mode is None else how.mode
        # Two processes that write to one place do not get into each other's way.
        self._number = os.getpid() % WRITERS

    def run(self, requests: Sequence[CopyRequest]) -> list[CopyResult]:
        """One result for each request, in their order."""
        results: list[CopyResult] = []
        for _, group in groupby(map(_Work, requests), _directories):
            results += self._run_directory(list(group))
        return results

    def run_page(self, files: Page, prefix: str) -> list[int]:
        """Copies new files of one directory as far as native calls for many can; returns the rows that are left."""
        expected = None if self._by_hand or self._durable or self._translating else _expected_rows(files)
        if expected is None:
            return list(range(len(files)))
        left: list[int] = []
        with ExitStack() as opened:
            try:
                source, destination = self._open(files.prefix + files.names[0], prefix + files.names[0], opened)
            except PlaitError:
                return list(range(len(files)))
            for start in range(0, len(files), GROUP_FILES):
                stop = min(start + GROUP_FILES, len(files))
                if self._cancelled():
                    return [*left, *range(start, len(files))]
                names = _in_bytes(files.names[start:stop])
                rows = expected[start * _EXPECTED.size : stop * _EXPECTED.size]
                outcomes = self._copy_new(source, destination, names, rows)
                if outcomes.count(_DONE) < len(outcomes):
                    left += [row for row, outcome in enumerate(outcomes, start) if outcome != _DONE]
        return left

    def _run_directory(self, works: Sequence[_Work]) -> list[CopyResult]:
        """Copies requests of one directory to one directory."""
        with ExitStack() as opened:
            try:
                if self._cancelled():
                    raise _interrupted()
                source, destination = self._open(works[0].request.item.key, works[0].request.key, opened)
            except PlaitError as error:
                return [CopyResult(work.request, _about(work.request, error)) for work in works]
            self._copy_small(source, destination, works)
            results = [
                self._copy_alone(source, destination, work) if work.copied is None else work.copied for work in works
            ]
            if self._durable:
                with system_errors("failed to sync the directory", works[0].request.key):
                    os.fsync(destination)
            return results

    def _copy_small(self, source: int, destination: int, works: Sequence[_Work]) -> None:
        """Copies small files in groups, and marks those that were copied."""
        if self._by_hand:
            return
        small = [work for work in works if self._is_small(work)]
        new = [work for work in small if work.request.replaces is None]
        known = [work for work in small if work.request.replaces is not None and self._as_expected(destination, work)]
        for some, copy in ((new, self._copy_new), (known, self._copy_over)):
            for group in _groups(some):
                if self._cancelled():
                    return
                names = _in_bytes([work.leaf for work in group])
                outcomes = copy(source, destination, names, b"".join(map(_expected, group)))
                for work, outcome in zip(group, outcomes, strict=True):
                    if outcome == _DONE:
                        stat = work.request.item.stat
                        work.copied = CopyResult(work.request, None, Stat(Kind.FILE, stat.size, stat.modified))

    def _is_small(self, work: _Work) -> bool:
        stat = work.request.item.stat
        return (
            stat.size is not None
            and stat.size <= SMALL
            and stat.posix is not None
            and stat.modified is not None
            and work.source == work.leaf
            and not (self._translating and self._is_link(work))
        )

    def _as_expected(self, destination: int, work: _Work) -> bool:
        try:
            self._check_destination(destination, work)
        except PlaitError:
            return False  # it is found again, and told, when the file is copied alone
        return True

    def _copy_new(self, source: int, destination: int, names: Sequence[bytes], expected: bytes) -> list[Outcome]:
        """Copies files whose names are free, where the file system can without a name before they are done."""
        store = self._destination
        if self._durable or not store.unnamed_files:
            return self._copy_beside(source, destination, names, expected, EXCLUSIVE)
        outcomes = copy_files(source, destination, names, (), expected, EXCLUSIVE | UNNAMED, self._mode, None)
        if outcomes.count(_DONE) < len(outcomes) and any(map(_not_unnamed, outcomes)):
            # What was done meanwhile is in its own way now, and stays done.
            again = self._copy_beside(source, destination, names, expected, EXCLUSIVE)
            store.unnamed_files = not any(map(_DONE.__eq__, again))
            outcomes = [first if first == _DONE else second for first, second in zip(outcomes, again, strict=True)]
        return outcomes

    def _copy_over(self, source: int, destination: int, names: Sequence[bytes], expected: bytes) -> list[Outcome]:
        """Copies files that replace others."""
        return self._copy_beside(source, destination, names, expected, 0)

    def _copy_beside(
        self, source: int, destination: int, names: Sequence[bytes], expected: bytes, options: int
    ) -> list[Outcome]:
        suffix = os.fsencode(self._destination.options.partial_suffix)
        partials = [partial_bytes(name, suffix, self._number) for name in names]
        options |= DURABLE if self._durable else 0
        return copy_files(source, destination, names, partials, expected, options, self._mode, None)

    def _copy_alone(self, source: int, destination: int, work: _Work) -> CopyResult:
        try:
            return CopyResult(work.request, stat=self._copy(source, destination, work))
        except PlaitError as error:
            return CopyResult(work.request, error)

    def _open(self, origin: str, key: str, opened: ExitStack) -> tuple[int, int]:
        """The directories of two keys; that of the destination is made."""
        source = self._source.open_directory(origin)
        opened.callback(os.close, source)
        target = self._destination.open_target(key, self._how)
        opened.callback(os.close, target.directory)
        return source, target.directory

    def _copy(self, source: int, destination: int, work: _Work) -> Stat:
        """Copies one file. Raises the catalogue's errors."""
        request = work.request
        if self._cancelled():
            raise _interrupted()
        if self._is_link(work):
            with self._source.read(request.item.key, expected=request.item.stat) as reader:
                how = msgspec.structs.replace(self._how, modified=reader.stat.modified)
                if how.metadata is None and self._destination.options.metadata:
                    how = msgspec.structs.replace(how, metadata=reader.stat.metadata)
                return self._destination.write(request.key, reader, reader.stat.size, how)
        descriptor = self._open_source(source, work)
        try:
            found = os.fstat(descriptor)
            if not self._source.options.no_check_updated:
                check_file(request.item.stat, stat_of(found), request.item.key)
            self._check_destination(destination, work, found)
            return self._carry(descriptor, found, destination, work)
        finally:
            os.close(descriptor)

    def _is_link(self, work: _Work) -> bool:
        return stands_for_link(work.source, self._source.options) or stands_for_link(
            work.leaf, self._destination.options
        )

    def _open_source(self, directory: int, work: _Work) -> int:
        request = work.request
        try:
            descriptor = os.open(work.source, self._source.reading_flags, dir_fd=directory)
        except OSError as error:
            raise not_found(error, "failed to open source object", request.item.key) from None
        if kind_of(os.fstat(descriptor).st_mode) is not Kind.FILE:
            os.close(descriptor)
            raise SourceChangedError("the source is no file any more", key=request.item.key)
        return descriptor

    def _check_destination(self, directory: int, work: _Work, source: os.stat_result | None = None) -> None:
        """Raises PreconditionError, AlreadyExistsError where the key does not hold what is expected.

        StoreError where the source is to be written over in place by itself.
        """
        request = work.request
        try:
            found = os.stat(work.leaf, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            if request.replaces is not None:
                raise PreconditionError("the destination is gone", key=request.key) from None
            return
        except OSError as error:
            raise from_os_error(error, "failed to look at the destination", key=request.key) from None
        if kind_of(found.st_mode) in {Kind.SYMLINK, Kind.SPECIAL}:
            return  # what no listing shows is replaced, as rclone does
        if source is not None and self._how.in_place and os.path.samestat(source, found):
            raise StoreError("source and destination are the same file", key=request.key)
        if stat.S_ISDIR(found.st_mode):
            raise StoreError("a directory has this name", key=request.key)
        if request.replaces is None:
            raise AlreadyExistsError("the destination exists meanwhile", key=request.key)
        try:
            check_file(request.replaces, stat_of(found), request.key)
        except SourceChangedError as error:
            raise PreconditionError(f"the destination changed meanwhile: {error}", key=request.key) from None

    def _carry(self, descriptor: int, found: os.stat_result, destination: int, work: _Work) -> Stat:
        """Copies content and attributes of an open file."""
        request = work.request
        target = self._destination.target(destination, work.leaf, request.key)
        how = msgspec.structs.replace(self._how, modified=found.st_mtime_ns)
        if self._source.options.metadata and self._destination.options.metadata:
            given = self._how.metadata
            how = msgspec.structs.replace(how, metadata=read_metadata(found, descriptor) if given is None else given)
            if given is not None and self._how.modified is not None:
                how = msgspec.structs.replace(how, modified=self._how.modified)
        size = found.st_size
        if how.in_place:
            with in_place(target, how) as written:
                self._copy_content(descriptor, found, written, request)
                return finish_in_place(written, size, how, target)
        partial = Partial(target)
        try:
            if found.st_blocks * 512 >= size:
                preallocate(partial.descriptor, size, target)
            self._copy_content(descriptor, found, partial.descriptor, request)
            return partial.commit(size, how)
        finally:
            partial.discard()

    def _copy_content(self, source: int, found: os.stat_result, destination: int, request: CopyRequest) -> None:
        """Copies, and raises SourceChangedError where the source was not the same all the time."""
        size, position = found.st_size, 0
        sparse = found.st_blocks * 512 < size
        with system_errors("failed to copy", request.key):
            if sparse:
                os.ftruncate(destination, 0)
                os.ftruncate(destination, size)
            while position < size:
                if self._cancelled():
                    raise _interrupted()
                copied = copy_range(source, destination, position, min(RANGE, size - position), sparse)
                position += copied
                if not copied:
                    break
                if self._carried is not None and size > SMALL:
                    self._carried(request, copied)
            now = os.fstat(source)
        if position < size or not self._source.options.no_check_updated:
            check_expected(stat_of(found), stat_of(now), request.item.key)
            check_length(source, size, position, request.item.key)


def _not_unnamed(outcome: Outcome) -> bool:
    """True where a file could not be without a name, or not get one, though none was in the way."""
    return outcome[0] in {CREATE, RENAME} and outcome[1] != errno.EEXIST


def _in_bytes(names: Sequence[str]) -> list[bytes]:
    """All names as the file system has them, at the price of one."""
    return order_bytes("/".join(names)).split(b"/")


def _groups(works: Sequence[_Work]) -> Iterator[Sequence[_Work]]:
    """The files, as many at a time as one native call is to copy."""
    group: list[_Work] = []
    size = 0
    for work in works:
        if group and (len(group) == GROUP_FILES or size > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(work)
        size += work.request.item.stat.size or 0
    if group:
        yield group


def _expected(work: _Work) -> bytes:
    """What the native call is to find of a source."""
    stat = work.request.item.stat
    posix = stat.posix
    assert posix is not None  # noqa: S101  (`_is_small` found it)
    return _EXPECTED.pack(stat.size, stat.modified, posix.changed, posix.inode, posix.device)


def _expected_rows(files: Page) -> bytes | None:
    """What the native call is to find of all sources; None where it cannot be told, or where it is not for them all."""
    sizes = array("q", files.sizes)
    if files.details is None or not sizes or min(sizes) < 0 or max(sizes) > SMALL:
        return None
    details = array("q", files.details)
    columns = (sizes, array("q", files.modified), *(details[at::POSIX_FIELDS] for at in (_CHANGED, _INODE, _DEVICE)))
    rows = array("q", bytes(_EXPECTED.size * len(sizes)))
    for at, column in enumerate(columns):
        rows[at :: len(columns)] = column
    return rows.tobytes()


def _directories(work: _Work) -> tuple[str, str]:
    return work.directories


def _about(request: CopyRequest, error: PlaitError) -> PlaitError:
    """What went wrong for a whole directory, as the error of one file."""
    return type(error)(error.message, hint=error.hint, key=request.key)


def _interrupted() -> CancelledError:
    return CancelledError("interrupted")
