"""Moving a whole directory by one rename to where nothing stands: what `move` and `moveto` try first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.engine.attempts import run_attempts
from plait.engine.events import Level, Message
from plait.mirror.mirroring import NOTHING
from plait.mirror.settings import SECOND, disabled
from plait.model.errors import AlreadyExistsError, NotSupportedError, StoreError
from plait.stores.abilities import MovesDirectories
from plait.stores.wrappers.base import offered

if TYPE_CHECKING:
    from plait.engine.settings import Result
    from plait.mirror.mirroring import Mirror

LOCAL_TEXT = "Local file system at "
FALLING_BACK = "Server side directory move failed - fallback to file moves: "


def move_as_directory(mirror: Mirror) -> Result | None:
    """What became of the directory, in as many attempts as it takes; None where its files are to be moved instead."""
    files = False

    def attempt(_: int) -> Result:
        nonlocal files
        try:
            files = not _moved(mirror)
        except StoreError as error:
            return msgspec.structs.replace(NOTHING, errors=1, error=error, may_retry=True)
        return NOTHING

    if not _may_move(mirror):
        return None
    attempts = max(1, mirror.values.retries)
    pause = mirror.values.retries_sleep / SECOND
    first = attempt(1)
    if first.error is None:
        return None if files else first
    again = lambda number: first if number == 1 else attempt(number)  # noqa: E731  (the first has failed already)
    result = run_attempts(again, attempts, pause, mirror.around.events, mirror.around.cancellation)
    return None if files else result


def _may_move(mirror: Mirror) -> bool:
    """True where both are on one remote, which renames directories, and the options leave nothing else to do."""
    source, destination, values = mirror.source, mirror.destination, mirror.values
    if source.file is not None or mirror.selection.active or values.interactive or "dirmove" in disabled(values):
        return False
    if values.backup_dir or values.suffix or values.verify or source.remote != destination.remote:
        return False
    return offered(destination.store, MovesDirectories) is not None


def _moved(mirror: Mirror) -> bool:
    """True where the source stands at the destination now (or would, without `--dry-run`).

    Raises StoreError where the source is missing or cannot be renamed.
    """
    source, destination = mirror.source, mirror.destination
    mover = offered(destination.store, MovesDirectories)
    if mover is None:
        return False
    emit, text = mirror.around.events.emit, destination.text
    if mirror.values.dry_run:
        emit(Message(Level.NOTICE, "Skipped server-side directory move as --dry-run is set", text))
        return True
    try:
        mover.move_directory_from(source.store)
    except (AlreadyExistsError, NotSupportedError) as error:
        emit(Message(Level.INFO, FALLING_BACK + error.message, text))
        return False
    except StoreError as error:
        if source.text.startswith(LOCAL_TEXT):
            ours, theirs = (side.text.removeprefix(LOCAL_TEXT) for side in (source, destination))
            error = StoreError(f"rename {ours} {theirs}: {error.message.rpartition(': ')[2]}")
        emit(Message(Level.ERROR, f"Server side directory move failed: {error.message}", text, error))
        raise error from None
    emit(Message(Level.INFO, "Server side directory move succeeded", text))
    return True
