"""Repeating calls that failed in passing, with back-off and jitter.

Only what may be repeated is: idempotent calls as they are, a broken reading from where it broke, a broken listing from
its last key, a write as long as its content can be given again. Where a call ended without an answer and matters
(a conditional write, a rename), the store is looked at before anything else is said.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, TypeGuard, TypeVar

import msgspec

from plait.model.errors import (
    AlreadyExistsError,
    CancelledError,
    ObjectNotFoundError,
    PlaitError,
    PreconditionError,
    Retry,
    TemporaryError,
    UnknownOutcomeError,
)
from plait.stores.base import PLAIN, PassesPipe
from plait.stores.wrappers.base import WrappedPartial, WrappedReader, Wrapper, wrapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.model.items import Page, Stat
    from plait.stores.base import Deleted, Outgoing, Reader, Source, Store
    from plait.stores.copies import CopyRequest
    from plait.stores.parts import PartialWrite
    from plait.stores.wrappers.base import Carried, CopyBatch, Results

T = TypeVar("T")
KEPT = 8 << 20
"""Bytes of a write's content that are kept to be given again."""
STEP = 0.2


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often a call is made (`attempts`, at least 1), and how long the pauses are, in seconds.

    The pause after a failure is random between half and the whole of `first`, doubled with each failure, at most
    `longest`; a server that says when to come back is obeyed.
    """

    attempts: int = 10
    first: float = 0.1
    longest: float = 10.0

    def pause(self, failures: int, error: PlaitError) -> float:
        """Seconds to wait after so many failures."""
        asked = error.retry_after if isinstance(error, TemporaryError) else None
        pause = min(self.first * 2.0 ** (failures - 1), self.longest) * random.uniform(0.5, 1)  # noqa: S311  (jitter)
        return max(pause, asked or 0.0)


def retrying(
    store: Store,
    policy: RetryPolicy | None = None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> Store:
    """The store with its calls repeated; `cancelled` is asked during pauses, which then end with CancelledError."""
    return wrapping(RetryStore, store)(store, RetryPolicy() if policy is None else policy, cancelled, sleep)


class Attempts:
    """The failures of one call so far."""

    def __init__(self, policy: RetryPolicy, cancelled: Callable[[], bool], sleep: Callable[[float], None]) -> None:
        self._policy = policy
        self._cancelled = cancelled
        self._sleep = sleep
        self._failures = 0

    def failed(self, error: PlaitError) -> None:
        """Waits before the next attempt; raises the error where there is none, CancelledError when cancelled."""
        self._failures += 1
        if error.retry is not Retry.SOON or self._failures >= self._policy.attempts:
            raise error
        left = self._policy.pause(self._failures, error)
        while left > 0:
            if self._cancelled():
                raise CancelledError("interrupted") from error
            self._sleep(min(left, STEP))
            left -= STEP


class RetryStore(Wrapper):
    """Made by `retrying`."""

    def __init__(
        self, inner: Store, policy: RetryPolicy, cancelled: Callable[[], bool], sleep: Callable[[float], None]
    ) -> None:
        super().__init__(inner)
        self._policy = policy
        self._cancelled = cancelled
        self._sleep = sleep

    @property
    def reached_through(self) -> Store:
        """The store that a copy between two stores may reach through this wrapper."""
        return self.inner

    def attempts(self) -> Attempts:
        """The attempts of a new call."""
        return Attempts(self._policy, self._cancelled, self._sleep)

    def call(self, operation: str, key: str, run: Callable[[], T]) -> T:  # noqa: ARG002  (the base's signature; others need it)
        attempts = self.attempts()
        while True:
            try:
                return run()
            except PlaitError as error:
                attempts.failed(error)

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        last = start_after
        asked: dict[str, bool] = {}

        def descend_once(key: str) -> bool:
            # A listing that is taken up again asks about the directory that it goes on in.
            if descend is None:
                return True
            if key not in asked:
                asked.clear()
                asked[key] = descend(key)
            return asked[key]

        attempts = self.attempts()
        while True:
            try:
                for page in self.inner.list(prefix, last, descend=None if descend is None else descend_once):
                    yield page
                    attempts = self.attempts()
                    if len(page):
                        last = page.item(len(page) - 1).order_key
            except PlaitError as error:
                attempts.failed(error)
            else:
                return

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        reader = self.call("read", key, lambda: self.inner.read(key, offset, length, expected=expected))
        return ResumingReader(self, key, offset, length, reader)

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        kept = ReplayedSource(content)
        attempts = self.attempts()
        unknown = False
        while True:
            try:
                return self.inner.write(key, kept, size, how)
            except UnknownOutcomeError as error:
                unknown = True
                if _conditional(how) and (stat := self._ours(key, kept)) is not None:
                    return stat
                failure: PlaitError = error
            except (AlreadyExistsError, PreconditionError):
                # An earlier attempt that had no answer may have come through since.
                if unknown and (stat := self._ours(key, kept)) is not None:
                    return stat
                raise
            except PlaitError as error:
                failure = error
            if not kept.rewind():
                raise failure
            attempts.failed(failure)

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        left = dict.fromkeys(keys)
        attempts = self.attempts()
        while left:
            failure: PlaitError | None = None
            try:
                for result in self.inner.delete(tuple(left)):
                    if _passing(result.error):
                        failure = result.error
                        continue
                    left.pop(result.key, None)
                    yield result
            except PlaitError as error:
                failure = error
            if failure is None:
                return
            attempts.failed(failure)

    def call_rename(self, origin: str, key: str, run: Callable[[], None]) -> None:
        """Repeats a rename; one without an answer took effect where the new name is there and the old is not."""
        attempts = self.attempts()
        while True:
            try:
                run()
            except UnknownOutcomeError as error:
                if not self._exists(origin) and self._exists(key):
                    return
                attempts.failed(error)
            except PlaitError as error:
                attempts.failed(error)
            else:
                return

    def call_copy(self, key: str, how: Outgoing, run: Callable[[], Stat]) -> Stat:  # noqa: ARG002  (the base's signature; others need it)
        """Repeats a copy; not one that is conditional and had no answer, for its own success would be in its way."""
        attempts = self.attempts()
        while True:
            try:
                return run()
            except PlaitError as error:
                if _conditional(how) and isinstance(error, UnknownOutcomeError):
                    raise
                attempts.failed(error)

    def call_batch(self, requests: Sequence[CopyRequest], carried: Carried | None, run: CopyBatch) -> Results:
        results = {result.request.key: result for result in run(requests, carried)}
        attempts = self.attempts()
        while True:
            failed = [(result.request, result.error) for result in results.values() if _passing(result.error)]
            if not failed:
                break
            try:
                attempts.failed(failed[0][1])
            except PlaitError:
                break  # the results say what failed
            results.update((result.request.key, result) for result in run([request for request, _ in failed], carried))
        return [results[request.key] for request in requests]

    def partial(self, key: str, partial: PartialWrite) -> PartialWrite:  # noqa: ARG002  (the base's signature; others need it)
        return RetriedPartial(self, partial)

    def _exists(self, key: str) -> bool:
        try:
            self.stat(key)
        except ObjectNotFoundError:
            return False
        return True

    def _ours(self, key: str, kept: ReplayedSource) -> Stat | None:
        """The stat of what is stored, where it is what was to be written; None where it is not there.

        Raises what the reading raises; UnknownOutcomeError where too much was written to tell.
        """
        whole = kept.whole()
        if whole is None:
            raise UnknownOutcomeError("the write ended without an answer, and it cannot be told whether it succeeded")
        try:
            with self.read(key) as reader:
                return self.stat(key) if reader.read() == whole else None
        except ObjectNotFoundError:
            return None


def _passing(error: PlaitError | None) -> TypeGuard[PlaitError]:
    return error is not None and error.retry is Retry.SOON


def _conditional(how: Outgoing) -> bool:
    return how.if_absent or how.if_match is not None


class ReplayedSource:
    """Content that can be given again, as long as little of it was taken."""

    def __init__(self, content: Source) -> None:
        self._content = content
        self._kept: bytearray | None = bytearray()
        self._position = 0
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        """As the content does; first what was taken before, after `rewind`."""
        if self._kept is not None and self._position < len(self._kept):
            end = len(self._kept) if size < 0 else self._position + size
            data = bytes(self._kept[self._position : end])
            self._position += len(data)
            return data
        data = self._content.read(size)
        self._ended = self._ended or (not data and size != 0)
        if self._kept is not None:
            self._kept += data
            self._position += len(data)
            if len(self._kept) > KEPT:
                self._kept = None
        return data

    def rewind(self) -> bool:
        """Begins anew; False where too much was taken."""
        self._position = 0
        return self._kept is not None

    def whole(self) -> bytes | None:
        """All of the content, where little enough was taken; what was not taken yet is not part of it."""
        return None if self._kept is None else bytes(self._kept)


class RetriedPartial(WrappedPartial):
    """An item in parts whose completion is repeated; a part is repeated by who has its content."""

    def __init__(self, store: RetryStore, partial: PartialWrite) -> None:
        super().__init__(partial)
        self._store = store

    def write_part(self, offset: int, content: Source, length: int) -> None:
        """As the store does, once."""
        self._partial.write_part(offset, content, length)

    def commit(self) -> Stat:
        """As the store does; not repeated when it ended without an answer."""
        attempts = self._store.attempts()
        while True:
            try:
                return self._partial.commit()
            except UnknownOutcomeError:
                raise
            except PlaitError as error:
                attempts.failed(error)

    def abort(self) -> None:
        """As the store does."""
        self._store.call("abort", "", self._partial.abort)


class ResumingReader(WrappedReader):
    """A reading that goes on where it broke, of the same version of the item."""

    def __init__(self, store: RetryStore, key: str, offset: int, length: int | None, reader: Reader) -> None:
        self._store = store
        self._key = key
        self._offset = offset
        self._left = length
        super().__init__(reader)

    def read(self, size: int = -1, /) -> bytes:
        """As the store's reader does."""
        if size < 0:
            found = []
            while block := self.read(1 << 20):
                found.append(block)
            return b"".join(found)
        attempts = self._store.attempts()
        while True:
            try:
                data = self._reader.read(size)
            except PlaitError as error:
                attempts.failed(error)
                self._reopen()
            else:
                self._moved(len(data))
                return data

    def pass_pipe(self, size: int, take: Callable[[int, int], None]) -> int:
        """See `plait.stores.base.PassesPipe`."""
        attempts = self._store.attempts()
        while True:
            if not isinstance(self._reader, PassesPipe):
                return 0
            try:
                count = self._reader.pass_pipe(size, take)
            except PlaitError as error:
                attempts.failed(error)
                self._reopen()
            else:
                self._moved(count)
                return count

    def _moved(self, count: int) -> None:
        self._offset += count
        if self._left is not None:
            self._left -= count

    def _reopen(self) -> None:
        self._reader.close()
        self._reader = self._store.call(
            "read",
            self._key,
            lambda: self._store.inner.read(self._key, self._offset, self._left, expected=self.stat),
        )
