"""A store that fails on purpose: at a chosen call, or at calls chosen by a seed.

The operations are the methods' names, and within a transfer `read.block` (each block read), `write.block` (each block
that the store takes from its content), `write_part`, `commit`, `abort`, and `copy` (each request of a batch).
"""

from __future__ import annotations

import os
import random
import signal
import time
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import msgspec

from plait.model.errors import PlaitError, StoreError, TemporaryError, UnknownOutcomeError
from plait.stores.base import PLAIN
from plait.stores.copies import CopyResult
from plait.stores.wrappers.base import WrappedReader, Wrapper, unwrapped, wrapping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.model.items import Stat
    from plait.stores.base import Outgoing, Reader, Source, Store
    from plait.stores.copies import CopyRequest
    from plait.stores.parts import PartialWrite
    from plait.stores.wrappers.base import Carried, CopyBatch, Results

T = TypeVar("T")

_CHANGES = frozenset(("write", "delete", "copy", "rename", "commit", "set_attributes"))


class Misdeed(StrEnum):
    """What goes wrong."""

    FAIL = "fail"
    """The call raises the fault's error (TemporaryError) and has no effect."""
    VANISH = "vanish"
    """The call takes effect and raises UnknownOutcomeError."""
    STALL = "stall"
    """The call takes `seconds` longer."""
    SHORT = "short"
    """A block is cut to one byte; of `read`: the content ends halfway."""
    TEAR = "tear"
    """Of `read`: the connection breaks halfway, with TemporaryError."""
    LIE = "lie"
    """Of `read`: another range is given, the one that begins with the content."""
    KILL = "kill"
    """The process is killed before the call."""


class Fault(msgspec.Struct, frozen=True):
    """One thing that goes wrong: at calls `number` (from 1) to `number + times - 1` of `operation` ("" is any)."""

    misdeed: Misdeed
    operation: str = ""
    number: int = 1
    times: int = 1
    key: str | None = None
    """Count the calls about this key only."""
    error: PlaitError | None = None
    seconds: float = 1.0


class Script:
    """Which calls go wrong; shared by the stores and threads that are given it. `calls` are all that were made."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.calls: list[tuple[str, str]] = []
        self._counted = [(fault, [0]) for fault in faults]
        self._lock = Lock()

    def next(self, operation: str, key: str) -> Fault | None:
        """Counts a call, and says what is to go wrong with it."""
        with self._lock:
            self.calls.append((operation, key))
            found = None
            for fault, count in self._counted:
                if fault.operation in {"", operation} and fault.key in {None, key}:
                    count[0] += 1
                    if fault.number <= count[0] < fault.number + fault.times:
                        found = found or fault
            return found


class RandomScript(Script):
    """One call in `rarity` goes wrong, the same ones for the same seed and the same order of calls."""

    def __init__(
        self, seed: int, rarity: int, misdeeds: Sequence[Misdeed] = (Misdeed.FAIL, Misdeed.VANISH, Misdeed.TEAR)
    ) -> None:
        super().__init__()
        self._random = random.Random(seed)  # noqa: S311  (repeatable)
        self._rarity = rarity
        self._misdeeds = tuple(misdeeds)

    def next(self, operation: str, key: str) -> Fault | None:
        """Decides by the seed."""
        super().next(operation, key)
        with self._lock:
            if self._random.randrange(self._rarity):
                return None
            return Fault(self._random.choice(self._misdeeds), operation)


class Crash(Script):
    """The machine goes down before the `number`th change of the store (from 1): no call has any effect after that.

    `happened` tells whether it came to that.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self._left = number

    @property
    def happened(self) -> bool:
        return self._left <= 0

    def next(self, operation: str, key: str) -> Fault | None:
        """Counts a change."""
        super().next(operation, key)
        with self._lock:
            if operation in _CHANGES:
                self._left -= 1
            return Fault(Misdeed.FAIL, operation, error=StoreError("the machine is down")) if self.happened else None


def faulty(store: Store, script: Script) -> Store:
    """The store, failing by the script."""
    return wrapping(FaultStore, store)(store, script)


class FaultStore(Wrapper):
    """Made by `faulty`."""

    def __init__(self, inner: Store, script: Script) -> None:
        super().__init__(inner)
        self.script = script

    def peeled(self, source: Store) -> Store:
        """Two faulty stores copy as those below them do: the faults are this one's."""
        source = unwrapped(source)
        return source.inner if isinstance(source, FaultStore) else source

    def call(self, operation: str, key: str, run: Callable[[], T]) -> T:
        return _befall(self.script.next(operation, key), run)

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        fault = self.script.next("read", key)
        if fault is not None and fault.misdeed is Misdeed.LIE:
            offset = 0
        reader = _befall(fault, lambda: self.inner.read(key, offset, length, expected=expected))
        size = reader.stat.size or 0
        half = (min(size, offset + (size if length is None else length)) - offset) // 2
        broken = fault if fault is not None and fault.misdeed in {Misdeed.TEAR, Misdeed.SHORT} else None
        return FaultyReader(reader, key, self.script, broken, half)

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        return super().write(key, FaultySource(content, key, self.script), size, how)

    def partial(self, key: str, partial: PartialWrite) -> PartialWrite:
        return FaultyPartial(partial, key, self.script)

    def call_batch(self, requests: Sequence[CopyRequest], carried: Carried | None, run: CopyBatch) -> Results:
        """Requests that are to fail do, one by one; the others are copied together."""
        failed: dict[str, CopyResult] = {}
        spared = []
        for request in requests:
            try:
                _befall(self.script.next("copy", request.key), lambda: None)
            except PlaitError as error:
                failed[request.key] = CopyResult(request, error)
            else:
                spared.append(request)
        copied = iter(self.call("copy_batch", requests[0].key if requests else "", lambda: run(spared, carried)))
        return [failed[request.key] if request.key in failed else next(copied) for request in requests]


def _befall(fault: Fault | None, run: Callable[[], T]) -> T:
    """Makes the call, or lets happen what the fault says."""
    if fault is not None and fault.misdeed is Misdeed.KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    if fault is not None and fault.misdeed is Misdeed.FAIL:
        raise fault.error or TemporaryError("injected: connection reset")
    if fault is not None and fault.misdeed is Misdeed.STALL:
        time.sleep(fault.seconds)
    result = run()
    if fault is not None and fault.misdeed is Misdeed.VANISH:
        # Nobody else can close what came with the answer.
        if hasattr(result, "close"):
            result.close()
        raise UnknownOutcomeError("injected: no answer")
    return result


class FaultySource:
    """Content on its way into a faulty store."""

    def __init__(self, content: Source, key: str, script: Script) -> None:
        self._content = content
        self._key = key
        self._script = script

    def read(self, size: int = -1, /) -> bytes:
        """As the content does, failing by the script."""
        fault = self._script.next("write.block", self._key)
        if fault is not None and fault.misdeed is Misdeed.SHORT:
            size = min(size, 1) if size >= 0 else 1
        return _befall(fault, lambda: self._content.read(size))


class FaultyReader(WrappedReader):
    """A reading from a faulty store; `broken` breaks it after `half` bytes."""

    def __init__(self, reader: Reader, key: str, script: Script, broken: Fault | None, half: int) -> None:
        super().__init__(reader)
        self._key = key
        self._script = script
        self._broken = broken
        self._left = half

    def read(self, size: int = -1, /) -> bytes:
        """As the reader does, failing by the script."""
        fault = self._script.next("read.block", self._key)
        if fault is not None and fault.misdeed is Misdeed.SHORT:
            size = min(size, 1) if size >= 0 else 1
        if self._broken is None:
            return _befall(fault, lambda: self._reader.read(size))
        if self._left <= 0:
            if self._broken.misdeed is Misdeed.TEAR:
                raise TemporaryError("injected: the connection broke", key=self._key)
            return b""
        wanted = self._left if size < 0 else min(size, self._left)
        if size < 0 and self._broken.misdeed is Misdeed.TEAR:
            raise TemporaryError("injected: the connection broke", key=self._key)
        data = _befall(fault, lambda: self._reader.read(wanted))
        self._left -= len(data)
        return data


class FaultyPartial:
    """An item in parts, written to a faulty store."""

    def __init__(self, partial: PartialWrite, key: str, script: Script) -> None:
        self._partial = partial
        self._key = key
        self._script = script

    @property
    def part_size(self) -> int:
        return self._partial.part_size

    def write_part(self, offset: int, content: Source, length: int) -> None:
        """As the store does, failing by the script."""
        content = FaultySource(content, self._key, self._script)
        fault = self._script.next("write_part", self._key)
        _befall(fault, lambda: self._partial.write_part(offset, content, length))

    def commit(self) -> Stat:
        """As the store does, failing by the script."""
        return _befall(self._script.next("commit", self._key), self._partial.commit)

    def abort(self) -> None:
        """As the store does, failing by the script."""
        _befall(self._script.next("abort", self._key), self._partial.abort)
