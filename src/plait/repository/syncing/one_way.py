"""One direction of a sync: what the peer lacks is copied snapshot by snapshot, or told in a dry run."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import CancelledError, IntegrityError, NotSupportedError, ObjectNotFoundError, PlaitError
from plait.repository.checking.checking import check
from plait.repository.events import Begun, Ended, Warned, Work, silent
from plait.repository.files import ArchivedFiles
from plait.repository.format import wire
from plait.repository.format.hashing import plain_checksum
from plait.repository.format.resources import Resource
from plait.repository.layout import Folder
from plait.repository.locking import HeldLock
from plait.repository.syncing.copying import SnapshotCopy
from plait.repository.syncing.counting import Counting
from plait.repository.syncing.estimating import EstimatedObjects
from plait.repository.syncing.hands import Hands
from plait.repository.syncing.learning import learn, lessons
from plait.repository.syncing.objects import Objects
from plait.repository.syncing.pairs import Pairs
from plait.repository.syncing.reviving import is_there, revive
from plait.repository.syncing.settings import Copied, Copying, Deleted, LeftOut, NotCopied, Outcome, Planned
from plait.repository.upkeep.pruning import plan
from plait.repository.writing import Writer, packfile_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.repository.format.headers import Header
    from plait.repository.reading import RepositoryReader
    from plait.repository.repository import Repository
    from plait.repository.syncing.planned import PlannedCopy
    from plait.repository.syncing.selecting import Selected
    from plait.repository.syncing.syncing import Sync

_FIRST_PACKFILES: Final = 3 << 20
"""Bytes."""


class _Tools(NamedTuple):
    """What all copies of one direction share."""

    hands: Hands
    objects: Objects
    pairs: Pairs


class OneWay:
    """One direction of a sync."""

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
        for identifier in found.passed:
            sync.note(identifier, Outcome.PRESENT)
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
        self._leave_out_missing()
        with Hands(
            self._reader.blobs, features, peer.codec, peer.index, sync.cancellation, processes=sync.settings.processes
        ) as hands:
            # Processes first: they would keep the locks that threads of ours hold.
            hands.start()
            pairs = Pairs(cache, place_of(source), place_of(peer))
            try:
                pairs.verify(peer.index.readable_packfiles())
                alike = source.configuration.chunking == peer.configuration.chunking
                if alike:
                    self._learn(wanted, pairs)
                kind = EstimatedObjects if sync.settings.dry_run and features.depends_on_network else Objects
                tools = _Tools(hands, kind(self._reader.blobs, alike, peer, hands, pairs), pairs)
                if sync.settings.dry_run:
                    self._rehearse(wanted, removed, tools)
                else:
                    self._copy_all(wanted, removed, tools)
            except PlaitError as error:
                self._give_up(wanted, error)
                raise
            finally:
                pairs.close()

    def _leave_out_missing(self) -> None:
        """Counts on no packfile of the peer that is named and not there; what it held is copied again."""
        peer = self._peer
        missing = sorted(peer.index.readable_packfiles() - peer.files.keys(Folder.PACKFILES).keys())
        if missing:
            peer.index.leave_out(missing)
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            text = f"{self._names[1]} lacks packfile {missing[0].hex()}{more}, which its states name"
            self._sync.listener(Warned(f"{text}: `check` there tells which snapshots are not whole"))

    def _give_up(self, wanted: Sequence[Header], error: PlaitError) -> None:
        """Tells that an error ends the work at the first snapshot of which nothing is known; the rest fails with it."""
        sync = self._sync
        left = [header.identifier for header in wanted if header.identifier not in sync.result().outcomes]
        if left and not isinstance(error, CancelledError):
            self._fail(left[0], error.message)
        for snapshot in left:
            sync.note(snapshot, Outcome.FAILED)

    def _learn(self, wanted: Sequence[Header], pairs: Pairs) -> None:
        """Learns from snapshots that both hold, unless what they teach is known."""
        present, _ = self._of_peer()
        common = [name for name in self._reader.snapshots() if name in present and not pairs.has(name)]
        if not common:
            return
        headers = [header for name in common if (header := self._readable(name)) is not None]
        for lesson in lessons(wanted, headers):
            learn(self._reader, self._peer, pairs, lesson, self._sync.cancellation)

    def _readable(self, snapshot: bytes) -> Header | None:
        try:
            return self._reader.header(snapshot)
        except IntegrityError:
            return None

    def _rehearse(self, wanted: list[Header], removed: set[bytes], tools: _Tools) -> None:
        peer, sync = self._peer, self._sync
        sizes = packfile_sizes(peer.files.store.features, peer.configuration.packfile.max_size, _FIRST_PACKFILES)
        sink = tools.hands.sink = Counting(peer.codec, peer.index, sizes)
        for header in wanted:
            before = sink.written
            copy = SnapshotCopy(self._reader, peer, *tools, silent, sync.cancellation)
            if not self._made(copy, header, tools.hands):
                continue
            if isinstance(tools.objects, EstimatedObjects):
                tools.objects.settle(sink)
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
            while waiting:
                sync.cancellation.raise_if_cancelled()
                header = waiting[0]
                peer.index.refresh()
                if header.identifier in peer.index.snapshots():
                    # Another program has brought it meanwhile.
                    sync.note(header.identifier, Outcome.PRESENT)
                else:
                    tools.pairs.verify(peer.index.readable_packfiles())
                    sync.expect(waiting)
                    if self._copy_one(header, removed, writer, lock, tools):
                        copied.append(header.identifier)
                waiting.popleft()
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
        is_new = made is not None and not is_there(peer, snapshot, plain)
        writer.publish(last=(Resource.SNAPSHOT, snapshot, plain) if is_new else None)
        if made is not None:
            revive(peer, snapshot, plain, lock)
        tools.pairs.keep(peer.index.readable_packfiles(), () if made is None else (snapshot,))
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
