"""Fetching LTX files ahead of their use, several at once, large ones in parts."""

from __future__ import annotations

from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Self

import msgspec

from plait.model.errors import IntegrityError, PlaitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from plait.replication.ltx.plan import File
    from plait.replication.replica import Replica

PART_SIZE: Final = 2 << 20
"""Bytes that are fetched at once; memory is bounded by this, times the number of workers and two."""
_AHEAD: Final = 2
_POLL: Final = 0.2


class _Part(msgspec.Struct, frozen=True):
    file: File
    offset: int
    length: int


class Fetching:
    """The contents of `files`, to be taken in their order; a context manager that ends the fetching.

    What has been asked for beyond the part in use is bounded, so that memory does not grow with the files.
    """

    def __init__(self, replica: Replica, files: Sequence[File], parallelism: int) -> None:
        self._replica = replica
        self._parts = [part for file in files for part in _parts(file)]
        self._begins = _begins(files)
        self._found: dict[int, bytes | PlaitError] = {}
        self._next = 0
        self._taken = 0
        self._ahead = max(1, parallelism) + _AHEAD
        self._is_closed = False
        self._changed = Condition()
        # A local disk answers one reader as fast as several, and small files are faster without them.
        most = 1 if replica.store.features.batched else max(1, parallelism)
        count = min(most, len(self._parts))
        self._threads = [Thread(target=self._run, name=f"fetch-{number}", daemon=True) for number in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closed = True
            self._found.clear()
            self._changed.notify_all()

    def chunks(self, index: int) -> Iterator[bytes]:
        """The content of the file of this index; those before it must have been taken."""
        begin, end = self._begins[index], self._begins[index + 1]
        for number in range(begin, end):
            yield self._take(number)

    def _take(self, number: int) -> bytes:
        with self._changed:
            self._taken = number
            self._changed.notify_all()
            while number not in self._found:
                self._changed.wait(_POLL)
            found = self._found.pop(number)
            self._taken = number + 1
            self._changed.notify_all()
        if isinstance(found, PlaitError):
            raise found
        return found

    def _run(self) -> None:
        while (number := self._claim()) is not None:
            found: bytes | PlaitError
            try:
                found = self._fetch(self._parts[number])
            except PlaitError as error:
                found = error
            with self._changed:
                if not self._is_closed:
                    self._found[number] = found
                self._changed.notify_all()

    def _claim(self) -> int | None:
        with self._changed:
            while not self._is_closed and self._next < len(self._parts) and self._next >= self._taken + self._ahead:
                self._changed.wait(_POLL)
            if self._is_closed or self._next >= len(self._parts):
                return None
            self._next += 1
            return self._next - 1

    def _fetch(self, part: _Part) -> bytes:
        with self._replica.open(part.file, part.offset, part.length) as reader:
            chunks: list[bytes] = []
            left = part.length
            while left and (chunk := reader.read(left)):
                chunks.append(chunk)
                left -= len(chunk)
        if left:
            raise IntegrityError(
                f"the file ends too early: {part.file.size} bytes are listed",
                key=self._replica.key(part.file.level, part.file.span),
            )
        return b"".join(chunks)


def _parts(file: File) -> Iterator[_Part]:
    for offset in range(0, file.size, PART_SIZE):
        yield _Part(file, offset, min(PART_SIZE, file.size - offset))


def _begins(files: Sequence[File]) -> list[int]:
    """The number of each file's first part, and behind the last file the number of all parts."""
    begins = [0]
    for file in files:
        begins.append(begins[-1] + -(-file.size // PART_SIZE))
    return begins
