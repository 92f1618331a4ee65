"""Checking one directory of a snapshot: its list, its part of the tree, and the contents of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError, ObjectNotFoundError
from plait.model.items import Kind
from plait.repository import contents
from plait.repository.blobs import DamagedBlobError, Region
from plait.repository.format import btrees
from plait.repository.format.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.repository.blobs import Blobs
    from plait.repository.checking.findings import Damage
    from plait.repository.format.entries import Entry
    from plait.repository.format.merging import Place
    from plait.repository.snapshots import SnapshotReader

_REMEMBERED: Final = 1 << 18
"""Contents found whole that are not read again in the next snapshot."""
_BATCH: Final = 1024


class Outcome(msgspec.Struct, kw_only=True):
    """What was found in a directory: its items, which of them are directories, and what is damaged.

    `notes`: of paths of which nothing is lost, but something is not as it should be.
    """

    path: str
    names: list[str] = []
    kinds: bytes = b""
    size: int = 0
    below: list[str] = []
    damages: list[Damage] = []
    notes: list[tuple[str, str]] = []
    received: int = 0


class DirectoryCheck:
    """Checks directories of snapshots, one after the other.

    `sizes`: bytes of every packfile that the store holds, for a fast check, which reads no contents; else None.
    """

    def __init__(self, blobs: Blobs, sizes: dict[bytes, int] | None, stopping: Callable[[], bool]) -> None:
        self._blobs = blobs
        self._sizes = sizes
        self._stopping = stopping
        self._whole: set[bytes] = set()

    def check(self, snapshot: SnapshotReader, path: str, *, known: bool = False) -> Outcome:
        """Checks a directory, not those in it. Raises the store's errors.

        `known`: the same list was checked for another snapshot, so that only what this one has beside it is read.
        """
        outcome = Outcome(path=path)
        before = self._blobs.received
        files: list[tuple[str, bytes]] = []
        kinds = bytearray()

        def damaged(where: str, error: IntegrityError) -> None:
            outcome.damages.append((where, str(error), packfiles_of(error)))

        for entry in snapshot.children(path, damaged):
            if self._stopping():
                return outcome
            info = entry.file_info
            outcome.names.append(info.name)
            kinds.append(Kind.DIRECTORY if info.is_directory else Kind.FILE if info.is_regular else Kind.SPECIAL)
            if info.is_directory:
                outcome.below.append(entry.path)
            elif entry.has_content:
                outcome.size += info.size
                if not known:
                    files.append((entry.path, entry.object))
            elif info.is_regular:
                outcome.damages.append((entry.path, "the snapshot names no content for this file", ()))
            if len(files) >= _BATCH:
                self._check_contents(files, damaged)
                files = []
        self._check_contents(files, damaged)
        self._check_tree(snapshot, outcome, known=known)
        outcome.kinds = bytes(kinds)
        outcome.received = self._blobs.received - before
        return outcome

    def check_file(self, entry: Entry) -> Outcome:
        """Checks a single file."""
        info = entry.file_info
        kind = Kind.FILE if info.is_regular else Kind.SPECIAL
        outcome = Outcome(path=entry.parent_path, names=[info.name], kinds=bytes((kind,)), size=info.size)
        if entry.has_content:
            self._check_contents(
                [(entry.path, entry.object)],
                lambda path, error: outcome.damages.append((path, str(error), packfiles_of(error))),
            )
        return outcome

    def _check_contents(self, files: list[tuple[str, bytes]], damaged: Callable[[str, IntegrityError], None]) -> None:
        new = [file for file in files if file[1] not in self._whole]
        broken = set()
        for path, mac, error in self._broken(new):
            damaged(path, error)
            broken.add(mac)
        if len(self._whole) > _REMEMBERED:
            self._whole.clear()
        self._whole.update(mac for _, mac in new if mac not in broken)

    def _broken(self, files: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes, IntegrityError]]:
        """The files whose contents are not whole, and why."""
        # One content of several files is read once.
        paths: dict[bytes, list[str]] = {}
        for path, mac in files:
            paths.setdefault(mac, []).append(path)
        wanted = [(mac, mac) for mac in paths]
        for mac, error in self._missing(wanted) if self._sizes is not None else self._unreadable(wanted):
            yield from ((path, mac, error) for path in paths[mac])

    def _unreadable(self, wanted: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, IntegrityError]]:
        for group in contents.plan(self._blobs, wanted):
            if self._stopping():
                return
            if isinstance(group, contents.Unreadable):
                yield group.file, group.error
                continue
            for file, item in contents.damaged(self._blobs, group) if isinstance(group, Region) else (group,):
                try:
                    for _ in self._blobs.content(item):
                        pass
                except IntegrityError as error:
                    yield file, error

    def _missing(self, wanted: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, IntegrityError]]:
        for mac, item in contents.objects(self._blobs, wanted):
            if isinstance(item, IntegrityError):
                yield mac, item
                continue
            for chunk in item.chunks or ():
                places = self._blobs.index.places(Resource.CHUNK, chunk.content_mac)
                if not any(map(self._is_there, places)):
                    packfiles = tuple(place.packfile for place in places)
                    text = f"chunk {chunk.content_mac.hex()} is missing"
                    yield mac, DamagedBlobError(text, Resource.CHUNK, chunk.content_mac, packfiles)
                    break

    def _is_there(self, place: Place) -> bool:
        size = (self._sizes or {}).get(place.packfile)
        return size is not None and place.offset + place.length <= size

    def _check_tree(self, snapshot: SnapshotReader, outcome: Outcome, *, known: bool) -> None:
        """That the tree of paths, which single paths are looked up in, has the same entries as the directory's list."""
        path = outcome.path
        prefix = path if path.endswith("/") else path + "/"
        left = {prefix + name for name in outcome.names}
        entries: list[tuple[str, bytes]] = []
        try:
            for child, mac in snapshot.repository.items(btrees.VFS, snapshot.source.root.root, prefix):
                if not child.startswith(prefix) or "/" in child[len(prefix) :]:
                    break
                if child == prefix:
                    continue
                if child not in left:
                    outcome.damages.append((child, "it is in the snapshot's tree, but not listed in its directory", ()))
                left.discard(child)
                if not known:
                    entries.append((child, mac))
                if len(entries) >= _BATCH:
                    self._check_entries(snapshot, entries, outcome)
                    entries = []
        except IntegrityError as error:
            outcome.damages.append((path, str(error), packfiles_of(error)))
            return
        finally:
            self._check_entries(snapshot, entries, outcome)
        for child in sorted(left):
            outcome.damages.append((child, "it is listed in its directory, but not in the snapshot's tree", ()))

    def _check_entries(self, snapshot: SnapshotReader, entries: list[tuple[str, bytes]], outcome: Outcome) -> None:
        """That entries of the tree, given by path and identifier, are whole."""
        if self._sizes is None:
            found = self._blobs.read_all(Resource.VFS_ENTRY, entries)
            broken = [(path, plain) for path, plain in found if isinstance(plain, IntegrityError)]
        else:
            broken = list(self._missing_entries(entries))
        for path, error in broken:
            if not packfiles_of(error):
                # The original does not write it where only names of attributes changed; its directory's list has it.
                try:
                    snapshot.entry(path)
                except IntegrityError as trouble:
                    outcome.damages.append((path, str(trouble), packfiles_of(trouble)))
                else:
                    text = "its entry was never written, and is taken from its directory's list"
                    outcome.notes.append((path, text))
                continue
            outcome.damages.append((path, str(error), packfiles_of(error)))

    def _missing_entries(self, entries: list[tuple[str, bytes]]) -> Iterator[tuple[str, IntegrityError]]:
        for path, mac in entries:
            places = self._blobs.index.places(Resource.VFS_ENTRY, mac)
            if not any(map(self._is_there, places)):
                packfiles = tuple(place.packfile for place in places)
                yield path, DamagedBlobError("its entry is missing", Resource.VFS_ENTRY, mac, packfiles)


def packfiles_of(error: IntegrityError | ObjectNotFoundError) -> tuple[bytes, ...]:
    """The packfiles that an error speaks of."""
    return error.packfiles if isinstance(error, DamagedBlobError) else ()
