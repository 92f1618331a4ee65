"""The restore of a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.workers import Cancellation
from plait.repository.events import silent
from plait.repository.restoring.local import LocalTarget
from plait.repository.restoring.settings import RestoreSettings
from plait.repository.restoring.shared import SharedRestoring
from plait.repository.restoring.single import Restoring

if TYPE_CHECKING:
    from plait.repository.events import Listener
    from plait.repository.restoring.settings import Restored
    from plait.repository.restoring.target import Target
    from plait.repository.snapshots import SnapshotReader


def restore(
    snapshot: SnapshotReader,
    target: Target,
    path: str = "",
    *,
    settings: RestoreSettings | None = None,
    listener: Listener = silent,
    cancellation: Cancellation | None = None,
) -> Restored:
    """Restores what is at and below a path of a snapshot to the root of a target; a file or link, into the root.

    `path` is as in `SnapshotReader.resolve`: "" is the directory that was saved. What stands in the way of a file is
    replaced, other files stay. What is damaged is named in the result and the rest restored.

    Raises ObjectNotFoundError where there is no such path, IntegrityError where the snapshot cannot be read at all,
    NoSpaceError, CancelledError; what was under way is finished or undone then.
    """
    kind = SharedRestoring if _can_share(snapshot, target) else Restoring
    work = kind(snapshot, target, settings or RestoreSettings(), listener, cancellation or Cancellation())
    return work.run(snapshot.resolve(path))


def _can_share(snapshot: SnapshotReader, target: Target) -> bool:
    """Whether processes may restore side by side: where neither end is behind a connection, or in memory."""
    features = snapshot.repository.files.store.features
    return isinstance(target, LocalTarget) and features.scheme == "local"
