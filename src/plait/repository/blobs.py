"""Blobs by their identifiers: found, read, decoded and verified, from another copy where one is damaged."""

from __future__ import annotations

from operator import attrgetter
from threading import Lock
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from plait.model.errors import IntegrityError, ObjectNotFoundError
from plait.repository.format import wire
from plait.repository.format.chunking import LARGEST_CHUNK
from plait.repository.format.codec import structure_limit
from plait.repository.format.objects import Object
from plait.repository.format.packfiles import file_offset
from plait.repository.format.resources import Resource
from plait.repository.opening import Opener, Sealed
from plait.repository.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plait.repository.files import RepositoryFiles
    from plait.repository.format.codec import Codec
    from plait.repository.format.merging import Place
    from plait.repository.format.states import Packfile
    from plait.repository.opening import Opened

T = TypeVar("T")

_RANDOMLY_NAMED: Final = frozenset({Resource.SNAPSHOT, Resource.SIGNATURE})
"""Blobs whose identifier says nothing of their bytes."""

_LARGEST_REGION: Final = 4 << 20
_LARGEST_GAP: Final = 64 << 10
"""Bytes between two wanted blobs up to which reading them along costs less than a second read."""


class BlobIndex(Protocol):
    """What a repository holds and where: the sum of its states. `Holdings` is the model of it."""

    def places(self, resource: int, mac: bytes) -> Sequence[Place]:
        """Every place where a blob can be read, that of the lowest packfile name first."""
        ...

    def snapshots(self) -> list[bytes]:
        """The identifiers of the snapshots that are listed, in order."""
        ...

    def packfiles(self) -> dict[bytes, Packfile]:
        """The packfiles that a state names and none deletes, coloured or not."""
        ...

    def colours(self) -> dict[tuple[int, bytes], int]:
        """What is coloured, by kind and identifier, and since when in nanoseconds since the epoch."""
        ...


@runtime_checkable
class FindsMany(Protocol):
    """An index that finds many blobs in less time than one by one."""

    def all_places(self, resource: int, macs: Sequence[bytes]) -> list[Sequence[Place]]:
        """As `BlobIndex.places`, of many blobs of one kind."""
        ...


class DamagedBlobError(IntegrityError):
    """A blob that the repository does not hold, or of which no copy is whole.

    `resource`, `mac`: which. `packfiles`: the packfiles that should hold it; none where no state names any.
    """

    def __init__(self, message: str, resource: int, mac: bytes, packfiles: tuple[bytes, ...]) -> None:
        super().__init__(message)
        self.resource = resource
        self.mac = mac
        self.packfiles = packfiles

    def __reduce__(self) -> tuple[object, ...]:
        return DamagedBlobError, (self.message, self.resource, self.mac, self.packfiles)


class Located(NamedTuple, Generic[T]):
    """Something wanted, and where it lies."""

    place: Place
    wanted: T


_PLACE: Final = attrgetter("place")


class Region(NamedTuple, Generic[T]):
    """A range of a packfile's body, and what in it is wanted."""

    packfile: bytes
    offset: int
    length: int
    items: list[Located[T]]


def regions(located: Iterable[Located[T]]) -> Iterator[Region[T]]:
    """What is wanted, by packfile and in the order of its bytes; neighbours share one read."""
    found = sorted(located, key=_PLACE)
    start = 0
    while start < len(found):
        packfile, offset, length = found[start].place
        end = offset + length
        stop = start + 1
        while stop < len(found):
            place = found[stop].place
            if place.packfile != packfile or place.offset > end + _LARGEST_GAP:
                break
            if place.offset + place.length - offset > _LARGEST_REGION:
                break
            end = max(end, place.offset + place.length)
            stop += 1
        yield Region(packfile, offset, end - offset, found[start:stop])
        start = stop


def _not_held(resource: Resource, mac: bytes) -> DamagedBlobError:
    text = f"the repository does not hold {resource.name.lower()} {mac.hex()}"
    return DamagedBlobError(text, resource, mac, ())


class Blobs:
    """The blobs of a repository. Several threads may share it.

    `received`: bytes read so far.
    """

    def __init__(self, files: RepositoryFiles, codec: Codec, index: BlobIndex) -> None:
        self._files = files
        self._windows = Windows(self._range)
        self._lock = Lock()
        self._opener = Opener(codec)
        self._find_all = index.all_places if isinstance(index, FindsMany) else None
        self.codec = codec
        self.index = index
        self.received = 0

    def read(self, resource: Resource, mac: bytes, limit: int | None = None) -> bytes:
        """The plain bytes of a blob, of at most `limit` as in `Codec.decode`; of another copy where one is damaged.

        Raises DamagedBlobError where the repository holds none, or none that is whole; the store's errors.
        """
        return self.read_at(resource, mac, self.index.places(resource, mac), limit)

    def read_all(
        self, resource: Resource, wanted: Iterable[tuple[T, bytes]]
    ) -> Iterator[tuple[T, bytes | IntegrityError]]:
        """The plain bytes of many blobs, each given with what it is wanted for, or why it cannot be read.

        They come in the order in which they lie, and are read together where they lie together. Raises the store's
        errors.
        """
        listed = list(wanted)
        located: list[Located[tuple[T, bytes, Sequence[Place]]]] = []
        found = self.all_places(resource, [mac for _, mac in listed])
        for (item, mac), places in zip(listed, found, strict=True):
            if places:
                located.append(Located(places[0], (item, mac, places)))
            else:
                yield item, _not_held(resource, mac)
        for region in regions(located):
            limits = ((wanted[1], structure_limit(place.length)) for place, wanted in region.items)
            for (_, (item, mac, places)), plain in zip(region.items, self.opened(region, limits), strict=True):
                if plain is not None:
                    yield item, bytes(plain)
                    continue
                try:
                    yield item, self.read_at(resource, mac, places)
                except IntegrityError as error:
                    yield item, error

    def all_places(self, resource: Resource, macs: Sequence[bytes]) -> list[Sequence[Place]]:
        """Every place where each of many blobs can be read, as `BlobIndex.places`."""
        if self._find_all is not None:
            return self._find_all(resource, macs)
        return [self.index.places(resource, mac) for mac in macs]

    def opened(self, region: Region[T], wanted: Iterable[tuple[bytes, int]]) -> Iterator[memoryview | None]:
        """The plain bytes of blobs that lie together, each good until the next; None for one that is not whole there.

        `wanted`: the identifiers, and how many bytes each may have inside. Raises the store's errors.
        """
        for opened in self.opened_together(region, wanted):
            for span in opened.spans:
                yield None if span is None else opened.room[span[0] : span[1]]

    def opened_together(self, region: Region[T], wanted: Iterable[tuple[bytes, int]]) -> Iterator[Opened]:
        """As `opened`, as many at a time as there is room for."""
        stored = self.stored_region(region)
        sealed = [
            Sealed(item.place.offset - region.offset, item.place.length, mac, limit)
            for item, (mac, limit) in zip(region.items, wanted, strict=True)
        ]
        return self._opener.open(stored, sealed)

    def read_at(self, resource: Resource, mac: bytes, places: Sequence[Place], limit: int | None = None) -> bytes:
        """As `read`, where the places of the blob are known."""
        trouble: IntegrityError | ObjectNotFoundError | None = None
        for place in places:
            try:
                return self.decode(resource, mac, place, self.stored(place), limit)
            except (IntegrityError, ObjectNotFoundError) as error:
                trouble = trouble or error
        if trouble is None:
            raise _not_held(resource, mac)
        text = f"{resource.name.lower()} {mac.hex()} cannot be read: {trouble}"
        raise DamagedBlobError(text, resource, mac, tuple(place.packfile for place in places))

    def stored(self, place: Place) -> bytes:
        """The stored bytes of a blob. Raises IntegrityError where the packfile is missing or too short."""
        try:
            return self._windows.read(place.packfile, file_offset(place.offset), place.length)
        except ObjectNotFoundError:
            raise IntegrityError(f"packfile {place.packfile.hex()} is missing") from None

    def decode(self, resource: Resource, mac: bytes, place: Place, stored: bytes, limit: int | None = None) -> bytes:
        """The plain bytes of a blob from its stored ones. Raises IntegrityError where they are not what `mac` names."""
        if len(stored) != place.length:
            raise IntegrityError(f"packfile {place.packfile.hex()} is cut short")
        try:
            plain = self.codec.decode(stored, limit)
        except IntegrityError as error:
            raise IntegrityError(f"in packfile {place.packfile.hex()}, {error}") from None
        if resource not in _RANDOMLY_NAMED and self.codec.mac(plain) != mac:
            raise IntegrityError(f"its bytes in packfile {place.packfile.hex()} are not those that it names")
        return plain

    def region(self, region: Region[T]) -> bytes:
        """The stored bytes of a region, shorter where the packfile ends. Raises IntegrityError where it is missing."""
        try:
            return self._range(region.packfile, file_offset(region.offset), region.length)
        except ObjectNotFoundError:
            raise IntegrityError(f"packfile {region.packfile.hex()} is missing") from None

    def stored_region(self, region: Region[T]) -> bytes:
        """As `region`, for small ones, of which the next may lie beside; empty where the packfile is missing."""
        try:
            return self._windows.read(region.packfile, file_offset(region.offset), region.length)
        except ObjectNotFoundError:
            return b""

    def object(self, mac: bytes, places: Sequence[Place] | None = None) -> Object:
        """An object; `places` where they are known. Raises as `read`."""
        found = self.index.places(Resource.OBJECT, mac) if places is None else places
        return wire.decode_usual(self.read_at(Resource.OBJECT, mac, found), Object)

    def chunk(self, mac: bytes, length: int) -> bytes:
        """A chunk of so many bytes. Raises as `read`, IntegrityError where it has not so many."""
        data = self.read(Resource.CHUNK, mac, min(length, LARGEST_CHUNK))
        if len(data) != length:
            raise IntegrityError(f"chunk {mac.hex()} has {len(data)} bytes instead of {length}")
        return data

    def content(self, item: Object) -> Iterator[bytes]:
        """The content of an object, chunk by chunk; that it is the whole content is known only at the end.

        Raises IntegrityError where a part is missing or damaged, or the whole is not what the object says.
        """
        chunks = item.chunks or ()
        if len(chunks) == 1:
            # The identifier of the only chunk is that of the whole content.
            if chunks[0].content_mac != item.content_mac:
                raise IntegrityError("the content of an object is not the one that it names")
            yield self.chunk(chunks[0].content_mac, chunks[0].length)
            return
        hasher = self.codec.authenticator.hasher()
        before = None
        data = b""
        for chunk in chunks:
            # A hole is one chunk, again and again.
            if chunk != before:
                data = self.chunk(chunk.content_mac, chunk.length)
            before = chunk
            hasher.update(data)
            yield data
        if hasher.digest() != item.content_mac:
            raise IntegrityError("the content of an object is not the one that it names")

    def note_received(self, size: int) -> None:
        """Counts bytes that another process has read with this."""
        with self._lock:
            self.received += size

    def _range(self, packfile: bytes, offset: int, length: int) -> bytes:
        data = self._files.read_packfile(packfile, offset, length)
        self.note_received(len(data))
        return data
