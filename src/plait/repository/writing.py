"""Writing to a repository: blobs into packfiles, packfiles into the store, and states that make them known.

Order is what keeps a repository whole: a state is published only after every packfile that it names is stored, and
only while the lock is held. Until a snapshot's last state, nothing refers to what was written; states in between make
it known all the same, so that a run that was killed is continued by the next.
"""

from __future__ import annotations

import os
import time
from collections import deque
from itertools import repeat
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Final, Self

from plait.repository.format import states
from plait.repository.format.resources import MAC_SIZE, NO_MAC, STATE_VERSION, Resource
from plait.repository.format.states import End, Packfile
from plait.repository.layout import Folder
from plait.repository.packing import LARGEST, Encoded, Packing
from plait.repository.segments import KEY, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from plait.repository.files import StoredFiles
    from plait.repository.format.codec import Codec
    from plait.repository.format.states import Writable
    from plait.repository.index import StoredIndex
    from plait.repository.locking import HeldLock
    from plait.repository.packing import Packed
    from plait.stores.base import Features

_PUBLISH_SECONDS: Final = 5.0
_PUBLISH_SHARE: Final = 32
"""States in between come at longer and longer intervals, and packfiles grow: when a run is killed, at most this part of
the work is lost with each of the open, the waiting and the stored packfiles."""
_LEAST_LOST: Final = 2 << 20
_WORTH_A_PACKFILE: Final = 1 << 20
_FEW_SECONDS: Final = 2.0
_KEPT_PENDING: Final = 100_000
"""Blobs that are looked up in memory."""
_CHUNK: Final = int(Resource.CHUNK)
_REMOTE_LARGEST: Final = 16 << 20
_REMOTE_UPLOADS: Final = 3


class _Lane:
    """A packfile that is open for some kinds of blobs."""

    __slots__ = ("lock", "packing")

    def __init__(self) -> None:
        self.lock = Lock()
        self.packing = Packing()


class Writer:
    """A run that adds to a repository. Threads may share it; use it in a `with`, which ends its threads.

    Nothing is part of the repository before `publish`. `publish_seconds`: between states, at least; 0 for one after
    each packfile. `first_packfile_size`: packfiles begin so small and grow with what was written, so that little is
    lost when a short run is killed. `written`: bytes stored so far.
    """

    def __init__(
        self,
        files: StoredFiles,
        codec: Codec,
        index: StoredIndex,
        lock: HeldLock,
        *,
        packfile_size: int = LARGEST,
        first_packfile_size: int = LARGEST,
        publish_seconds: float = _PUBLISH_SECONDS,
    ) -> None:
        self._files = files
        self._codec = codec
        self._index = index
        self._lock = lock
        features = files.store.features
        uploads = 1 if features.batched else _REMOTE_UPLOADS
        self._sizes = packfile_sizes(features, packfile_size, first_packfile_size)
        self._interval = publish_seconds
        self._began = self._published = time.monotonic()
        self._chunks, self._others = _Lane(), _Lane()
        self._pending: dict[bytes, object] = {}
        self._stored: list[Packed] = []
        self._added: list[tuple[bytes, bytes]] = []
        self._parent = b""
        self._publishing = Lock()
        self._in_between = True
        self._changed = Condition()
        self._queue: deque[Packing] = deque()
        self._uploading = 0
        self._closed = False
        self._error: BaseException | None = None
        self._uploads = uploads
        self._threads: list[Thread] = []
        self.written = 0

    def claim(self, resource: int, mac: bytes) -> bool:
        """Whether a blob is new; then it is the caller's to `add`, and nobody else is told so."""
        key = key_of(resource, mac)
        if key in self._pending or self._index.holds(resource, mac):
            return False
        # Atomic: of several threads with the same blob one is the first.
        mark = object()
        return self._pending.setdefault(key, mark) is mark

    def add(self, resource: int, mac: bytes, plain: bytes) -> None:
        """Stores a blob that was claimed; it may be kept in memory for a while. Raises what the storing raised."""
        self.add_encoded(resource, mac, self._codec.encode(plain))

    def add_encoded(self, resource: int, mac: bytes, encoded: bytes) -> None:
        """As `add`, where the blob is encoded already."""
        self.add_all([(resource, mac, encoded)])

    def add_all(self, blobs: Sequence[tuple[int, bytes, bytes]]) -> None:
        """As `add_encoded`, of several that are in memory: kind, identifier and bytes. Raises as `add`."""
        chunks = [blob for blob in blobs if blob[0] == _CHUNK]
        others = [blob for blob in blobs if blob[0] != _CHUNK] if len(chunks) < len(blobs) else []
        largest = self._sizes(self.written)
        for lane, own in ((self._chunks, chunks), (self._others, others)):
            if own:
                for full in self._filled(lane, own, largest):
                    self._submit(full)

    def add_new(self, blobs: Encoded) -> None:
        """As `claim` and `add_encoded`, of many small blobs of one lane that others encoded. Raises as `add`."""
        new = self._new(blobs.keys)
        if not new:
            return
        lane = self._chunks if blobs.keys[MAC_SIZE] == _CHUNK else self._others
        taken = blobs if len(new) == len(blobs.sizes) else blobs.only(new)
        for full in self._filled(lane, taken, self._sizes(self.written)):
            self._submit(full)

    def _new(self, keys: bytes) -> list[int]:
        """Which of many blobs are new, by their place among them; they are claimed."""
        pending = self._pending
        names = [keys[at : at + KEY] for at in range(0, len(keys), KEY)]
        unknown = [number for number, name in enumerate(names) if name not in pending]
        held = self._index.hold(names[number] for number in unknown)
        new = []
        for number, is_held in zip(unknown, held, strict=True):
            mark = object()
            if not is_held and pending.setdefault(names[number], mark) is mark:
                new.append(number)
        return new

    def _filled(self, lane: _Lane, blobs: Sequence[tuple[int, bytes, bytes]] | Encoded, largest: int) -> list[Packing]:
        """Adds blobs to a lane; the packfiles that this fills, or that it is time to store."""
        filled = []
        with lane.lock:
            packing = lane.packing
            if isinstance(blobs, Encoded):
                packing.add_all(blobs)
                if packing.size > largest:
                    filled.append(packing)
                    packing = lane.packing = Packing()
            else:
                for resource, mac, encoded in blobs:
                    packing.add(resource, mac, encoded)
                    if packing.size > largest:
                        filled.append(packing)
                        packing = lane.packing = Packing()
            if not packing.is_empty and self._is_due(packing.size):
                filled.append(packing)
                lane.packing = Packing()
        return filled

    def put(self, resource: int, mac: bytes, plain: bytes) -> None:
        """Stores a blob unless the repository holds it, or will. Raises as `add`."""
        if self.claim(resource, mac):
            self.add(resource, mac, plain)

    def publish(self, records: Sequence[Writable] = (), last: tuple[int, bytes, bytes] | None = None) -> None:
        """Makes everything that was added part of the repository, and `records` with it, in one state.

        `last`: kind, identifier and bytes of a blob that refers to the others: no state has it before all of them are
        stored. It is stored even where the repository holds another one under its identifier. Raises LockLostError, and
        what the storing raised; then that blob is not part of the repository.
        """
        with self._publishing:
            self._in_between = False
        if last is not None:
            self.claim(*last[:2])
            self.add(*last)
        for lane in (self._chunks, self._others):
            with lane.lock:
                full, lane.packing = lane.packing, Packing()
            if not full.is_empty:
                self._submit(full)
        with self._changed:
            while (self._queue or self._uploading) and self._error is None:
                self._changed.wait()
            self._raise_error()
        with self._publishing:
            self._publish(records)
            self._settle()
            self._in_between = True

    def _is_due(self, held: int = _WORTH_A_PACKFILE) -> bool:
        """Whether it is time for a state in between; looked at where a blob is added, lest a slow source delays it.

        `held`: bytes that would become a packfile for that, whose padding is worth it only where they are many, or old.
        """
        now = time.monotonic()
        worth_it = held >= _WORTH_A_PACKFILE or not self._interval
        interval = self._interval if worth_it else max(self._interval, _FEW_SECONDS)
        return now - self._published > max(interval, (now - self._began) / _PUBLISH_SHARE)

    def _is_much_unpublished(self) -> bool:
        """Whether more is stored and in no state yet than may be lost, however short a time that took."""
        unpublished = sum(packed.size for packed in self._stored)
        return unpublished > max(_LEAST_LOST, self.written // _PUBLISH_SHARE)

    def _submit(self, packing: Packing) -> None:
        with self._changed:
            while len(self._queue) >= 1 and self._error is None:
                self._changed.wait()
            self._raise_error()
            self._queue.append(packing)
            if len(self._threads) < self._uploads:
                thread = Thread(target=self._upload, name="packfiles", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def _upload(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if self._closed or self._error is not None:
                    return
                packing = self._queue.popleft()
                self._uploading += 1
                self._changed.notify_all()
            try:
                self._store(packing)
            except BaseException as error:  # noqa: BLE001  (raised again in the threads that add)
                self._fail(error)
            with self._changed:
                self._uploading -= 1
                self._changed.notify_all()

    def _store(self, packing: Packing) -> None:
        packed = packing.store(self._codec, self._files)
        with self._publishing:
            self._stored.append(packed)
            self.written += packed.size
            if self._in_between and (self._is_due() or self._is_much_unpublished() or not self._interval):
                self._publish(())

    def _publish(self, records: Sequence[Writable]) -> None:
        """Stores a state of what was stored since the last one. `_publishing` is held."""
        stored, self._stored = self._stored, []
        if not stored and not records:
            return
        self._lock.check()
        name = os.urandom(states.NAME_SIZE)
        parent = self._parent or self._index.newest_state() or NO_MAC
        locations = b"".join(states.pack_locations(packed.records, packed.name) for packed in stored)
        packfiles = [Packfile(packed.name, name, packed.timestamp) for packed in stored]
        stream = states.write_stream(parent, [locations, *records, *packfiles], End(time.time_ns()))
        data = states.write(stream, self._codec)
        self._files.put(Folder.STATES, name, data)
        self.written += len(data)
        self._parent = name
        self._added.append((name, stream))
        if len(self._pending) > _KEPT_PENDING:
            self._settle()
        self._published = time.monotonic()

    def _settle(self) -> None:
        """Hands what was published over to the index; until then it is looked up in memory, which is faster."""
        if self._added:
            self._index.add_states(self._added)
        for _, stream in self._added:
            for run in states.read_runs(stream, STATE_VERSION)[1]:
                if isinstance(run, memoryview):
                    # One look-up after the other, without a turn of the interpreter for each.
                    deque(map(self._pending.pop, states.keys_of(run), repeat(None)), maxlen=0)
        self._added.clear()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()


def packfile_sizes(features: Features, largest: int, first: int) -> Callable[[int], int]:
    """From how many bytes on a packfile is stored, when so many were written before it; see `Writer`."""
    most = min(largest, LARGEST if features.batched else _REMOTE_LARGEST)
    return lambda written: min(most, max(first, written // _PUBLISH_SHARE))
