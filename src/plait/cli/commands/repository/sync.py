"""`sync`: snapshots to, from and with a peer."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from plait.cli.output.syncing import SyncLines, SyncRecords, shown_name
from plait.cli.output.work import EventRecords
from plait.cli.peers import open_peer
from plait.cli.repositories import RefusedError
from plait.cli.repository_options import query
from plait.cli.sync_forms import missing_snapshot_hint
from plait.model.errors import (
    CancelledError,
    ConfigurationError,
    DirectoryNotFoundError,
    ExitCode,
    PlaitError,
    UsageError,
)
from plait.repository.syncing.settings import Planned, SyncResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.selection import Query
    from plait.repository.syncing.planned import PlannedCopy
    from plait.repository.syncing.settings import Direction, SyncEvent, SyncSettings

_PARTLY: Final = 3
"""The front's exit code where some snapshots failed and some are there."""
_MEMORY: Final = "memory"


class Syncing:
    """A sync of the command's repository with a peer: both opened, and whoever is told.

    `identities`: the RepositoryIDs of the two. `local_name`, `peer_name`: their locations.
    """

    def __init__(
        self,
        command: RepositoryCommand,
        direction: Direction,
        peer_word: str,
        planned: list[Planned] | None = None,
    ) -> None:
        """With `planned` nothing is copied: the copies that would be made are added to it. Raises as `open_peer`."""
        _refuse_packfiles(command.values.packfiles)
        self._command = command
        self._direction = direction
        self._peer_word = peer_word
        self._planned = planned
        settings = _settings(command, dry_run=command.values.dry_run or planned is not None)
        peer, place = open_peer(command, peer_word)
        command.warn_of_states(peer, place.location)
        local = command.place()
        self.local_name, self.peer_name = local.location, place.location
        names = shown_name(local, front=command.is_front), shown_name(place, front=command.is_front)
        listener = command.listener
        self._told = (
            SyncRecords(command, listener)
            if isinstance(listener, EventRecords)
            else SyncLines(command.output, direction, names, dry_run=settings.dry_run)
        )
        self.identities = [str(UUID(bytes=one.identifier)) for one in (command.repository, peer)]
        from plait.repository.syncing.syncing import Sync

        self._work = Sync(command.repository, peer, names, settings, self._tell, command.listener, command.cancellation)

    def run(self, prefix: str = "") -> SyncResult:
        """Does what the options and the prefix of a snapshot describe. Raises as `Sync.run`."""
        values = self._command.values
        if prefix and query(values).narrows:
            self._command.output.warn("the filters narrow the snapshot that is named")
        asked = query(values, prefixes=(prefix.lower(),) if prefix else ())
        try:
            result = self._work.run(self._direction, asked, prefix)
        except DirectoryNotFoundError as error:
            if prefix and error.hint is None:
                error.hint = missing_snapshot_hint(prefix, self._peer_word, _is_directory)
            raise
        except UsageError as error:
            if prefix and error.hint is not None and self._command.is_front:
                # Hints are not said there, but which snapshots an ID could mean is part of the answer.
                self._command.output.error(error.hint)
            raise
        if self._planned is None:
            self._told.end(result)
        return result

    def apply(self, copies: Sequence[PlannedCopy]) -> SyncResult:
        """Copies what was planned. Raises as `Sync.apply`."""
        result = self._work.apply(copies)
        self._told.end(result)
        return result

    def status(self, step: Callable[[], SyncResult]) -> int:
        """The exit code of a step, which is one of `run` and `apply`; what ends it early is told. Raises as it."""
        command = self._command
        try:
            return _code(step(), front=command.is_front)
        except PlaitError as error:
            result = self._work.result()
            self._told.broken(error, result)
            code = _code(result, front=command.is_front)
            if isinstance(error, CancelledError) or code in {ExitCode.DONE, ExitCode.FAILED}:
                raise
            # Some snapshots are there all the same, which the status is to say.
            command.output.error(error.message)
            return code

    def _tell(self, event: SyncEvent) -> None:
        if self._planned is not None and isinstance(event, Planned):
            self._planned.append(event)
            if not self._command.values.json:
                return
        self._told(event)


def sync(command: RepositoryCommand) -> int:
    """Copies the snapshots that the other side lacks."""
    direction, peer_word, prefix = _words(command)
    try:
        syncing = Syncing(command, direction, peer_word)
    except PlaitError as error:
        if command.values.json:
            records = EventRecords(command.output, str(UUID(int=0)))
            SyncRecords(command, records).broken(error, SyncResult({}))
        raise
    return syncing.status(partial(syncing.run, prefix))


def _is_directory(path: str) -> bool:
    return Path(path).is_dir()


def _words(command: RepositoryCommand) -> tuple[Direction, str, str]:
    """Direction, peer, and prefix of a snapshot or nothing. Raises RefusedError."""
    from plait.repository.syncing.settings import Direction

    parts, words = command.invocation.parts, command.invocation.words
    if not command.is_front:
        return Direction(parts["direction"]), parts["peer"], parts.get("snapshot", "")
    prefix = words[0] if len(words) > 2 else ""
    try:
        return Direction(words[-2]), words[-1] or ".", prefix
    except ValueError:
        raise RefusedError("invalid direction, must be to, from or with") from None


def _settings(command: RepositoryCommand, *, dry_run: bool) -> SyncSettings:
    from plait.repository.syncing.settings import Deleted, SyncSettings

    values = command.values
    return SyncSettings(
        deleted=Deleted(values.deleted),
        keep=_retention(command, values.keep_policy) if values.keep_policy else None,
        verify=values.verify,
        remembers=values.cache == "vfs",
        dry_run=dry_run,
        processes=values.bwlimit is None,
    )


def _retention(command: RepositoryCommand, policy: str) -> Query:
    """What a policy asks for. Raises RefusedError on the plakar front, else ConfigurationError."""
    from plait.repository.configured.policies import Policies

    try:
        return Policies(command.configuration_directory).query(policy, time.time_ns())
    except ConfigurationError as error:
        kind = RefusedError if command.is_front else ConfigurationError
        raise kind(error.message, hint=error.hint) from None


def _refuse_packfiles(where: str) -> None:
    """What is no directory is a mistake, though packfiles are built in memory. Raises RefusedError."""
    if where and where != _MEMORY and not _is_directory(where):
        raise RefusedError(f"-packfiles {where}: there is no such directory")


def _code(result: SyncResult, *, front: bool) -> int:
    from plait.repository.syncing.settings import Outcome

    if not result.count(Outcome.FAILED):
        return ExitCode.DONE
    if not result.count(Outcome.COPIED) and not result.count(Outcome.PRESENT):
        return ExitCode.FAILED
    return _PARTLY if front else ExitCode.PARTLY
