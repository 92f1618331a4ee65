"""One snapshot, from one repository into another: every blob is verified, renamed and put into the peer.

Keys of trees, and whatever names no other blob, stay as they are; identifiers become the peer's. What was carried for
an earlier snapshot is known (`pairs`) and not looked at again.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from plait.model.errors import IntegrityError, NotSupportedError
from plait.model.items import Kind
from plait.repository.backup.contents import Contents
from plait.repository.events import Carried, Done, Failed, silent
from plait.repository.format import btrees, dirpacks, entries, packed, wire
from plait.repository.format.chunking import Chunker
from plait.repository.format.entries import XattrEntry
from plait.repository.format.headers import CONTENT_TYPE_INDEX, DIRPACK_INDEX, SUMMARY_INDEX, Index, Roots
from plait.repository.format.objects import Object
from plait.repository.format.packed import Shape
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.syncing.hands import Damaged, Wanted
from plait.repository.syncing.objects import NO_SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from plait.engine.workers import Cancellation
    from plait.repository.events import Listener
    from plait.repository.format.btrees import Kind as TreeKind
    from plait.repository.format.headers import Header, Source
    from plait.repository.reading import RepositoryReader
    from plait.repository.repository import Repository
    from plait.repository.syncing.hands import Hands
    from plait.repository.syncing.objects import Objects
    from plait.repository.syncing.pairs import Pairs

_FOLDERS: Final = 512
"""Directories whose entries are in memory together."""
_ENTRIES: Final = 8192
_LONG: Final = 16 << 20
"""Bytes of a content from which on a person may be waiting for it."""
_LIST: Final = 0xFF
"""The kind, among pairs, of the lists of directories: objects whose contents are others in the peer."""
_OBJECT: Final = b"\xa6object\xc4\x20"


class _Record(NamedTuple):
    """An entry of the source, and where it was found. `plain`: its bytes."""

    mac: bytes
    plain: bytes
    path: str
    shape: Shape


class SnapshotCopy:
    """The copy of one snapshot. `damage`: paths and what is damaged at them, none for a copy that is whole."""

    def __init__(  # noqa: PLR0917  (each is another thing that the work needs)
        self,
        source: RepositoryReader,
        peer: Repository,
        hands: Hands,
        objects: Objects,
        pairs: Pairs,
        listener: Listener,
        cancellation: Cancellation,
    ) -> None:
        self._source = source
        self._codec = peer.codec
        self._contents = Contents(hands.sink, peer.codec, Chunker.of(peer.configuration.chunking))
        self._hands = hands
        self._objects = objects
        self._pairs = pairs
        self._listener = listener
        self._cancellation = cancellation
        self._snapshot = b""
        self._told: dict[str, int] = {}
        self._lost: set[bytes] = set()
        self.damage: list[tuple[str, str]] = []

    def run(self, header: Header) -> Header:
        """Puts everything that a snapshot needs into the peer; its header there, worth nothing where there is damage.

        Raises NotSupportedError for a tree that is not known, CancelledError, the source's errors other than damage,
        and what storing raises.
        """
        self._snapshot = header.identifier
        sources = tuple(self._tree(saved) for saved in header.sources or ())
        if any(header.identity.identifier):
            self._sign(header.identifier)
        self._hands.finish()
        return msgspec.structs.replace(header, sources=sources if header.sources is not None else None)

    def _sign(self, snapshot: bytes) -> None:
        try:
            plain = self._source.blob(Resource.SIGNATURE, snapshot)
        except IntegrityError as error:
            self._damaged("", error.message)
            return
        self._hands.sink.put(Resource.SIGNATURE, snapshot, plain)

    def _tree(self, saved: Source) -> Source:
        """One source of the snapshot, its trees in the peer."""
        for index in saved.indexes or ():
            if index.name not in _INDEXES or index.type != "btree":
                raise NotSupportedError(f"the snapshot has an index that is not known: {index.name} ({index.type})")
        dirpack = saved.index(DIRPACK_INDEX)
        if dirpack is not None:
            self._whole(self._folders, dirpack)
        self._whole(self._stray_entries, btrees.VFS, saved.root.root)
        if (types := saved.index(CONTENT_TYPE_INDEX)) is not None:
            self._whole(self._stray_entries, btrees.CONTENT_TYPES, types)
        self._whole(self._xattrs, saved.root.xattrs)
        self._whole(self._alone, btrees.ERRORS, saved.root.errors, Resource.ERROR_ENTRY)
        if (summaries := saved.index(SUMMARY_INDEX)) is not None:
            self._whole(self._alone, btrees.INDEX, summaries, Resource.VFS_SUMMARY)
        if self.damage:
            return saved
        roots = Roots(
            root=self._grown(btrees.VFS, saved.root.root, Resource.VFS_ENTRY),
            xattrs=self._grown(btrees.XATTRS, saved.root.xattrs, Resource.XATTR_ENTRY),
            errors=self._grown(btrees.ERRORS, saved.root.errors, Resource.ERROR_ENTRY),
        )
        indexes = tuple(
            Index(index.name, index.type, self._grown(kind, index.value, resource))
            for index in saved.indexes or ()
            for kind, resource in (_INDEXES[index.name],)
        )
        return msgspec.structs.replace(saved, root=roots, indexes=indexes if saved.indexes is not None else None)

    def _whole(self, work: Callable[..., None], *arguments: object) -> None:
        """Does a part of the work; that a tree cannot be read is noted, and the rest goes on."""
        try:
            work(*arguments)
        except IntegrityError as error:
            self._damaged("", error.message)

    def _grown(self, kind: TreeKind, descriptor: bytes, values: int) -> bytes:
        """A tree in the peer, with the keys that it has in the source."""
        known = self._pairs.get(kind.root, descriptor)
        if known is not None:
            return known
        items = btrees.Columns()
        for key, value in self._source.items(kind, descriptor):
            made = self._pairs.get(values, value)
            if made is None:
                raise IntegrityError(f"the tree of a snapshot changed while it was read: {key}")
            items.add((_raw(key),), (made,))
        made = b""
        for stored in btrees.grow_columns(kind, items, self._codec.mac):
            made = self._hands.put(stored.resource, stored.plain)
        self._pairs.set(kind.root, descriptor, made)
        return made

    def _unknown(self, kind: TreeKind, descriptor: bytes, values: int) -> Iterator[tuple[str, bytes]]:
        """Keys and values of a tree that have no counterpart in the peer yet."""
        if self._pairs.get(kind.root, descriptor) is None:
            for key, value in self._source.items(kind, descriptor):
                if value not in self._lost and self._pairs.get(values, value) is None:
                    yield key, value

    def _folders(self, descriptor: bytes) -> None:
        """The lists of all directories, and the entries in them."""
        for batch in _batches(self._unknown(btrees.INDEX, descriptor, _LIST), _FOLDERS):
            self._cancellation.raise_if_cancelled()
            paths: dict[bytes, list[str]] = defaultdict(list)
            for path, mac in batch:
                paths[mac].append(path)
            found = [(path, mac, list(self._records(path, content))) for path, mac, content in self._lists(paths)]
            self._entries([record for _, _, records in found for record in records])
            for path, mac, records in found:
                self._list(path, mac, records)

    def _lists(self, paths: dict[bytes, list[str]]) -> Iterator[tuple[str, bytes, Iterable[bytes]]]:
        """Path, identifier and content of lists of directories; those that are damaged are noted."""
        chunks: dict[bytes, list[tuple[bytes, Object]]] = defaultdict(list)
        sizes: dict[bytes, int] = {}
        for answer in list(self._hands.read(Resource.OBJECT, map(Wanted, paths))):
            if isinstance(answer, Damaged):
                self._damaged(paths[answer.mac][0], answer.error)
                continue
            item = wire.decode_usual(answer.data, Object)
            only = (item.chunks or (None,))[0] if len(item.chunks or ()) == 1 else None
            if only is not None and only.content_mac == item.content_mac:
                chunks[only.content_mac].append((answer.mac, item))
                sizes[only.content_mac] = only.length
                continue
            for path in paths[answer.mac]:
                try:
                    content = list(self._source.blobs.content(item))
                except IntegrityError as error:
                    self._damaged(path, error.message)
                else:
                    yield path, answer.mac, content
        wanted = [Wanted(mac, size) for mac, size in sizes.items()]
        for answer in list(self._hands.read(Resource.CHUNK, wanted)):
            for mac, _ in chunks[answer.mac]:
                for path in paths[mac]:
                    if isinstance(answer, Damaged):
                        self._damaged(path, answer.error)
                    else:
                        yield path, mac, (answer.data,)

    def _records(self, path: str, content: Iterable[bytes]) -> Iterator[_Record]:
        prefix = path.rstrip("/")
        beginning = packed.beginning(path)
        mac_of = self._source.codec.mac
        shape = packed.shape
        try:
            for plain, mac in dirpacks.split(content):
                if mac_of(plain) == mac:
                    yield _Record(mac, plain, prefix, shape(plain, beginning) or _shape(plain))
                else:
                    self._damaged(path, f"an entry of {path} is not the one that its list names")
        except IntegrityError as error:
            self._damaged(path, error.message)

    def _list(self, path: str, mac: bytes, records: Sequence[_Record]) -> None:
        """The list of a directory in the peer; none where an entry is missing."""
        parts, names, kinds, size = [], [], bytearray(), 0
        for record in records:
            made = self._made.get(record.mac)
            if made is None:
                return
            name, mode, length, _ = record.shape
            parts.append(dirpacks.pack(*made, is_directory=bool(mode & entries.MODE_DIRECTORY)))
            names.append(name)
            kinds.append(kind := _kind(mode))
            size += length if kind is Kind.FILE else 0
        self._pairs.set(_LIST, mac, self._contents.save_dirpack(b"".join(parts)))
        if self._listener is not silent and names:
            self._listener(Done(self._snapshot, path, names, bytes(kinds), size))

    def _stray_entries(self, kind: TreeKind, descriptor: bytes) -> None:
        """Entries that are in no list of a directory, from their own blobs."""
        for batch in _batches(self._unknown(kind, descriptor, Resource.VFS_ENTRY), _ENTRIES):
            self._cancellation.raise_if_cancelled()
            paths = {mac: path for path, mac in batch}
            records = []
            for answer in list(self._hands.read(Resource.VFS_ENTRY, map(Wanted, paths))):
                if isinstance(answer, Damaged):
                    self._lost.add(answer.mac)
                    self._damaged(paths[answer.mac], answer.error)
                else:
                    folder = paths[answer.mac].rpartition("/")[0]
                    records.append(_Record(answer.mac, answer.data, folder, _shape(answer.data)))
            self._entries(records)

    def _entries(self, records: Sequence[_Record]) -> None:
        """Puts entries into the peer, their contents first."""
        self._made: dict[bytes, tuple[bytes, bytes]] = {}
        known = self._pairs.get
        wanted: dict[bytes, list[str]] = defaultdict(list)
        sizes: dict[bytes, int] = {}
        for record in records:
            name, _, size, mac = record.shape
            if mac != NO_MAC and known(Resource.OBJECT, mac) is None:
                path = f"{record.path}/{name}"
                wanted[mac].append(path)
                sizes[mac] = size
                if size >= _LONG:
                    self._told[path] = size
        self._carry(wanted, sizes)
        mac_of = self._codec.mac
        for record in records:
            plain, mac = record.plain, record.shape.object
            if mac != NO_MAC:
                made = known(Resource.OBJECT, mac)
                if made is None:
                    self._lost.add(record.mac)
                    continue
                plain = self._with_object(plain, mac, made)
            own = mac_of(plain)
            if known(Resource.VFS_ENTRY, record.mac) != own:
                self._hands.put(Resource.VFS_ENTRY, plain, own)
                self._pairs.set(Resource.VFS_ENTRY, record.mac, own)
            self._made[record.mac] = plain, own

    def _carry(self, wanted: dict[bytes, list[str]], sizes: Mapping[bytes, int] = NO_SIZES) -> None:
        """Carries the objects at paths, whose contents have so many bytes; those that cannot be are named."""

        def carried(mac: bytes, size: int) -> None:
            path = wanted[mac][0]
            if path in self._told:
                self._listener(Carried(self._snapshot, path, size))

        for mac, error in self._objects.carry(wanted, carried, sizes).items():
            for path in wanted[mac]:
                self._damaged(path, error, mac)

    def _with_object(self, plain: bytes, mac: bytes, made: bytes) -> bytes:
        """An entry, with the object of the peer."""
        if self._objects.alike and plain.count(_OBJECT + mac) == 1:
            return plain.replace(_OBJECT + mac, _OBJECT + made)
        entry = entries.read(plain)
        chunks = entry.chunks if self._objects.alike else self._objects.chunks(made)
        return wire.encode(msgspec.structs.replace(entry, object=made, chunks=chunks))

    def _xattrs(self, descriptor: bytes) -> None:
        for batch in _batches(self._unknown(btrees.XATTRS, descriptor, Resource.XATTR_ENTRY), _ENTRIES):
            keys = {mac: key for key, mac in batch}
            found: dict[bytes, XattrEntry] = {}
            for answer in list(self._hands.read(Resource.XATTR_ENTRY, map(Wanted, keys))):
                if isinstance(answer, Damaged):
                    self._damaged(keys[answer.mac], answer.error)
                else:
                    found[answer.mac] = wire.decode(answer.data, XattrEntry)
            wanted: dict[bytes, list[str]] = defaultdict(list)
            for entry in found.values():
                if self._pairs.get(Resource.OBJECT, entry.object) is None:
                    wanted[entry.object].append(entry.path)
            self._carry(wanted)
            for mac, entry in found.items():
                made = self._pairs.get(Resource.OBJECT, entry.object)
                if made is not None:
                    plain = wire.encode(msgspec.structs.replace(entry, object=made))
                    self._pairs.set(Resource.XATTR_ENTRY, mac, self._hands.put(Resource.XATTR_ENTRY, plain))

    def _alone(self, kind: TreeKind, descriptor: bytes, resource: Resource) -> None:
        """Values of a tree that name no other blob."""
        for batch in _batches(self._unknown(kind, descriptor, resource), _ENTRIES):
            keys = {mac: key for key, mac in batch}
            for answer in list(self._hands.read(resource, map(Wanted, keys))):
                if isinstance(answer, Damaged):
                    self._damaged(keys[answer.mac], answer.error)
                else:
                    self._pairs.set(resource, answer.mac, self._hands.put(resource, answer.data))

    def _damaged(self, path: str, error: str, mac: bytes | None = None) -> None:
        self.damage.append((path, error))
        self._listener(Failed(self._snapshot, path, error, mac))


_INDEXES: Final = {
    CONTENT_TYPE_INDEX: (btrees.CONTENT_TYPES, Resource.VFS_ENTRY),
    DIRPACK_INDEX: (btrees.INDEX, _LIST),
    SUMMARY_INDEX: (btrees.INDEX, Resource.VFS_SUMMARY),
}
"""The trees of a snapshot by name: of which kind, and what their values are."""


def _shape(plain: bytes) -> Shape:
    """What any entry says of its path. Raises IntegrityError."""
    entry = entries.read(plain)
    found = entry.file_info
    return Shape(found.name, found.mode, found.size, entry.object)


def _kind(mode: int) -> Kind:
    if mode & entries.MODE_DIRECTORY:
        return Kind.DIRECTORY
    return Kind.SYMLINK if mode & entries.MODE_SYMLINK else Kind.FILE


def _raw(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")


def _batches(items: Iterator[tuple[str, bytes]], size: int) -> Iterator[list[tuple[str, bytes]]]:
    while batch := list(islice(items, size)):
        yield batch
