"""Writing a local file in parts, which come in any order and from several threads."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import CancelledError, IntegrityError
from plait.native import md5_each_part
from plait.stores.base import PassesPipe
from plait.stores.content import blocks
from plait.stores.local import resuming
from plait.stores.local.writing import Partial, preallocate, system_errors, write_all
from plait.stores.pipe import empty_into

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.model.items import Stat
    from plait.stores.base import Outgoing, Source
    from plait.stores.local.writing import Target

PART_SIZE = 16 << 20
PART_CUTOFF = 64 << 20


class LocalParts:
    """A file being written in parts, from several threads; the target's directory is closed with it."""

    def __init__(self, target: Target, size: int, how: Outgoing) -> None:
        self._target = target
        self._size = size
        self._how = how
        self._mark = resuming.Mark(how.fingerprint or "", resuming.system_start(), PART_SIZE, "")
        found = self._find() if how.fingerprint else None
        self._partial = Partial(target, found)
        self.taken_over = None if found is None else found.name
        self._lock = Lock()
        self._writing = 0
        self._ended = False
        self._left = False
        self._freed = False
        self._done: set[int] = set() if found is None else {number * PART_SIZE for number in found.done}
        self.written = [(offset, min(PART_SIZE, size - offset)) for offset in sorted(self._done)]
        if found is not None:
            return
        try:
            preallocate(self._partial.descriptor, size, target)
            with system_errors("failed to write", target.key):
                os.ftruncate(self._partial.descriptor, size)
        except BaseException:
            self._partial.discard()
            raise

    @property
    def part_size(self) -> int:
        return PART_SIZE

    def write_part(self, offset: int, content: Source, length: int) -> None:
        """Writes one part where it belongs."""
        key = self._target.key
        position = offset + self._passed(content, offset, length) if isinstance(content, PassesPipe) else offset
        for block in blocks(content, offset + length - position, key):
            with self._held(), system_errors("failed to write", key):
                write_all(self._partial.descriptor, block, position)
            position += len(block)
        with self._lock:
            self._done.add(offset)
            if self._how.fingerprint:
                self._note()

    def _passed(self, content: PassesPipe, offset: int, length: int) -> int:
        """How much of the content came through a pipe, and was written."""
        passed = 0

        def take(end: int, count: int) -> None:
            with self._held(), system_errors("failed to write", self._target.key):
                empty_into(end, count, self._partial.descriptor, offset + passed)

        while passed < length and (count := content.pass_pipe(length - passed, take)):
            passed += count
        return passed

    def read_back(self, offset: int, buffer: memoryview) -> None:
        """Fills the buffer with what was written."""
        while buffer:
            with self._held(), system_errors("failed to read the partial file", self._target.key):
                count = os.preadv(self._partial.descriptor, [buffer], offset)
            if not count:
                raise IntegrityError("the partial file became shorter", key=self._target.key)
            buffer = buffer[count:]
            offset += count

    def md5_each_part(self, offset: int, size: int, part_size: int, stop: bytearray) -> bytes:
        """The MD5s of consecutive parts of what was written."""
        with self._held(), system_errors("failed to read the partial file", self._target.key):
            digests = md5_each_part(self._partial.descriptor, offset, size, part_size, stop)
        if digests is None and not stop[0]:
            raise IntegrityError("the partial file became shorter", key=self._target.key)
        return digests or b""

    def suspend(self) -> None:
        """Ends as `abort` does, but leaves what is there where the next writer can tell what that is."""
        with self._lock:
            self._left = bool(self._done) and bool(self._how.fingerprint) and self._note()
        self.abort()

    def _find(self) -> resuming.Found | None:
        target = self._target
        suffix = target.options.partial_suffix
        checked = bool(self._how.hashes)
        return resuming.find(target.directory, target.leaf, suffix, self._size, self._mark, checked=checked)

    def _note(self) -> bool:
        done = resuming.show_numbers(offset // PART_SIZE for offset in self._done)
        return resuming.note(self._partial.descriptor, msgspec.structs.replace(self._mark, done=done))

    def commit(self) -> Stat:
        """Gives the file its name. Raises IntegrityError where a part is missing."""
        missing = [offset for offset in range(0, self._size, PART_SIZE) if offset not in self._done]
        if missing:
            raise IntegrityError(
                f"{len(missing)} parts were not written, the first at {missing[0]}", key=self._target.key
            )
        with system_errors("failed to write", self._target.key):
            resuming.forget(self._partial.descriptor)
        stat = self._partial.commit(self._size, self._how)
        self.abort()
        return stat

    def abort(self) -> None:
        """Removes the partial file; parts under way end with CancelledError."""
        with self._lock:
            self._ended = True
        self._free_if_last()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keeps the descriptor open for one write: its number may belong to another file once it is closed."""
        with self._lock:
            if self._ended:
                raise CancelledError("the file was given up", key=self._target.key)
            self._writing += 1
        try:
            yield
        finally:
            with self._lock:
                self._writing -= 1
            self._free_if_last()

    def _free_if_last(self) -> None:
        with self._lock:
            if not self._ended or self._writing or self._freed:
                return
            self._freed = True
        if self._left:
            self._partial.leave()
        else:
            self._partial.discard()
        os.close(self._target.directory)
