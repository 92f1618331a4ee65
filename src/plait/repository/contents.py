"""Contents of many files at once, in the order in which they lie in the packfiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeAlias, TypeVar

from plait.model.errors import IntegrityError
from plait.repository.blobs import Located, Region, regions
from plait.repository.format import wire
from plait.repository.format.chunking import LARGEST_CHUNK
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
    single: list[Wanted[T]] = []
    small: list[Located[Wanted[T]]] = []
    large: list[Wanted[T]] = []
    for file, item in objects(blobs, files):
        if isinstance(item, IntegrityError):
            yield Unreadable(file, item)
        elif item.chunks is not None and len(item.chunks) == 1 and item.chunks[0].length:
            single.append(Wanted(file, item))
        else:
            large.append(Wanted(file, item))
    macs = [chunk.content_mac for wanted in single for chunk in wanted.object.chunks or ()]
    for wanted, places in zip(single, blobs.all_places(Resource.CHUNK, macs), strict=True):
        if places and places[0].length <= SMALL:
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
    for (_, wanted), data in zip(group.items, blobs.opened(group, identifiers(group)), strict=True):
        whole = data is not None and is_whole(wanted, len(data))
        chunks = (bytes(data),) if whole and data is not None else blobs.content(wanted.object)
        yield Content(wanted.file, wanted.object.size, chunks)


def damaged(blobs: Blobs, region: Region[Wanted[T]]) -> Iterator[Wanted[T]]:
    """Those of small contents that are not whole where they lie together; another copy may be.

    Raises the store's errors.
    """
    for (_, wanted), data in zip(region.items, blobs.opened(region, identifiers(region)), strict=True):
        if data is None or not is_whole(wanted, len(data)):
            yield wanted


def identifiers(region: Region[Wanted[T]]) -> Iterator[tuple[bytes, int]]:
    """Of small contents that lie together, what `Blobs.opened` takes."""
    for _, (_, item) in region.items:
        (chunk,) = item.chunks or ()
        yield chunk.content_mac, min(chunk.length, LARGEST_CHUNK)


def is_whole(wanted: Wanted[T], length: int) -> bool:
    """Whether the only chunk of a small content, which is the one that it names and so long, is all of it."""
    (chunk,) = wanted.object.chunks or ()
    return length == chunk.length and chunk.content_mac == wanted.object.content_mac
