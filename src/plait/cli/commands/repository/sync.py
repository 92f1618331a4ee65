"""`sync`: snapshots to, from and with a peer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from plait.cli.output.syncing import SyncLines, SyncRecords, shown_name
from plait.cli.peers import open_peer
from plait.cli.repositories import RefusedError
from plait.cli.repository_options import query
from plait.cli.sync_forms import missing_snapshot_hint
from plait.model.errors import CancelledError, DirectoryNotFoundError, ExitCode, PlaitError

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand
    from plait.repository.syncing.settings import Direction, SyncResult, SyncSettings

_PARTLY: Final = 3
"""The front's exit code where some snapshots failed and some are there."""
_MEMORY: Final = "memory"


def sync(command: RepositoryCommand) -> int:
    """Copies the snapshots that the other side lacks."""
    direction, peer_word, prefix = _words(command)
    _refuse_packfiles(command.values.packfiles)
    settings = _settings(command)
    asked = query(command.values, prefixes=(prefix.lower(),) if prefix else ())
    if prefix and query(command.values).narrows:
        command.output.warn("the filters narrow the snapshot that is named")
    peer, place = open_peer(command, peer_word)
    names = shown_name(command.place(), front=command.is_front), shown_name(place, front=command.is_front)
    told = SyncRecords(command) if command.values.json else SyncLines(command.output, direction, names)
    from plait.repository.syncing.syncing import Sync

    work = Sync(command.repository, peer, names, settings, told, command.listener, command.cancellation)
    try:
        result = work.run(direction, asked, prefix)
    except PlaitError as error:
        if prefix and isinstance(error, DirectoryNotFoundError) and error.hint is None:
            error.hint = missing_snapshot_hint(prefix, peer_word, _is_directory)
        result = work.result()
        told.broken(error, result)
        code = _code(result, front=command.is_front)
        if isinstance(error, CancelledError) or code in {ExitCode.DONE, ExitCode.FAILED}:
            raise
        # Some snapshots are there all the same, which the status is to say.
        command.output.error(error.message)
        return code
    told.end(result)
    return _code(result, front=command.is_front)


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


def _settings(command: RepositoryCommand) -> SyncSettings:
    from plait.repository.syncing.settings import Deleted, SyncSettings

    values = command.values
    return SyncSettings(
        deleted=Deleted(values.deleted),
        verify=values.verify,
        remembers=values.cache == "vfs",
        dry_run=values.dry_run,
        processes=values.bwlimit is None,
    )


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
