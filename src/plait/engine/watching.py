"""Content on its way: told of as it passes, and stopped when the run is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from plait.model.errors import CancelledError, PlaitError, SourceChangedError
from plait.stores.base import PassesFile, PassesPipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.stores.base import Reader, Source

T = TypeVar("T")


class Watched:
    """Content that tells of its bytes as they pass, and ends with CancelledError once the run is cancelled.

    `broken`: reading it failed, so that what went wrong is the source's.
    """

    def __init__(self, content: Source, cancelled: Callable[[], bool], carried: Callable[[int], None] | None) -> None:
        self._content = content
        self._cancelled = cancelled
        self._carried = carried
        self.size = 0
        self.broken = False

    def read(self, size: int = -1, /) -> bytes:
        """Reads as the content does."""
        if self._cancelled():
            message = "interrupted"
            raise CancelledError(message)
        try:
            block = self._content.read(size)
        except PlaitError:
            self.broken = True
            raise
        self.size += len(block)
        if self._carried is not None:
            self._carried(len(block))
        return block


class WatchedFile(Watched):
    """Content that may be passed on as a range of a file."""

    def __init__(self, content: Source, cancelled: Callable[[], bool], file: PassesFile) -> None:
        super().__init__(content, cancelled, None)
        self._file = file

    def pass_file(self, send: Callable[[int, int, int], T]) -> T:
        """See `PassesFile`."""
        try:
            return self._file.pass_file(send)
        except SourceChangedError:
            self.broken = True
            raise


class WatchedPipe(Watched):
    """Content that may arrive in a pipe."""

    def __init__(self, content: Source, cancelled: Callable[[], bool], passing: PassesPipe) -> None:
        super().__init__(content, cancelled, None)
        self._passing = passing

    def pass_pipe(self, size: int, take: Callable[[int, int], None]) -> int:
        """See `PassesPipe`."""
        if self._cancelled():
            raise CancelledError("interrupted")
        count = self._passing.pass_pipe(size, take)
        self.size += count
        return count


def watched(reader: Reader, cancelled: Callable[[], bool]) -> Watched:
    """The content of a part, which may be read or passed on."""
    if isinstance(reader, PassesFile):
        return WatchedFile(reader, cancelled, reader)
    if isinstance(reader, PassesPipe):
        return WatchedPipe(reader, cancelled, reader)
    return Watched(reader, cancelled, None)
