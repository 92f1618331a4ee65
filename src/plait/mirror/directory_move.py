"""Moving a whole directory by one rename to where nothing stands: what `move` and `moveto` try first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.events import Level, Message
from plait.model.errors import AlreadyExistsError, NotSupportedError, PlaitError
from plait.stores.base import MovesDirectories
from plait.stores.wrappers.base import offered

if TYPE_CHECKING:
    from plait.mirror.mirroring import Mirror

FALLING_BACK = "Server side directory move failed - fallback to file moves: "


def move_directory(mirror: Mirror) -> bool:
    """True where the source stands at the destination now (or would, without `--dry-run`); False: move its files.

    Raises StoreError where the source is missing or cannot be renamed.
    """
    source, destination, values = mirror.source, mirror.destination, mirror.values
    if source.file is not None or mirror.selection.active or values.backup_dir or values.suffix or values.verify:
        return False
    mover = offered(destination.store, MovesDirectories)
    if mover is None or source.remote != destination.remote:
        return False
    if values.interactive:
        return False
    emit, text = mirror.around.events.emit, destination.text
    if values.dry_run:
        emit(Message(Level.NOTICE, "Skipped server-side directory move as --dry-run is set", text))
        return True
    try:
        mover.move_directory_from(source.store)
    except (AlreadyExistsError, NotSupportedError) as error:
        emit(Message(Level.INFO, FALLING_BACK + error.message, text))
        return False
    except PlaitError as error:
        emit(Message(Level.ERROR, f"Server side directory move failed: {error.message}", text, error))
        raise
    emit(Message(Level.INFO, "Server side directory move succeeded", text))
    return True
