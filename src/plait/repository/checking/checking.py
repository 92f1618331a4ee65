"""The check itself: shares directories and packfiles out, and says of every snapshot what is damaged in it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from plait.engine.workers import Cancellation
from plait.model.errors import IntegrityError, ObjectNotFoundError
from plait.repository.checking.directories import DirectoryCheck, Outcome, packfiles_of
from plait.repository.checking.files import check_packfile, check_states_and_locks
from plait.repository.checking.findings import Checked, CheckedSnapshot, CheckSettings, DamagedFile
from plait.repository.checking.trees import TreesCheck
from plait.repository.crew import crew_for
from plait.repository.events import Begun, Done, Ended, Expected, Failed, Warned, Work, silent
from plait.repository.files import ArchivedFiles, StoredFiles
from plait.repository.format import btrees
from plait.repository.format.headers import DIRPACK_INDEX
from plait.repository.format.resources import Resource
from plait.repository.layout import Folder
from plait.repository.restoring.settings import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.repository.checking.findings import Damage
    from plait.repository.crew import Crew
    from plait.repository.events import Event, Listener
    from plait.repository.reading import RepositoryReader
    from plait.repository.snapshots import SnapshotReader

_TOGETHER: Final = 16
"""Directories in one task at most; less where few are waiting, so that all have something to do."""
_TOLD: Final = 1000


class _Directories(msgspec.Struct, frozen=True):
    """Directories of a snapshot, each with whether the same was checked already."""

    snapshot: int
    paths: list[tuple[str, bool]]


class _Trees(msgspec.Struct, frozen=True):
    """The trees of a snapshot but for that of paths."""

    snapshot: int


class _Packfile(msgspec.Struct, frozen=True):
    name: bytes
    size: int


_Task: TypeAlias = _Directories | _Trees | _Packfile
_Answer: TypeAlias = list[Outcome] | tuple[bytes, str | None]


def check(
    repository: RepositoryReader,
    files: StoredFiles | ArchivedFiles,
    snapshots: Sequence[tuple[SnapshotReader, str]],
    *,
    settings: CheckSettings | None = None,
    listener: Listener = silent,
    cancellation: Cancellation | None = None,
) -> Checked:
    """Checks snapshots of a repository, each at and below an absolute path ("/" is all of it).

    Nothing is taken for whole that was not read, unless `CheckSettings.fast`; what several snapshots share is read
    once. Raises CancelledError, and the store's errors other than that of a missing file.
    """
    work = _Checking(repository, files, snapshots, settings or CheckSettings(), listener, cancellation)
    return work.run()


class _Checking:
    def __init__(
        self,
        repository: RepositoryReader,
        files: StoredFiles | ArchivedFiles,
        snapshots: Sequence[tuple[SnapshotReader, str]],
        settings: CheckSettings,
        listener: Listener,
        cancellation: Cancellation | None,
    ) -> None:
        self._repository = repository
        self._files = files
        self._snapshots = snapshots
        self._settings = settings
        self._listener = listener
        self._cancellation = cancellation or Cancellation()
        self._result = Checked()
        self._received = 0
        self._sizes = files.packfile_sizes() if settings.fast or settings.files else {}
        if isinstance(files, ArchivedFiles):
            # The only packfile goes by any name.
            self._sizes = dict.fromkeys(repository.holdings.packfiles(), *self._sizes.values())
        self._known: set[int] = set()
        self._damaged: dict[int, list[Damage]] = {}
        self._under_way: dict[str, int] = {}
        self._trees = TreesCheck(repository, read_contents=not settings.fast)
        self._packfiles: deque[tuple[bytes, int]] = deque()
        features = files.store.features
        self._crew: Crew[_Task, _Answer] = crew_for(features, self._work, self._cancellation)
        self._directories = DirectoryCheck(
            repository.blobs, self._sizes if settings.fast else None, self._crew.stopping
        )

    def run(self) -> Checked:
        if not self._settings.files or self._settings.fast:
            damaged = self._repository.damaged_states.items()
            self._result.files += [DamagedFile(key, reason) for key, reason in damaged]
        else:
            self._result.files += check_states_and_locks(self._files, self._repository.codec)
            # What is coloured is read by nobody any more, and goes.
            going = {mac for kind, mac in self._repository.holdings.colours() if kind == Resource.PACKFILE}
            self._packfiles.extend((name, size) for name, size in self._sizes.items() if name not in going)
            for name in set(self._repository.holdings.packfiles()) - set(self._sizes) - going:
                self._add_file(name, "the packfile is missing")
        self._tell_expected()
        with self._crew:
            for number in range(len(self._snapshots)):
                self._check_snapshot(number)
            while self._packfiles or self._crew.pending:
                self._cancellation.raise_if_cancelled()
                self._feed()
                self._take(None)
        self._cancellation.raise_if_cancelled()
        return self._result

    def _tell_expected(self) -> None:
        """Says how much the snapshots hold together, as far as they say so themselves."""
        items = size = 0
        for snapshot, path in self._snapshots:
            try:
                summary = snapshot.source.summary if path == "/" else snapshot.summary(path)
            except (IntegrityError, ObjectNotFoundError):
                # What is wrong with it is found when it is checked.
                continue
            if summary is not None:
                items += summary.directory.children + summary.below.children + 1
                size += summary.directory.size + summary.below.size
        if items:
            self._tell(Expected(items, size))

    def _check_snapshot(self, number: int) -> None:
        snapshot, path = self._snapshots[number]
        began = time.monotonic_ns()
        before = self._received
        found = CheckedSnapshot(identifier=snapshot.identifier)
        self._result.snapshots.append(found)
        self._tell(Begun(Work.CHECK, snapshot.identifier, path))
        try:
            if self._settings.signatures and snapshot.is_signed:
                snapshot.verify_signature()
            entry = snapshot.entry(path)
        except (IntegrityError, ObjectNotFoundError) as error:
            self._fail(found, path, str(error), packfiles_of(error))
        else:
            if entry.file_info.is_directory:
                self._check_below(number, path, found)
            else:
                self._add(found, self._directories.check_file(entry), [])
        self._tell(
            Ended(
                Work.CHECK,
                snapshot.identifier,
                errors=found.failed,
                duration=time.monotonic_ns() - began,
                read=self._received - before,
                written=0,
                size=found.size,
                target=path,
            )
        )

    def _check_below(self, number: int, path: str, found: CheckedSnapshot) -> None:
        snapshot = self._snapshots[number][0]
        waiting = [path]
        pending = 0
        if path == "/":
            self._crew.submit(_Trees(number))
            pending = 1
        while (waiting or pending) and not self._cancellation.cancelled():
            while waiting and self._crew.is_hungry:
                many = min(_TOGETHER, 1 + len(waiting) // 8)
                paths, waiting = waiting[-many:], waiting[:-many]
                self._crew.submit(_Directories(number, [(name, self._is_known(snapshot, name)) for name in paths]))
                pending += 1
            self._feed()
            if self._take(found, waiting):
                pending -= 1
        self._cancellation.raise_if_cancelled()
        self._tell(Done(snapshot.identifier, path, [""], b"\1"))
        found.items += 1

    def _is_known(self, snapshot: SnapshotReader, path: str) -> bool:
        """Whether the same list of the same directory was checked, or is being, for another snapshot."""
        index = snapshot.source.index(DIRPACK_INDEX)
        try:
            mac = None if index is None else self._repository.find(btrees.INDEX, index, path)
        except IntegrityError:
            return False
        if mac is None:
            return False
        # Numbers in place of paths and identifiers, of which there may be very many.
        number = hash((path, mac))
        self._under_way[path] = number
        if number in self._known:
            return True
        self._known.add(number)
        return False

    def _feed(self) -> None:
        """Gives packfiles to those who have too little to do."""
        while self._packfiles and self._crew.is_hungry:
            self._crew.submit(_Packfile(*self._packfiles.popleft()))

    def _take(self, found: CheckedSnapshot | None, waiting: list[str] | None = None) -> bool:
        """Takes one result; whether it was one of the snapshot's."""
        if not self._crew.pending:
            return False
        answer = self._crew.take()
        if answer is None:
            return False
        if isinstance(answer, tuple):
            if answer[1] is not None:
                self._add_file(answer[0], answer[1])
            return False
        if found is not None and waiting is not None:
            for outcome in answer:
                self._add(found, outcome, waiting)
        return True

    def _add(self, found: CheckedSnapshot, outcome: Outcome, waiting: list[str]) -> None:
        """Counts and tells what was found in a directory."""
        waiting.extend(outcome.below)
        self._received += outcome.received
        found.items += len(outcome.names)
        found.size += outcome.size
        number = self._under_way.pop(outcome.path, None)
        damages = outcome.damages
        if number is not None and damages:
            self._damaged[number] = damages
        elif number is not None:
            damages = self._damaged.get(number, [])
        for path, reason, packfiles in damages:
            self._fail(found, path, reason, packfiles)
        for path, text in outcome.notes:
            self._tell(Warned(text, path))
        failed = {path for path, _, _ in damages}
        prefix = outcome.path.rstrip("/")
        whole = [index for index, name in enumerate(outcome.names) if f"{prefix}/{name}" not in failed]
        kinds = bytes(outcome.kinds[index] for index in whole)
        names = [outcome.names[index] for index in whole]
        if names:
            self._tell(Done(found.identifier, outcome.path, names, kinds, outcome.size))

    def _fail(self, found: CheckedSnapshot, path: str, reason: str, packfiles: tuple[bytes, ...]) -> None:
        found.failed += 1
        if len(self._result.failures) < _TOLD:
            self._result.failures.append(Failure(found.identifier, path, reason, packfiles))
        self._tell(Failed(found.identifier, path, reason))

    def _add_file(self, name: bytes, reason: str) -> None:
        key = self._files.key(Folder.PACKFILES, name) if isinstance(self._files, StoredFiles) else name.hex()
        self._result.files.append(DamagedFile(key, reason))
        self._tell(Warned(f"{key} is damaged: {reason}"))

    def _tell(self, event: Event) -> None:
        self._listener(event)

    def _work(self, task: _Task) -> _Answer:
        """What a member of the crew does."""
        if isinstance(task, _Packfile):
            codec = self._repository.codec
            return task.name, check_packfile(self._files, codec, task.name, task.size, self._crew.stopping)
        snapshot = self._snapshots[task.snapshot][0]
        if isinstance(task, _Trees):
            return [self._trees.check(snapshot)]
        return self._directories.check(snapshot, task.paths)
