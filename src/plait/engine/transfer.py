"""Carrying one item, or a directory's batch of them, from one store to another.

The manner is chosen from the declared features of both stores: a native batch, a copy by the store itself, parts in
parallel, or one stream. Whatever the manner, the destination holds the old or the new content and never a mixture: the
stores write beside and rename (or upload and complete), and what was carried is checked before it appears where the
source gives a hash, and after where the destination gives one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from plait.engine.parts import PartsCarrier, corrupted, unchanged_stat
from plait.engine.watching import Watched
from plait.model.errors import IntegrityError, PlaitError
from plait.stores.copies import Copies, CopiesBatches, CopiesPages, CopyRequest, CopyResult, MovesBatches
from plait.stores.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.model.items import Item, Page, Stat
    from plait.stores.base import Outgoing, Reader, Store

READ_BACK_BLOCK = 1 << 20


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
    kept: int = 0
    """Bytes of them that an interrupted transfer had carried before."""


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
        self._parts_carrier = PartsCarrier(source, destination.features, settings, cancelled)
        self._parts = destination if isinstance(destination, Parts) and destination.features.part_cutoff > 0 else None

    @property
    def batched(self) -> bool:
        """True where a directory's worth of files is best handed to `carry_batch`."""
        return self._batches is not None

    @property
    def by_destination(self) -> bool:
        """True where the destination copies by itself, and an item keeps the time that it has."""
        return self._copies is not None

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
            stat = unchanged_stat(self.source, item)
            found = self._parts_carrier.carry(self._parts, item, stat, key, self._complete(how, stat), carried)
            carriage = Carriage(found.stat, Manner.PARTS, item.size or 0, found.kept)
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
            content = Watched(reader, self._cancelled, carried)
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
                raise corrupted(name, value, stat.hashes[name], item.key)

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
            raise corrupted("blake3", ours, theirs, key)


def _digest(reader: Reader, cancelled: Callable[[], bool]) -> str:
    from blake3 import blake3

    digest = blake3()
    with reader:
        content = Watched(reader, cancelled, None)
        while block := content.read(READ_BACK_BLOCK):
            digest.update(block)
    return digest.hexdigest()
