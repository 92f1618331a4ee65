"""How much contents would add to the peer, told without reading all of them.

Which contents a snapshot has is read; of the chunks of which nobody knows whether the peer has them, a sample is read,
verified and looked up there, and the others are taken to be like it. Where they are few all of them are read, so that
the figure is exact then. The sample is of ranges of packfiles, chosen by a hash: neighbours cost one request.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import IntegrityError
from plait.repository.format import wire
from plait.repository.format.hashing import plain_checksum
from plait.repository.format.objects import Object
from plait.repository.format.resources import Resource
from plait.repository.syncing.hands import Damaged, Wanted
from plait.repository.syncing.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from plait.repository.blobs import Blobs
    from plait.repository.format.objects import Chunk
    from plait.repository.repository import Repository
    from plait.repository.syncing.counting import Counting
    from plait.repository.syncing.hands import Hands
    from plait.repository.syncing.pairs import Pairs

_MOST: Final = 16384
_MOST_BYTES: Final = 64 << 20
"""Of a snapshot's sample."""
_RANGE: Final = 256 << 10
"""Bytes of a packfile that are chosen or left together."""
_UNREAD: Final = b"unread content "


class _Candidate(NamedTuple):
    """A chunk that may be sampled; the greatest is the first to be left out."""

    rank: int
    mac: bytes
    length: int
    stored: int


class EstimatedObjects(Objects):
    """As `Objects`, for a peer that stays as it is: objects get identifiers that nothing has."""

    def __init__(self, source: Blobs, alike: bool, peer: Repository, hands: Hands, pairs: Pairs) -> None:  # noqa: FBT001  (one of the facts that a sync hands to all its parts)
        super().__init__(source, alike, peer, hands, pairs)
        self._seen: set[bytes] = set()
        self._start()

    def carry(
        self, wanted: Collection[bytes], carried: Callable[[bytes, int], None], sizes: Mapping[bytes, int]
    ) -> dict[bytes, str]:
        """As in `Objects`; damage in contents is not found."""
        del carried, sizes
        failed: dict[bytes, str] = {}
        for answer in self._hands.read(Resource.OBJECT, map(Wanted, wanted)):
            if isinstance(answer, Damaged):
                failed[answer.mac] = answer.error
                continue
            try:
                item = wire.decode_usual(answer.data, Object)
                for chunk in item.chunks or ():
                    self._note(chunk)
            except IntegrityError as error:
                failed[answer.mac] = error.message
                continue
            self._objects += 1
            self._object_bytes += len(answer.data)
            made = self._codec.mac(_UNREAD + answer.mac)
            self.recut[made] = len(item.chunks or ())
            self._pairs.set(Resource.OBJECT, answer.mac, made)
        return failed

    def settle(self, sink: Counting) -> None:
        """Adds what was carried since the last call to the figures of the sink, which is that of the hands."""
        sample: list[_Candidate] = []
        bytes_left = _MOST_BYTES
        for candidate in sorted(self._candidates, reverse=True):
            if candidate.length > bytes_left and sample:
                break
            bytes_left -= candidate.length
            sample.append(candidate)
        stored = {candidate.mac: candidate.stored for candidate in sample}
        size, count = sink.chunks
        for answer in self._hands.carry(Wanted(candidate.mac, candidate.length) for candidate in sample):
            if isinstance(answer, Damaged):
                del stored[answer.mac]
        new_size, new_count = sink.chunks[0] - size, sink.chunks[1] - count
        read = sum(stored.values())
        share = new_count / len(stored) if stored else 1.0
        if stored:
            rest = (self._stored - read) * new_size // read
            sink.grow(Resource.CHUNK, rest, int((self._chunks - len(stored)) * share))
        overhead = len(self._codec.encode(b""))
        objects = int(self._objects * share)
        sink.grow(Resource.OBJECT, int(self._object_bytes * share) + objects * overhead, objects)
        self._start()

    def _start(self) -> None:
        self._candidates: list[_Candidate] = []
        self._chunks = self._stored = self._objects = self._object_bytes = 0

    def _note(self, chunk: Chunk) -> None:
        """Raises IntegrityError where the source does not have it."""
        mac = chunk.content_mac
        if mac in self._seen:
            return
        places = self._source.index.places(Resource.CHUNK, mac)
        if not places:
            raise IntegrityError(f"the repository does not hold chunk {mac.hex()}")
        self._seen.add(mac)
        self._chunks += 1
        self._stored += places[0].length
        name = places[0].packfile + (places[0].offset // _RANGE).to_bytes(8)
        rank = -int.from_bytes(plain_checksum(name)[:8])
        candidate = _Candidate(rank, mac, chunk.length, places[0].length)
        if len(self._candidates) < _MOST:
            heapq.heappush(self._candidates, candidate)
        else:
            heapq.heappushpop(self._candidates, candidate)
