"""What is lost of snapshots, brought back from a peer, or from the files that were saved.

Both do what made the snapshot once, a sync or a backup, and store only what the repository lacks: contents and trees
that are equal get the identifiers that they had.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from plait.model.errors import IntegrityError, NotSupportedError, ObjectNotFoundError
from plait.repository.backup.contents import Contents
from plait.repository.events import Warned
from plait.repository.format import btrees, dirpacks, entries, wire
from plait.repository.format.chunking import Chunker
from plait.repository.format.headers import DIRPACK_INDEX
from plait.repository.format.resources import Resource
from plait.repository.syncing.copying import SnapshotCopy
from plait.repository.syncing.hands import Hands
from plait.repository.syncing.objects import Objects
from plait.repository.syncing.pairs import Pairs
from plait.repository.syncing.reviving import is_there, revive
from plait.repository.upkeep.damage import hits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plait.engine.workers import Cancellation
    from plait.repository.events import Listener
    from plait.repository.locking import HeldLock
    from plait.repository.repository import Repository
    from plait.repository.snapshots import SnapshotReader
    from plait.repository.upkeep.damage import Hit
    from plait.repository.writing import Writer


def heal_from_peer(  # noqa: PLR0917  (each is another thing that the work needs)
    repository: Repository,
    peer: Repository,
    snapshots: Sequence[bytes],
    writer: Writer,
    lock: HeldLock,
    listener: Listener,
    cancellation: Cancellation,
) -> None:
    """Brings what is lost of snapshots from a peer that has them whole; what it has not whole stays lost.

    Raises CancelledError, LockLostError, and the stores' errors.
    """
    there = set(peer.reader.snapshots())
    if not there.intersection(snapshots):
        return
    pairs = Pairs(None, b"", b"")
    try:
        with Hands(
            peer.reader.blobs,
            peer.files.store.features,
            repository.codec,
            repository.index,
            cancellation,
            processes=False,
        ) as hands:
            hands.start()
            hands.sink = writer
            alike = peer.configuration.chunking == repository.configuration.chunking
            objects = Objects(peer.reader.blobs, alike, repository, hands, pairs)
            for snapshot in snapshots:
                if snapshot not in there:
                    continue
                copy = SnapshotCopy(peer.reader, repository, hands, objects, pairs, listener, cancellation)
                try:
                    made = copy.run(peer.reader.header(snapshot))
                except (IntegrityError, NotSupportedError, ObjectNotFoundError):
                    # What was claimed already is stored all the same: the next snapshot counts on it.
                    hands.finish()
                    continue
                writer.publish()
                if not copy.damage:
                    try:
                        _make_whole(repository, snapshot, wire.encode(made), writer, lock, cancellation)
                    except IntegrityError as error:
                        listener(Warned(f"snapshot {snapshot.hex()} stays as it is: {error}"))
    finally:
        pairs.close()
        repository.refresh()


def _make_whole(
    repository: Repository, snapshot: bytes, header: bytes, writer: Writer, lock: HeldLock, cancellation: Cancellation
) -> None:
    """Gives a snapshot the header of the copy, where its own does not lead to what is whole now."""
    repository.refresh()
    if not hits(repository, repository.index, [snapshot], cancellation=cancellation)[1]:
        return
    if not is_there(repository, snapshot, header):
        writer.add(Resource.SNAPSHOT, snapshot, header)
        writer.publish()
        repository.refresh()
    revive(repository, snapshot, header, lock)


def heal_from_within(repository: Repository, writer: Writer, cancellation: Cancellation) -> None:
    """Brings back entries from the lists of their directories, and these lists from the entries: each says both.

    Raises CancelledError, and what storing raises.
    """
    needed: set[bytes] = set()
    contents = Contents(_Lacking(writer, needed), repository.codec, Chunker.of(repository.configuration.chunking))
    seen: set[bytes] = set()
    for identifier in repository.reader.snapshots():
        with suppress(IntegrityError):
            snapshot = repository.snapshot(identifier)
            dirpack = snapshot.source.index(DIRPACK_INDEX)
            if dirpack is None:
                continue
            for directory, mac in repository.reader.items(btrees.INDEX, dirpack):
                cancellation.raise_if_cancelled()
                if mac in seen:
                    continue
                seen.add(mac)
                try:
                    _store_entries(repository, mac, writer)
                except IntegrityError:
                    with suppress(IntegrityError):
                        needed.clear()
                        needed.update(_needed_for(repository, mac))
                        contents.save_dirpack(_list_of(repository, snapshot, directory))


def _store_entries(repository: Repository, mac: bytes, writer: Writer) -> None:
    codec = repository.codec
    for plain, name in dirpacks.split(repository.reader.content(mac)):
        if not repository.index.holds(Resource.VFS_ENTRY, name) and codec.mac(plain) == name:
            writer.put(Resource.VFS_ENTRY, name, plain)


def _list_of(repository: Repository, snapshot: SnapshotReader, directory: str) -> bytes:
    """The list of a directory, made of the entries in the tree of paths. Raises IntegrityError."""
    prefix = directory if directory.endswith("/") else directory + "/"
    parts = []
    for path, mac in repository.reader.items(btrees.VFS, snapshot.source.root.root, prefix):
        if not path.startswith(prefix) or "/" in path[len(prefix) :]:
            break
        if path != prefix:
            plain = repository.reader.blob(Resource.VFS_ENTRY, mac)
            parts.append(dirpacks.pack(plain, mac, is_directory=entries.read(plain).file_info.is_directory))
    return b"".join(parts)


class _Lacking:
    """Takes only blobs that the repository lacks and that somebody needs."""

    def __init__(self, writer: Writer, needed: set[bytes]) -> None:
        self._writer = writer
        self._needed = needed

    def claim(self, resource: int, mac: bytes) -> bool:
        """As `Writer.claim`."""
        return mac in self._needed and self._writer.claim(resource, mac)

    def add(self, resource: int, mac: bytes, plain: bytes) -> None:
        """As `Writer.add`."""
        self._writer.add(resource, mac, plain)

    def put(self, resource: int, mac: bytes, plain: bytes) -> None:
        """As `Writer.put`."""
        if self.claim(resource, mac):
            self.add(resource, mac, plain)


def heal_from_files(repository: Repository, left: Iterable[Hit], writer: Writer, cancellation: Cancellation) -> None:
    """Brings contents from the files of this machine that they were saved from, as far as these still have them.

    Raises CancelledError, and what storing raises.
    """
    by_snapshot: dict[bytes, list[str]] = {}
    for hit in left:
        if hit.path:
            by_snapshot.setdefault(hit.snapshot, []).append(hit.path)
    needed: set[bytes] = set()
    sink = _Lacking(writer, needed)
    contents = Contents(sink, repository.codec, Chunker.of(repository.configuration.chunking))
    for identifier, paths in by_snapshot.items():
        with suppress(IntegrityError):
            snapshot = repository.snapshot(identifier)
            importer = snapshot.source.importer
            if importer.type != "fs" or importer.origin not in {"localhost", socket.gethostname()}:
                continue
            for path in paths:
                cancellation.raise_if_cancelled()
                with suppress(IntegrityError):
                    needed.clear()
                    needed.update(_needed(repository, snapshot, path))
                    if needed:
                        _save(contents, path)


def _needed(repository: Repository, snapshot: SnapshotReader, path: str) -> set[bytes]:
    """What a file needs, where it has a content."""
    entry = snapshot.entry(path)
    return _needed_for(repository, entry.object) if entry.has_content else set()


def _needed_for(repository: Repository, mac: bytes) -> set[bytes]:
    """The identifiers of an object and of its chunks; of the object alone where that is lost."""
    found = {mac}
    with suppress(IntegrityError):
        found.update(chunk.content_mac for chunk in repository.reader.blobs.object(mac).chunks or ())
    return found


def _save(contents: Contents, path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return
    with open(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return
        # A file that cannot be read has nothing to give.
        with suppress(OSError):
            contents.save(lambda size: file.read(size) or b"", found.st_size, lambda _: None)
