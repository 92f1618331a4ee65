"""The database file while it is being made of LTX files, the earliest first."""

from __future__ import annotations

import os
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Final, Self

from plait.model.errors import IntegrityError, PlaitError, from_os_error
from plait.replication.ltx.header import lock_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from plait.replication.ltx.frames import Frame
    from plait.replication.ltx.reader import Reader

_QUEUE: Final = 4
_MOST_BUFFERS: Final = 1024
"""As many as one call of `pwritev` takes (IOV_MAX of Linux)."""


class PageFile:
    """Writes pages to an open file, on a thread of its own; a context manager that ends it.

    The pages of a later file replace those of an earlier one, which is the merge of the format as long as files are put
    one after another.
    """

    def __init__(self, descriptor: int, page_size: int) -> None:
        self._descriptor = descriptor
        self.page_size = page_size
        self._lock = lock_page(page_size)
        self._covered = 0
        self._beyond: set[int] = set()
        self._queue: Queue[list[Frame] | None] = Queue(_QUEUE)
        self._error: OSError | None = None
        self._thread = Thread(target=self._write, name="pages", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def put_all(self, reader: Reader) -> None:
        """Writes the pages of a file. Raises what the reader and an earlier write raise."""
        if reader.header.page_size != self.page_size:
            raise IntegrityError(f"the page size changes from {self.page_size} to {reader.header.page_size}")
        for frames in reader.batches():
            if self._error is not None:
                raise self._failure(self._error)
            for frame in frames:
                self._note(frame.number)
            self._queue.put(frames)

    def finish(self, commit: int) -> None:
        """Ends the file at `commit` pages, all of which must have been put; what nobody puts is the lock page.

        Raises IntegrityError where a page is missing, and errors of the file system.
        """
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._failure(self._error)
        self._advance()
        if self._covered < commit:
            following = min((number for number in self._beyond if number <= commit), default=None)
            raise IntegrityError(
                f"nonsequential page numbers in snapshot transaction: {self._covered},{following}"
                if following is not None
                else f"the files hold the first {self._covered} of {commit} pages only"
            )
        try:
            os.ftruncate(self._descriptor, commit * self.page_size)
        except OSError as error:
            raise self._failure(error) from None

    def _note(self, number: int) -> None:
        if number == self._covered + 1:
            self._covered = number
            self._advance()
        elif number > self._covered:
            self._beyond.add(number)

    def _advance(self) -> None:
        while (following := self._covered + 1) in self._beyond or following == self._lock:
            self._beyond.discard(following)
            self._covered = following

    def _write(self) -> None:
        while (frames := self._queue.get()) is not None:
            if self._error is not None:
                continue
            try:
                for run in _runs(frames):
                    self._write_run(run)
            except OSError as error:
                self._error = error

    def _write_run(self, run: Sequence[Frame]) -> None:
        offset = (run[0].number - 1) * self.page_size
        written = os.pwritev(self._descriptor, [frame.data for frame in run], offset)
        if written < len(run) * self.page_size:
            rest = memoryview(b"".join([frame.data for frame in run]))[written:]
            while rest:
                written += (count := os.pwrite(self._descriptor, rest, offset + written))
                rest = rest[count:]

    def _failure(self, error: OSError) -> PlaitError:
        return from_os_error(error, "failed to write the database")


def _runs(frames: list[Frame]) -> Iterator[Sequence[Frame]]:
    """Frames whose pages stand beside each other."""
    begin = 0
    for index in range(1, len(frames) + 1):
        whole = index - begin == _MOST_BUFFERS
        if index == len(frames) or whole or frames[index].number != frames[index - 1].number + 1:
            yield frames[begin:index]
            begin = index
