"""A repository: the one object that commands and the Python API work on."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self, TypeAlias
from uuid import uuid4

import msgspec

from plait.model.closing import Closing
from plait.model.errors import IntegrityError, NotSupportedError, SecretError, UsageError
from plait.repository.events import silent
from plait.repository.files import ArchivedFiles, StoredFiles
from plait.repository.format import configuration as configurations
from plait.repository.format.configuration import CompressionSettings, Configuration, Hashing, PackfileSizes
from plait.repository.format.hashing import plain_checksum
from plait.repository.index import StoredIndex
from plait.repository.reading import RepositoryReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plait.engine.workers import Cancellation
    from plait.repository.backup.saving import BackupResult, BackupSettings
    from plait.repository.backup.sources import Source
    from plait.repository.checking.findings import Checked, CheckSettings
    from plait.repository.events import Listener
    from plait.repository.format.codec import Codec
    from plait.repository.format.configuration import Unlocked
    from plait.repository.restoring.settings import Restored, RestoreSettings
    from plait.repository.restoring.target import Target
    from plait.repository.selection import Query
    from plait.repository.snapshots import SnapshotReader
    from plait.repository.statistics import Statistics
    from plait.repository.syncing.settings import Direction, SyncListener, SyncResult, SyncSettings
    from plait.repository.upkeep.maintenance import Maintained, MaintenanceSettings
    from plait.repository.upkeep.pruning import Judged
    from plait.repository.upkeep.repacking import Repacked, RepackSettings
    from plait.repository.upkeep.repairing import Repaired, RepairSettings
    from plait.stores.base import Store

    Passphrase: TypeAlias = bytes | Callable[[], bytes | None] | None
    """A passphrase, or what asks for it once it is known that one is needed."""


class NewRepository(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided once, when a repository is made.

    `hashing`: BLAKE3 or SHA256. `compression`: LZ4, GZIP or None. `packfile_size`: bytes at which a packfile is closed,
    at the latest.
    """

    hashing: str = "BLAKE3"
    compression: str | None = "LZ4"
    packfile_size: int = 64 << 20


class Repository(Closing):
    """An opened and unlocked repository.

    Threads may share it for reading; one backup at a time. Close it, or use it in a `with`.

    `files`: its files. `configuration`, `codec`: what CONFIG says, and the codec of its blobs. `reader`: reading.
    `index`: what it holds, as known since it was opened or last refreshed.
    """

    def __init__(
        self,
        files: StoredFiles | ArchivedFiles,
        unlocked: Unlocked,
        cache: Path | None = None,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Reads what the repository holds; see `open` for `cache`, `told` and errors."""
        self.files = files
        self.configuration: Configuration = unlocked.configuration
        self.codec: Codec = unlocked.codec
        self.cache = cache
        self._unlocked = unlocked
        if isinstance(files, StoredFiles) and cache is not None:
            files.signs = cache / "signs"
        if isinstance(files, ArchivedFiles):
            # Archives share the name of their only state, so that nothing could be known of them again.
            self.index = StoredIndex(files, self.codec, self.identifier + bytes(16), None)
        else:
            self.index = StoredIndex(files, self.codec, self.place, cache, told)
        self.reader = RepositoryReader(files, unlocked=unlocked, index=self.index)

    @classmethod
    def create(
        cls,
        store: Store,
        passphrase: bytes | None,
        settings: NewRepository | None = None,
        *,
        cache: Path | None = None,
    ) -> Self:
        """Makes a repository at the root of a store and opens it; without a passphrase, one that is not encrypted.

        Raises AlreadyExistsError where the place is not empty, SecretError for an empty passphrase, NotSupportedError
        for unknown settings; nothing was touched then. Raises the store's errors.
        """
        settings = settings or NewRepository()
        if passphrase is not None and not passphrase:
            raise SecretError("a repository cannot be encrypted with an empty passphrase")
        config = Configuration(
            timestamp=time.time_ns(),
            repository=uuid4().bytes,
            packfile=PackfileSizes(max_size=settings.packfile_size),
            hashing=Hashing(settings.hashing),
            compression=None if settings.compression is None else CompressionSettings(settings.compression),
        )
        configurations.make_codec(config, None, os.urandom)
        files = StoredFiles(store)
        files.refuse_what_is_there()
        key = None
        if passphrase is not None:
            encryption, key = configurations.make_encryption(passphrase, os.urandom)
            config = msgspec.structs.replace(config, encryption=encryption)
        files.create(configurations.write(config, key))
        return cls(files, configurations.make_unlocked(config, key, os.urandom), cache)

    @classmethod
    def open(
        cls,
        store: Store,
        passphrase: Passphrase = None,
        *,
        cache: Path | None = None,
        told: Callable[[str], None] = lambda _: None,
    ) -> Self:
        """Opens the repository at the root of a store.

        `passphrase` is used where the repository is encrypted, asked for only then if it is a function. `cache` is a
        directory for what can be known again: the index is kept there, so that opening does not read every state. It
        may be deleted at any time. `told` gets a line where it cannot be written and the work goes on without it.

        Raises DirectoryNotFoundError where there is no repository, SecretError where the passphrase is missing or
        wrong, IntegrityError where CONFIG or a state is damaged, NotSupportedError for what is newer than known, and
        the store's errors.
        """
        return cls._open(StoredFiles(store), passphrase, cache, told)

    @classmethod
    def open_archive(cls, store: Store, key: str, passphrase: Passphrase = None) -> Self:
        """Opens the archive (`.ptar`) under a key of a store, for reading. Raises as `open`."""
        return cls._open(ArchivedFiles(store, key), passphrase, None)

    @classmethod
    def _open(
        cls,
        files: StoredFiles | ArchivedFiles,
        passphrase: Passphrase,
        cache: Path | None,
        told: Callable[[str], None] = lambda _: None,
    ) -> Self:
        data = files.configuration()
        if callable(passphrase):
            passphrase = passphrase() if configurations.read(data).encryption is not None else None
        return cls(files, configurations.unlock(data, passphrase, os.urandom), cache, told)

    def go_without_locks(self) -> None:
        """From now on writes without taking locks and whoever holds one: where others see to it that nobody else does.

        An archive has none in any case.
        """
        if isinstance(self.files, StoredFiles):
            self.files.lockless = True

    @property
    def identifier(self) -> bytes:
        """The RepositoryID: 16 bytes. Raw copies of a repository share it."""
        return self.configuration.repository

    @property
    def place(self) -> bytes:
        """What tells this repository in this place from any other; raw copies elsewhere share its RepositoryID."""
        features = self.writable_files.store.features
        return plain_checksum(
            b"\0".join((os.fsencode(features.identity), os.fsencode(self.description), self.identifier))
        )

    @property
    def description(self) -> str:
        """Where it is, for people."""
        return self.files.description

    @property
    def writable_files(self) -> StoredFiles:
        """Its files, for writing. Raises NotSupportedError for an archive."""
        if isinstance(self.files, ArchivedFiles):
            raise NotSupportedError("an archive cannot be written to", hint="copy its snapshots to a repository")
        return self.files

    def refresh(self) -> None:
        """Takes in what others have added or removed. Raises as `open`."""
        self.index.refresh()
        self.reader = RepositoryReader(self.files, unlocked=self._unlocked, index=self.index)

    def snapshots(self) -> list[SnapshotReader]:
        """The listed snapshots whose headers can be read, newest first."""
        found = []
        for identifier in self.reader.snapshots():
            try:
                found.append(self.reader.snapshot(identifier))
            except IntegrityError:
                continue
        return sorted(found, key=lambda snapshot: (-snapshot.header.timestamp, snapshot.header.identifier))

    def snapshot(self, identifier: bytes) -> SnapshotReader:
        """A listed snapshot by its identifier of 32 bytes. Raises DirectoryNotFoundError, IntegrityError."""
        return self.reader.snapshot(identifier)

    def backup(
        self,
        source: Source | Sequence[str | os.PathLike[str]],
        settings: BackupSettings | None = None,
        *,
        listener: Listener = silent,
        cancellation: Cancellation | None = None,
    ) -> BackupResult:
        """Saves a source, or files and directories of this machine, as a new snapshot.

        Of files, SQLite databases in use are saved as consistent images; a `LocalSource` without that does otherwise.
        What cannot be read of the source is told, counted and recorded in the snapshot, and raises nothing. Raises
        DirectoryNotFoundError for a missing place, BusyError where the repository is locked for maintenance,
        LockLostError where another program took this run's lock away, CancelledError, and the store's errors: then
        there is no snapshot, but what was stored is used by the next run.
        """
        from plait.repository.backup.databases import Databases
        from plait.repository.backup.local import LocalSource
        from plait.repository.backup.saving import Backup, BackupSettings

        if isinstance(source, Sequence):
            places = [os.fspath(place) for place in source]
            source = LocalSource(places, skips=self.own_directories(), databases=Databases(listener))
        return Backup(self, source, settings or BackupSettings(), listener, cancellation).run()

    def restore(
        self,
        snapshot: bytes,
        destination: Store | str | os.PathLike[str],
        path: str = "",
        settings: RestoreSettings | None = None,
        *,
        listener: Listener = silent,
        cancellation: Cancellation | None = None,
    ) -> Restored:
        """Restores what is at and below a path of a snapshot, "" for all that was saved, to a directory or a store.

        What is damaged is named in the result and the rest restored. Raises DirectoryNotFoundError for a snapshot that
        is not listed, ObjectNotFoundError for a path that it has not, IntegrityError where it cannot be read at all,
        CancelledError, and the destination's errors.
        """
        from plait.repository.restoring.local import LocalTarget
        from plait.repository.restoring.restoring import restore
        from plait.repository.restoring.settings import RestoreSettings
        from plait.repository.restoring.stored import StoreTarget

        settings = settings or RestoreSettings()
        found = self.snapshot(snapshot)
        if isinstance(destination, str | os.PathLike):
            target: Target = LocalTarget(os.fspath(destination), settings)
        else:
            target = StoreTarget(destination, settings)
        try:
            return restore(found, target, path, settings=settings, listener=listener, cancellation=cancellation)
        finally:
            target.close()

    def check(
        self,
        snapshots: Sequence[bytes] | None = None,
        settings: CheckSettings | None = None,
        *,
        listener: Listener = silent,
        cancellation: Cancellation | None = None,
    ) -> Checked:
        """Checks snapshots, all of them by default: every byte that they need, unless the settings say otherwise.

        Damage is in the result, and raises nothing. Raises DirectoryNotFoundError for a snapshot that is not listed,
        IntegrityError for one whose header cannot be read, CancelledError, and the store's errors.
        """
        from plait.repository.checking.checking import check

        names = self.reader.snapshots() if snapshots is None else snapshots
        found = [(self.snapshot(name), "/") for name in names]
        return check(self.reader, self.files, found, settings=settings, listener=listener, cancellation=cancellation)

    def remove(self, snapshots: Sequence[bytes]) -> None:
        """Removes snapshots: they are listed no more. What they alone use is deleted by maintenance, much later.

        Raises DirectoryNotFoundError where one of them is not listed, PreconditionError where the repository was
        replaced since it was opened; nothing is removed then. Raises the store's errors.
        """
        from plait.repository.removing import remove

        remove(self, snapshots)

    def sync(
        self,
        peer: Repository,
        direction: Direction | str = "to",
        query: Query | None = None,
        settings: SyncSettings | None = None,
        *,
        told: SyncListener = lambda _: None,
        listener: Listener = silent,
        cancellation: Cancellation | None = None,
    ) -> SyncResult:
        """Copies the snapshots that a query selects, all of them by default, `to`, `from` or `with` an opened peer.

        What became of each is in the result: one that cannot be copied whole is not copied, the others are, and nothing
        is raised for it. `told` hears of snapshots, also why one failed, `listener` of what is in them. Raises
        UsageError for another direction, and where both are one repository; NotSupportedError where a destination
        cannot be written to, BusyError, CancelledError, and the stores' errors.
        """
        from plait.repository.selection import Query
        from plait.repository.syncing.settings import Direction, SyncSettings
        from plait.repository.syncing.syncing import Sync

        if direction not in list(Direction):
            raise UsageError(f"a sync goes to, from or with a peer, not {direction}")
        work = Sync(self, peer, ("local", "peer"), settings or SyncSettings(), told, listener, cancellation)
        return work.run(Direction(direction), query or Query())

    def prune(self, query: Query, *, dry_run: bool = False) -> list[Judged]:
        """Removes the snapshots that no period of a query keeps, of those that its filters describe.

        What became of every one of these, newest first; with `dry_run` what would. Without periods only snapshots that
        are named go (`Query.prefixes`). A snapshot whose header cannot be read stays. `Policies` of
        `plait.repository.configured.policies` gives the query of a policy by its name. Raises as `remove`.
        """
        from plait.repository.upkeep.pruning import plan

        self.refresh()
        headers = [header for _, header in self.reader.headers() if not isinstance(header, IntegrityError)]
        judged = plan(headers, query, time.time_ns())
        if not dry_run:
            self.remove([item.header.identifier for item in judged if not item.verdict.kept])
        return judged

    def maintenance(
        self,
        settings: MaintenanceSettings | None = None,
        *,
        listener: Listener = silent,
        cancellation: Cancellation | None = None,
    ) -> Maintained:
        """Colours what no snapshot needs, and deletes what has been coloured for the grace period, a week by default.

        `MaintenanceSettings.repack` rewrites packfiles before that, as `repack` does. Raises BusyError where somebody
        writes to the repository or maintains it, IntegrityError where it is not known what snapshots need (nothing is
        changed then), LockLostError, CancelledError, NotSupportedError for an archive, and the store's errors.
        """
        from plait.repository.upkeep.maintenance import MaintenanceSettings, maintain

        return maintain(self, settings or MaintenanceSettings(), listener=listener, cancellation=cancellation)

    def repack(
        self,
        settings: RepackSettings | None = None,
        *,
        listener: Listener = silent,
        cancellation: Cancellation | None = None,
    ) -> Repacked:
        """Writes anew what is needed of packfiles that hold little else, and colours them for `maintenance`.

        Raises as `maintenance`.
        """
        from plait.repository.upkeep.repacking import RepackSettings, repack

        return repack(self, settings or RepackSettings(), listener=listener, cancellation=cancellation)

    def repair(
        self,
        settings: RepairSettings | None = None,
        peers: Sequence[Repository] = (),
        *,
        listener: Listener = silent,
        cancellation: Cancellation | None = None,
    ) -> Repaired:
        """Reads everything, and says what is damaged; with `RepairSettings(apply=True)` it is repaired where it can be.

        `peers` are opened repositories with the same snapshots, or some of them, whatever their keys. What cannot be
        repaired is in the result, and raises nothing. Raises BusyError, LockLostError, CancelledError,
        NotSupportedError for an archive, and the stores' errors: a rerun goes on from there.
        """
        from plait.repository.upkeep.repairing import RepairSettings, repair

        return repair(self, settings or RepairSettings(), peers, listener=listener, cancellation=cancellation)

    def statistics(self, *, cancellation: Cancellation | None = None) -> Statistics:
        """How much it holds, in bytes, and for which snapshots.

        Raises IntegrityError where what a snapshot needs cannot be told, CancelledError, and the store's errors.
        """
        from plait.repository.statistics import statistics

        return statistics(self, cancellation)

    def own_directories(self) -> frozenset[tuple[int, int]]:
        """Device and inode of the directory it is in, which its own backups leave out; none for other stores."""
        from plait.stores.local.store import LocalStore
        from plait.stores.wrappers.base import unwrapped

        store = unwrapped(self.writable_files.store)
        if not isinstance(store, LocalStore):
            return frozenset()
        found = os.fstat(store.root.descriptor())
        return frozenset({(found.st_dev, found.st_ino)})

    def close(self) -> None:
        """Frees what it holds, but for the store, which is the caller's. Repeated calls do nothing."""
        self.index.close()
