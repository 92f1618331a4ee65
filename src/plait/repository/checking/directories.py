"""Checking one directory of a snapshot: its list, its part of the tree, and the contents of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from plait.model.errors import IntegrityError, ObjectNotFoundError
from plait.model.items import Kind
from plait.repository import contents
from plait.repository.blobs import DamagedBlobError, Region
from plait.repository.format import btrees
from plait.repository.format.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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


class _Part(NamedTuple):
    """A path of a directory under check, and the identifier of what belongs to it."""

    outcome: Outcome
    path: str
    mac: bytes


class DirectoryCheck:
    """Checks directories of snapshots, some at a time: what is in them is read together where it lies together.

    `sizes`: bytes of every packfile that the store holds, for a fast check, which reads no contents; else None.
    """

    def __init__(self, blobs: Blobs, sizes: dict[bytes, int] | None, stopping: Callable[[], bool]) -> None:
        self._blobs = blobs
        self._sizes = sizes
        self._stopping = stopping
        self._whole: set[bytes] = set()
        self._files: list[_Part] = []
        self._entries: list[_Part] = []

    def check(self, snapshot: SnapshotReader, directories: Sequence[tuple[str, bool]]) -> list[Outcome]:
        """Checks directories, not those in them. Raises the store's errors.

        They are given with whether the same list was checked for another snapshot, so that only what this one has
        beside it is read.
        """
        outcomes = []
        before = self._blobs.received
        listings = snapshot.listings([path for path, _ in directories])
        for path, known in directories:
            outcome = Outcome(path=path)
            outcomes.append(outcome)
            self._list(snapshot, outcome, listings.pop(path, None), known=known)
            if self._stopping():
                break
            self._check_tree(snapshot, outcome, known=known)
        self._check_files()
        self._check_entries(snapshot)
        if outcomes:
            outcomes[-1].received = self._blobs.received - before
        return outcomes

    def _list(self, snapshot: SnapshotReader, outcome: Outcome, listing: bytes | None, *, known: bool) -> None:
        """What is in a directory, according to its own list."""
        kinds = bytearray()

        def damaged(where: str, error: IntegrityError) -> None:
            outcome.damages.append((where, str(error), packfiles_of(error)))

        for entry in snapshot.children(outcome.path, damaged, listing=listing):
            if self._stopping():
                break
            info = entry.file_info
            outcome.names.append(info.name)
            kinds.append(Kind.DIRECTORY if info.is_directory else Kind.FILE if info.is_regular else Kind.SPECIAL)
            if info.is_directory:
                outcome.below.append(entry.path)
            elif entry.has_content:
                outcome.size += info.size
                if not known:
                    self._files.append(_Part(outcome, entry.path, entry.object))
            elif info.is_regular:
                outcome.damages.append((entry.path, "the snapshot names no content for this file", ()))
            if len(self._files) >= _BATCH:
                self._check_files()
        outcome.kinds = bytes(kinds)

    def check_file(self, entry: Entry) -> Outcome:
        """Checks a single file."""
        info = entry.file_info
        kind = Kind.FILE if info.is_regular else Kind.SPECIAL
        outcome = Outcome(path=entry.parent_path, names=[info.name], kinds=bytes((kind,)), size=info.size)
        if entry.has_content:
            self._files.append(_Part(outcome, entry.path, entry.object))
            self._check_files()
        return outcome

    def _check_files(self) -> None:
        """That the contents that were found are whole; one of several files is read once."""
        parts: dict[bytes, list[_Part]] = {}
        for part in self._files:
            if part.mac not in self._whole:
                parts.setdefault(part.mac, []).append(part)
        self._files = []
        wanted = [(mac, mac) for mac in parts]
        if len(self._whole) > _REMEMBERED:
            self._whole.clear()
        self._whole.update(parts)
        for mac, error in self._missing(wanted) if self._sizes is not None else self._unreadable(wanted):
            self._whole.discard(mac)
            for part in parts[mac]:
                part.outcome.damages.append((part.path, str(error), packfiles_of(error)))

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
                    self._entries.append(_Part(outcome, child, mac))
                if len(self._entries) >= _BATCH:
                    self._check_entries(snapshot)
        except IntegrityError as error:
            outcome.damages.append((path, str(error), packfiles_of(error)))
            return
        for child in sorted(left):
            outcome.damages.append((child, "it is listed in its directory, but not in the snapshot's tree", ()))

    def _check_entries(self, snapshot: SnapshotReader) -> None:
        """That the entries of the tree that were found are whole."""
        parts, self._entries = self._entries, []
        wanted = [(part, part.mac) for part in parts]
        if self._sizes is None:
            found = self._blobs.read_all(Resource.VFS_ENTRY, wanted)
            broken = [(part, plain) for part, plain in found if isinstance(plain, IntegrityError)]
        else:
            broken = list(self._missing_entries(wanted))
        for (outcome, path, _), error in broken:
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

    def _missing_entries(self, wanted: list[tuple[_Part, bytes]]) -> Iterator[tuple[_Part, IntegrityError]]:
        found = self._blobs.all_places(Resource.VFS_ENTRY, [mac for _, mac in wanted])
        for (part, mac), places in zip(wanted, found, strict=True):
            if not any(map(self._is_there, places)):
                packfiles = tuple(place.packfile for place in places)
                yield part, DamagedBlobError("its entry is missing", Resource.VFS_ENTRY, mac, packfiles)


def packfiles_of(error: IntegrityError | ObjectNotFoundError) -> tuple[bytes, ...]:
    """The packfiles that an error speaks of."""
    return error.packfiles if isinstance(error, DamagedBlobError) else ()
