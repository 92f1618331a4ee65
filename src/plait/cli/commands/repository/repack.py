"""`repack`: packfiles of which little is needed are written anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.commands.repository.maintenance import refused_lock
from plait.model.errors import BusyError, ExitCode
from plait.model.values.sizes import show_binary_size

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
        command.record(
            {
                "dry_run": values.dry_run,
                "moved": done.moved,
                "freed": done.freed,
                "packfiles": [name.hex() for name in done.packfiles],
                "damaged": [name.hex() for name in done.damaged],
                "left": done.left,
            }
        )
        return ExitCode.PARTLY if done.damaged else ExitCode.DONE
    if command.output.silent:
        return ExitCode.PARTLY if done.damaged else ExitCode.DONE
    moved, freed = show_binary_size(done.moved), show_binary_size(done.freed)
    if values.dry_run:
        text = f"repack: would rewrite {len(done.packfiles)} packfiles, moving {moved}; {freed} would come back"
    else:
        text = f"repack: rewrote {len(done.packfiles)} packfiles, moving {moved}"
        if done.packfiles:
            text += f"; {freed} come back when maintenance has swept them"
    command.output.result(text)
    if done.left:
        command.output.info(f"repack: {done.left} more are beyond the limit")
    return ExitCode.PARTLY if done.damaged else ExitCode.DONE
