"""What a repository holds: the sum of its states (format, section 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.format.states import Coloured, Delete, End, Location, Packfile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from plait.repository.format.states import Record


class Lineage(NamedTuple):
    """Whose child a state is (zeros for nobody's), and when it was made, in nanoseconds since the epoch."""

    parent: bytes
    timestamp: int


class Order(NamedTuple):
    """All states, parents before children, and those whose parents run in a circle (they come last, by time)."""

    names: tuple[bytes, ...]
    circular: tuple[bytes, ...]


def order(states: Mapping[bytes, Lineage]) -> Order:
    """The order in which states are applied.

    A state whose parent is not among them is a root. Siblings and roots go by time, then by name. Every state is in
    the result whatever its parent says: those in a circle, which the original never reads, and their descendants.
    """

    def age(name: bytes) -> tuple[int, bytes]:
        return states[name].timestamp, name

    children: dict[bytes, list[bytes]] = {}
    roots = []
    for name in sorted(states, key=age):
        parent = states[name].parent
        if parent == NO_MAC or parent not in states:
            roots.append(name)
        else:
            children.setdefault(parent, []).append(name)
    names: list[bytes] = []
    waiting = roots[::-1]
    while waiting:
        name = waiting.pop()
        names.append(name)
        waiting.extend(reversed(children.get(name, ())))
    circular = tuple(sorted(states.keys() - set(names), key=age))
    return Order((*names, *circular), circular)


def last_words(states: Mapping[bytes, Lineage], speaking: Collection[bytes]) -> set[bytes]:
    """Those of some states that have no descendant among them: in whatever order siblings are applied, one is last."""
    found = set(speaking)
    for name in speaking:
        above: set[bytes] = {name}
        while (name := states[name].parent) in states and name not in above:
            above.add(name)
            found.discard(name)
    return found


class Place(NamedTuple):
    """Where a blob is: in which packfile, at which offset of its body, how many encoded bytes."""

    packfile: bytes
    offset: int
    length: int


class Holdings:
    """The sum of the states applied so far, in memory. Apply them in `order`."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, bytes], dict[bytes, Place]] = {}
        self._packfiles: dict[bytes, Packfile] = {}
        self._colours: dict[tuple[int, bytes], int] = {}
        self._gone_packfiles: set[bytes] = set()
        self._gone_places: set[tuple[int, bytes, bytes]] = set()

    def apply(self, records: Iterable[Record]) -> End | None:
        """Adds one state; its last record. Raises what taking the records raises."""
        end = None
        for record in records:
            match record:
                case Location(resource, _, mac, packfile, offset, length):
                    places = self._places.setdefault((resource, mac), {})
                    places.setdefault(packfile, Place(packfile, offset, length))
                case Coloured(resource, mac, when):
                    self._colours.setdefault((resource, mac), when)
                case Packfile(name):
                    self._packfiles.setdefault(name, record)
                case Delete():
                    self._delete(record)
                case End():
                    end = record
                case _:
                    # Settings mean nothing to any known version.
                    continue
        return end

    def _delete(self, record: Delete) -> None:
        """Names of packfiles are never used again, so that what is deleted once stays so whatever the order."""
        if record.is_location:
            self._gone_places.add((record.resource, record.mac, record.packfile))
        elif record.is_colour:
            self._colours.pop((record.resource, record.mac), None)
        elif record.is_packfile:
            self._gone_packfiles.add(record.packfile)

    def packfiles(self) -> dict[bytes, Packfile]:
        """The packfiles that a state names and none deletes, coloured or not."""
        return {name: packfile for name, packfile in self._packfiles.items() if name not in self._gone_packfiles}

    def known_packfiles(self) -> frozenset[bytes]:
        """The packfiles that any state names, deleted ones too."""
        return frozenset(self._packfiles.keys() | self._gone_packfiles)

    def colours(self) -> dict[tuple[int, bytes], int]:
        """What is coloured, by kind and identifier, and since when in nanoseconds since the epoch."""
        return dict(self._colours)

    @property
    def gone_places(self) -> frozenset[tuple[int, bytes, bytes]]:
        """Kind, identifier and packfile of blobs that are no longer there."""
        return frozenset(self._gone_places)

    def is_readable(self, packfile: bytes) -> bool:
        """Whether blobs may be taken from a packfile: known, not deleted, not coloured."""
        return self.is_known(packfile) and (Resource.PACKFILE, packfile) not in self._colours

    def is_known(self, packfile: bytes) -> bool:
        """Whether a state names a packfile and none deletes it; it may be coloured."""
        return packfile in self._packfiles and packfile not in self._gone_packfiles

    def places(self, resource: int, mac: bytes, *, coloured: bool = False) -> list[Place]:
        """Every place where a blob can be read, that of the lowest packfile name first, as the original takes it.

        `coloured`: those in coloured packfiles, too.
        """
        places = self._places.get((resource, mac), {})
        usable = self.is_known if coloured else self.is_readable
        return [
            places[packfile]
            for packfile in sorted(places)
            if usable(packfile) and (resource, mac, packfile) not in self._gone_places
        ]

    def locations(self) -> Iterable[tuple[int, bytes, Place]]:
        """Kind, identifier and place of every blob in every packfile that is not deleted."""
        for (resource, mac), places in self._places.items():
            for packfile, place in places.items():
                if packfile not in self._gone_packfiles and (resource, mac, packfile) not in self._gone_places:
                    yield resource, mac, place

    def blobs(self) -> Iterable[tuple[int, bytes]]:
        """Kind and identifier of every blob that can be read."""
        return (blob for blob in self._places if self.places(*blob))

    def snapshots(self) -> list[bytes]:
        """The identifiers of the snapshots that are listed: not removed, and with a packfile that exists, in order."""
        return sorted(
            mac
            for (resource, mac), places in self._places.items()
            if resource == Resource.SNAPSHOT
            and (resource, mac) not in self._colours
            and any(
                packfile in self._packfiles
                and packfile not in self._gone_packfiles
                and (resource, mac, packfile) not in self._gone_places
                for packfile in places
            )
        )
