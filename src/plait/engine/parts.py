"""Carrying one item in parts, several at once and in any order; what an interrupted transfer left is gone on with.

Where the source gives a hash, it is computed meanwhile: from what the destination holds, where that can be read again,
else from the parts as they pass.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from plait.engine.hashing import CombinedBehind, HashBehind, KeepingSource, OrderedHash
from plait.engine.parallel import run_together
from plait.engine.watching import watched
from plait.engine.workers import POLL
from plait.model.errors import (
    CancelledError,
    IntegrityError,
    PlaitError,
    Retry,
    SourceChangedError,
    TemporaryError,
)
from plait.stores.content import part_size_for
from plait.stores.hashing import CombinesHashes, Hashes, HashesParts
from plait.stores.parts import Rereads, Resumes
from plait.stores.wrappers.base import innermost, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.engine.transfer import TransferSettings
    from plait.model.items import Item, Stat
    from plait.stores.base import Features, Outgoing, Source, Store
    from plait.stores.hashing import CombinedHash
    from plait.stores.parts import PartialWrite, Parts

LONGEST_PAUSE = 8.0


class Arrived(msgspec.Struct, frozen=True):
    """What stands at the destination now, and how many bytes of it were there before."""

    stat: Stat
    kept: int


class PartsCarrier:
    """Carries items of `source` in parts; may be used from several threads."""

    def __init__(
        self, source: Store, features: Features, settings: TransferSettings, cancelled: Callable[[], bool]
    ) -> None:
        self._source = source
        self._features = features
        self._settings = settings
        self._cancelled = cancelled

    def carry(
        self, parts: Parts, item: Item, stat: Stat, key: str, how: Outgoing, carried: Callable[[int], None]
    ) -> Arrived:
        """Carries an item that was found as `stat`. Raises as `Transfer.carry`."""
        how = self._with_hashes(item, msgspec.structs.replace(how, fingerprint=fingerprint(self._source, item, stat)))
        size = item.size or 0
        partial = parts.begin(key, size, how)
        try:
            kept = self._fill(partial, _Whole(item.key, stat, size), carried)
            return Arrived(partial.commit(), kept)
        except BaseException as error:
            if _is_of_use(error):
                _suspend(partial)
            else:
                partial.abort()
            raise

    def _with_hashes(self, item: Item, how: Outgoing) -> Outgoing:
        """`how`, with the hash that an item in parts does not get by itself."""
        name = self._features.parts_hash
        if name is None or name in how.hashes or self._settings.ignore_hash:
            return how
        if isinstance(self._source, HashesParts):
            step = part_size_for(item.size or 0, self._features.part_size, self._features.most_parts)
            found = self._source.hash_parts(item.key, name, step, expected=item.stat, cancelled=self._cancelled)
            if found is not None:
                hashes = {**how.hashes, name: found.whole}
                return msgspec.structs.replace(how, hashes=hashes, part_hashes=found)
        if not isinstance(self._source, Hashes):
            return how
        value = self._source.hash(item.key, name, expected=item.stat)
        return how if value is None else msgspec.structs.replace(how, hashes={**how.hashes, name: value})

    def _fill(self, partial: PartialWrite, whole: _Whole, carried: Callable[[int], None]) -> int:
        """Carries what is missing, and gives the bytes of what is not."""
        step, size = partial.part_size, whole.size
        there = innermost(partial)
        written = dict(there.written) if isinstance(there, Resumes) else {}
        missing = [offset for offset in range(0, size, step) if offset not in written]
        streams = max(1, min(self._settings.streams, len(missing)))
        check = self._check_of(partial, whole, streams)
        try:
            for offset in written:
                check.arrived(offset)

            def one(offset: int, stopped: Callable[[], bool]) -> None:
                length = min(step, size - offset)
                self._fill_part(partial, _Part(whole.key, whole.stat, offset, length), check, stopped)
                carried(length)

            run_together(one, missing, streams, self._cancelled)
            check.compare(whole.key, self._cancelled)
        finally:
            check.close()
        return sum(written.values())

    def _check_of(self, partial: PartialWrite, whole: _Whole, streams: int) -> _Check:
        expected = None if self._settings.ignore_hash else next(iter(whole.stat.hashes.items()), None)
        if expected is None:
            return _Check()
        there = innermost(partial)
        if isinstance(there, Rereads):
            combined = self._combined(whole)
            if combined is not None:
                return _CheckCombined(expected, combined, there, whole.size, partial.part_size)
            return _CheckBehind(expected, HashBehind(expected[0], there.read_back, whole.size, partial.part_size))
        return _CheckInPassing(expected, OrderedHash(expected[0], partial.part_size, window=streams + 1))

    def _combined(self, whole: _Whole) -> CombinedHash | None:
        source = unwrapped(self._source)
        if not isinstance(source, CombinesHashes):
            return None
        try:
            found = source.combined_hash(whole.key, whole.stat)
        except PlaitError as error:
            # No wrapper repeats this call, and the hash of the whole proves the content without it.
            if error.retry is not Retry.SOON:
                raise
            return None
        return found if found is not None and found.name == "md5" else None

    def _fill_part(self, partial: PartialWrite, part: _Part, check: _Check, stopped: Callable[[], bool]) -> None:
        check.wait_for_turn(part.offset, stopped)
        for pause in _pauses(self._settings.tries):
            with self._source.read(part.key, part.offset, part.length, expected=part.stat) as reader:
                content = watched(reader, stopped)
                try:
                    check.write(partial, part, content)
                except PlaitError as error:
                    # The source has its own retries: what it gives up is not tried again here.
                    if error.retry is not Retry.SOON or pause is None or content.broken:
                        raise
                else:
                    return
            _sleep(pause, stopped)


def unchanged_stat(source: Store, item: Item) -> Stat:
    """What the source knows of an item. Raises SourceChangedError where it is another one than was listed."""
    found = source.stat(item.key)
    listed = item.stat
    pairs = ((listed.size, found.size), (listed.modified, found.modified), (listed.etag, found.etag))
    if any(a is not None and b is not None and a != b for a, b in pairs):
        message = "can't copy - source file is being updated"
        raise SourceChangedError(message, key=item.key)
    return found


def fingerprint(source: Store, item: Item, stat: Stat) -> str:
    """What tells this content from any other, as far as the source can: equal fingerprints are equal content."""
    changed = None if stat.posix is None else (stat.posix.inode, stat.posix.changed)
    told = (
        source.features.identity,
        item.key,
        stat.size,
        stat.modified,
        stat.etag,
        sorted(stat.hashes.items()),
        changed,
    )
    from hashlib import sha256

    return sha256(repr(told).encode("utf-8", "surrogateescape")).hexdigest()


def corrupted(name: str, ours: str, theirs: str, key: str) -> IntegrityError:
    """The error for two hashes that should be equal."""
    message = f"corrupted on transfer: {name} hashes differ: source {ours}, destination {theirs}"
    return IntegrityError(message, key=key)


class _Whole(msgspec.Struct, frozen=True):
    """The source item `key`, which was found as `stat`."""

    key: str
    stat: Stat
    size: int


class _Part(msgspec.Struct, frozen=True):
    """One range of the source item `key`, which was found as `stat`."""

    key: str
    stat: Stat
    offset: int
    length: int


class _Check:
    """How parts are written and what arrived is checked: here, not at all."""

    def wait_for_turn(self, offset: int, stopped: Callable[[], bool]) -> None:
        """Waits until the part may be carried."""

    def write(self, partial: PartialWrite, part: _Part, content: Source) -> None:
        """Writes one part."""
        partial.write_part(part.offset, content, part.length)

    def arrived(self, offset: int) -> None:
        """Notes that a part is there."""

    def compare(self, key: str, cancelled: Callable[[], bool]) -> None:
        """Raises IntegrityError unless the hash of all parts is the source's."""

    def close(self) -> None:
        """Ends what runs."""


class _CheckInPassing(_Check):
    """Hashes the parts as they pass, which are kept in memory until their turn comes."""

    def __init__(self, expected: tuple[str, str], digest: OrderedHash) -> None:
        self._expected = expected
        self._digest = digest

    def wait_for_turn(self, offset: int, stopped: Callable[[], bool]) -> None:
        self._digest.wait_for_turn(offset, stopped)

    def write(self, partial: PartialWrite, part: _Part, content: Source) -> None:
        kept = KeepingSource(content)
        partial.write_part(part.offset, kept, part.length)
        self._digest.add(part.offset, kept.blocks)

    def compare(self, key: str, cancelled: Callable[[], bool]) -> None:  # noqa: ARG002  (nothing to wait for)
        _compare(self._expected, self._digest.hexdigest(), key)


class _CheckBehind(_Check):
    """Hashes what the destination holds."""

    def __init__(self, expected: tuple[str, str], digest: HashBehind) -> None:
        self._expected = expected
        self._digest = digest

    def write(self, partial: PartialWrite, part: _Part, content: Source) -> None:
        partial.write_part(part.offset, content, part.length)
        self._digest.arrived(part.offset)

    def arrived(self, offset: int) -> None:
        self._digest.arrived(offset)

    def compare(self, key: str, cancelled: Callable[[], bool]) -> None:
        _compare(self._expected, self._digest.hexdigest(cancelled), key)

    def close(self) -> None:
        self._digest.close()


class _CheckCombined(_Check):
    """Hashes the parts in which the source got the item, side by side, which takes a fifth of the time.

    Where they are not what the source says, its hash of the whole decides.
    """

    def __init__(
        self, expected: tuple[str, str], combined: CombinedHash, written: Rereads, size: int, part_size: int
    ) -> None:
        self._expected = expected
        self._combined = combined
        self._written = written
        self._size = size
        self._digest = CombinedBehind(written, combined.part_size, size, part_size)

    def write(self, partial: PartialWrite, part: _Part, content: Source) -> None:
        partial.write_part(part.offset, content, part.length)
        self._digest.arrived(part.offset)

    def arrived(self, offset: int) -> None:
        self._digest.arrived(offset)

    def compare(self, key: str, cancelled: Callable[[], bool]) -> None:
        if self._digest.hexdigest(cancelled) == self._combined.value:
            return
        whole = HashBehind(self._expected[0], self._written.read_back, self._size, max(self._size, 1))
        try:
            whole.arrived(0)
            _compare(self._expected, whole.hexdigest(cancelled), key)
        finally:
            whole.close()

    def close(self) -> None:
        self._digest.close()


def _compare(expected: tuple[str, str], found: str, key: str) -> None:
    name, value = expected
    if found != value:
        raise corrupted(name, value, found, key)


def _is_of_use(error: BaseException) -> bool:
    """True where what was carried helps another run: after an interruption or a passing fault of the way."""
    return isinstance(error, CancelledError | TemporaryError) or not isinstance(error, PlaitError)


def _suspend(partial: PartialWrite) -> None:
    there = innermost(partial)
    if isinstance(there, Resumes):
        there.suspend()
    else:
        partial.abort()


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
