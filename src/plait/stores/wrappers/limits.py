"""Limits of bandwidth and of requests.

Bytes are paid for after they moved: the average rate is kept, and the payer sleeps. One `Limiter` may be shared by any
number of stores and threads, which then share its rates: what is read from them counts as received, what is written to
them as sent, and what one copies from another by itself as sent.
"""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from plait.model.errors import CancelledError
from plait.model.values.bandwidths import Timetable
from plait.stores.base import PLAIN
from plait.stores.wrappers.base import WrappedPartial, WrappedReader, Wrapper, unwrapped, wrapping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.model.items import Stat
    from plait.model.values.bandwidths import Bandwidth
    from plait.stores.base import Outgoing, Reader, Source, Store
    from plait.stores.copies import CopyRequest
    from plait.stores.parts import PartialWrite
    from plait.stores.wrappers.base import Carried, CopyBatch, Results

T = TypeVar("T")
STEP = 0.2
"""The longest sleep between two looks at the cancellation, in seconds."""
SMALLEST_BLOCK = 4096
CREDIT = 1.0
"""Seconds of unused bandwidth that are remembered: who reads from one limited store to write to another one pays for
both in turn, and would else get half of the rate."""


class Clock:
    """The time as a limiter sees it; tests have their own."""

    def now(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def local(self) -> time.struct_time:
        """The local day and time."""
        return time.localtime()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class Pace:
    """So many units a second, shared by threads: each payer waits until what was taken so far is paid off.

    Up to `burst` seconds of unused time are remembered; `full`: from the beginning.
    """

    def __init__(self, clock: Clock, burst: float, *, full: bool = False) -> None:
        self._clock = clock
        self._burst = burst
        self._paid_until = clock.now() - (burst if full else 0.0)
        self._lock = Lock()

    def take(self, units: float, rate: float, cancelled: Callable[[], bool]) -> None:
        """Takes units at a rate (units a second). Raises CancelledError."""
        with self._lock:
            now = self._clock.now()
            self._paid_until = max(self._paid_until, now - self._burst) + units / rate
            until = self._paid_until
        while (left := until - self._clock.now()) > 0:
            if cancelled():
                raise CancelledError("interrupted")
            self._clock.sleep(min(left, STEP))


class Limiter:
    """A timetable of bandwidths, and requests a second (0: no limit) of which `burst` may come at once.

    `files` are the bandwidths of each file by itself. `changed` is told when the timetable says something else.
    """

    def __init__(
        self,
        timetable: Timetable | None = None,
        *,
        files: Timetable | None = None,
        changed: Callable[[Bandwidth], None] | None = None,
        requests: float = 0.0,
        burst: int = 1,
        cancelled: Callable[[], bool] = lambda: False,
        clock: Clock | None = None,
    ) -> None:
        self._timetable = Timetable(()) if timetable is None else timetable
        self._files = Timetable(()) if files is None else files
        self._changed = changed
        self._requests = requests
        self._cancelled = cancelled
        self._clock = Clock() if clock is None else clock
        self._switched_off = False
        self._file_paces: WeakValueDictionary[tuple[int, str], Pace] = WeakValueDictionary()
        self._last = self._timetable.at(self._clock.local())
        self._sent = Pace(self._clock, CREDIT)
        self._received = Pace(self._clock, CREDIT)
        self._called = Pace(self._clock, burst / requests if requests else 0.0, full=True)

    def toggle(self) -> bool:
        """Lifts the bandwidth limits, or puts them in force again; True when they are in force."""
        self._switched_off = not self._switched_off
        return not self._switched_off

    def rates(self) -> tuple[int | None, int | None]:
        """The limits at this moment, in bytes a second, of what is sent and what is received; None is no limit."""
        if self._timetable.slots:
            self._notice(self._timetable.at(self._clock.local()))
        if self._switched_off:
            return (None, None)
        return (self._last.sent or None, self._last.received or None)

    @property
    def now(self) -> Bandwidth:
        """What the timetable says at this moment."""
        return self._timetable.at(self._clock.local())

    @property
    def limits_files(self) -> bool:
        """True where files are limited by themselves."""
        return bool(self._files.slots)

    def file_rate(self) -> int | None:
        """The limit of one file at this moment, in bytes a second."""
        return self._files.at(self._clock.local()).sent or None

    def file_pace(self, store: object, key: str) -> Pace | None:
        """That of a file of a store, shared by all who read it at once; None where there is none."""
        if not self._files.slots:
            return None
        return self._file_paces.setdefault((id(store), key), Pace(self._clock, 0.0))

    def pay_for_file(self, pace: Pace | None, size: int) -> None:
        """Pays for bytes of one file."""
        rate = None if pace is None else self.file_rate()
        if pace is not None and rate is not None:
            pace.take(size, rate, self._cancelled)

    def _notice(self, bandwidth: Bandwidth) -> None:
        if bandwidth != self._last:
            self._last = bandwidth
            if self._changed is not None:
                self._changed(bandwidth)

    def outgoing(self, content: Source) -> LimitedContent:
        """Content that is paid for as it is sent."""
        return LimitedContent(content, lambda: self.rates()[0], self.sent)

    def sent(self, size: int) -> None:
        """Pays for bytes that were sent."""
        rate = self.rates()[0]
        if rate is not None:
            self._sent.take(size, rate, self._cancelled)

    def received(self, size: int) -> None:
        """Pays for bytes that were received."""
        rate = self.rates()[1]
        if rate is not None:
            self._received.take(size, rate, self._cancelled)

    def request(self) -> None:
        """Waits for the turn of a request."""
        if self._requests:
            self._called.take(1, self._requests, self._cancelled)


def limited(store: Store, limiter: Limiter, *, requests: bool | None = None) -> Store:
    """The store within the limits; of requests only where `requests` is set, or (None) for a store on the network."""
    counted = store.features.depends_on_network if requests is None else requests
    return wrapping(LimitedStore, store)(store, limiter, counted)


class LimitedStore(Wrapper):
    """Made by `limited`."""

    def __init__(self, inner: Store, limiter: Limiter, counted: bool) -> None:  # noqa: FBT001  (as `limited` says)
        super().__init__(inner)
        self.limiter = limiter
        self._counted = counted

    @property
    def takes_batches(self) -> bool:
        """False where each file is limited by itself: a batch would not wait for one of them."""
        return not self.limiter.limits_files

    def request(self) -> None:
        """Waits for the turn of a request, where they are counted."""
        if self._counted:
            self.limiter.request()

    def peeled(self, source: Store) -> Store:
        """Two limited stores copy as those below them do: this one pays."""
        source = unwrapped(source)
        return source.inner if isinstance(source, LimitedStore) else source

    def call(self, operation: str, key: str, run: Callable[[], T]) -> T:  # noqa: ARG002  (the base's signature; others need it)
        self.request()
        return run()

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        pace = self.limiter.file_pace(unwrapped(self), key)
        return LimitedReader(super().read(key, offset, length, expected=expected), self.limiter, pace)

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        return super().write(key, self.limiter.outgoing(content), size, how)

    def partial(self, key: str, partial: PartialWrite) -> PartialWrite:  # noqa: ARG002  (the base's signature; others need it)
        return LimitedPartial(partial, self)

    def call_batch(self, requests: Sequence[CopyRequest], carried: Carried | None, run: CopyBatch) -> Results:
        """Copies in groups that take about a second each; pays for large files as they go, for each group after it."""
        told: dict[str, int] = {}

        def pay(request: CopyRequest, size: int) -> None:
            told[request.key] = told.get(request.key, 0) + size
            if carried is not None:
                carried(request, size)
            self._sent(size)

        results: Results = []
        while len(results) < len(requests):
            self.request()
            group = run(self._group(requests, len(results)), pay)
            done = [result.request for result in group if result.error is None]
            self._sent(sum(max((request.item.size or 0) - told.get(request.key, 0), 0) for request in done))
            results += group
        return results

    def _group(self, requests: Sequence[CopyRequest], start: int) -> Sequence[CopyRequest]:
        rate = self.limiter.rates()[0]
        if rate is None:
            return requests[start:]
        stop, size = start + 1, requests[start].item.size or 0
        while stop < len(requests) and (size := size + (requests[stop].item.size or 0)) <= rate:
            stop += 1
        return requests[start:stop]

    def _sent(self, size: int) -> None:
        # What was copied stays told; a batch that is cancelled says so itself for what it has not begun.
        with suppress(CancelledError):
            self.limiter.sent(size)


class LimitedContent:
    """Content that is paid for as it moves, in smaller blocks where bandwidth is limited."""

    def __init__(self, content: Source, rate: Callable[[], int | None], pay: Callable[[int], None]) -> None:
        self._content = content
        self._rate = rate
        self._pay = pay

    def read(self, size: int = -1, /) -> bytes:
        """As the content does."""
        rate = self._rate()
        if rate is None:
            data = self._content.read(size)
            self._pay(len(data))
            return data
        most = max(rate // 8, SMALLEST_BLOCK)
        if size >= 0:
            data = self._content.read(min(size, most))
            self._pay(len(data))
            return data
        found = []
        while data := self._content.read(most):
            self._pay(len(data))
            found.append(data)
        return b"".join(found)


class LimitedReader(LimitedContent, WrappedReader):
    """A reading that is paid for as it is received."""

    def __init__(self, reader: Reader, limiter: Limiter, pace: Pace | None = None) -> None:
        def rate() -> int | None:
            rates = (limiter.rates()[1], None if pace is None else limiter.file_rate())
            return min((rate for rate in rates if rate is not None), default=None)

        def pay(size: int) -> None:
            limiter.received(size)
            limiter.pay_for_file(pace, size)

        super().__init__(reader, rate, pay)
        WrappedReader.__init__(self, reader)


class LimitedPartial(WrappedPartial):
    """An item in parts whose content is paid for as it is sent."""

    def __init__(self, partial: PartialWrite, store: LimitedStore) -> None:
        super().__init__(partial)
        self._store = store

    def write_part(self, offset: int, content: Source, length: int) -> None:
        """As the store does."""
        self._store.request()
        self._partial.write_part(offset, self._store.limiter.outgoing(content), length)

    def commit(self) -> Stat:
        """As the store does."""
        self._store.request()
        return self._partial.commit()

    def abort(self) -> None:
        """As the store does."""
        self._partial.abort()
