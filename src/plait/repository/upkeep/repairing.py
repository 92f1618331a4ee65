"""Repair: states from what packfiles say themselves, and contents from another copy, a peer, or the files still there.

Nothing is changed in place. What is whole in a damaged packfile is written anew; one state then names the new packfile,
colours the damaged one and takes back the places of what is lost in it. So nothing refers to damage any more, and what
cannot be had anywhere now is stored again by the next backup that meets the same content.
"""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from plait.engine.workers import Cancellation
from plait.model.errors import IntegrityError
from plait.repository.colouring import coloured
from plait.repository.events import Advanced, Warned, Work, silent
from plait.repository.format import states
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.format.states import Delete, End, Packfile
from plait.repository.layout import Folder
from plait.repository.recovering import RecoveredIndex, read_index
from plait.repository.upkeep.damage import Without, damaged_packfiles, hits
from plait.repository.upkeep.healing import heal_from_files, heal_from_peer, heal_from_within
from plait.repository.upkeep.publishing import colour, publish, taken_back
from plait.repository.upkeep.survey import exclusive
from plait.repository.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from plait.repository.blobs import BlobIndex
    from plait.repository.events import Listener
    from plait.repository.format.packfiles import Index
    from plait.repository.format.states import Writable
    from plait.repository.locking import HeldLock
    from plait.repository.repository import Repository
    from plait.repository.upkeep.damage import DamagedPackfile, Hit

_NEVER: Final = float("inf")
_LISTED: Final = frozenset((Resource.SNAPSHOT, Resource.SIGNATURE))
_ROUNDS: Final = 2
"""Which chunks a content lacks is known once its object is there."""


class RepairSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a repository is repaired.

    `apply`: without, nothing is changed. `from_files`: contents are taken from the files of this machine that they were
    saved from, where these still have them.
    """

    apply: bool = False
    from_files: bool = True


class Repaired(msgspec.Struct, kw_only=True):
    """What is wrong, and what became of it.

    `states`: keys of damaged states, and why. `named`: packfiles that no state names, and that are named again.
    `packfiles`: those that are damaged or missing. `hit`: paths that need something damaged, as it was found.
    `hidden`: snapshots that come back with a lost state, and are not whole: they were removed once, and are again.
    `unstored`: paths whose entries are in their directories' lists only, as the original leaves them now and then; it
    cannot maintain such a repository. `left`: paths that are not whole after the repair; None where nothing was
    applied.
    """

    states: dict[str, str] = {}
    named: list[bytes] = []
    packfiles: list[DamagedPackfile] = []
    hit: list[Hit] = []
    hidden: list[bytes] = []
    unstored: int = 0
    left: list[Hit] | None = None

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to repair."""
        return bool(self.states or self.named or self.packfiles or self.hit or self.unstored)


def repair(
    repository: Repository,
    settings: RepairSettings,
    peers: Sequence[Repository] = (),
    *,
    listener: Listener = silent,
    cancellation: Cancellation | None = None,
) -> Repaired:
    """Reads everything, and repairs what is damaged as far as that can be done.

    `peers` have the same snapshots, or some of them; whatever their keys. `listener` hears what a person should know.
    Raises BusyError, LockLostError, CancelledError, NotSupportedError for an archive, and the stores' errors: a rerun
    goes on from there.
    """
    cancellation = cancellation or Cancellation()
    if not settings.apply:
        repository.refresh()
        return _Repair(repository, listener, cancellation).look()
    with exclusive(repository, lambda text: listener(Warned(text))) as lock:
        work = _Repair(repository, listener, cancellation)
        result = work.look()
        work.mend(result, lock)
        repository.refresh()
        with _writer(repository, lock) as writer:
            if result.is_needed:
                for _ in range(_ROUNDS):
                    heal_from_within(repository, writer, cancellation)
                    writer.publish()
                    repository.refresh()
            left = _hit(repository, cancellation)
            for peer in peers:
                if left:
                    names = list(dict.fromkeys(hit.snapshot for hit in left))
                    heal_from_peer(repository, peer, names, writer, lock, listener, cancellation)
                    left = _hit(repository, cancellation)
            for _ in range(_ROUNDS if settings.from_files and left else 0):
                heal_from_files(repository, left, writer, cancellation)
                writer.publish()
                repository.refresh()
                left = _hit(repository, cancellation)
        result.hidden = sorted({hit.snapshot for hit in left}.intersection(result.hidden))
        if result.hidden:
            colour(repository, [(Resource.SNAPSHOT, snapshot) for snapshot in result.hidden], lock)
            repository.refresh()
        result.left = [hit for hit in left if hit.snapshot not in result.hidden]
        return result


def _hit(repository: Repository, cancellation: Cancellation) -> list[Hit]:
    """What is not whole."""
    return hits(repository, repository.index, cancellation=cancellation)[1]


def _writer(repository: Repository, lock: HeldLock) -> Writer:
    return Writer(
        repository.writable_files,
        repository.codec,
        repository.index,
        lock,
        packfile_size=repository.configuration.packfile.max_size,
        publish_seconds=_NEVER,
    )


class _Repair:
    def __init__(self, repository: Repository, listener: Listener, cancellation: Cancellation) -> None:
        self._repository = repository
        self._listener = listener
        self._cancellation = cancellation
        self._strays: dict[bytes, Index] = {}
        self._nameless = 0

    def look(self) -> Repaired:
        """What is wrong."""
        repository = self._repository
        index, files = repository.index, repository.writable_files
        result = Repaired(states=dict(index.damaged_states))
        sizes = files.packfile_sizes()
        self._strays = self._find_strays(sizes)
        named: BlobIndex = index
        if self._strays:
            named = RecoveredIndex(index, files, repository.codec, {name: sizes[name] for name in self._strays})
            if self._are_lost(result, named):
                result.named = sorted(self._strays)
            else:
                # What a backup that died has left: maintenance takes care of that.
                self._strays, named = {}, index
        readable = index.readable_packfiles()
        names = sorted({*readable, *self._strays})

        def advanced(items: int, size: int, total: int) -> None:
            self._listener(Advanced(Work.REPAIR, items, size, len(names), total))

        found = damaged_packfiles(
            repository, names, lambda _: None, self._cancellation, self._strays, advanced=advanced
        )
        result.packfiles = list(found)
        lost = [(key, packfile.name) for packfile in result.packfiles for key in packfile.lost]
        without = Without(named, lost, readable - sizes.keys())
        coming = set(named.snapshots()) - set(index.snapshots())
        unstored: set[str] = set()
        _, hit = hits(repository, without, noted=unstored.add, cancellation=self._cancellation)
        result.unstored = len(unstored)
        result.hidden = self._in_pieces(named, coming)
        result.hit = sorted(set(hit))
        return result

    def _in_pieces(self, named: BlobIndex, coming: Collection[bytes]) -> list[bytes]:
        """Of snapshots that come back, those of which a part went with a maintenance: nothing says where it was.

        What a damaged packfile held is lost to a snapshot that nobody removed; so may be what one held of which not
        even that can be told.
        """
        if self._nameless or not coming:
            return []
        checked, _ = hits(self._repository, named, sorted(coming), cancellation=self._cancellation)
        return sorted({failure.snapshot for failure in checked.failures if not failure.packfiles})

    def _find_strays(self, sizes: dict[bytes, int]) -> dict[bytes, Index]:
        """The packfiles that no state names, deletes or colours, and that can be read."""
        index = self._repository.index
        coloured = {mac for resource, mac in index.colours() if resource == Resource.PACKFILE}
        known = index.known_packfiles() | coloured
        files, codec = self._repository.writable_files, self._repository.codec
        found = {name: read_index(files, codec, name, size) for name, size in sizes.items() if name not in known}
        strays = {name: read for name, read in found.items() if read is not None}
        self._nameless = len(found) - len(strays)
        return strays

    def _are_lost(self, result: Repaired, named: BlobIndex) -> bool:
        """Whether a state is missing that named the strays: a snapshot is among them, or needs something in them."""
        if result.states or set(named.snapshots()) - set(self._repository.index.snapshots()):
            return True
        repository = self._repository
        before = hits(repository, repository.index, cancellation=self._cancellation)[1]
        return bool(before) and len(hits(repository, named, cancellation=self._cancellation)[1]) < len(before)

    def mend(self, result: Repaired, lock: HeldLock) -> None:
        """Makes states and packfiles whole again, as far as what is in the repository allows."""
        if result.named:
            self._name_strays(result, lock)
        self._drop_states(result)
        if result.packfiles:
            self._rewrite(result.packfiles, lock)

    def _name_strays(self, result: Repaired, lock: HeldLock) -> None:
        """One state for all of them."""
        repository = self._repository
        lock.check()
        now = time.time_ns()
        name = os.urandom(states.NAME_SIZE)
        locations = b"".join(
            states.pack_location(blob.resource, blob.mac, packfile, blob.offset, blob.length)
            for packfile in result.named
            for blob in self._strays[packfile].blobs
        )
        packfiles = [Packfile(packfile, name, self._strays[packfile].timestamp) for packfile in result.named]
        parent = repository.index.newest_state() or NO_MAC
        stream = states.write_stream(parent, [locations, *packfiles], End(now))
        repository.writable_files.put(Folder.STATES, name, states.write(stream, repository.codec))
        repository.index.add_state(name, stream)

    def _drop_states(self, result: Repaired) -> None:
        """Removes damaged states, which keep the original from working at all; what they named has another state."""
        files = self._repository.writable_files
        keys = files.keys(Folder.STATES)
        damaged = [name for name, key in keys.items() if key in result.states and self._is_damaged(key)]
        files.remove(Folder.STATES, damaged)
        self._repository.refresh()

    def _is_damaged(self, key: str) -> bool:
        """Whether a state cannot be read now: that it could not be read before may have been the way to it."""
        try:
            _, records = states.read(self._repository.writable_files.read(key), self._repository.codec)
            deque(records, maxlen=0)
        except IntegrityError:
            return True
        self._listener(Warned(f"{key} can be read again, and is kept"))
        return False

    def _rewrite(self, damaged: Sequence[DamagedPackfile], lock: HeldLock) -> None:
        """Writes what is whole in damaged packfiles anew, and lets nothing refer to them any more."""
        repository = self._repository
        bad = {packfile.name for packfile in damaged}
        carried: set[bytes] = set()
        unread: set[bytes] = set()
        with _writer(repository, lock) as writer:
            for packfile in damaged:
                for key, place in packfile.whole:
                    elsewhere = repository.index.places(key[32], key[:32])
                    if key in carried or any(other.packfile not in bad for other in elsewhere):
                        continue
                    self._cancellation.raise_if_cancelled()
                    try:
                        stored = repository.reader.blobs.stored(place)
                    except IntegrityError as error:
                        self._listener(Warned(f"a blob became unreadable meanwhile: {error}"))
                        unread.add(key)
                        continue
                    carried.add(key)
                    writer.add_encoded(key[32], key[:32], stored)
            headers = [
                (key[:32], packfile.name)
                for packfile in damaged
                for key, _ in packfile.whole
                if key[32] == Resource.SNAPSHOT and key not in unread
            ]
            back = taken_back(repository.index, headers)
            packfiles = [(Resource.PACKFILE, packfile.name) for packfile in damaged]
            colours = coloured(repository.index, packfiles, time.time_ns())
            records: list[Writable] = [
                *back.now,
                *(
                    Delete.location(key[32], key[:32], packfile.name)
                    for packfile in damaged
                    for key in packfile.lost
                    # A snapshot without a header stays on the list, lest nobody misses it.
                    if key[32] not in _LISTED
                ),
                *colours.now,
            ]
            writer.publish(records)
            later: list[tuple[bytes, Writable]] = [*back.later, *colours.later]
            for state, record in later:
                publish(repository, [record], lock, parent=state)
