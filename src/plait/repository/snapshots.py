"""Reading a snapshot: its tree, the contents, attributes and errors of its paths, and its signature."""

from __future__ import annotations

import posixpath
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final

from plait.model.errors import IntegrityError, ObjectNotFoundError
from plait.repository import contents
from plait.repository.blobs import Region
from plait.repository.format import btrees, dirpacks, entries, wire
from plait.repository.format.entries import Entry, ErrorEntry, XattrEntry
from plait.repository.format.headers import DIRPACK_INDEX, SUMMARY_INDEX, Header, Source
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.format.summaries import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from plait.repository.reading import RepositoryReader

_MOST_LINKS: Final = 40
"""On the way to one path, as in the kernel."""


class SnapshotReader:
    """A snapshot of a repository: the tree of its first source. Several threads may share it."""

    def __init__(self, repository: RepositoryReader, header: Header) -> None:
        self.repository = repository
        self.header = header

    @property
    def identifier(self) -> bytes:
        """Its identifier of 32 bytes."""
        return self.header.identifier

    @cached_property
    def source(self) -> Source:
        """What was saved. Raises IntegrityError where there is nothing."""
        if not self.header.sources:
            raise IntegrityError(f"snapshot {self.header.identifier.hex()} has no source")
        return self.header.sources[0]

    def resolve(self, path: str) -> str:
        """The absolute path that a person means: relative ones begin at the directory that was saved; "" is that."""
        joined = posixpath.normpath(posixpath.join("/", self.source.importer.directory, path))
        return "/" + joined.lstrip("/")

    def entry(self, path: str) -> Entry:
        """The entry of an absolute path.

        Where the entry's own blob is missing (the original does not write it when only names of attributes change), or
        the way to it is damaged, it is taken from the list of its directory. Raises ObjectNotFoundError where there is
        no such path, IntegrityError.
        """
        try:
            mac = self.repository.find(btrees.VFS, self.source.root.root, path)
            if mac is None:
                raise ObjectNotFoundError(f"the snapshot has no {path}", key=path)
            return self._entry(path, mac)
        except IntegrityError:
            for _, entry in self._dirpack(path.rpartition("/")[0] or "/") or ():
                if entry.path == path:
                    return entry
            raise

    def follow(self, path: str) -> Entry:
        """The entry that an absolute path leads to through symbolic links of the snapshot.

        Raises ObjectNotFoundError where it leads to nothing in the snapshot, or round in a circle; IntegrityError.
        """
        names = [name for name in path.split("/") if name][::-1]
        entry = self.entry("/")
        followed = 0
        while names:
            name = names.pop()
            if name == "..":
                entry = self.entry(entry.parent_path or "/")
                continue
            if name in {"", "."}:
                continue
            entry = self.entry(posixpath.join(entry.path, name))
            if not entry.symlink_target:
                continue
            followed += 1
            if followed > _MOST_LINKS:
                raise ObjectNotFoundError(f"too many symbolic links on the way to {path}", key=path)
            names += entry.symlink_target.split("/")[::-1]
            entry = self.entry("/" if entry.symlink_target.startswith("/") else entry.parent_path)
        return entry

    def listings(self, directories: Sequence[str]) -> dict[str, bytes]:
        """The lists of directories as far as they are whole and small: read at once where they lie together.

        `children` reads the others, and says what is the matter.
        """
        index = self.source.index(DIRPACK_INDEX)
        wanted = []
        for directory in directories:
            with suppress(IntegrityError):
                mac = None if index is None else self.repository.find(btrees.INDEX, index, directory)
                if mac is not None and mac != NO_MAC:
                    wanted.append((directory, mac))
        blobs = self.repository.blobs
        found = {}
        for group in contents.plan(blobs, wanted):
            if isinstance(group, Region):
                for content in contents.read(blobs, group):
                    if isinstance(content.chunks, tuple):
                        found[content.file] = content.chunks[0]
        return found

    def children(
        self,
        directory: str,
        damaged: Callable[[str, IntegrityError], None] | None = None,
        *,
        listing: bytes | None = None,
    ) -> Iterator[Entry]:
        """The entries of a directory, in order of bytes; none for what is no directory.

        They come from the directory's list; where that is missing or damaged, from the tree of paths. `damaged` is told
        of what is, by its path, and then the rest is given; without it, IntegrityError is raised. `listing`: its list,
        where `listings` gave it.
        """
        if self.source.index(DIRPACK_INDEX) is None:
            yield from self._children_of_tree(directory, "", damaged)
            return
        last = ""
        try:
            records = self._dirpack(directory) if listing is None else self._listed(directory, (listing,))
            for _, entry in records or ():
                yield entry
                last = entry.path
        except IntegrityError as error:
            if damaged is None:
                raise
            damaged(directory, error)
            records = None
        if records is None:
            yield from self._children_of_tree(directory, last, damaged)

    def walk(
        self, directory: str = "/", damaged: Callable[[str, IntegrityError], None] | None = None
    ) -> Iterator[Entry]:
        """All entries below a directory, each directory before what is in it. `damaged` as in `children`."""
        waiting = [self.children(directory, damaged)]
        while waiting:
            entry = next(waiting[-1], None)
            if entry is None:
                waiting.pop()
                continue
            yield entry
            if entry.file_info.is_directory:
                waiting.append(self.children(entry.path, damaged))

    def content(self, entry: Entry) -> Iterator[bytes]:
        """The content of a regular file, as `RepositoryReader.content`."""
        if not entry.has_content:
            raise IntegrityError(f"the entry has no content: {entry.path}", key=entry.path)
        return self.repository.content(entry.object)

    def xattrs(self) -> Iterator[XattrEntry]:
        """All extended attributes, in the tree's order. Raises IntegrityError."""
        for _, mac in self.repository.items(btrees.XATTRS, self.source.root.xattrs):
            yield self._xattr(mac)

    def xattr(self, path: str, name: str) -> XattrEntry | None:
        """An extended attribute of a path; None where the snapshot names it and does not have it.

        (The original loses one now and then.) Raises IntegrityError.
        """
        for kind in (btrees.XATTRS, btrees.XATTRS_BY_BYTES):
            # Writers do not agree on the order of this tree. Old ones took the path alone for the key.
            for key in (f"{path}{name}:", path):
                mac = self.repository.find(kind, self.source.root.xattrs, key)
                if mac is None:
                    continue
                found = self._xattr(mac)
                if (found.path, found.name) == (path, name):
                    return found
        return None

    def errors(self) -> Iterator[ErrorEntry]:
        """What could not be read, in order of paths. Raises IntegrityError."""
        for _, mac in self.repository.items(btrees.ERRORS, self.source.root.errors):
            yield wire.decode(self.repository.blob(Resource.ERROR_ENTRY, mac), ErrorEntry)

    def summary(self, directory: str) -> Summary | None:
        """The summary of a directory; None where the snapshot has none. Raises IntegrityError."""
        index = self.source.index(SUMMARY_INDEX)
        mac = None if index is None else self.repository.find(btrees.INDEX, index, directory)
        return None if mac is None else wire.decode(self.repository.blob(Resource.VFS_SUMMARY, mac), Summary)

    @property
    def is_signed(self) -> bool:
        """Whether it says that somebody signed it."""
        return any(self.header.identity.identifier)

    def verify_signature(self) -> None:
        """Raises IntegrityError where a signed snapshot is not the one that was signed."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        signature = self.repository.blob(Resource.SIGNATURE, self.identifier)
        signed = self.repository.codec.mac(wire.encode(self.header))
        try:
            Ed25519PublicKey.from_public_bytes(self.header.identity.public_key or b"").verify(signature, signed)
        except (InvalidSignature, ValueError):
            raise IntegrityError(f"the signature of snapshot {self.identifier.hex()} is wrong") from None

    def _xattr(self, mac: bytes) -> XattrEntry:
        return wire.decode(self.repository.blob(Resource.XATTR_ENTRY, mac), XattrEntry)

    def _entry(self, path: str, mac: bytes) -> Entry:
        entry = entries.read(self.repository.blob(Resource.VFS_ENTRY, mac))
        if entry.path != path:
            # Going on from its own path could lead round in a circle.
            raise IntegrityError(f"the entry of {path} says that it is {entry.path}", key=path)
        return entry

    def _dirpack(self, directory: str) -> Iterator[tuple[bytes, Entry]] | None:
        """The identifiers and entries in a directory's list; None where it has no list."""
        index = self.source.index(DIRPACK_INDEX)
        mac = None if index is None else self.repository.find(btrees.INDEX, index, directory)
        return None if mac is None or mac == NO_MAC else self._listed(directory, self.repository.content(mac))

    def _listed(self, directory: str, content: Iterable[bytes]) -> Iterator[tuple[bytes, Entry]]:
        mac_of = self.repository.codec.mac
        for record in dirpacks.unpack(content, directory):
            if mac_of(record.plain) != record.mac:
                raise IntegrityError(f"an entry of {directory} is not the one that its list names", key=directory)
            yield record.mac, record.entry

    def _children_of_tree(
        self, directory: str, after: str, damaged: Callable[[str, IntegrityError], None] | None
    ) -> Iterator[Entry]:
        """From the tree of paths, where the children of a directory stand together; those after a path."""
        prefix = directory if directory.endswith("/") else directory + "/"
        try:
            for path, mac in self.repository.items(btrees.VFS, self.source.root.root, after or prefix):
                if not path.startswith(prefix) or "/" in path[len(prefix) :]:
                    return
                if path in {prefix, after}:
                    continue
                try:
                    entry = self._entry(path, mac)
                except IntegrityError as error:
                    if damaged is None:
                        raise
                    damaged(path, error)
                else:
                    yield entry
        except IntegrityError as error:
            if damaged is None:
                raise
            damaged(directory, error)
