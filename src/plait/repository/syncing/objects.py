"""Contents on their way from one repository to another."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError
from plait.repository.backup.contents import Contents
from plait.repository.format import wire
from plait.repository.format.chunking import Chunker
from plait.repository.format.objects import Object
from plait.repository.format.resources import Resource
from plait.repository.parallel import in_parallel
from plait.repository.syncing.hands import Wanted
from plait.repository.syncing.small import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from plait.repository.blobs import Blobs
    from plait.repository.format.objects import Chunk
    from plait.repository.repository import Repository
    from plait.repository.syncing.hands import Hands
    from plait.repository.syncing.pairs import Pairs

_THREADS: Final = 2
NO_SIZES: Final[Mapping[bytes, int]] = MappingProxyType({})


class Objects:
    """Carries objects of the source into the peer; chunk by chunk where both cut contents alike.

    `recut`: how many chunks objects have in the peer, by their identifiers there, where these were cut again.
    """

    def __init__(self, source: Blobs, alike: bool, peer: Repository, hands: Hands, pairs: Pairs) -> None:  # noqa: FBT001  (one of the facts that a sync hands to all its parts)
        self._source = source
        self._codec = peer.codec
        self._blobs = peer.reader.blobs
        self._chunker = Chunker.of(peer.configuration.chunking)
        self._alike = alike
        self._hands = hands
        self._pairs = pairs
        self._largest = LARGEST if alike else min(LARGEST, self._chunker.sizes[0])
        self.recut: dict[bytes, int] = {}

    @property
    def alike(self) -> bool:
        """Whether both cut contents alike."""
        return self._alike

    def chunks(self, mac: bytes) -> int:
        """How many chunks an object of the peer has, which was cut again. Raises IntegrityError."""
        count = self.recut.get(mac)
        if count is None:
            count = self.recut[mac] = len(self._blobs.object(mac).chunks or ())
        return count

    def carry(
        self, wanted: Collection[bytes], carried: Callable[[bytes, int], None], sizes: Mapping[bytes, int]
    ) -> dict[bytes, str]:
        """Carries objects, and notes them as pairs; why some could not be, by identifier.

        `sizes`: bytes of contents, as far as they are known. `carried` is told of bytes of a long one. Raises the
        store's errors, and what storing raises.
        """
        failed: dict[bytes, str] = {}
        large: list[tuple[bytes, Object]] = []
        for pairs, damaged, others in self._hands.contents(
            (Wanted(mac, sizes.get(mac)) for mac in wanted), self._largest
        ):
            for mac, made in pairs:
                self._pairs.set(Resource.OBJECT, mac, made)
                if not self._alike:
                    self.recut[made] = 1
            failed.update(damaged)
            large += [(mac, wire.decode_usual(plain, Object)) for mac, plain in others]
        for mac, item in large:
            try:
                self._pairs.set(Resource.OBJECT, mac, self._carry_large(item, partial(carried, mac)))
            except IntegrityError as error:
                failed[mac] = error.message
        return failed

    def _carry_large(self, item: Object, carried: Callable[[int], None]) -> bytes:
        if not self._alike:
            return self._recut(item, carried)
        chunks = item.chunks or ()
        ours, theirs = self._source.codec.authenticator.hasher(), self._codec.authenticator.hasher()
        made: list[Chunk] = []
        for chunk, data, peer in in_parallel(self._chunk, chunks, _THREADS):
            ours.update(data)
            theirs.update(data)
            carried(len(data))
            made.append(msgspec.structs.replace(chunk, content_mac=peer))
        if ours.digest() != item.content_mac:
            raise IntegrityError("the content of an object is not the one that it names")
        return self._hands.put(
            Resource.OBJECT,
            wire.encode(msgspec.structs.replace(item, content_mac=theirs.digest(), chunks=tuple(made))),
        )

    def _chunk(self, chunk: Chunk) -> tuple[Chunk, bytes, bytes]:
        data = self._source.chunk(chunk.content_mac, chunk.length)
        peer = self._codec.mac(data)
        self._hands.sink.put(Resource.CHUNK, peer, data)
        return chunk, data, peer

    def _recut(self, item: Object, carried: Callable[[int], None]) -> bytes:
        content = _Joined(self._source.content(item))
        saved = Contents(self._hands.sink, self._codec, self._chunker).save(content.read, item.size, carried)
        content.finish()
        self.recut[saved.mac] = saved.chunks
        return saved.mac


class _Joined:
    """Pieces of a content, to be read as a whole."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """At most `size` bytes, one at least before the end."""
        while not self._rest:
            following = next(self._pieces, None)
            if following is None:
                return b""
            self._rest = memoryview(following)
        taken, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return taken

    def finish(self) -> None:
        """Takes what is left, so that the end of the content is verified. Raises IntegrityError."""
        _drain(self._pieces)


def _drain(pieces: Iterable[bytes]) -> None:
    for _ in pieces:
        continue
