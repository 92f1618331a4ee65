"""A backup from end to end: a source is walked, its folders are saved, and a snapshot is published."""

from __future__ import annotations

import os
import platform
import pwd
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

import plait
from plait.engine.workers import Cancellation
from plait.model.errors import IntegrityError, UsageError
from plait.model.items import Kind
from plait.repository.backup import known
from plait.repository.backup.batches import Batches
from plait.repository.backup.contents import Contents
from plait.repository.backup.folders import Folders
from plait.repository.backup.previous import Previous, choose
from plait.repository.backup.sources import Countable
from plait.repository.backup.trees import Grower, Tree
from plait.repository.events import Begun, Carried, Done, Ended, Entered, Expected, Failed, Phase, Warned, Work, silent
from plait.repository.format import btrees, packed, wire
from plait.repository.format.chunking import Chunker
from plait.repository.format.entries import ErrorEntry
from plait.repository.format.hashing import plain_checksum
from plait.repository.format.headers import (
    CONTENT_TYPE_INDEX,
    DIRPACK_INDEX,
    SUMMARY_INDEX,
    Header,
    Index,
    KeyValue,
    Roots,
)
from plait.repository.format.headers import Source as SavedSource
from plait.repository.format.resources import Resource
from plait.repository.locking import HeldLock
from plait.repository.writing import Writer

if TYPE_CHECKING:
    from plait.repository.backup.batches import Batch, Outcome
    from plait.repository.backup.nodes import Made
    from plait.repository.backup.sources import Folder, Source, Unreadable
    from plait.repository.events import Listener
    from plait.repository.repository import Repository

_WORKERS: Final = 2
"""As many as pay off: the interpreter runs one at a time, the heavy steps leave it free."""
_BTREE: Final = "btree"


class BackupSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot says of itself, and how it is made.

    `timestamp`: in nanoseconds since the epoch, None for now. `context`: further facts of the run (`CommandLine`, …).
    `incremental`: whether unchanged files are taken from the last snapshot of the same source without reading them.
    `count`: where there is no such snapshot to tell by how much is expected, the source is counted meanwhile.
    `publish_seconds`: see `Writer`. `workers`: threads that read and pack.
    """

    name: str = "default"
    category: str = ""
    environment: str = ""
    perimeter: str = ""
    job: str = ""
    tags: Sequence[str] = ()
    timestamp: int | None = None
    context: Mapping[str, str] = {}
    incremental: bool = True
    count: bool = False
    publish_seconds: float = 5.0
    workers: int = _WORKERS


class BackupResult(NamedTuple):
    """What was done. `errors`: paths that could not be read, and why. `written`: bytes stored in the repository."""

    header: Header
    errors: Mapping[str, str]
    written: int
    unchanged: int
    """Paths that are as they were in the snapshot before; files among them were not read."""

    @property
    def snapshot(self) -> bytes:
        """The identifier of the snapshot."""
        return self.header.identifier


class Backup:
    """One run. `snapshot`: the identifier that its snapshot will have."""

    def __init__(
        self,
        repository: Repository,
        source: Source,
        settings: BackupSettings,
        listener: Listener = silent,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.snapshot = os.urandom(32)
        self._repository = repository
        self._source = source
        self._settings = settings
        self._listener = listener
        self._cancellation = cancellation or Cancellation()
        self._unchanged = 0
        self._is_read = False
        self._lock = Lock()

    def run(self) -> BackupResult:
        """Saves the source as a snapshot. Raises BusyError, LockLostError, CancelledError, and the store's errors.

        What could not be read of the source is an error in the result and in the snapshot, and raises nothing.
        """
        repository, source = self._repository, self._source
        began, clock = time.time_ns(), time.monotonic_ns()
        if self._settings.timestamp is not None and self._settings.timestamp > began:
            raise UsageError("forced timestamp cannot be in the future")
        files, index = repository.writable_files, repository.index
        target = source.importer.directory
        self._listener(Begun(Work.BACKUP, self.snapshot, target))
        received = repository.reader.blobs.received
        with HeldLock(
            files,
            repository.codec,
            self.snapshot,
            is_listed=lambda name: name in index.snapshots(),
            told=lambda text: self._listener(Warned(text)),
        ) as lock:
            repository.refresh()
            with Writer(
                files,
                repository.codec,
                index,
                lock,
                packfile_size=repository.configuration.packfile.max_size,
                publish_seconds=self._settings.publish_seconds,
            ) as writer:
                result = self._save(writer, began, clock)
        read = repository.reader.blobs.received - received
        size = _size(result.header)
        self._listener(
            Ended(
                Work.BACKUP,
                self.snapshot,
                len(result.errors),
                result.header.duration,
                read,
                result.written,
                size,
                target,
            )
        )
        return result

    def _save(self, writer: Writer, began: int, clock: int) -> BackupResult:
        remembering, previous = self._previous()
        self._tell_expected(previous)
        try:
            codec = self._repository.codec
            chunker = Chunker.of(self._repository.configuration.chunking)
            folders = Folders(Contents(writer, codec, chunker), codec, writer, previous, remembering)
            self._enter(Phase.IMPORT)
            root = self._walk(writer, folders, previous, chunker)
            self._is_read = True
            self._leave(Phase.IMPORT)
            saved = self._trees(writer, folders, previous, root)
            header = self._header(saved, began, time.monotonic_ns() - clock)
            self._enter(Phase.COMMIT)
            self._cancellation.raise_if_cancelled()
            plain = wire.encode(header)
            writer.publish(last=(Resource.SNAPSHOT, self.snapshot, plain))
            remembering.keep(self.snapshot)
            self._leave(Phase.COMMIT)
            return BackupResult(header, folders.errors, writer.written, self._unchanged)
        finally:
            remembering.discard()

    def _previous(self) -> tuple[known.Remembering, Previous]:
        """What will be remembered, and the snapshot to go on from."""
        repository, source = self._repository, self._source
        importer = source.importer
        what = f"{importer.type}\0{importer.origin}\0{importer.directory}".encode("utf-8", "surrogateescape")
        identity = plain_checksum(repository.place + source.fingerprint + what)
        path = None
        if repository.cache is not None:
            # One file for each source: what depends on options as well is inside.
            path = repository.cache / "sources" / plain_checksum(repository.place + what).hex()[:32]
        listed = repository.reader.snapshots()
        remembered = None
        if path is not None and self._settings.incremental:
            remembered = known.load(path, identity, lambda name: name in listed)
        before = choose(repository.reader, importer, remembered, listed) if self._settings.incremental else None
        return known.Remembering(path, identity), Previous(before, remembered)

    def _walk(self, writer: Writer, folders: Folders, previous: Previous, chunker: Chunker) -> bytes:
        """Saves all folders; the identifier of the root's entry."""

        def finished(batch: Batch, outcome: Outcome) -> None:
            self._take(folders, batch, outcome)

        repository = self._repository
        with Batches(
            writer,
            repository.codec,
            repository.index,
            chunker,
            self._carried,
            finished,
            self._cancellation,
            self._settings.workers,
        ) as batches:
            root = batches.nodes.entry(packed.text("/"), self._source.root()).mac
            self._listener(Done(self.snapshot, "/", ("",), bytes((Kind.DIRECTORY,))))
            for folder in self._source.walk(self._cancellation.cancelled):
                self._begin(folder, folders, previous, batches)
            batches.finish()
        self._cancellation.raise_if_cancelled()
        return root

    def _begin(self, folder: Folder, folders: Folders, previous: Previous, batches: Batches) -> None:
        """Finds out what of a folder has to be looked at, and hands that out."""
        gathered = folders.gathered(folder.path)
        gathered.subfolders = folder.subfolders
        gathered.signature = folder.lasting()
        gathered.errors.extend(folder.errors)
        for error in folder.errors:
            self._listener(Failed(self.snapshot, error.path, error.error))
        signature, _ = previous.folder(folder.path)
        names = folder.names
        if signature and signature == folder.signature and not folder.errors:
            gathered.changed = False
            folders.expect(gathered, len(folder.subfolders))
            self._tell_unchanged(folder, names)
            folder.release()
            folders.begun(gathered)
            return
        gathered.before = previous.frames(folder.path)
        gathered.goes_by_times = not signature
        same = folder.unchanged(signature) & gathered.before.keys() if signature else frozenset()
        if same:
            gathered.frames.update((name, gathered.before[name]) for name in names if name in same)
            self._tell_unchanged(folder, [name for name in names if name in same])
            names = [name for name in names if name not in same]
        parts = batches.add(folder, gathered, names)
        folders.expect(gathered, len(folder.subfolders) + len(parts))
        for part in parts:
            batches.start(part)
        folder.release()
        folders.begun(gathered)

    def _take(self, folders: Folders, batch: Batch, outcome: Outcome) -> None:
        """Takes in the entries of a batch."""
        gathered = batch.gathered
        for made in outcome.made:
            gathered.take(made)
        gathered.errors += outcome.errors
        if outcome.vanished:
            gathered.is_settled = False
        for path in outcome.vanished:
            self._listener(Warned("it was gone before it could be read", path))
        self._tell(batch.folder, outcome.made, outcome.errors)
        folders.done(gathered)

    def _trees(self, writer: Writer, folders: Folders, previous: Previous, root: bytes) -> SavedSource:
        """Stores all trees; the source as the header says it."""
        if folders.summary is None:
            raise IntegrityError("the source gave no folder /")
        before = None if folders.from_scratch or previous.snapshot is None else previous.snapshot.source
        repository = self._repository
        grower = Grower(repository.reader, repository.codec, writer, frozenset(folders.removed))

        def store(tree: Tree, descriptor: bytes | None) -> bytes:
            return tree.store(grower, descriptor, pruned=bool(folders.removed))

        self._enter(Phase.TREE)
        folders.paths.set("/", root, existed=before is not None)
        paths = store(folders.paths, None if before is None else before.root.root)
        self._leave(Phase.TREE)
        self._enter(Phase.INDEX)
        errors = Tree(btrees.ERRORS)
        for path, text in folders.errors.items():
            plain = wire.encode(ErrorEntry(path=path, error=text))
            mac = repository.codec.mac(plain)
            writer.put(Resource.ERROR_ENTRY, mac, plain)
            errors.set(path, mac, existed=False)
        roots = Roots(
            root=paths,
            xattrs=store(folders.xattrs, None if before is None else before.root.xattrs),
            errors=store(errors, None),
        )
        named = (
            (CONTENT_TYPE_INDEX, folders.content_types),
            (DIRPACK_INDEX, folders.dirpacks),
            (SUMMARY_INDEX, folders.summaries),
        )
        indexes = tuple(
            Index(name, _BTREE, store(tree, None if before is None else before.index(name))) for name, tree in named
        )
        self._leave(Phase.INDEX)
        return SavedSource(importer=self._source.importer, root=roots, indexes=indexes, summary=folders.summary)

    def _header(self, source: SavedSource, began: int, duration: int) -> Header:
        settings = self._settings
        facts = {**_context(), **settings.context, **self._source.facts}
        return Header(
            identifier=self.snapshot,
            timestamp=began if settings.timestamp is None else settings.timestamp,
            duration=duration,
            name=settings.name,
            category=settings.category,
            environment=settings.environment,
            perimeter=settings.perimeter,
            job=settings.job,
            tags=tuple(settings.tags),
            context=tuple(KeyValue(key, value) for key, value in facts.items()),
            sources=(source,),
        )

    def _tell_expected(self, previous: Previous) -> None:
        """Says how much the snapshot before held: most trees change little."""
        if previous.snapshot is not None:
            summary = previous.snapshot.source.summary
            below, inside = summary.below, summary.directory
            items = inside.children + below.children + 1
            self._listener(Expected(items, inside.size + below.size))
        elif self._settings.count and isinstance(self._source, Countable):
            Thread(target=self._count, args=(self._source,), name="count", daemon=True).start()

    def _count(self, source: Countable) -> None:
        """Says how much there is, once that is known."""
        found = source.count(lambda: self._is_read or self._cancellation.cancelled())
        if not self._is_read:
            self._listener(Expected(*found))

    def _carried(self, path: str, size: int) -> None:
        self._cancellation.raise_if_cancelled()
        self._listener(Carried(self.snapshot, path, size))

    def _enter(self, phase: Phase) -> None:
        self._listener(Entered(self.snapshot, phase))

    def _leave(self, phase: Phase) -> None:
        self._listener(Entered(self.snapshot, phase, done=True))

    def _tell_unchanged(self, folder: Folder, names: Sequence[str]) -> None:
        """Tells of nodes that are taken over unseen."""
        with self._lock:
            self._unchanged += len(names)
        if self._listener is not silent and names:
            self._listener(Done(self.snapshot, folder.path, names, folder.kinds(names), unchanged=True))

    def _tell(self, folder: Folder, done: list[Made], errors: list[Unreadable]) -> None:
        """Tells of nodes that were looked at."""
        with self._lock:
            self._unchanged += sum(made.unchanged for made in done)
        if self._listener is silent:
            return
        for unchanged in (False, True):
            these = [made for made in done if made.unchanged is unchanged]
            names = [made.frame.glance.name for made in these]
            size = sum(made.size for made in these)
            if these:
                self._listener(Done(self.snapshot, folder.path, names, folder.kinds(names), size, unchanged))
        for error in errors:
            self._listener(Failed(self.snapshot, error.path, error.error))


def _size(header: Header) -> int:
    """Bytes of content of a snapshot."""
    source = (header.sources or ())[0]
    return source.summary.directory.size + source.summary.below.size


def _context() -> dict[str, str]:
    """Facts of this run, in the original's order."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    try:
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        machine = ""
    return {
        "Hostname": socket.gethostname(),
        "Username": user,
        "OperatingSystem": platform.system().lower(),
        "MachineID": machine,
        "CommandLine": "",
        "ProcessID": str(os.getpid()),
        "Architecture": platform.machine(),
        "NumCPU": str(os.cpu_count() or 1),
        "MaxProcs": str(os.cpu_count() or 1),
        "Client": f"plait/{plait.__version__}",
    }
