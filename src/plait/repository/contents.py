"""Contents of many files at once, in the order in which they lie in the packfiles."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeAlias, TypeVar

from plait.model.errors import IntegrityError
from plait.repository.blobs import Located, Region, regions
from plait.repository.format import wire
from plait.repository.format.objects import Object
from plait.repository.format.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plait.repository.blobs import Blobs

T = TypeVar("T")

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
    for file, plain in blobs.read_all(Resource.OBJECT, files):
        if isinstance(plain, IntegrityError):
            yield file, plain
            continue
        try:
            yield file, wire.decode_usual(plain, Object)
        except IntegrityError as error:
            yield file, error


def read(blobs: Blobs, group: Group[T]) -> Iterator[Content[T]]:
    """The contents of a piece of work, each to be taken before the next. Raises the store's errors."""
    if isinstance(group, Wanted):
        yield Content(group.file, group.object.size, blobs.content(group.object))
        return
    for wanted, data in decoded(blobs, group):
        chunks = blobs.content(wanted.object) if data is None else (data,)
        yield Content(wanted.file, wanted.object.size, chunks)


def decoded(blobs: Blobs, region: Region[Wanted[T]]) -> Iterator[tuple[Wanted[T], bytes | None]]:
    """Small contents that lie together; None for one that is not whole there: `Blobs.content` tries its other places.

    Raises the store's errors.
    """
    stored = blobs.stored_region(region)
    for place, wanted in region.items:
        (chunk,) = wanted.object.chunks or ()
        start = place.offset - region.offset
        data = None
        if chunk.content_mac == wanted.object.content_mac:
            with suppress(IntegrityError):
                found = stored[start : start + place.length]
                data = blobs.decode(Resource.CHUNK, chunk.content_mac, place, found, chunk.length)
        yield wanted, data if data is not None and len(data) == chunk.length else None
