"""A sync from end to end: what is missing is found, copied snapshot by snapshot, and told."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.engine.workers import Cancellation
from plait.model.errors import IntegrityError, NotSupportedError, ObjectNotFoundError, PlaitError
from plait.repository.checking.checking import check
from plait.repository.events import Begun, Ended, Warned, Work, silent
from plait.repository.files import ArchivedFiles
from plait.repository.format import wire
from plait.repository.format.hashing import plain_checksum
from plait.repository.format.resources import Resource
from plait.repository.locking import HeldLock
from plait.repository.syncing.copying import SnapshotCopy
from plait.repository.syncing.counting import Counting
from plait.repository.syncing.hands import Hands
from plait.repository.syncing.lost import whole_reader
from plait.repository.syncing.objects import Objects
from plait.repository.syncing.pairs import Pairs
from plait.repository.syncing.places import refuse_same
from plait.repository.syncing.reviving import is_there, revive
from plait.repository.syncing.selecting import Selected, refuse_vague, selected
from plait.repository.syncing.settings import (
    Copied,
    Copying,
    Deleted,
    Direction,
    LeftOut,
    NotCopied,
    NothingFound,
    Outcome,
    Planned,
    SyncResult,
    SyncSettings,
)
from plait.repository.upkeep.pruning import plan
from plait.repository.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.repository.events import Listener
    from plait.repository.format.headers import Header
    from plait.repository.reading import RepositoryReader
    from plait.repository.repository import Repository
    from plait.repository.selection import Query
    from plait.repository.syncing.planned import PlannedCopy
    from plait.repository.syncing.settings import SyncListener

_FIRST_PACKFILES: Final = 4 << 20
"""Bytes."""


class Sync:
    """A sync of the local repository with a peer. `told` hears of snapshots, `listener` of what is in them.

    `names` are what the two are called in events. Nothing is written to a repository that snapshots only come from.
    """

    def __init__(  # noqa: PLR0917  (each is another thing that the work needs)
        self,
        local: Repository,
        peer: Repository,
        names: tuple[str, str],
        settings: SyncSettings,
        told: SyncListener,
        listener: Listener = silent,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._local = local
        self._peer = peer
        self._names = names
        self._settings = settings
        self._told = told
        self._listener = listener
        self._cancellation = cancellation or Cancellation()
        self._outcomes: dict[bytes, Outcome] = {}

    def run(self, direction: Direction, query: Query, prefix: str = "") -> SyncResult:
        """Copies what a query selects and the other side lacks; `prefix` is of one snapshot that was named.

        A snapshot that cannot be copied is told, and the others go on. Raises UsageError for two that are one
        repository and for a prefix that says too little, DirectoryNotFoundError for one that says nothing,
        NotSupportedError where a destination cannot be written to, BusyError, CancelledError, and the stores' errors.
        """
        refuse_same(self._local, self._peer)
        local, peer = self._local, self._peer
        if direction is not Direction.FROM:
            _ = peer.writable_files
        if direction is not Direction.TO:
            _ = local.writable_files
        readers = {Direction.TO: (local,), Direction.FROM: (peer,), Direction.WITH: (local, peer)}[direction]
        if prefix:
            refuse_vague(prefix, [whole_reader(one) for one in readers], query)
        if direction is not Direction.FROM:
            self._half(local, peer, query, backwards=False)
        if direction is not Direction.TO:
            self._half(peer, local, query, backwards=True)
        return self.result()

    def apply(self, copies: Sequence[PlannedCopy]) -> SyncResult:
        """Copies the snapshots of a plan, each only where both repositories are still as planned.

        What is not as planned is told as a snapshot that could not be copied, and the others go on. Raises as `run`.
        """
        refuse_same(self._local, self._peer)
        directions = ((self._local, self._peer, False), (self._peer, self._local, True))
        halves = [
            (source, peer, own)
            for source, peer, backwards in directions
            if (own := [copy for copy in copies if copy.backwards is backwards])
        ]
        for _, peer, _ in halves:
            _ = peer.writable_files
        for source, peer, own in halves:
            names = self._names[::-1] if peer is self._local else self._names
            half = _Half(self, source, whole_reader(source), peer, names, backwards=peer is self._local)
            half.apply(own)
        return self.result()

    def result(self) -> SyncResult:
        """What has become of the snapshots so far."""
        return SyncResult(self._outcomes)

    def _half(self, source: Repository, peer: Repository, query: Query, *, backwards: bool) -> None:
        names = self._names[::-1] if backwards else self._names
        if source is self._peer and not self._settings.dry_run:
            source.refresh()
        reader = whole_reader(source)
        found = selected(reader, query)
        if not found.headers and not found.unreadable:
            self._told(NothingFound(names[0]))
            return
        half = _Half(self, source, reader, peer, names, backwards=backwards)
        half.run(found)

    def note(self, snapshot: bytes, outcome: Outcome) -> None:
        """Notes what became of a snapshot; of two directions, the one that did more counts."""
        order = list(Outcome)
        before = self._outcomes.get(snapshot, Outcome.PRESENT)
        self._outcomes[snapshot] = max(before, outcome, key=order.index)

    @property
    def settings(self) -> SyncSettings:
        """How it is done."""
        return self._settings

    @property
    def told(self) -> SyncListener:
        """Who hears of snapshots."""
        return self._told

    @property
    def listener(self) -> Listener:
        """Who hears of what is in them."""
        return self._listener

    @property
    def cancellation(self) -> Cancellation:
        """What ends the work early."""
        return self._cancellation


class _Tools(NamedTuple):
    """What all copies of one direction share."""

    hands: Hands
    objects: Objects
    pairs: Pairs


class _Half:
    """One direction."""

    def __init__(
        self,
        sync: Sync,
        source: Repository,
        reader: RepositoryReader,
        peer: Repository,
        names: tuple[str, str],
        *,
        backwards: bool,
    ) -> None:
        self._sync = sync
        self._source = source
        self._reader = reader
        self._peer = peer
        self._names = names
        self._backwards = backwards

    def run(self, found: Selected) -> None:
        """Copies what the peer lacks, newest first."""
        sync = self._sync
        present, removed = self._of_peer()
        wanted = []
        for header in found.headers:
            if header.identifier in present:
                sync.note(header.identifier, Outcome.PRESENT)
            elif header.identifier in removed and sync.settings.deleted is Deleted.KEEP:
                sync.note(header.identifier, Outcome.SKIPPED)
                sync.told(LeftOut(header.identifier, self._names[1]))
            else:
                wanted.append(header)
        wanted = self._kept(wanted)
        for identifier, error in found.unreadable.items():
            if identifier in present:
                sync.note(identifier, Outcome.PRESENT)
            else:
                self._fail(identifier, error.message)
        if wanted:
            self._copy(wanted, removed)

    def _kept(self, wanted: list[Header]) -> list[Header]:
        """What the retention of the peer would keep there; the rest is told."""
        sync = self._sync
        if sync.settings.keep is None or not wanted:
            return wanted
        there = [header for _, header in self._peer.reader.headers() if not isinstance(header, IntegrityError)]
        refused = {
            judged.header.identifier: judged.reason
            for judged in plan([*there, *wanted], sync.settings.keep, time.time_ns())
            if not judged.verdict.kept
        }
        for header in wanted:
            reason = refused.get(header.identifier)
            if reason is not None:
                sync.note(header.identifier, Outcome.SKIPPED)
                sync.told(LeftOut(header.identifier, self._names[1], reason))
        return [header for header in wanted if header.identifier not in refused]

    def apply(self, copies: Sequence[PlannedCopy]) -> None:
        """Copies what was planned, where both sides are still so."""
        present, removed = self._of_peer()
        listed = set(self._reader.snapshots())
        wanted: list[Header] = []
        for copy in copies:
            snapshot = copy.snapshot
            if snapshot not in listed:
                self._fail(snapshot, "it is not as planned: it was removed")
            elif snapshot in present:
                self._fail(snapshot, f"{self._names[1]} is not as planned: it has the snapshot now")
            elif (snapshot in removed) is not copy.restored:
                change = "was removed there meanwhile" if snapshot in removed else "is not marked as removed any more"
                self._fail(snapshot, f"{self._names[1]} is not as planned: the snapshot {change}")
            else:
                wanted += self._as_planned(copy)
        if wanted:
            self._copy(wanted, removed)

    def _as_planned(self, copy: PlannedCopy) -> Iterator[Header]:
        """The header of a snapshot; none where it cannot be read or is another one, which is told."""
        try:
            header = self._reader.header(copy.snapshot)
        except IntegrityError as error:
            self._fail(copy.snapshot, error.message)
            return
        if checksum_of(header) == copy.header:
            yield header
        else:
            self._fail(copy.snapshot, "it is not as planned: it says something else of itself")

    def _of_peer(self) -> tuple[set[bytes], set[bytes]]:
        """The snapshots that the peer has, and those that were removed from it."""
        index = self._peer.index
        removed = {mac for resource, mac in index.colours() if resource == Resource.SNAPSHOT}
        return set(index.snapshots()), removed

    def _copy(self, wanted: list[Header], removed: set[bytes]) -> None:
        source, peer, sync = self._source, self._peer, self._sync
        features = source.files.store.features
        cache = peer.cache if sync.settings.remembers else None
        with Hands(
            self._reader.blobs, features, peer.codec, peer.index, sync.cancellation, processes=sync.settings.processes
        ) as hands:
            # Processes first: they would keep the locks that threads of ours hold.
            hands.start()
            pairs = Pairs(cache, place_of(source), place_of(peer))
            try:
                alike = source.configuration.chunking == peer.configuration.chunking
                tools = _Tools(hands, Objects(self._reader.blobs, alike, peer, hands, pairs), pairs)
                if sync.settings.dry_run:
                    self._rehearse(wanted, removed, tools)
                else:
                    self._copy_all(wanted, removed, tools)
            finally:
                pairs.close()

    def _rehearse(self, wanted: list[Header], removed: set[bytes], tools: _Tools) -> None:
        peer, sync = self._peer, self._sync
        sink = Counting(peer.codec, peer.index, peer.configuration.packfile.max_size)
        tools.hands.sink = sink
        tools.pairs.verify(peer.index.readable_packfiles())
        for header in wanted:
            before = sink.written
            copy = SnapshotCopy(self._reader, peer, *tools, silent, sync.cancellation)
            if not self._made(copy, header, tools.hands):
                continue
            sink.end_snapshot()
            restored = header.identifier in removed
            sync.told(
                Planned(
                    header.identifier,
                    sink.written - before,
                    _directory(header),
                    *self._names,
                    header.timestamp,
                    checksum_of(header),
                    self._backwards,
                    restored,
                )
            )
            sync.note(header.identifier, Outcome.COPIED)

    def _copy_all(self, wanted: list[Header], removed: set[bytes], tools: _Tools) -> None:
        peer, sync = self._peer, self._sync
        copied = []
        with (
            HeldLock(
                peer.writable_files,
                peer.codec,
                # Two runs may copy the same snapshot, so that its identifier would be the name of both their locks.
                os.urandom(32),
                told=lambda text: sync.listener(Warned(text)),
            ) as lock,
            Writer(
                peer.writable_files,
                peer.codec,
                peer.index,
                lock,
                packfile_size=peer.configuration.packfile.max_size,
                first_packfile_size=_FIRST_PACKFILES,
                publish_seconds=sync.settings.publish_seconds,
            ) as writer,
        ):
            tools.hands.sink = writer
            waiting = deque(wanted)
            try:
                while waiting:
                    sync.cancellation.raise_if_cancelled()
                    header = waiting[0]
                    peer.index.refresh()
                    if header.identifier in peer.index.snapshots():
                        # Another program has brought it meanwhile.
                        sync.note(header.identifier, Outcome.PRESENT)
                    else:
                        tools.pairs.verify(peer.index.readable_packfiles())
                        if self._copy_one(header, removed, writer, lock, tools):
                            copied.append(header.identifier)
                    waiting.popleft()
            except PlaitError:
                for header in waiting:
                    sync.note(header.identifier, Outcome.FAILED)
                raise
        peer.refresh()
        if sync.settings.verify:
            self._verify(copied)

    def _copy_one(self, header: Header, removed: set[bytes], writer: Writer, lock: HeldLock, tools: _Tools) -> bool:
        peer, sync = self._peer, self._sync
        snapshot = header.identifier
        began, read, written = time.monotonic_ns(), self._reader.blobs.received, writer.written
        sync.told(Copying(snapshot, *self._names, backwards=self._backwards, restored=snapshot in removed))
        sync.listener(Begun(Work.SYNC, snapshot, self._names[1]))
        copy = SnapshotCopy(self._reader, peer, *tools, sync.listener, sync.cancellation)
        made = self._made(copy, header, tools.hands)
        plain = b"" if made is None else wire.encode(made)
        if made is not None and not is_there(peer, snapshot, plain):
            writer.claim(Resource.SNAPSHOT, snapshot)
            writer.add(Resource.SNAPSHOT, snapshot, plain)
        writer.publish()
        if made is not None:
            revive(peer, snapshot, plain, lock)
        tools.pairs.keep(peer.index.readable_packfiles())
        sync.listener(
            Ended(
                Work.SYNC,
                snapshot,
                len(copy.damage),
                time.monotonic_ns() - began,
                self._reader.blobs.received - read,
                writer.written - written,
                _size(header),
                self._names[1],
            )
        )
        if made is None:
            return False
        sync.told(Copied(snapshot, writer.written - written))
        sync.note(snapshot, Outcome.COPIED)
        return True

    def _made(self, copy: SnapshotCopy, header: Header, hands: Hands) -> Header | None:
        """The header of the copy; None where there is damage, which is told."""
        try:
            made = copy.run(header)
        except (IntegrityError, NotSupportedError, ObjectNotFoundError) as error:
            # What was claimed already is stored all the same: the next snapshot counts on it.
            hands.finish()
            self._fail(header.identifier, error.message)
            return None
        if not copy.damage:
            return made
        path, reason = copy.damage[0]
        more = len(copy.damage) - 1
        where = f"{path}: " if path else ""
        others = f" (and {more} more)" if more else ""
        self._fail(header.identifier, f"{where}{reason}{others}")
        return None

    def _verify(self, copied: list[bytes]) -> None:
        """Reads back what was copied."""
        peer, sync = self._peer, self._sync
        if not copied:
            return
        snapshots = [(peer.snapshot(identifier), "/") for identifier in copied]
        result = check(peer.reader, peer.files, snapshots, listener=sync.listener, cancellation=sync.cancellation)
        for checked in result.snapshots:
            if checked.failed:
                self._fail(checked.identifier, "it was copied, but what was read back of it is not whole")

    def _fail(self, snapshot: bytes, error: str) -> None:
        self._sync.note(snapshot, Outcome.FAILED)
        self._sync.told(NotCopied(snapshot, error, self._names[0], self._backwards))


def place_of(repository: Repository) -> bytes:
    """What tells a repository in its place from any other."""
    if isinstance(repository.files, ArchivedFiles):
        return os.fsencode(repository.description) + repository.identifier
    return repository.place


def checksum_of(header: Header) -> bytes:
    """What tells a header from any other."""
    return plain_checksum(wire.encode(header))


def _directory(header: Header) -> str:
    return next((source.importer.directory for source in header.sources or ()), "")


def _size(header: Header) -> int:
    return sum(source.summary.directory.size + source.summary.below.size for source in header.sources or ())
