"""Contents of one short chunk, which most are: looked up, verified and renamed together, in a process of a sync."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

from plait.model.errors import IntegrityError
from plait.repository.blobs import Located, regions
from plait.repository.format import wire
from plait.repository.format.objects import Object
from plait.repository.format.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.repository.blobs import BlobIndex, Blobs, Region
    from plait.repository.format.codec import Codec

LARGEST: Final = 1 << 20
"""Bytes of a chunk up to which it is a process's work, not a thread's."""


_MOST: Final = 16 << 20
"""Bytes of contents at once, whatever the entries said of their sizes."""

Renamed: TypeAlias = tuple[bytes, bytes, bytes | None]
"""A chunk of the source that was verified: its identifier there and in the peer; its stored bytes unless that has it.

A plain tuple, as it goes from process to process.
"""


class Made(NamedTuple):
    """What became of small contents, in plain tuples as they go from process to process.

    `contents`: chunks, and the objects of each: their identifiers in the source and in the peer, and their stored bytes
    there. `damaged`: objects that cannot be had, and why. `others`: those that are no small contents, and their bytes.
    """

    contents: list[tuple[Renamed, list[tuple[bytes, bytes, bytes]]]]
    damaged: list[tuple[bytes, str]]
    others: list[tuple[bytes, bytes]]


class _Content(NamedTuple):
    """An object of one chunk, and its bytes."""

    mac: bytes
    plain: bytes
    item: Object


class Renaming:
    """Makes small contents of the source small contents of the peer. `largest`: bytes of those that are small."""

    def __init__(self, source: Blobs, codec: Codec, index: BlobIndex, largest: int) -> None:
        """`codec` and `index` of the peer."""
        self._source = source
        self._codec = codec
        self._index = index
        self._largest = largest

    def make(self, objects: Iterable[tuple[bytes, bytes]]) -> Made:
        """What becomes of objects, given by identifiers and bytes. Raises the store's errors."""
        made = Made([], [], [])
        contents: dict[tuple[bytes, int], list[_Content]] = defaultdict(list)
        size = 0
        for mac, plain in objects:
            try:
                item = wire.decode_usual(plain, Object)
            except IntegrityError as error:
                made.damaged.append((mac, error.message))
                continue
            chunks = item.chunks or ()
            is_one = len(chunks) == 1 and chunks[0].content_mac == item.content_mac
            size += chunks[0].length if is_one and chunks[0].length <= self._largest else 0
            if not is_one or chunks[0].length > self._largest or size > _MOST:
                made.others.append((mac, plain))
            else:
                contents[chunks[0].content_mac, chunks[0].length].append(_Content(mac, plain, item))
        codec = self._codec
        for key, chunk in self._chunks(contents):
            if isinstance(chunk, str):
                made.damaged.extend((content.mac, chunk) for content in contents[key])
                continue
            peer = codec.mac(chunk)
            known = self._index.places(Resource.CHUNK, peer)
            own = [(content.mac, _with_chunk(content.plain, content.item, peer)) for content in contents[key]]
            renamed = [(mac, codec.mac(plain), codec.encode(plain)) for mac, plain in own]
            made.contents.append(((key[0], peer, None if known else codec.encode(chunk)), renamed))
        return made

    def _chunks(self, wanted: Iterable[tuple[bytes, int]]) -> Iterator[tuple[tuple[bytes, int], bytes | str]]:
        """Chunks by identifier and length; or why one cannot be had."""
        located = []
        for key in wanted:
            places = self._source.index.places(Resource.CHUNK, key[0])
            if places:
                located.append(Located(places[0], key))
            else:
                yield key, self._elsewhere(key)
        for region in regions(located):
            yield from self._of_region(region)

    def _of_region(self, region: Region[tuple[bytes, int]]) -> Iterator[tuple[tuple[bytes, int], bytes | str]]:
        source = self._source
        try:
            stored = source.region(region)
        except IntegrityError:
            stored = b""
        for place, key in region.items:
            mac, length = key
            start = place.offset - region.offset
            try:
                plain = source.decode(Resource.CHUNK, mac, place, stored[start : start + place.length], length)
            except IntegrityError:
                yield key, self._elsewhere(key)
            else:
                yield key, plain if len(plain) == length else self._elsewhere(key)

    def _elsewhere(self, key: tuple[bytes, int]) -> bytes | str:
        """A chunk from any place where it is whole; why it is in none."""
        try:
            return self._source.chunk(*key)
        except IntegrityError as error:
            return error.message


def _with_chunk(plain: bytes, item: Object, peer: bytes) -> bytes:
    """The object of the peer, for one of a single chunk, whose identifier is that of the content as well."""
    if plain.count(item.content_mac) == 2:
        return plain.replace(item.content_mac, peer)
    (chunk,) = item.chunks or ()
    chunks = (msgspec.structs.replace(chunk, content_mac=peer),)
    return wire.encode(msgspec.structs.replace(item, content_mac=peer, chunks=chunks))
