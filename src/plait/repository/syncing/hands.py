"""The heavy part of a sync, shared among processes: blobs of the source are verified and made blobs of the peer."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from plait.model.errors import IntegrityError
from plait.repository.blobs import Located, Region, regions
from plait.repository.crew import Crew, crew_for
from plait.repository.format.merging import Place
from plait.repository.format.resources import Resource
from plait.repository.syncing.small import Made, Renamed, Renaming

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plait.engine.workers import Cancellation
    from plait.repository.blobs import BlobIndex, Blobs
    from plait.repository.format.codec import Codec
    from plait.stores.base import Features

_MOST_BLOBS: Final = 160
"""Of one task: so many fit into a pipe, so that the next task waits at the process."""
_MOST_CONTENT: Final = 4 << 20
"""Bytes of small contents of one task."""
_MOST_PLAIN: Final = 256 << 10
"""Bytes of blobs that are encoded by one task."""


class BlobSink(Protocol):
    """What the peer's blobs are put into: a `Writer`, or what counts for a dry run."""

    @property
    def written(self) -> int:
        """Bytes so far."""
        ...

    def claim(self, resource: int, mac: bytes) -> bool:
        """As `Writer.claim`."""
        ...

    def add(self, resource: int, mac: bytes, plain: bytes) -> None:
        """As `Writer.add`."""
        ...

    def add_encoded(self, resource: int, mac: bytes, encoded: bytes) -> None:
        """As `Writer.add_encoded`."""
        ...

    def add_all(self, blobs: Sequence[tuple[int, bytes, bytes]]) -> None:
        """As `Writer.add_all`."""
        ...

    def put(self, resource: int, mac: bytes, plain: bytes) -> None:
        """As `Writer.put`."""
        ...


class Wanted(NamedTuple):
    """A blob of the source; `size`: its plain bytes, None where that is not known."""

    mac: bytes
    size: int | None = None


class Damaged(NamedTuple):
    """Why a blob of the source cannot be had."""

    mac: bytes
    error: str


class Plain(NamedTuple):
    """A blob of the source, verified."""

    mac: bytes
    data: bytes


class Chunk(NamedTuple):
    """A chunk of the source that was verified, and its identifier in the peer."""

    mac: bytes
    peer: bytes


class Small(NamedTuple):
    """What became of objects.

    `carried`: they are in the peer now, under these identifiers. `damaged`: they cannot be had, and why. `others`: they
    are no small contents; their bytes.
    """

    carried: list[tuple[bytes, bytes]]
    damaged: list[tuple[bytes, str]]
    others: list[tuple[bytes, bytes]]


class _Task(NamedTuple):
    """Blobs of one kind that lie together. `for_peer`: they are to be made blobs of the peer at once.

    `largest`: of objects that are, bytes of those that are small contents.
    """

    resource: int
    packfile: bytes
    offset: int
    length: int
    blobs: list[tuple[bytes, int, int, int | None]]
    """Identifier, offset in the packfile, stored bytes, plain bytes."""
    for_peer: bool
    largest: int = 0


class _Plains(NamedTuple):
    """Blobs to be encoded for the peer."""

    blobs: list[tuple[int, bytes, bytes]]


class _Encoded(NamedTuple):
    blobs: list[tuple[int, bytes, bytes]]


class _Smalls(NamedTuple):
    made: Made
    received: int
    process: int


class _Answer(NamedTuple):
    resource: int
    found: list[tuple[bytes, bytes, bytes | None, str | None]]
    """Identifier; then either the plain bytes, or the peer's identifier and, unless it has the blob, the encoded bytes;
    or why the blob cannot be had."""
    received: int
    process: int


class Hands:
    """The processes of one source and one peer. Use it in a `with`, from one thread.

    `sink` is where blobs of the peer go; it may be another one for each snapshot.
    """

    def __init__(
        self,
        source: Blobs,
        features: Features,
        codec: Codec,
        index: BlobIndex,
        cancellation: Cancellation,
        *,
        processes: bool = True,
    ) -> None:
        """`features` of the source's store; `codec` and `index` of the peer. Without `processes`, all is done here."""
        self._source = source
        self._codec = codec
        self._index = index
        self._cancellation = cancellation
        self._crew: Crew[_Task | _Plains, _Answer | _Smalls | _Encoded] = (
            crew_for(features, self._work, cancellation) if processes else Crew(self._work, 1, cancellation)
        )
        self._answers: deque[_Answer | _Smalls] = deque()
        self._process = os.getpid()
        self._open = 0
        self._plains: list[tuple[int, bytes, bytes]] = []
        self._plain_size = 0
        self.sink: BlobSink

    def start(self) -> None:
        """Starts the processes, before anything of the caller's holds a lock that they would keep."""
        self._crew.start()

    def put(self, resource: int, plain: bytes, mac: bytes = b"") -> bytes:
        """Has a blob encoded and put into the peer unless it is there; its identifier, which may be given.

        Raises what storing raises.
        """
        mac = mac or self._codec.mac(plain)
        if self.sink.claim(resource, mac):
            self._plains.append((resource, mac, plain))
            self._plain_size += len(plain)
            if self._plain_size >= _MOST_PLAIN:
                self._send()
        return mac

    def finish(self) -> None:
        """Waits until everything that was put is in the sink. Raises what storing raises, CancelledError."""
        self._send()
        while self._crew.pending:
            self._take()
        # Answers that whoever asked did not wait for, as it met an error.
        self._answers.clear()
        self._cancellation.raise_if_cancelled()

    def read(self, resource: Resource, wanted: Iterable[Wanted]) -> Iterator[Plain | Damaged]:
        """Blobs of the source, in the order in which they lie. Raises the store's errors."""
        for answer in self._run(self._tasks(resource, wanted, for_peer=False)):
            if isinstance(answer, _Answer):
                for mac, data, _, error in answer.found:
                    yield Plain(mac, data) if error is None else Damaged(mac, error)

    def carry(self, wanted: Iterable[Wanted]) -> Iterator[Chunk | Damaged]:
        """Chunks of the source, which are put into the peer. Raises the store's errors, and what storing raises."""
        for answer in self._run(self._tasks(Resource.CHUNK, wanted, for_peer=True)):
            if not isinstance(answer, _Answer):
                continue
            for mac, peer, encoded, error in answer.found:
                trouble = error or self._take_over([(mac, peer, encoded)]).get(peer)
                yield Damaged(mac, trouble) if trouble else Chunk(mac, peer)

    def contents(self, wanted: Iterable[Wanted], largest: int) -> Iterator[Small]:
        """Objects of the source, of which the small contents are put into the peer with their chunks.

        `size` of what is wanted: of the contents. `largest`: bytes of those that are small. Raises as `carry`.
        """
        for answer in self._run(self._tasks(Resource.OBJECT, wanted, for_peer=True, largest=largest)):
            if not isinstance(answer, _Smalls):
                continue
            contents, damaged, others = answer.made
            lost = self._take_over([chunk for chunk, _ in contents])
            if lost:
                damaged += [(mac, lost[chunk[1]]) for chunk, own in contents if chunk[1] in lost for mac, _, _ in own]
            objects = [item for chunk, own in contents if chunk[1] not in lost for item in own]
            self._add(Resource.OBJECT, ((peer, encoded) for _, peer, encoded in objects))
            yield Small([(mac, peer) for mac, peer, _ in objects], damaged, others)

    def _take_over(self, chunks: Sequence[Renamed]) -> dict[bytes, str]:
        """Puts chunks into the peer unless they are there; those that cannot be had, by the peer's name, and why."""
        self._add(Resource.CHUNK, ((peer, encoded) for _, peer, encoded in chunks if encoded is not None))
        lost = {}
        for mac, peer, encoded in chunks:
            if encoded is None and not self._index.places(Resource.CHUNK, peer) and (trouble := self._fetch(mac, peer)):
                lost[peer] = trouble
        return lost

    def _add(self, resource: Resource, blobs: Iterable[tuple[bytes, bytes]]) -> None:
        """Adds encoded blobs that the peer has not."""
        claim = self.sink.claim
        self.sink.add_all([(resource, mac, encoded) for mac, encoded in blobs if claim(resource, mac)])

    def _fetch(self, mac: bytes, peer: bytes) -> str:
        """Puts a chunk that the peer had when the processes began, and has no more; why it cannot be had, or ""."""
        try:
            self.sink.put(Resource.CHUNK, peer, self._source.read(Resource.CHUNK, mac))
        except IntegrityError as error:
            return error.message
        return ""

    def _tasks(
        self, resource: Resource, wanted: Iterable[Wanted], *, for_peer: bool, largest: int = 0
    ) -> Iterator[_Task]:
        located, unplaced = [], []
        for one in wanted:
            places = self._source.index.places(resource, one.mac)
            if places:
                located.append(Located(places[0], one))
            else:
                unplaced.append((one.mac, 0, 0, None if largest else one.size))
        for region in regions(located):
            for part in _parts(region.items, largest):
                first = part[0].place.offset
                end = max(item.place.offset + item.place.length for item in part)
                blobs = [
                    (item.wanted.mac, item.place.offset, item.place.length, None if largest else item.wanted.size)
                    for item in part
                ]
                yield _Task(resource, region.packfile, first, end - first, blobs, for_peer, largest)
        for start in range(0, len(unplaced), _MOST_BLOBS):
            yield _Task(resource, b"", 0, 0, unplaced[start : start + _MOST_BLOBS], for_peer, largest)

    def _run(self, tasks: Iterable[_Task]) -> Iterator[_Answer | _Smalls]:
        for task in tasks:
            self._cancellation.raise_if_cancelled()
            self._open += 1
            self._crew.submit(task)
            self._make_room()
            while self._answers:
                yield self._answers.popleft()
        while self._open:
            self._take()
            while self._answers:
                yield self._answers.popleft()

    def _send(self) -> None:
        if self._plains:
            self._crew.submit(_Plains(self._plains))
            self._plains, self._plain_size = [], 0
            self._make_room()

    def _make_room(self) -> None:
        while self._crew.pending and not self._crew.is_hungry:
            self._take()

    def _take(self) -> None:
        answer = self._crew.take()
        if answer is None:
            self._cancellation.raise_if_cancelled()
        elif isinstance(answer, _Encoded):
            self.sink.add_all(answer.blobs)
        else:
            self._open -= 1
            if answer.process != self._process:
                self._source.note_received(answer.received)
            self._answers.append(answer)

    def _work(self, task: _Task | _Plains) -> _Answer | _Smalls | _Encoded:
        """In another process."""
        if isinstance(task, _Plains):
            encode = self._codec.encode
            return _Encoded([(resource, mac, encode(plain)) for resource, mac, plain in task.blobs])
        before = self._source.received
        if task.largest:
            made = self._smalls(task)
            return _Smalls(made, self._source.received - before, os.getpid())
        found = self._found(task)
        return _Answer(task.resource, found, self._source.received - before, os.getpid())

    def _smalls(self, task: _Task) -> Made:
        renaming = Renaming(self._source, self._codec, self._index, task.largest)
        found = self._found(task._replace(for_peer=False))
        made = renaming.make((mac, plain) for mac, plain, _, error in found if error is None)
        made.damaged.extend((mac, error) for mac, _, _, error in found if error is not None)
        return made

    def _found(self, task: _Task) -> list[tuple[bytes, bytes, bytes | None, str | None]]:
        """What `_Answer` has of a task's blobs."""
        stored = _read(self._source, task)
        found: list[tuple[bytes, bytes, bytes | None, str | None]] = []
        for mac, offset, length, size in task.blobs:
            start = offset - task.offset
            place = Place(task.packfile, offset, length)
            try:
                plain = self._decoded(Resource(task.resource), mac, size, place, stored[start : start + length])
            except IntegrityError as error:
                found.append((mac, b"", None, error.message))
                continue
            if not task.for_peer:
                found.append((mac, plain, None, None))
                continue
            peer = self._codec.mac(plain)
            known = bool(self._index.places(Resource.CHUNK, peer))
            found.append((mac, peer, None if known else self._codec.encode(plain), None))
        return found

    def _decoded(self, resource: Resource, mac: bytes, size: int | None, place: Place, stored: bytes) -> bytes:
        source = self._source
        if stored:
            try:
                plain = source.decode(resource, mac, place, stored, size)
            except IntegrityError:
                # From another place, or with the reason from each.
                plain = source.read(resource, mac, size)
        else:
            plain = source.read(resource, mac, size)
        if size is not None and len(plain) != size:
            raise IntegrityError(f"{resource.name.lower()} {mac.hex()} has {len(plain)} bytes instead of {size}")
        return plain

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._crew.__exit__()


def _parts(items: Sequence[Located[Wanted]], largest: int) -> Iterator[Sequence[Located[Wanted]]]:
    """What lies together, in parts that fit into a pipe; their small contents, where these come along, do not."""
    start = size = 0
    for stop, item in enumerate(items):
        content = item.wanted.size or 0
        own = content if content <= largest else 0
        size += own
        if stop > start and (stop - start >= _MOST_BLOBS or size > _MOST_CONTENT):
            yield items[start:stop]
            start, size = stop, own
    yield items[start:]


def _read(source: Blobs, task: _Task) -> bytes:
    """The stored bytes of a task, as far as they are there."""
    if not task.packfile:
        return b""
    try:
        return source.region(Region(task.packfile, task.offset, task.length, []))
    except IntegrityError:
        return b""
