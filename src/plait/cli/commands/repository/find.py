"""`find`: files in snapshots, by their names, kinds, sizes and times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.commands.repository.listing import open_path, select_now
from plait.cli.output.snapshots import entry_line, entry_record
from plait.cli.repository_options import query
from plait.model.errors import ExitCode, IntegrityError, ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.finding import Wanted
    from plait.repository.format.entries import Entry
    from plait.repository.snapshots import SnapshotReader


def find(command: RepositoryCommand) -> int:
    """Looks through the snapshots that the options describe, newest first, or at what is below a path of one."""
    from plait.repository.finding import find as find_in

    wanted = _wanted(command)
    failed = 0

    def damaged(path: str, error: IntegrityError) -> None:
        nonlocal failed
        failed += 1
        command.output.error(f"{path}: {error.message}")

    seen: dict[str, tuple[object, ...]] = {}
    for snapshot, top in _places(command):
        try:
            for entry in find_in(snapshot, top, wanted, damaged):
                command.cancellation.raise_if_cancelled()
                if not command.values.changed or _is_new(entry, seen):
                    _show(command, snapshot, entry)
        except IntegrityError as error:
            damaged(f"snapshot {snapshot.identifier.hex()[:8]}", error)
    return ExitCode.PARTLY if failed else ExitCode.DONE


def _wanted(command: RepositoryCommand) -> Wanted:
    from plait.repository.finding import Wanted

    values = command.values
    return Wanted(
        patterns=command.invocation.words,
        ignores_case=values.ignore_case,
        kind=values.kind,
        min_size=values.min_size,
        max_size=values.max_size,
        since=values.modified_since,
        before=values.modified_before,
    )


def _places(command: RepositoryCommand) -> Iterator[tuple[SnapshotReader, str]]:
    """Where to look. A path that only some snapshots have is looked for where it is."""
    inside = command.values.inside
    if inside and not inside.startswith("/"):
        yield open_path(command, inside)
        return
    top = inside or "/"
    for header in select_now(command, query(command.values)):
        snapshot = command.repository.snapshot(header.identifier)
        try:
            snapshot.entry(top)
        except ObjectNotFoundError:
            continue
        yield snapshot, top


def _is_new(entry: Entry, seen: dict[str, tuple[object, ...]]) -> bool:
    """Whether a path is another one than in the snapshot shown before."""
    info = entry.file_info
    state = (entry.object, entry.symlink_target, info.mode, info.mod_time, info.uid, info.gid)
    if seen.get(entry.path) == state:
        return False
    seen[entry.path] = state
    return True


def _show(command: RepositoryCommand, snapshot: SnapshotReader, entry: Entry) -> None:
    values = command.values
    if values.json:
        command.record({"snapshot": snapshot.identifier.hex(), **entry_record(entry)})
        return
    word = f"{snapshot.identifier.hex()[:8]}:{entry.path}"
    command.output.result(entry_line(entry, word) if values.long else word)
