"""What the listed snapshots need: every blob that anything in them leads to.

More is taken for needed than the original takes: values of extended attributes, summaries, and every source. What is
shared by snapshots is read once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.workers import Cancellation
from plait.model.errors import IntegrityError
from plait.repository import contents
from plait.repository.format import btrees, dirpacks, entries, wire
from plait.repository.format.entries import XattrEntry
from plait.repository.format.headers import CONTENT_TYPE_INDEX, DIRPACK_INDEX, SUMMARY_INDEX
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.segments import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.repository.format.headers import Source
    from plait.repository.reading import RepositoryReader
    from plait.repository.snapshots import SnapshotReader


class Usage:
    """Gathers what snapshots need, one after the other. Not for several threads at once.

    `needed`: the keys (`segments.key_of`) of all blobs that are needed so far. `listed`: identifiers of the entries
    that directories' lists hold, so that nothing is lost where they are not stored by themselves.
    """

    def __init__(self, repository: RepositoryReader, cancellation: Cancellation | None = None) -> None:
        self._repository = repository
        self._cancellation = cancellation or Cancellation()
        self._objects: set[bytes] = set()
        self._read: set[bytes] = set()
        self.listed: set[bytes] = set()
        self.needed: set[bytes] = set()

    def add(self, snapshot: SnapshotReader) -> None:
        """Adds what a snapshot needs. Raises IntegrityError where it cannot be told, and the store's errors."""
        identifier = snapshot.identifier
        self._need(Resource.SNAPSHOT, identifier)
        if snapshot.is_signed:
            self._need(Resource.SIGNATURE, identifier)
        for source in snapshot.header.sources or ():
            self._add_source(snapshot, source)

    def _add_source(self, snapshot: SnapshotReader, source: Source) -> None:
        lists: list[bytes] = []
        for index in source.indexes or ():
            values = [mac for _, mac in self._leaves(btrees.INDEX, index.value)]
            if index.name == DIRPACK_INDEX:
                lists += values
            elif index.name == SUMMARY_INDEX:
                self._need_all(Resource.VFS_SUMMARY, values)
            elif index.name == CONTENT_TYPE_INDEX:
                self._need_all(Resource.VFS_ENTRY, values)
            else:
                # Of a kind that only a newer version knows: of whatever kind its values are, they stay.
                for resource in Resource:
                    self._need_all(resource, values)
        new_lists = [mac for mac in lists if mac not in self._objects]
        self._add_objects(new_lists)
        self._add_lists(new_lists)
        found = list(self._leaves(btrees.VFS, source.root.root))
        self._need_all(Resource.VFS_ENTRY, (mac for _, mac in found))
        self._add_entries(
            snapshot, [(path, mac) for path, mac in found if mac not in self.listed and mac not in self._read]
        )
        self._need_all(Resource.ERROR_ENTRY, (mac for _, mac in self._leaves(btrees.ERRORS, source.root.errors)))
        for _, mac in self._leaves(btrees.XATTRS, source.root.xattrs):
            key = key_of(Resource.XATTR_ENTRY, mac)
            if key not in self.needed:
                self.needed.add(key)
                attribute = wire.decode(self._repository.blob(Resource.XATTR_ENTRY, mac), XattrEntry)
                self._add_objects([attribute.object])

    def _add_lists(self, lists: Iterable[bytes]) -> None:
        """The objects of the entries that directories' lists hold: fewer reads than of each entry by itself."""
        codec = self._repository.codec
        objects: list[bytes] = []
        for mac in lists:
            self._cancellation.raise_if_cancelled()
            try:
                for plain, entry_mac in dirpacks.split(self._repository.content(mac)):
                    if entry_mac not in self.listed and codec.mac(plain) == entry_mac:
                        objects.append(entries.read(plain).object)
                        self.listed.add(entry_mac)
            except IntegrityError:
                # The entries themselves are read instead.
                continue
        self._add_objects(objects)

    def _add_entries(self, snapshot: SnapshotReader, paths: list[tuple[str, bytes]]) -> None:
        """The objects of entries that no list has."""
        objects: list[bytes] = []
        for path, mac in paths:
            self._cancellation.raise_if_cancelled()
            if self._repository.holdings.places(Resource.VFS_ENTRY, mac):
                entry = entries.read(self._repository.blob(Resource.VFS_ENTRY, mac))
                self._read.add(mac)
            else:
                # The original does not write it where only names of attributes changed.
                entry = snapshot.entry(path)
            objects.append(entry.object)
        self._add_objects(objects)

    def _add_objects(self, macs: Iterable[bytes]) -> None:
        new = [mac for mac in dict.fromkeys(macs) if mac != NO_MAC and mac not in self._objects]
        for mac, item in contents.objects(self._repository.blobs, [(mac, mac) for mac in new]):
            self._cancellation.raise_if_cancelled()
            if isinstance(item, IntegrityError):
                raise item
            self._need(Resource.OBJECT, mac)
            self._need_all(Resource.CHUNK, (chunk.content_mac for chunk in item.chunks or ()))
        self._objects.update(new)

    def _leaves(self, kind: btrees.Kind, descriptor: bytes) -> Iterator[tuple[str, bytes]]:
        """Keys and values of a tree, but for those of nodes that another tree had, too."""
        key = key_of(kind.root, descriptor)
        if key in self.needed:
            return
        root = btrees.read_root(self._repository.blob(kind.root, descriptor))
        waiting = [root.root]
        while waiting:
            mac = waiting.pop()
            node_key = key_of(kind.node, mac)
            if node_key in self.needed:
                continue
            self._cancellation.raise_if_cancelled()
            node = btrees.read_node(self._repository.blob(kind.node, mac))
            waiting += node.pointers or ()
            yield from zip(node.keys or (), node.values or (), strict=False)
            self.needed.add(node_key)
        self.needed.add(key)

    def _need(self, resource: int, mac: bytes) -> None:
        self.needed.add(key_of(resource, mac))

    def _need_all(self, resource: int, macs: Iterable[bytes]) -> None:
        suffix = bytes((resource,))
        self.needed.update(mac + suffix for mac in macs)
