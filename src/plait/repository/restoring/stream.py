"""Restores the contents of files one after the other into a stream, as of standard output."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from plait.model.errors import IntegrityError
from plait.model.items import Kind
from plait.repository.events import Begun, Done, Ended, Failed, Work, silent
from plait.repository.restoring.settings import Failure, Restored

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.engine.workers import Cancellation
    from plait.model.errors import PlaitError
    from plait.repository.events import Listener
    from plait.repository.format.entries import Entry
    from plait.repository.snapshots import SnapshotReader


def restore_contents(
    snapshot: SnapshotReader,
    path: str,
    write: Callable[[bytes], object],
    *,
    listener: Listener = silent,
    cancellation: Cancellation | None = None,
) -> Restored:
    """Gives the content of a file, or of all regular files below a directory in the order of their paths, to `write`.

    What cannot be read is told and counted; of a file that is damaged, what lies before the damage was written. Raises
    ObjectNotFoundError where the snapshot has no such path, CancelledError, and what `write` raises.
    """
    began = time.monotonic_ns()
    before = snapshot.repository.blobs.received
    result = Restored()
    root = snapshot.entry(snapshot.resolve(path))
    base = (root.path if root.file_info.is_directory else root.parent_path).rstrip("/")
    listener(Begun(Work.RESTORE, snapshot.identifier, root.path))

    def fail(name: str, error: PlaitError) -> None:
        result.failed += 1
        result.failures.append(Failure(snapshot.identifier, name, error.message))
        listener(Failed(snapshot.identifier, name.removeprefix(base), error.message))

    def give(entry: Entry) -> None:
        if cancellation is not None:
            cancellation.raise_if_cancelled()
        if not entry.file_info.is_regular:
            return
        try:
            for chunk in snapshot.content(entry):
                write(chunk)
                result.size += len(chunk)
        except IntegrityError as error:
            fail(entry.path, error)
            return
        result.files += 1
        folder = entry.parent_path.removeprefix(base) or "/"
        info = entry.file_info
        listener(Done(snapshot.identifier, folder, [info.name], bytes([Kind.FILE]), size=info.size))

    if root.file_info.is_directory:
        for entry in snapshot.walk(root.path, fail):
            give(entry)
    else:
        give(root)
    listener(
        Ended(
            Work.RESTORE,
            snapshot.identifier,
            errors=result.failed,
            duration=time.monotonic_ns() - began,
            read=snapshot.repository.blobs.received - before,
            written=0,
            size=result.size,
            target=root.path,
        )
    )
    return result
