"""How much of each packfile is needed, and where each needed blob is taken from."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError
from plait.repository.format.configuration import Unlocked
from plait.repository.format.resources import MAC_SIZE, Resource
from plait.repository.locking import HeldLock
from plait.repository.reading import RepositoryReader
from plait.repository.segments import key_of
from plait.repository.upkeep.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from plait.engine.workers import Cancellation
    from plait.repository.format.merging import Place
    from plait.repository.format.states import Packfile
    from plait.repository.index import StoredIndex
    from plait.repository.repository import Repository

_LENGTH_BITS: Final = 32
_NOWHERE: Final = 1 << 96
_NAMED: Final = 3


class Share(msgspec.Struct, frozen=True):
    """Of a packfile, in bytes: the blobs that are needed from it, all its blobs without padding, and the file.

    `size` is None where the store has no such file.
    """

    needed: int
    blobs: int
    size: int | None


class Survey(msgspec.Struct, frozen=True):
    """What the listed snapshots need of each packfile that a state names, at one moment.

    `chosen`: of each needed blob, by its key, the number in `order` of the packfile that it is taken from.
    """

    order: tuple[bytes, ...]
    chosen: dict[bytes, int]
    shares: dict[bytes, Share]
    sizes: dict[bytes, int]
    """Bytes of every packfile that is in the store, whether a state names it or not."""
    lost: int = 0
    """How many contents are needed and were given up."""

    def is_used(self, packfile: bytes) -> bool:
        """Whether a needed blob is taken from a packfile."""
        share = self.shares.get(packfile)
        return share is not None and share.needed > 0


class Everywhere:
    """An index that finds blobs in coloured packfiles, too: what is in use must be found until it is swept."""

    def __init__(self, index: StoredIndex) -> None:
        self._index = index

    def places(self, resource: int, mac: bytes) -> Sequence[Place]:
        """As in `BlobIndex`; places that blobs may be taken from come first."""
        return self._index.places(resource, mac) or self._index.every_place(resource, mac)

    def snapshots(self) -> list[bytes]:
        """As in `BlobIndex`."""
        return self._index.snapshots()

    def packfiles(self) -> dict[bytes, Packfile]:
        """As in `BlobIndex`."""
        return self._index.packfiles()

    def colours(self) -> dict[tuple[int, bytes], int]:
        """As in `BlobIndex`."""
        return self._index.colours()


@contextmanager
def exclusive(repository: Repository, told: Callable[[str], None]) -> Iterator[HeldLock]:
    """Holds the exclusive lock of a repository, of which everything is known that was published before.

    `told` gets a line about locks that were stale, and about what went wrong with them. Raises BusyError.
    """
    repository.refresh()
    index = repository.index
    listed = frozenset(index.snapshots())
    with HeldLock(
        repository.writable_files,
        repository.codec,
        os.urandom(MAC_SIZE),
        exclusive=True,
        is_listed=listed.__contains__,
        told=told,
    ) as lock:
        repository.refresh()
        yield lock


def survey(repository: Repository, cancellation: Cancellation | None = None, without: Collection[bytes] = ()) -> Survey:
    """Looks through all snapshots, but for those `without` which it is to be said what would be needed.

    Raises IntegrityError where it cannot be told what is needed, or something that is needed is missing: who does not
    know everything that is used must not remove anything. Raises CancelledError, and the store's errors.
    """
    index, files = repository.index, repository.files
    if index.damaged_states:
        keys = ", ".join(sorted(index.damaged_states))
        raise IntegrityError(f"what the repository holds is not known: damaged: {keys}", hint=_HINT)
    reader = RepositoryReader(
        files, unlocked=Unlocked(repository.configuration, repository.codec), index=Everywhere(index)
    )
    usage = Usage(reader, cancellation)
    for identifier in reader.snapshots():
        if identifier in without:
            continue
        try:
            usage.add(reader.snapshot(identifier))
        except IntegrityError as error:
            raise IntegrityError(
                f"what snapshot {identifier.hex()} needs cannot be told: {error.message}", hint=_HINT
            ) from None
    # The original does not store an entry anew where only names of attributes changed; its directory's list has it.
    never_stored = {
        key
        for key in (key_of(Resource.VFS_ENTRY, mac) for mac in usage.listed)
        if key in usage.needed and not reader.holdings.places(key[32], key[:32])
    }
    return _measure(index, files.packfile_sizes(), usage.needed - never_stored)


def measured_again(repository: Repository, found: Survey) -> Survey:
    """The same needs, after packfiles were rewritten. Raises as `survey`."""
    measured = _measure(repository.index, repository.files.packfile_sizes(), found.chosen.keys())
    return msgspec.structs.replace(measured, lost=found.lost)


def _measure(index: StoredIndex, sizes: dict[bytes, int], needed: Iterable[bytes]) -> Survey:
    known = index.packfiles()
    readable = index.readable_packfiles()
    # The original takes a blob from the packfile of the lowest name.
    order = tuple(sorted(known, key=lambda name: (name not in sizes, name not in readable, name)))
    numbers = {name: number for number, name in enumerate(order)}
    best = dict.fromkeys(needed, _NOWHERE)
    blobs = [0] * len(order)
    for key, place in index.locations():
        number = numbers.get(place.packfile)
        if number is None:
            continue
        blobs[number] += place.length
        found = best.get(key)
        if found is not None:
            rank = number << _LENGTH_BITS | place.length
            if rank < found:
                best[key] = rank
    there = sum(name in sizes for name in order)
    lost = {key: rank >> _LENGTH_BITS for key, rank in best.items() if rank >> _LENGTH_BITS >= there}
    # A content that a repair gave up leads to nothing, so that all else that is needed is known.
    unexpected = [
        key
        for key, number in lost.items()
        if key[32] != Resource.CHUNK or (number < len(order) and order[number] in readable)
    ]
    if unexpected:
        raise IntegrityError(f"snapshots need what is missing: {_named(unexpected)}", hint=_HINT)
    for key in lost:
        del best[key]
    taken = [0] * len(order)
    for key, rank in best.items():
        number = rank >> _LENGTH_BITS
        best[key] = number
        # An empty content takes no bytes where nothing is compressed, and is needed all the same.
        taken[number] += (rank & ((1 << _LENGTH_BITS) - 1)) or 1
    shares = {
        name: Share(taken[number], max(blobs[number], taken[number]), sizes.get(name))
        for number, name in enumerate(order)
    }
    return Survey(order, best, shares, sizes, len(lost))


_HINT: Final = "`check` tells which snapshots are hit, `repair` mends what can be mended; or remove those with `rm`"


def _named(keys: Iterable[bytes]) -> str:
    names = [f"{Resource(key[32]).name.lower()} {key[:32].hex()}" for key in keys]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
