"""How much a repository holds, and for which snapshots: what each alone keeps, what they share, how it grew.

Every blob gets the set of snapshots that lead to it, as the bits of a number: the oldest snapshot is bit 0. The sets
are handed down from the snapshots to the chunks, each blob being read once however many snapshots share it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from plait.engine.workers import Cancellation
from plait.model.errors import IntegrityError
from plait.repository import contents
from plait.repository.format import btrees, dirpacks, entries, wire
from plait.repository.format.entries import XattrEntry
from plait.repository.format.headers import CONTENT_TYPE_INDEX, DIRPACK_INDEX, SUMMARY_INDEX
from plait.repository.format.resources import MAC_SIZE, NO_MAC, Resource
from plait.repository.segments import key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from plait.repository.format.headers import Header, Source
    from plait.repository.reading import RepositoryReader
    from plait.repository.repository import Repository
    from plait.repository.snapshots import SnapshotReader

_LISTS: Final = "lists"
"""The trees of directories' lists, which are looked through first."""
_OBJECT: Final = b"\xa6object\xc4\x20"
"""The field of an entry that names its object, as msgpack has it; the identifier follows."""
_HINT: Final = "`check` tells which snapshots are hit"


class SnapshotSize(msgspec.Struct, frozen=True):
    """Of one snapshot, in bytes.

    `size`: of its files. The rest is as stored, compressed and encrypted, metadata included. `stored`: all that it
    needs. `unique`: what no other snapshot needs, and so what its removal gives back. `added`: what no older snapshot
    needs, and so how much the repository grew by it.
    """

    header: Header
    size: int
    stored: int
    unique: int
    added: int

    @property
    def shared(self) -> int:
        """What other snapshots need, too."""
        return self.stored - self.unique


class Statistics(msgspec.Struct, frozen=True):
    """Of a whole repository, in bytes.

    `snapshots`: newest first. `size`: of the files of all snapshots, each counted by itself. `distinct`: of their
    contents, each chunk counted once. `contents`: the same as stored. `metadata`: everything else that they need.
    `unused`: what no snapshot needs and maintenance gives back in time. `packfiles`: the stored files, padding and
    indexes included; `packfile_count` how many.
    """

    snapshots: tuple[SnapshotSize, ...]
    size: int
    distinct: int
    contents: int
    metadata: int
    unused: int
    packfiles: int
    packfile_count: int

    @property
    def deduplication(self) -> float:
        """How many bytes of files there are for each that had to be kept; 1 where there is nothing."""
        return self.size / self.distinct if self.distinct else 1.0

    @property
    def compression(self) -> float:
        """How many bytes of contents there are for each that is stored; 1 where there is nothing."""
        return self.distinct / self.contents if self.contents else 1.0


def statistics(repository: Repository, cancellation: Cancellation | None = None) -> Statistics:
    """Looks through all listed snapshots.

    Raises IntegrityError where what a snapshot needs cannot be told, CancelledError, and the store's errors.
    """
    snapshots = sorted(
        (repository.snapshot(identifier) for identifier in repository.reader.snapshots()),
        key=lambda snapshot: (snapshot.header.timestamp, snapshot.identifier),
    )
    holders = _Holders(repository.reader, cancellation or Cancellation())
    for number, snapshot in enumerate(snapshots):
        try:
            holders.begin(snapshot, 1 << number)
        except IntegrityError as error:
            raise IntegrityError(f"snapshot {snapshot.identifier.hex()}: {error.message}", hint=_HINT) from None
    try:
        holders.hand_down()
    except IntegrityError as error:
        raise IntegrityError(f"not everything can be counted: {error.message}", hint=_HINT) from None
    return _added_up(repository, snapshots, holders)


class _Holders:
    """Which snapshots lead to which blobs, by key (`segments.key_of`).

    `masks`: the snapshots of each blob. `lengths`: plain bytes of each chunk, by identifier.
    """

    def __init__(self, repository: RepositoryReader, cancellation: Cancellation) -> None:
        self._repository = repository
        self._cancellation = cancellation
        self._trees: dict[tuple[btrees.Kind, str], dict[bytes, int]] = defaultdict(lambda: defaultdict(int))
        self._objects: dict[bytes, int] = defaultdict(int)
        self.masks: dict[bytes, int] = defaultdict(int)
        self.lengths: dict[bytes, int] = {}

    def begin(self, snapshot: SnapshotReader, bit: int) -> None:
        """Notes what a snapshot's header names."""
        self.masks[key_of(Resource.SNAPSHOT, snapshot.identifier)] |= bit
        if snapshot.is_signed:
            self.masks[key_of(Resource.SIGNATURE, snapshot.identifier)] |= bit
        for source in snapshot.header.sources or ():
            for kind, name, descriptor in _trees(source):
                self._trees[kind, name][descriptor] |= bit

    def hand_down(self) -> None:
        """Hands the sets down to every blob. Raises IntegrityError, CancelledError, and the store's errors."""
        listed: Collection[bytes] = ()
        for kind, name in sorted(self._trees, key=lambda tree: tree[1] != _LISTS):
            values = self._leaves(kind, self._trees[kind, name])
            match name:
                case _ if name == _LISTS:
                    listed = self._take_lists(values)
                case "paths" | "types":
                    self._mark(Resource.VFS_ENTRY, values)
                    self._take_entries({mac: mask for mac, mask in values.items() if mac not in listed})
                case "attributes":
                    self._mark(Resource.XATTR_ENTRY, values)
                    self._take_attributes(values)
                case "errors":
                    self._mark(Resource.ERROR_ENTRY, values)
                case "summaries":
                    self._mark(Resource.VFS_SUMMARY, values)
        self._take_objects(self._objects)
        self._mark(Resource.OBJECT, self._objects)

    def _mark(self, resource: int, values: dict[bytes, int]) -> None:
        suffix = bytes((resource,))
        masks = self.masks
        for mac, mask in values.items():
            masks[mac + suffix] |= mask

    def _leaves(self, kind: btrees.Kind, descriptors: dict[bytes, int]) -> dict[bytes, int]:
        """The values in all trees of a kind; each node is read once."""
        self._mark(kind.root, descriptors)
        nodes: dict[bytes, int] = defaultdict(int)
        for descriptor, mask in descriptors.items():
            nodes[btrees.read_root(self._repository.blob(kind.root, descriptor)).root] |= mask
        read, levels = self._read_nodes(kind, nodes)
        values: dict[bytes, int] = defaultdict(int)
        # A node is as far from the leaves in every tree that has it: those farthest away hand down first.
        for level in reversed(levels):
            for mac in level:
                node, mask = read[mac], nodes[mac]
                for below in node.pointers or ():
                    nodes[below] |= mask
                for value in node.values or ():
                    values[value] |= mask
        self._mark(kind.node, nodes)
        return values

    def _read_nodes(
        self, kind: btrees.Kind, tops: Iterable[bytes]
    ) -> tuple[dict[bytes, btrees.Node], list[list[bytes]]]:
        """All nodes below some, and which of them are so many steps from the leaves."""
        read: dict[bytes, btrees.Node] = {}
        wanted = set(tops)
        while wanted:
            self._cancellation.raise_if_cancelled()
            below: set[bytes] = set()
            for mac, data in self._repository.blobs.read_all(kind.node, [(mac, mac) for mac in wanted]):
                if isinstance(data, IntegrityError):
                    raise data
                node = read[mac] = btrees.read_node(data)
                below.update(node.pointers or ())
            wanted = below - read.keys()
        return read, _levels(read)

    def _take_lists(self, lists: dict[bytes, int]) -> Collection[bytes]:
        """The objects of the entries in directories' lists; the entries that they hold."""
        listed: dict[bytes, bytes] = {}
        objects = self._objects
        for mac, mask in lists.items():
            self._cancellation.raise_if_cancelled()
            if mac == NO_MAC:
                continue
            objects[mac] |= mask
            for plain, entry in dirpacks.split(self._repository.content(mac)):
                # Most entries of a directory that changed are in its other lists, too.
                found = listed.get(entry)
                if found is None:
                    found = listed[entry] = _object_of(plain)
                if found != NO_MAC:
                    objects[found] |= mask
        return listed.keys()

    def _take_entries(self, found: dict[bytes, int]) -> None:
        """The objects of entries that are in no list."""
        for mac, mask in found.items():
            self._cancellation.raise_if_cancelled()
            entry = entries.read(self._repository.blob(Resource.VFS_ENTRY, mac))
            if entry.has_content:
                self._objects[entry.object] |= mask

    def _take_attributes(self, found: dict[bytes, int]) -> None:
        for mac, mask in found.items():
            attribute = wire.decode(self._repository.blob(Resource.XATTR_ENTRY, mac), XattrEntry)
            self._objects[attribute.object] |= mask

    def _take_objects(self, found: dict[bytes, int]) -> None:
        """The chunks of objects."""
        masks, lengths = self.masks, self.lengths
        suffix = bytes((Resource.CHUNK,))
        for mac, item in contents.objects(self._repository.blobs, [(mac, mac) for mac in found]):
            self._cancellation.raise_if_cancelled()
            if isinstance(item, IntegrityError):
                raise item
            mask = found[mac]
            for chunk in item.chunks or ():
                masks[chunk.content_mac + suffix] |= mask
                lengths[chunk.content_mac] = chunk.length


def _levels(nodes: dict[bytes, btrees.Node]) -> list[list[bytes]]:
    """Nodes by how many steps they are from the leaves below them. Raises IntegrityError where there is no end."""
    levels = [[mac for mac, node in nodes.items() if node.is_leaf]]
    known = set(levels[0])
    above = [(mac, node) for mac, node in nodes.items() if not node.is_leaf]
    while above:
        level = [mac for mac, node in above if known.issuperset(node.pointers or ())]
        if not level:
            raise IntegrityError("a tree of a snapshot runs in a circle")
        known.update(level)
        above = [(mac, node) for mac, node in above if mac not in known]
        levels.append(level)
    return levels


def _object_of(plain: bytes) -> bytes:
    """The object that an entry names."""
    if plain.count(_OBJECT) == 1:
        # Nothing else in it, such as its name, can be taken for the field that every entry has.
        start = plain.index(_OBJECT) + len(_OBJECT)
        return plain[start : start + MAC_SIZE]
    return entries.read(plain).object


def _trees(source: Source) -> Iterable[tuple[btrees.Kind, str, bytes]]:
    """The trees of a source: kind, what its values are, descriptor."""
    yield btrees.VFS, "paths", source.root.root
    yield btrees.XATTRS, "attributes", source.root.xattrs
    yield btrees.ERRORS, "errors", source.root.errors
    named = {DIRPACK_INDEX: _LISTS, SUMMARY_INDEX: "summaries", CONTENT_TYPE_INDEX: "types"}
    for index in source.indexes or ():
        if index.name in named:
            yield btrees.INDEX, named[index.name], index.value


def _added_up(repository: Repository, snapshots: Sequence[SnapshotReader], holders: _Holders) -> Statistics:
    chunk = int(Resource.CHUNK)
    by_mask: dict[int, int] = defaultdict(int)
    stored_contents = unused = 0
    masks = holders.masks
    counted: set[bytes] = set()
    for key, place in repository.index.locations():
        mask = 0 if key in counted else masks.get(key, 0)
        if not mask:
            unused += place.length
            continue
        counted.add(key)
        by_mask[mask] += place.length
        if key[32] == chunk:
            stored_contents += place.length
    rows = []
    for number, snapshot in enumerate(snapshots):
        bit = 1 << number
        rows.append(
            SnapshotSize(
                snapshot.header,
                _size(snapshot.header),
                sum(size for mask, size in by_mask.items() if mask & bit),
                by_mask.get(bit, 0),
                sum(size for mask, size in by_mask.items() if mask & -mask == bit),
            )
        )
    sizes = repository.files.packfile_sizes()
    return Statistics(
        snapshots=tuple(reversed(rows)),
        size=sum(row.size for row in rows),
        distinct=sum(holders.lengths.values()),
        contents=stored_contents,
        metadata=sum(by_mask.values()) - stored_contents,
        unused=unused,
        packfiles=sum(sizes.values()),
        packfile_count=len(sizes),
    )


def _size(header: Header) -> int:
    return sum(source.summary.directory.size + source.summary.below.size for source in header.sources or ())
