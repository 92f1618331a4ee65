"""Reading a repository: what it holds, its blobs, and its snapshots, every identifier verified."""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

from plait.model.errors import DirectoryNotFoundError, IntegrityError
from plait.repository.blobs import Blobs
from plait.repository.format import btrees, configuration, states, wire
from plait.repository.format.headers import Header
from plait.repository.format.merging import Holdings, Lineage, order
from plait.repository.format.resources import Resource
from plait.repository.index import StoredIndex
from plait.repository.layout import Folder
from plait.repository.recovering import RecoveredIndex
from plait.repository.snapshots import SnapshotReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.repository.blobs import BlobIndex
    from plait.repository.files import RepositoryFiles
    from plait.repository.format.codec import Codec
    from plait.repository.format.configuration import Configuration, Unlocked

T = TypeVar("T")

_NODES: Final = 512
"""Nodes of trees that are kept: 5 MB of long paths."""


class RepositoryReader:
    """A repository, opened and unlocked. Several threads may share it.

    `circular_states`: names of states whose parents run in a circle; they are read all the same, the original does not.
    `damaged_states`: keys of states that cannot be read, and why. Packfiles that only they name are read all the same,
    by what they say themselves; removals that only they tell of are not known.
    """

    def __init__(
        self,
        files: RepositoryFiles,
        passphrase: bytes | None = None,
        *,
        unlocked: Unlocked | None = None,
        index: BlobIndex | None = None,
    ) -> None:
        """Reads CONFIG and every state, unless both are known already: `unlocked` and `index`.

        Raises DirectoryNotFoundError where there is no repository, SecretError where the passphrase is missing or
        wrong, IntegrityError where CONFIG or a state is damaged, NotSupportedError for what is newer than known.
        """
        if unlocked is None:
            unlocked = configuration.unlock(files.configuration(), passphrase, os.urandom)
        self.files = files
        self.configuration: Configuration = unlocked.configuration
        self.codec: Codec = unlocked.codec
        self.circular_states: tuple[bytes, ...] = ()
        if index is None:
            index, self.circular_states = merged(files, self.codec)
        self.damaged_states: dict[str, str] = dict(index.damaged_states) if isinstance(index, StoredIndex) else {}
        if self.damaged_states:
            index = RecoveredIndex(index, files, self.codec, files.packfile_sizes())
        self.holdings: BlobIndex = index
        self.blobs = Blobs(files, self.codec, index)
        self._nodes = _Nodes()

    def blob(self, resource: Resource, mac: bytes, limit: int | None = None) -> bytes:
        """As `Blobs.read`."""
        return self.blobs.read(resource, mac, limit)

    def snapshots(self) -> list[bytes]:
        """The identifiers of the listed snapshots, in order of bytes."""
        return self.holdings.snapshots()

    def snapshot(self, identifier: bytes) -> SnapshotReader:
        """A listed snapshot. Raises DirectoryNotFoundError where it is not, IntegrityError where it is damaged."""
        if identifier not in self.snapshots():
            raise DirectoryNotFoundError(f"the repository has no snapshot {identifier.hex()}")
        return SnapshotReader(self, self.header(identifier))

    def header(self, identifier: bytes) -> Header:
        """What a snapshot says of itself. Raises IntegrityError where it is damaged or missing."""
        header = wire.decode(self.blob(Resource.SNAPSHOT, identifier), Header)
        if header.identifier != identifier:
            raise IntegrityError(f"snapshot {identifier.hex()} says that it is another one")
        return header

    def headers(self) -> Iterator[tuple[bytes, Header | IntegrityError]]:
        """Of every listed snapshot its identifier, and what it says of itself or why that cannot be read."""
        for identifier in self.snapshots():
            try:
                yield identifier, self.header(identifier)
            except IntegrityError as error:
                yield identifier, error

    def items(self, kind: btrees.Kind, descriptor: bytes, start: str | None = None) -> Iterator[tuple[str, bytes]]:
        """Keys and values of a tree, from `start` on in the tree's own order. Raises IntegrityError."""
        return btrees.walk(self._root(kind, descriptor), self._fetch(kind), start, kind.sort_key)

    def find(self, kind: btrees.Kind, descriptor: bytes, key: str) -> bytes | None:
        """The value of a key in a tree. Raises IntegrityError."""
        return btrees.find(self._root(kind, descriptor), key, kind.sort_key, self._fetch(kind))

    def content(self, mac: bytes) -> Iterator[bytes]:
        """The content of an object, as `Blobs.content`."""
        return self.blobs.content(self.blobs.object(mac))

    def _root(self, kind: btrees.Kind, descriptor: bytes) -> btrees.Root:
        # Trees of two kinds may be alike to the byte; each is stored.
        key = descriptor + bytes((kind.root,))
        return self._nodes.root(key, lambda: btrees.read_root(self.blob(kind.root, descriptor)))

    def _fetch(self, kind: btrees.Kind) -> Callable[[bytes], btrees.Node]:
        return lambda mac: self._nodes.node(
            mac + bytes((kind.node,)), lambda: btrees.read_node(self.blob(kind.node, mac))
        )


class _Nodes:
    """Nodes and descriptors of trees that were used last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._nodes: OrderedDict[bytes, btrees.Node] = OrderedDict()
        self._roots: OrderedDict[bytes, btrees.Root] = OrderedDict()

    def node(self, mac: bytes, read: Callable[[], btrees.Node]) -> btrees.Node:
        return self._get(self._nodes, mac, read)

    def root(self, mac: bytes, read: Callable[[], btrees.Root]) -> btrees.Root:
        return self._get(self._roots, mac, read)

    def _get(self, held: OrderedDict[bytes, T], mac: bytes, read: Callable[[], T]) -> T:
        with self._lock:
            found = held.get(mac)
            if found is not None:
                held.move_to_end(mac)
                return found
        found = read()
        with self._lock:
            held[mac] = found
            if len(held) > _NODES:
                held.popitem(last=False)
        return found


def merged(files: RepositoryFiles, codec: Codec) -> tuple[Holdings, tuple[bytes, ...]]:
    """The sum of all states of a repository, in memory, and the states whose parents run in a circle.

    Raises IntegrityError where a state is damaged, NotSupportedError for a newer version.
    """
    found = {}
    lineages = {}
    for name, key in files.keys(Folder.STATES).items():
        try:
            parent, records = states.read(files.read(key), codec)
            found[name] = list(records)
        except IntegrityError as error:
            raise IntegrityError(f"a state of the repository is damaged: {error}", key=key) from None
        end = found[name][-1]
        lineages[name] = Lineage(parent, end.timestamp if isinstance(end, states.End) else 0)
    names, circular = order(lineages)
    holdings = Holdings()
    for name in names:
        holdings.apply(found.pop(name))
    return holdings, circular
