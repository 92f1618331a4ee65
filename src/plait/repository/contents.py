"""Contents of many files at once, in the order in which they lie in the packfiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeAlias, TypeVar

from plait.model.errors import IntegrityError
from plait.repository.blobs import Located, Region, regions
from plait.repository.format.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plait.repository.blobs import Blobs
    from plait.repository.format.merging import Place
    from plait.repository.format.objects import Object

T = TypeVar("T")

_NOWHERE: Final = (b"", 0)
SMALL: Final = 1 << 20
"""Bytes of a stored chunk up to which it is read along with its neighbours."""


class Wanted(NamedTuple, Generic[T]):
    """A file, and its object."""

    file: T
    object: Object


class Content(NamedTuple, Generic[T]):
    """A file and its content of so many bytes, chunk by chunk; taking the chunks raises as `Blobs.content`."""

    file: T
    size: int
    chunks: Iterable[bytes]


class Unreadable(NamedTuple, Generic[T]):
    """A file whose object cannot be read, and why."""

    file: T
    error: IntegrityError


Group: TypeAlias = Region[Wanted[T]] | Wanted[T]
"""Small contents that lie together, or one of several or large chunks."""


def plan(blobs: Blobs, files: Sequence[tuple[T, bytes]]) -> Iterator[Group[T] | Unreadable[T]]:
    """How the contents of files, given with the identifiers of their objects, are read best: piece by piece of work.

    Raises the store's errors.
    """
    small: list[Located[Wanted[T]]] = []
    large: list[Wanted[T]] = []
    for file, item in objects(blobs, files):
        if isinstance(item, IntegrityError):
            yield Unreadable(file, item)
            continue
        wanted = Wanted(file, item)
        chunks = item.chunks or ()
        places = blobs.index.places(Resource.CHUNK, chunks[0].content_mac) if len(chunks) == 1 else ()
        if places and places[0].length <= SMALL and item.size:
            small.append(Located(places[0], wanted))
        else:
            large.append(wanted)
    yield from regions(small)
    yield from large


def objects(blobs: Blobs, files: Sequence[tuple[T, bytes]]) -> Iterator[tuple[T, Object | IntegrityError]]:
    """The objects of files, in the order in which they lie; or why one cannot be read. Raises the store's errors."""
    located = [(blobs.index.places(Resource.OBJECT, mac), file, mac) for file, mac in files]
    located.sort(key=lambda item: item[0][0][:2] if item[0] else _NOWHERE)
    for places, file, mac in located:
        try:
            yield file, blobs.object(mac, places)
        except IntegrityError as error:
            yield file, error


def read(blobs: Blobs, group: Group[T]) -> Iterator[Content[T]]:
    """The contents of a piece of work, each to be taken before the next. Raises the store's errors."""
    if isinstance(group, Wanted):
        yield Content(group.file, group.object.size, blobs.content(group.object))
        return
    try:
        data = blobs.region(group)
    except IntegrityError:
        # Each blob is tried by itself, and then at its other places.
        data = b""
    for place, wanted in group.items:
        start = place.offset - group.offset
        stored = data[start : start + place.length]
        yield Content(wanted.file, wanted.object.size, _only_chunk(blobs, wanted.object, place, stored))


def _only_chunk(blobs: Blobs, item: Object, place: Place, stored: bytes) -> Iterator[bytes]:
    """The content of one chunk that was read already, if that is whole; else read anew, from wherever it is whole."""
    (chunk,) = item.chunks or ()
    if chunk.content_mac == item.content_mac:
        try:
            data = blobs.decode(Resource.CHUNK, chunk.content_mac, place, stored, chunk.length)
        except IntegrityError:
            pass
        else:
            if len(data) == chunk.length:
                yield data
                return
    yield from blobs.content(item)
