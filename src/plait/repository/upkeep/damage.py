"""What is damaged in a repository, file by file and blob by blob, and which snapshots and paths it hits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError
from plait.repository.blobs import Located, regions
from plait.repository.checking.checking import check
from plait.repository.checking.files import check_packfile
from plait.repository.checking.findings import CheckSettings
from plait.repository.events import Failed, Warned, silent
from plait.repository.format.configuration import Unlocked
from plait.repository.format.merging import Place
from plait.repository.format.resources import Resource
from plait.repository.parallel import in_parallel
from plait.repository.reading import RepositoryReader
from plait.repository.segments import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from plait.engine.workers import Cancellation
    from plait.repository.blobs import BlobIndex
    from plait.repository.checking.findings import Checked
    from plait.repository.events import Event, Listener
    from plait.repository.format.packfiles import Index
    from plait.repository.format.states import Packfile
    from plait.repository.repository import Repository

_AT_ONCE: Final = 2


class DamagedPackfile(msgspec.Struct, frozen=True):
    """A packfile that is not as it was written, and why.

    `lost`: keys of the blobs in it that cannot be read; `whole`: those that can, with their places.
    """

    name: bytes
    reason: str
    lost: tuple[bytes, ...] = ()
    whole: tuple[tuple[bytes, Place], ...] = ()


class Hit(msgspec.Struct, frozen=True, order=True):
    """A path of a snapshot that is not whole, and why."""

    snapshot: bytes
    path: str
    reason: str


class Without:
    """An index that does not find what is known to be damaged: blobs in packfiles, by key and packfile."""

    def __init__(self, index: BlobIndex, lost: Collection[tuple[bytes, bytes]], missing: Collection[bytes]) -> None:
        self._index = index
        self._lost = frozenset(lost)
        self._missing = frozenset(missing)

    def places(self, resource: int, mac: bytes) -> Sequence[Place]:
        """As in `BlobIndex`."""
        key = mac + bytes((resource,))
        return [
            place
            for place in self._index.places(resource, mac)
            if place.packfile not in self._missing and (key, place.packfile) not in self._lost
        ]

    def snapshots(self) -> list[bytes]:
        """As in `BlobIndex`."""
        return self._index.snapshots()

    def packfiles(self) -> dict[bytes, Packfile]:
        """As in `BlobIndex`."""
        return self._index.packfiles()

    def colours(self) -> dict[tuple[int, bytes], int]:
        """As in `BlobIndex`."""
        return self._index.colours()


def damaged_packfiles(
    repository: Repository,
    names: Sequence[bytes],
    told: Callable[[bytes], None],
    cancellation: Cancellation,
    unnamed: Mapping[bytes, Index] | None = None,
    advanced: Callable[[int, int, int], None] = lambda *_: None,
) -> Iterator[DamagedPackfile]:
    """Reads packfiles from beginning to end; those that are damaged. `told` hears of each that is whole.

    `unnamed`: what those say they hold that no state names. `advanced` hears, after each, how many were read, their
    bytes, and how many bytes there are in all. Raises CancelledError, and the store's errors.
    """
    sizes = repository.files.packfile_sizes()

    def look(name: bytes) -> tuple[bytes, str | None]:
        if name not in sizes:
            return name, "the packfile is missing"
        files, codec = repository.writable_files, repository.codec
        return name, check_packfile(files, codec, name, sizes[name], cancellation.cancelled)

    found = {}
    total = sum(sizes.get(name, 0) for name in names)
    read = 0
    for number, (name, reason) in enumerate(in_parallel(look, names, _AT_ONCE), start=1):
        cancellation.raise_if_cancelled()
        read += sizes.get(name, 0)
        advanced(number, read, total)
        if reason is None:
            told(name)
        else:
            found[name] = reason
    if not found:
        return
    held: dict[bytes, list[Located[bytes]]] = {name: [] for name in found}
    for key, place in repository.index.locations():
        if place.packfile in held:
            held[place.packfile].append(Located(place, key))
    for name, index in (unnamed or {}).items():
        if name in held:
            held[name] += [
                Located(Place(name, blob.offset, blob.length), key_of(blob.resource, blob.mac))
                for blob in index.blobs
                if blob.resource != Resource.RANDOM
            ]
    for name, reason in found.items():
        cancellation.raise_if_cancelled()
        yield _sorted_out(repository, name, reason, held[name])


def _sorted_out(repository: Repository, name: bytes, reason: str, held: list[Located[bytes]]) -> DamagedPackfile:
    """Which blobs of a damaged packfile can still be read."""
    blobs = repository.reader.blobs
    lost: list[bytes] = []
    whole: list[tuple[bytes, Place]] = []
    for region in regions(held):
        try:
            data = blobs.region(region)
        except IntegrityError:
            data = b""
        for place, key in region.items:
            try:
                stored = data[place.offset - region.offset :][: place.length]
                blobs.decode(Resource(key[32]), key[:32], place, stored)
            except IntegrityError:
                lost.append(key)
            else:
                whole.append((key, place))
    return DamagedPackfile(name, reason, tuple(lost), tuple(whole))


def hits(
    repository: Repository,
    index: BlobIndex,
    snapshots: Iterable[bytes] | None = None,
    *,
    listener: Listener = silent,
    noted: Callable[[str], None] = lambda _: None,
    cancellation: Cancellation | None = None,
) -> tuple[Checked, list[Hit]]:
    """Which paths of which snapshots need what an index does not find; contents are not read.

    `noted` hears of paths of which nothing is lost, but an entry is stored in its directory's list only. Raises
    CancelledError, and the store's errors.
    """
    reader = RepositoryReader(
        repository.files, unlocked=Unlocked(repository.configuration, repository.codec), index=index
    )
    found: list[Hit] = []

    def listening(event: Event) -> None:
        if isinstance(event, Failed):
            found.append(Hit(event.snapshot, event.path, event.error))
            listener(event)
        elif isinstance(event, Warned) and event.path:
            noted(event.path)

    readable = []
    for identifier in reader.snapshots() if snapshots is None else snapshots:
        try:
            readable.append((reader.snapshot(identifier), "/"))
        except IntegrityError as error:
            listening(Failed(identifier, "", f"snapshot: {error.message}"))
    checked = check(
        reader,
        repository.files,
        readable,
        settings=CheckSettings(fast=True, signatures=False),
        listener=listening,
        cancellation=cancellation,
    )
    return checked, found
