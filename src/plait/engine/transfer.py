"""Carrying one item, or a directory's batch of them, from one store to another.

The manner is chosen from the declared features of both stores: a native batch, a copy by the store itself, parts in
parallel, or one stream. Whatever the manner, the destination holds the old or the new content and never a mixture: the
stores write beside and rename (or upload and complete), and what was carried is checked before it appears where the
source gives a hash, and after where the destination gives one.
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

import msgspec

from plait.engine.hashing import KeepingSource, OrderedHash
from plait.engine.parallel import run_together
from plait.engine.workers import POLL
from plait.model.errors import (
    CancelledError,
    IntegrityError,
    PlaitError,
    Retry,
    SourceChangedError,
)
from plait.stores.base import (
    Copies,
    CopiesBatches,
    CopiesPages,
    CopyRequest,
    CopyResult,
    Hashes,
    HashesParts,
    MovesBatches,
    Outgoing,
    Parts,
    PassesFile,
)
from plait.stores.content import part_size_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.model.items import Item, Page, Stat
    from plait.stores.base import PartialWrite, Reader, Source, Store

T = TypeVar("T")

READ_BACK_BLOCK = 1 << 20
LONGEST_PAUSE = 8.0


class Manner(StrEnum):
    """How content was carried."""

    COPY = "copy"
    """By the operating system, local to local."""
    SERVER_SIDE = "server-side copy"
    MOVE = "move"
    """The source itself is what stands there now."""
    PARTS = "parts"
    STREAM = "stream"


class Carriage(msgspec.Struct, frozen=True):
    """What was carried: what stands at the destination now, in what manner, and how many bytes moved."""

    stat: Stat | None
    manner: Manner
    size: int


class TransferSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to carry.

    `streams`: parts of one item carried at once; 1 or less means one stream. `parts_from`: bytes from which on parts
    are used, None for the destination's own `part_cutoff`. `server_side`: let the destination copy by itself where it
    can. `verify`: read back what was written and compare. `ignore_size`, `ignore_hash`: leave these checks out.
    `tries`: how often one part is tried. `moves`: the source is not wanted any more, and is renamed where both stores
    can; not with `verify`, for which there must be two to compare.
    """

    streams: int = 4
    parts_from: int | None = None
    server_side: bool = True
    verify: bool = False
    ignore_size: bool = False
    ignore_hash: bool = False
    tries: int = 10
    moves: bool = False


class Transfer:
    """Carries items from `source` to `destination`; may be used from several threads."""

    def __init__(
        self,
        source: Store,
        destination: Store,
        settings: TransferSettings,
        *,
        cancelled: Callable[[], bool],
    ) -> None:
        self.source = source
        self.destination = destination
        self.settings = settings
        self._cancelled = cancelled
        self._batches = (
            destination
            if isinstance(destination, CopiesBatches) and destination.can_copy_batches_from(source)
            else None
        )
        self._pages = destination if self._batches is not None and isinstance(destination, CopiesPages) else None
        self._copies = (
            destination
            if settings.server_side and isinstance(destination, Copies) and destination.can_copy_from(source)
            else None
        )
        self._moves = (
            destination
            if settings.moves
            and not settings.verify
            and isinstance(destination, MovesBatches)
            and destination.can_move_from(source)
            else None
        )
        self._parts = destination if isinstance(destination, Parts) and destination.features.part_cutoff > 0 else None

    @property
    def batched(self) -> bool:
        """True where a directory's worth of files is best handed to `carry_batch`."""
        return self._batches is not None

    @property
    def pages(self) -> bool:
        """True where new files may be handed to `carry_page`."""
        return self._pages is not None and self._moves is None and not self.settings.verify

    @property
    def moves(self) -> bool:
        """True where items may be moved instead of copied."""
        return self._moves is not None

    def carry_batch(
        self,
        requests: Sequence[CopyRequest],
        how: Outgoing,
        carried: Callable[[CopyRequest, int], None] | None = None,
    ) -> list[CopyResult]:
        """Carries files of one directory to one directory; one result for each, errors inside the results."""
        if self._batches is None:
            message = "these two stores do not copy in batches"
            raise AssertionError(message)
        if self._moves is not None:
            moved = self._moves.move_batch(self.source, requests, how, self._cancelled)
            left = [request for request, result in zip(requests, moved, strict=True) if result is None]
            copied = iter(self._batches.copy_batch(self.source, left, how, self._cancelled, carried) if left else ())
            return [next(copied) if result is None else result for result in moved]
        results = self._batches.copy_batch(self.source, requests, how, self._cancelled, carried)
        return [self._read_back_result(result) for result in results] if self.settings.verify else results

    def carry_page(self, files: Page, prefix: str, how: Outgoing) -> Sequence[int]:
        """Carries new files of one directory to where keys begin with `prefix`; returns the rows left for `carry`."""
        if self._pages is None:
            raise AssertionError("these two stores do not copy whole pages")
        return self._pages.copy_page(self.source, files, prefix, how, self._cancelled)

    def carry(
        self,
        item: Item,
        key: str,
        how: Outgoing,
        carried: Callable[[int], None],
        replaces: Stat | None = None,
        *,
        move: bool = True,
    ) -> Carriage:
        """Carries one item to `key`.

        `how.modified` None means the time that the source gives. `carried` is told of bytes as they move. `move` False:
        the source stays, also where items may be moved.

        Raises SourceChangedError where the source is no longer as listed, IntegrityError where what arrived is not
        what was sent, CancelledError, and whatever the stores raise.
        """
        if self._moves is not None and move:
            [moved] = self._moves.move_batch(self.source, [CopyRequest(item, key, replaces)], how, self._cancelled)
            if moved is not None:
                if moved.error is not None:
                    raise moved.error
                return Carriage(moved.stat, Manner.MOVE, item.size or 0)
        if self._batches is not None:
            carriage = self._carry_by_system(self._batches, CopyRequest(item, key, replaces), how, carried)
        elif self._copies is not None:
            carriage = Carriage(self._copies.copy_from(self.source, item, key, how), Manner.SERVER_SIDE, item.size or 0)
            carried(carriage.size)
        elif self._parts is not None and self._in_parts(item):
            carriage = self._carry_parts(self._parts, item, key, how, carried)
        else:
            carriage = self._carry_stream(item, key, how, carried)
        self._check(item, carriage)
        if self.settings.verify:
            self._read_back(item, key)
        return carriage

    def _carry_by_system(
        self, batches: CopiesBatches, request: CopyRequest, how: Outgoing, carried: Callable[[int], None]
    ) -> Carriage:
        told = 0

        def tell(_: CopyRequest, size: int) -> None:
            nonlocal told
            told += size
            carried(size)

        [result] = batches.copy_batch(self.source, [request], how, self._cancelled, tell)
        if result.error is not None:
            raise result.error
        size = request.item.size or 0
        if told < size:
            carried(size - told)
        return Carriage(result.stat, Manner.COPY, size)

    def _carry_stream(self, item: Item, key: str, how: Outgoing, carried: Callable[[int], None]) -> Carriage:
        with self.source.read(item.key, expected=item.stat) as reader:
            content = _Watched(reader, self._cancelled, carried)
            stat = self.destination.write(key, content, self._size(item, reader), self._complete(how, reader.stat))
        return Carriage(stat, Manner.STREAM, content.size)

    def _size(self, item: Item, reader: Reader) -> int | None:
        if self.settings.ignore_size:
            return reader.stat.size
        return reader.stat.size if item.size is None else item.size

    def _complete(self, how: Outgoing, stat: Stat) -> Outgoing:
        """`how`, with the time and the hashes that the source gives."""
        changes: dict[str, object] = {}
        if how.modified is None and stat.modified is not None:
            changes["modified"] = stat.modified
        if stat.hashes and not how.hashes and not self.settings.ignore_hash:
            changes["hashes"] = stat.hashes
        if how.content_type is None and stat.content_type is not None:
            changes["content_type"] = stat.content_type
        return msgspec.structs.replace(how, **changes) if changes else how

    def _in_parts(self, item: Item) -> bool:
        cutoff = self.settings.parts_from
        if cutoff is None:
            cutoff = self.destination.features.part_cutoff
        return item.size is not None and self.settings.streams > 1 and item.size >= max(cutoff, 1)

    def _carry_parts(
        self, parts: Parts, item: Item, key: str, how: Outgoing, carried: Callable[[int], None]
    ) -> Carriage:
        stat = self.source.stat(item.key)
        if _differs(item.stat, stat):
            message = "can't copy - source file is being updated"
            raise SourceChangedError(message, key=item.key)
        how = self._complete(how, stat)
        how = self._with_parts_hash(item, how)
        size = item.size or 0
        partial = parts.begin(key, size, how)
        try:
            self._fill(partial, item.key, stat, size, carried)
            return Carriage(partial.commit(), Manner.PARTS, size)
        except BaseException:
            partial.abort()
            raise

    def _with_parts_hash(self, item: Item, how: Outgoing) -> Outgoing:
        features = self.destination.features
        name = features.parts_hash
        if name is None or name in how.hashes or self.settings.ignore_hash:
            return how
        if isinstance(self.source, HashesParts):
            step = part_size_for(item.size or 0, features.part_size, features.most_parts)
            found = self.source.hash_parts(item.key, name, step, expected=item.stat, cancelled=self._cancelled)
            if found is not None:
                hashes = {**how.hashes, name: found.whole}
                return msgspec.structs.replace(how, hashes=hashes, part_hashes=found)
        if not isinstance(self.source, Hashes):
            return how
        value = self.source.hash(item.key, name, expected=item.stat)
        return how if value is None else msgspec.structs.replace(how, hashes={**how.hashes, name: value})

    def _fill(self, partial: PartialWrite, key: str, stat: Stat, size: int, carried: Callable[[int], None]) -> None:
        part_size = partial.part_size
        streams = min(self.settings.streams, -(-size // part_size))
        expected = None if self.settings.ignore_hash else next(iter(stat.hashes.items()), None)
        ordered = OrderedHash(expected[0], part_size, window=streams + 1) if expected is not None else None

        def one(offset: int, stopped: Callable[[], bool]) -> None:
            length = min(part_size, size - offset)
            self._fill_part(partial, _Part(key, stat, offset, length), ordered, stopped)
            carried(length)

        run_together(one, range(0, size, part_size), streams, self._cancelled)
        if ordered is not None and expected is not None and ordered.hexdigest() != expected[1]:
            raise _corrupted(expected[0], expected[1], ordered.hexdigest(), key)

    def _fill_part(
        self, partial: PartialWrite, part: _Part, ordered: OrderedHash | None, stopped: Callable[[], bool]
    ) -> None:
        if ordered is not None:
            ordered.wait_for_turn(part.offset, stopped)
        for pause in _pauses(self.settings.tries):
            with self.source.read(part.key, part.offset, part.length, expected=part.stat) as reader:
                content = _watched(reader, stopped)
                try:
                    self._write_part(partial, part, content, ordered)
                except PlaitError as error:
                    # The source has its own retries: what it gives up is not tried again here.
                    if error.retry is not Retry.SOON or pause is None or content.broken:
                        raise
                else:
                    return
            _sleep(pause, stopped)

    @staticmethod
    def _write_part(partial: PartialWrite, part: _Part, content: Source, ordered: OrderedHash | None) -> None:
        if ordered is None:
            partial.write_part(part.offset, content, part.length)
            return
        kept = KeepingSource(content)
        partial.write_part(part.offset, kept, part.length)
        ordered.add(part.offset, kept.blocks)

    def _check(self, item: Item, carriage: Carriage) -> None:
        stat = carriage.stat
        if stat is None:
            return
        if not self.settings.ignore_size and None not in {item.size, stat.size} and item.size != stat.size:
            message = f"corrupted on transfer: sizes differ: source {item.size}, destination {stat.size}"
            raise IntegrityError(message, key=item.key)
        if self.settings.ignore_hash:
            return
        for name, value in item.stat.hashes.items():
            if name in stat.hashes and stat.hashes[name] != value:
                raise _corrupted(name, value, stat.hashes[name], item.key)

    def _read_back_result(self, result: CopyResult) -> CopyResult:
        if result.error is not None:
            return result
        try:
            self._read_back(result.request.item, result.request.key)
        except PlaitError as error:
            return CopyResult(result.request, error)
        return result

    def _read_back(self, item: Item, key: str) -> None:
        """Compares what both sides hold now, byte for byte through a hash."""
        ours = _digest(self.source.read(item.key, expected=item.stat), self._cancelled)
        theirs = _digest(self.destination.read(key), self._cancelled)
        if ours != theirs:
            raise _corrupted("blake3", ours, theirs, key)


class _Part(msgspec.Struct, frozen=True):
    """One range of the source item `key`, which was found as `stat`."""

    key: str
    stat: Stat
    offset: int
    length: int


class _Watched:
    """Content that tells of its bytes as they pass, and ends with CancelledError once the run is cancelled."""

    def __init__(self, content: Source, cancelled: Callable[[], bool], carried: Callable[[int], None] | None) -> None:
        self._content = content
        self._cancelled = cancelled
        self._carried = carried
        self.size = 0
        self.broken = False

    def read(self, size: int = -1, /) -> bytes:
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


class _WatchedFile(_Watched):
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


def _watched(reader: Reader, cancelled: Callable[[], bool]) -> _Watched:
    if isinstance(reader, PassesFile):
        return _WatchedFile(reader, cancelled, reader)
    return _Watched(reader, cancelled, None)


def _digest(reader: Reader, cancelled: Callable[[], bool]) -> str:
    from blake3 import blake3

    digest = blake3()
    with reader:
        content = _Watched(reader, cancelled, None)
        while block := content.read(READ_BACK_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _differs(listed: Stat, found: Stat) -> bool:
    """True where the item is known to be another one than was listed; what only one of them knows says nothing."""
    pairs = ((listed.size, found.size), (listed.modified, found.modified), (listed.etag, found.etag))
    return any(a is not None and b is not None and a != b for a, b in pairs)


def _sleep(seconds: float, stopped: Callable[[], bool]) -> None:
    """Waits, unless everything stops; then what comes next says so."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stopped():
        time.sleep(min(left, POLL))


def _pauses(tries: int) -> Iterator[float | None]:
    """Seconds to wait after each failed try; None after the last."""
    for number in range(tries - 1):
        yield min(0.05 * 2**number, LONGEST_PAUSE)
    yield None


def _corrupted(name: str, ours: str, theirs: str, key: str) -> IntegrityError:
    message = f"corrupted on transfer: {name} hashes differ: source {ours}, destination {theirs}"
    return IntegrityError(message, key=key)
