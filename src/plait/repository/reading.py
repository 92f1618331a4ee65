"""Reading a repository: what it holds, its snapshots, and their trees and contents, every identifier verified."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from plait.model.errors import DirectoryNotFoundError, IntegrityError, ObjectNotFoundError
from plait.repository.format import btrees, configuration, dirpacks, entries, frames, states, wire
from plait.repository.format.chunking import LARGEST_CHUNK
from plait.repository.format.entries import Entry, ErrorEntry, XattrEntry
from plait.repository.format.headers import DIRPACK_INDEX, Header, Source
from plait.repository.format.merging import Holdings, Lineage, order
from plait.repository.format.objects import Object
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.layout import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.repository.files import RepositoryFiles
    from plait.repository.format.codec import Codec
    from plait.repository.format.configuration import Configuration, Unlocked
    from plait.repository.format.merging import Place
    from plait.repository.format.states import Packfile


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


_RANDOMLY_NAMED = frozenset({Resource.SNAPSHOT, Resource.SIGNATURE})
"""Blobs whose identifier says nothing of their bytes."""


class RepositoryReader:
    """A repository, opened and unlocked.

    `circular_states`: names of states whose parents run in a circle; they are read all the same, the original does not.
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
        self._files = files
        self.configuration: Configuration = unlocked.configuration
        self.codec: Codec = unlocked.codec
        self.circular_states: tuple[bytes, ...] = ()
        if index is None:
            index, self.circular_states = merged(files, self.codec)
        self.holdings: BlobIndex = index

    def blob(self, resource: Resource, mac: bytes, limit: int | None = None) -> bytes:
        """The plain bytes of a blob, of at most `limit` as in `Codec.decode`; of another copy where one is damaged.

        Raises IntegrityError where the repository holds none, or none that is whole; the store's errors.
        """
        what = f"{resource.name.lower()} {mac.hex()}"
        trouble: IntegrityError | ObjectNotFoundError | None = None
        for place in self.holdings.places(resource, mac):
            try:
                return self._read(resource, mac, place, limit)
            except (IntegrityError, ObjectNotFoundError) as error:
                trouble = trouble or error
        if trouble is None:
            raise IntegrityError(f"the repository does not hold {what}")
        raise IntegrityError(f"{what} cannot be read: {trouble}")

    def _read(self, resource: Resource, mac: bytes, place: Place, limit: int | None) -> bytes:
        stored = self._files.read_packfile(place.packfile, frames.HEADER_SIZE + place.offset, place.length)
        if len(stored) != place.length:
            raise IntegrityError(f"packfile {place.packfile.hex()} is cut short")
        plain = self.codec.decode(stored, limit)
        if resource not in _RANDOMLY_NAMED and self.codec.mac(plain) != mac:
            raise IntegrityError(f"its bytes in packfile {place.packfile.hex()} are not those that it names")
        return plain

    def snapshots(self) -> list[bytes]:
        """The identifiers of the listed snapshots, in order of bytes."""
        return self.holdings.snapshots()

    def snapshot(self, identifier: bytes) -> SnapshotReader:
        """A listed snapshot. Raises DirectoryNotFoundError where it is not, IntegrityError where it is damaged."""
        if identifier not in self.snapshots():
            raise DirectoryNotFoundError(f"the repository has no snapshot {identifier.hex()}")
        header = wire.decode(self.blob(Resource.SNAPSHOT, identifier), Header)
        if header.identifier != identifier:
            raise IntegrityError(f"snapshot {identifier.hex()} says that it is another one")
        return SnapshotReader(self, header)

    def items(self, kind: btrees.Kind, descriptor: bytes, start: str | None = None) -> Iterator[tuple[str, bytes]]:
        """Keys and values of a tree, from `start` on in the tree's own order. Raises IntegrityError."""
        root = btrees.read_root(self.blob(kind.root, descriptor))
        return btrees.walk(root, lambda mac: self.blob(kind.node, mac), start, kind.sort_key)

    def find(self, kind: btrees.Kind, descriptor: bytes, key: str) -> bytes | None:
        """The value of a key in a tree. Raises IntegrityError."""
        root = btrees.read_root(self.blob(kind.root, descriptor))
        return btrees.find(root, key, kind.sort_key, lambda mac: self.blob(kind.node, mac))

    def content(self, mac: bytes) -> Iterator[bytes]:
        """The content of an object, chunk by chunk; that it is the whole content is known only at the end.

        Raises IntegrityError where a part is missing or damaged, or the whole is not what the object says.
        """
        item = wire.decode(self.blob(Resource.OBJECT, mac), Object)
        hasher = self.codec.authenticator.hasher()
        for chunk in item.chunks or ():
            data = self.blob(Resource.CHUNK, chunk.content_mac, min(chunk.length, LARGEST_CHUNK))
            if len(data) != chunk.length:
                raise IntegrityError(f"chunk {chunk.content_mac.hex()} has {len(data)} bytes instead of {chunk.length}")
            hasher.update(data)
            yield data
        if hasher.digest() != item.content_mac:
            raise IntegrityError(f"the content of object {mac.hex()} is not the one that it names")


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


class SnapshotReader:
    """A snapshot of a repository: the tree of its first source."""

    def __init__(self, repository: RepositoryReader, header: Header) -> None:
        self._repository = repository
        self.header = header

    @cached_property
    def source(self) -> Source:
        """What was saved. Raises IntegrityError where there is nothing."""
        if not self.header.sources:
            raise IntegrityError(f"snapshot {self.header.identifier.hex()} has no source")
        return self.header.sources[0]

    def entry(self, path: str) -> Entry:
        """The entry of an absolute path.

        Where the entry's own blob is missing (the original does not write it when only names of attributes change), it
        is taken from the list of its directory. Raises ObjectNotFoundError where there is no such path, IntegrityError.
        """
        mac = self._repository.find(btrees.VFS, self.source.root.root, path)
        if mac is None:
            raise ObjectNotFoundError(f"the snapshot has no {path}", key=path)
        try:
            return self._entry(path, mac)
        except IntegrityError:
            for listed, entry in self._dirpack(path.rpartition("/")[0] or "/"):
                if listed == mac:
                    return entry
            raise

    def children(self, directory: str) -> Iterator[Entry]:
        """The entries of a directory, in order of bytes; none for what is no directory. Raises IntegrityError."""
        if self.source.index(DIRPACK_INDEX) is not None:
            return (entry for _, entry in self._dirpack(directory))
        return self._children_of_tree(directory)

    def walk(self, directory: str = "/") -> Iterator[Entry]:
        """All entries below a directory, each directory before what is in it. Raises IntegrityError."""
        waiting = [self.children(directory)]
        while waiting:
            entry = next(waiting[-1], None)
            if entry is None:
                waiting.pop()
                continue
            yield entry
            if entry.file_info.is_directory:
                waiting.append(self.children(entry.path))

    def content(self, entry: Entry) -> Iterator[bytes]:
        """The content of a regular file, as `RepositoryReader.content`."""
        if not entry.has_content:
            raise IntegrityError(f"the entry has no content: {entry.path}", key=entry.path)
        return self._repository.content(entry.object)

    def xattrs(self) -> Iterator[XattrEntry]:
        """All extended attributes, in the tree's order. Raises IntegrityError."""
        for _, mac in self._repository.items(btrees.XATTRS, self.source.root.xattrs):
            yield wire.decode(self._repository.blob(Resource.XATTR_ENTRY, mac), XattrEntry)

    def errors(self) -> Iterator[ErrorEntry]:
        """What could not be read, in order of paths. Raises IntegrityError."""
        for _, mac in self._repository.items(btrees.ERRORS, self.source.root.errors):
            yield wire.decode(self._repository.blob(Resource.ERROR_ENTRY, mac), ErrorEntry)

    def _entry(self, path: str, mac: bytes) -> Entry:
        entry = entries.read(self._repository.blob(Resource.VFS_ENTRY, mac))
        if entry.path != path:
            # Going on from its own path could lead round in a circle.
            raise IntegrityError(f"the entry of {path} says that it is {entry.path}", key=path)
        return entry

    def _dirpack(self, directory: str) -> Iterator[tuple[bytes, Entry]]:
        """The identifiers and entries in a directory's list; none where it has no list."""
        index = self.source.index(DIRPACK_INDEX)
        mac = None if index is None else self._repository.find(btrees.INDEX, index, directory)
        if mac is None or mac == NO_MAC:
            return
        for record in dirpacks.unpack(self._repository.content(mac), directory):
            if self._repository.codec.mac(record.plain) != record.mac:
                raise IntegrityError(f"an entry of {directory} is not the one that its list names", key=directory)
            yield record.mac, record.entry

    def _children_of_tree(self, directory: str) -> Iterator[Entry]:
        """From the tree of paths, where the children of a directory stand together."""
        prefix = directory if directory.endswith("/") else directory + "/"
        for path, mac in self._repository.items(btrees.VFS, self.source.root.root, prefix):
            if not path.startswith(prefix) or "/" in path[len(prefix) :]:
                return
            if path != prefix:
                yield self._entry(path, mac)
