"""What the outcome of a mirror's action says of itself, in rclone's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.engine.transfer import Manner
from plait.model.actions import Outcome, Status, Verb

if TYPE_CHECKING:
    from plait.engine.transfer import Carriage
    from plait.model.actions import Action
    from plait.model.errors import PlaitError

COPIED_NEW = "Copied (new)"
COPIED_OVER = "Copied (replaced existing)"
COPIED_THERE = "Copied (server-side copy)"
COPIED_IN_PARTS_NEW = "Multi-thread Copied (new)"
COPIED_IN_PARTS_OVER = "Multi-thread Copied (replaced existing)"
SET_TIME = "Updated modification time in destination"
SET_DIRECTORY_TIME = "Set directory modification time"
SET_DIRECTORY_METADATA = "Updated directory metadata"
DELETED = "Deleted"
MOVED = "Moved (server-side)"
KEPT = "Moved into backup dir"
WENT_ON = "Went on with an interrupted transfer"
MADE_DIRECTORY = "Made directory"
MADE_WITHOUT_TIME = "Making directory"
REMOVED_DIRECTORY = "Removing directory"
RESPELLED = "Fixed case by renaming to:"
NOTHING_IN_IT = "nothing was carried into it"


def copied(action: Action, carriage: Carriage, *, new: bool | None = None) -> Outcome:
    """The outcome of a file that was carried; `new` says whether there was none before, None where the verb tells."""
    if new is None:
        new = action.verb is Verb.CREATE
    match carriage.manner:
        case Manner.SERVER_SIDE:
            detail = COPIED_THERE
        case Manner.MOVE:
            detail = MOVED
        case Manner.PARTS:
            detail = COPIED_IN_PARTS_NEW if new else COPIED_IN_PARTS_OVER
        case _:
            detail = COPIED_NEW if new else COPIED_OVER
    there, moved = carriage.manner is Manner.SERVER_SIDE, carriage.manner is Manner.MOVE
    return Outcome(action, Status.DONE, detail, carried=carriage.size - carriage.kept, server_side=there, moved=moved)


def renamed_from(origin: str) -> str:
    """What is said of a file that was renamed at the destination."""
    return f'Renamed from "{origin}"'


def renamed(action: Action, *, moved: bool) -> Outcome:
    """The outcome of a file that has another name now: by a move, or by a copy and a deletion."""
    detail = renamed_from(action.origin or "")
    return Outcome(action, Status.DONE, detail, moved=moved, server_side=not moved)


def failed(action: Action, error: PlaitError, arrived: Outcome | None = None) -> Outcome:
    """A failed outcome; raises instead where the run is to end. `arrived` is what was done all the same."""
    if error.fatal:
        raise error
    if arrived is None:
        return Outcome(action, Status.FAILED, error=error)
    return msgspec.structs.replace(arrived, status=Status.FAILED, error=error)
