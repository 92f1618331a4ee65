"""`cat` and `rcat`: the content of files to a stream, and a stream to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from plait.model.errors import CancelledError, ConfigurationError, IntegrityError, PlaitError
from plait.model.items import Item, Kind, Stat
from plait.stores.base import Outgoing
from plait.stores.hashes import COMPUTABLE, new_digest

if TYPE_CHECKING:
    from plait.mirror.verbs.task import Chosen, Task
    from plait.stores.base import Source, Store

BLOCK: Final = 1 << 18


class Range(msgspec.Struct, frozen=True):
    """Which bytes of each file: `count` of them (-1: all) from `offset`, which counts from the end where negative."""

    offset: int = 0
    count: int = -1

    def of(self, size: int | None) -> tuple[int, int | None]:
        """Offset and length in a file of `size` bytes."""
        offset = self.offset
        if offset < 0:
            offset = max(0, offset + (size or 0))
        return offset, None if self.count < 0 else self.count


def range_of(*, head: int, tail: int, offset: int, count: int) -> Range:
    """The range that the options of `cat` mean. Raises ConfigurationError where they contradict each other."""
    ways = (head > 0, tail > 0, offset != 0 or count >= 0)
    if sum(ways) > 1:
        raise ConfigurationError("Can only use one of  --head, --tail or --offset with --count")
    if head > 0:
        return Range(0, head)
    return Range(-tail) if tail > 0 else Range(offset, count)


def cat(task: Task, chosen: Chosen, wanted: Range, output: BinaryIO | None, separator: bytes = b"") -> int:
    """Writes the chosen files one after the other, in their order; None: they are only read. Returns how many were.

    A file that cannot be read is counted as an error, and the others follow.
    """
    poured = 0
    for item in task.items(chosen):
        if item.kind is not Kind.FILE:
            continue
        try:
            _pour(task, chosen.store, item, wanted, output)
        except CancelledError:
            raise
        except PlaitError as error:
            task.fail(error, f"Failed to open: {error.message}", item.key)
            continue
        poured += 1
        if separator and output is not None:
            output.write(separator)
    if output is not None:
        output.flush()
    return poured


def _pour(task: Task, store: Store, item: Item, wanted: Range, output: BinaryIO | None) -> None:
    offset, length = wanted.of(item.size)
    with store.read(item.key, offset, length, expected=item.stat) as reader:
        while block := reader.read(BLOCK):
            task.around.cancellation.raise_if_cancelled()
            if output is not None:
                output.write(block)


def write_stream(task: Task, store: Store, key: str, content: Source, size: int | None, modified: int) -> bool:
    """Stores a stream under a key, and checks what has arrived against what was sent; False in a dry run.

    The key holds the old or the whole new content at any time. In a dry run the stream is read to its end.
    """
    if not task.allows("upload from pipe", key):
        while content.read(BLOCK):
            pass
        return False
    hashes = [name for name in store.features.hashes if name in COMPUTABLE][:1]
    watched = _Hashed(content, "" if task.values.ignore_checksum else "".join(hashes), task)
    how = Outgoing(modified=modified if store.features.time_precision is not None else None)
    if size is None and not store.features.streaming_writes:
        stat = _write_spooled(task, store, key, watched, how)
    else:
        stat = store.write(key, watched, size, how)
    _check(stat, watched, key)
    return True


def _write_spooled(task: Task, store: Store, key: str, content: Source, how: Outgoing) -> Stat:
    """For stores that must know the size: the stream waits in a temporary file."""
    import tempfile

    with tempfile.TemporaryFile() as spool:
        while block := content.read(BLOCK):
            task.around.cancellation.raise_if_cancelled()
            spool.write(block)
        size = spool.tell()
        spool.seek(0)
        return store.write(key, spool, size, how)


def _check(stat: Stat, sent: _Hashed, key: str) -> None:
    if stat.size is not None and stat.size != sent.size:
        raise IntegrityError(f"corrupted on transfer: sizes differ src {sent.size} vs dst {stat.size}", key=key)
    known = stat.hashes.get(sent.name)
    if known is not None and known != sent.hexdigest():
        raise IntegrityError("corrupted on transfer", key=key)


class _Hashed:
    """Content that counts and hashes its bytes as they pass."""

    def __init__(self, content: Source, name: str, task: Task) -> None:
        self._content = content
        self._digest = new_digest(name) if name else None
        self._cancellation = task.around.cancellation
        self.name = name
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        self._cancellation.raise_if_cancelled()
        block = self._content.read(size)
        self.size += len(block)
        if self._digest is not None:
            self._digest.update(block)
        return block

    def hexdigest(self) -> str:
        return "" if self._digest is None else self._digest.hexdigest()
