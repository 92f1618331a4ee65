"""What the peer already has, learned from snapshots that both sides hold: the same identifier is the same snapshot.

So the objects of one path are the same content under two keys. Other programs have copied contents by what their
metadata said, so more is asked for: pieces of the same lengths and, to the last bit, of the same entropies. Contents
that are short or plain have too few of these to tell; they are read and verified instead, which costs little.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import IntegrityError
from plait.repository.blobs import Located, regions
from plait.repository.format import btrees, dirpacks, entries, packed, wire
from plait.repository.format.headers import DIRPACK_INDEX
from plait.repository.format.objects import Object
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from plait.engine.workers import Cancellation
    from plait.repository.blobs import BlobIndex, Blobs, Region
    from plait.repository.format.headers import Header, Source
    from plait.repository.format.objects import Chunk
    from plait.repository.reading import RepositoryReader
    from plait.repository.repository import Repository
    from plait.repository.syncing.pairs import Pairs

_FOLDERS: Final = 512
"""Directories whose entries are in memory together."""
_READS: Final = 8
_SHORTEST: Final = 1024
"""Bytes."""
_PLAINEST: Final = 1.0
"""Bits of entropy per byte."""


class _Side(NamedTuple):
    """A repository, and the snapshot in it."""

    reader: RepositoryReader
    saved: Source


class Lesson(NamedTuple):
    """A snapshot to learn from, and all that nothing more is to be learned from then."""

    header: Header
    done: tuple[bytes, ...]


def lessons(wanted: Iterable[Header], common: Iterable[Header]) -> list[Lesson]:
    """For each place that is wanted, the newest snapshot of it that both sides hold."""
    places: dict[str, list[Header]] = {_place(header): [] for header in wanted}
    for header in common:
        if (place := _place(header)) in places:
            places[place].append(header)
    return [
        Lesson(max(found, key=lambda header: header.timestamp), tuple(header.identifier for header in found))
        for found in places.values()
        if found
    ]


def learn(source: RepositoryReader, peer: Repository, pairs: Pairs, lesson: Lesson, cancellation: Cancellation) -> None:
    """Keeps the contents of a snapshot that both hold, and that both cut alike, as pairs.

    What is damaged on either side teaches nothing. Raises CancelledError, and the stores' errors.
    """
    packfiles = peer.index.readable_packfiles()
    try:
        copies = peer.reader.header(lesson.header.identifier).sources or ()
    except IntegrityError:
        copies = ()
    for saved, copied in zip(lesson.header.sources or (), copies, strict=False):
        try:
            for _ in _learn(_Side(source, saved), _Side(peer.reader, copied), pairs):
                cancellation.raise_if_cancelled()
                pairs.keep(packfiles)
        except IntegrityError:
            continue
    pairs.keep(packfiles, lesson.done)


def _learn(ours: _Side, theirs: _Side, pairs: Pairs) -> Iterator[None]:
    """Notes pairs, a number of directories at a time."""
    for batch in _batches(_common_folders(ours, theirs)):
        here = _objects_by_path(ours, {own for own, _ in batch})
        there = _objects_by_path(theirs, {other for _, other in batch})
        couples = {
            mac: files[name]
            for own, other in batch
            for files in [there.get(other, {})]
            for name, mac in here.get(own, {}).items()
            if name in files and pairs.get(Resource.OBJECT, mac) is None
        }
        contents, copies = _decoded(ours, couples), _decoded(theirs, set(couples.values()))
        for mac, copy in couples.items():
            if mac in contents and copy in copies and _is_same(contents[mac], copies[copy], theirs.reader.holdings):
                pairs.set(Resource.OBJECT, mac, copy)
        yield


def _common_folders(ours: _Side, theirs: _Side) -> Iterator[tuple[bytes, bytes]]:
    """The identifiers of the lists of each directory that both have."""
    folders = _folders(theirs)
    path, mac = next(folders, (None, b""))
    for own_path, own in _folders(ours):
        while path is not None and btrees.INDEX.sort_key(path) < btrees.INDEX.sort_key(own_path):
            path, mac = next(folders, (None, b""))
        if path == own_path:
            yield own, mac


def _folders(side: _Side) -> Iterator[tuple[str, bytes]]:
    descriptor = side.saved.index(DIRPACK_INDEX)
    return iter(()) if descriptor is None else side.reader.items(btrees.INDEX, descriptor)


def _objects_by_path(side: _Side, lists: Collection[bytes]) -> dict[bytes, dict[str, bytes]]:
    """Of each list of a directory, the objects of its files by name."""
    objects = _decoded(side, lists)
    wanted = {chunk.content_mac for item in objects.values() for chunk in item.chunks or ()}
    chunks = _read(side.reader.blobs, Resource.CHUNK, wanted)
    found: dict[bytes, dict[str, bytes]] = {}
    for mac, item in objects.items():
        pieces = [chunks.get(chunk.content_mac) for chunk in item.chunks or ()]
        whole = [piece for piece in pieces if piece is not None]
        if len(whole) == len(pieces):
            found[mac] = dict(_files(whole))
    return found


def _files(pieces: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    for plain, _ in dirpacks.split(pieces):
        glance = packed.glance(plain)
        if glance is not None:
            name, mac = glance.name, glance.object
        else:
            entry = entries.read(plain)
            name, mac = entry.file_info.name, entry.object
        if mac != NO_MAC:
            yield name, mac


def _decoded(side: _Side, macs: Collection[bytes]) -> dict[bytes, Object]:
    found = _read(side.reader.blobs, Resource.OBJECT, macs)
    return {mac: wire.decode_usual(plain, Object) for mac, plain in found.items()}


def _read(blobs: Blobs, resource: Resource, macs: Collection[bytes]) -> Mapping[bytes, bytes]:
    """The blobs that can be read."""
    located = [Located(places[0], mac) for mac in macs if (places := blobs.index.places(resource, mac))]

    def blobs_of(region: Region[bytes]) -> list[tuple[bytes, bytes]]:
        found = []
        try:
            stored = blobs.region(region)
        except IntegrityError:
            return []
        for place, mac in region.items:
            start = place.offset - region.offset
            try:
                found.append((mac, blobs.decode(resource, mac, place, stored[start : start + place.length])))
            except IntegrityError:
                continue
        return found

    return dict(pair for part in in_parallel(blobs_of, regions(located), _READS) for pair in part)


def _is_same(content: Object, copy: Object, there: BlobIndex) -> bool:
    """Whether two objects of one path are one content, and the peer has all of it."""
    chunks, copies = content.chunks or (), copy.chunks or ()
    return (
        len(chunks) == len(copies) > 0
        and all(map(_is_alike, chunks, copies))
        and all(there.places(Resource.CHUNK, chunk.content_mac) for chunk in copies)
    )


def _is_alike(chunk: Chunk, copy: Chunk) -> bool:
    return (
        chunk.length == copy.length
        and chunk.entropy == copy.entropy
        and chunk.length >= _SHORTEST
        and chunk.entropy >= _PLAINEST
    )


def _place(header: Header) -> str:
    return next((source.importer.directory for source in header.sources or ()), "")


def _batches(items: Iterator[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    while batch := list(islice(items, _FOLDERS)):
        yield batch
