"""`repack`: packfiles of which little is needed are written anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.commands.repository.maintenance import refused_lock, repacked_record, show_repacked
from plait.model.errors import BusyError, ExitCode

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand


def repack(command: RepositoryCommand) -> int:
    """Rewrites what is needed of sparse packfiles, and colours these."""
    from plait.repository.upkeep.repacking import RepackSettings
    from plait.repository.upkeep.repacking import repack as repack_now

    values = command.values
    settings = RepackSettings(threshold=values.threshold, limit=values.limit, dry_run=values.dry_run)
    try:
        done = repack_now(command.repository, settings, listener=command.listener, cancellation=command.cancellation)
    except BusyError as error:
        raise refused_lock(command, error) from None
    if values.json:
        command.record({"dry_run": values.dry_run, **repacked_record(done)})
    elif not command.output.silent:
        show_repacked(command, done, dry_run=values.dry_run)
    return ExitCode.PARTLY if done.damaged else ExitCode.DONE
