"""`ls` and `locate`: what a repository holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from plait.cli.output.snapshots import entry_line, entry_record, snapshot_line, snapshot_record
from plait.cli.repository_options import query
from plait.model.errors import IntegrityError, UsageError

NARROWED: Final = ("filters narrow the snapshots that are named", "snapshot specified, filters will be ignored")
"""What is said of filters beside a snapshot: here, and on the front."""

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand
    from plait.repository.format.headers import Header
    from plait.repository.selection import Query
    from plait.repository.snapshots import SnapshotReader


def ls(command: RepositoryCommand) -> int:
    """Lists the snapshots of a repository, or a directory of one."""
    words = command.invocation.words
    if words:
        return _list_directory(command, words[0])
    values = command.values
    for header in select_now(command, query(values)):
        if values.json:
            command.record(snapshot_record(header))
        else:
            command.output.result(snapshot_line(header, whole=values.uuid, tags=values.tags))
    return 0


def _list_directory(command: RepositoryCommand, word: str) -> int:
    snapshot, path = open_path(command, word)
    values = command.values
    entry = snapshot.follow(path)
    path = entry.path
    below = snapshot.walk(path) if values.recursive else snapshot.children(path)
    for found in below if entry.file_info.is_directory else (entry,):
        command.cancellation.raise_if_cancelled()
        if values.json:
            command.record(entry_record(found))
        else:
            command.output.result(entry_line(found, found.path if values.recursive else found.file_info.name))
    return 0


def locate(command: RepositoryCommand) -> int:
    """Finds names in the snapshots that are described, or in one."""
    from plait.repository.locating import locate as locate_in
    from plait.repository.locating import matcher

    values = command.values
    try:
        matchers = [matcher(pattern) for pattern in command.invocation.words]
    except UsageError as error:
        error.message = f"locate: {error.message}"
        raise
    if values.snapshot and query(values).narrows:
        command.output.warn(NARROWED[command.is_front])
    asked = query(values, prefixes=(values.snapshot,)) if values.snapshot else query(values)
    if values.snapshot and command.is_front:
        asked = type(asked)(prefixes=asked.prefixes)
    for header in select_now(command, asked):
        for path in locate_in(command.repository.snapshot(header.identifier), matchers):
            command.cancellation.raise_if_cancelled()
            if values.json:
                command.record({"snapshot": header.identifier.hex(), "path": path})
            else:
                command.output.result(f"{header.identifier[:4].hex()}:{path}")
    return 0


def open_path(command: RepositoryCommand, word: str) -> tuple[SnapshotReader, str]:
    """The snapshot that `PREFIX[:PATH]` names, and the absolute path. Raises DirectoryNotFoundError, UsageError."""
    from plait.repository.selection import find_one

    prefix, path = split_word(word)
    repository = command.repository
    snapshot = repository.snapshot(find_one(repository.reader.snapshots(), prefix))
    return snapshot, snapshot.resolve(path)


def split_word(word: str) -> tuple[str, str]:
    """Prefix and path of `PREFIX[:PATH]`; what begins with a slash is a path of any snapshot."""
    if word.startswith("/"):
        return "", word
    prefix, _, path = word.partition(":")
    return prefix, path


def select_now(command: RepositoryCommand, asked: Query) -> tuple[Header, ...]:
    """The headers that a query keeps, newest first; snapshots that cannot be read are named."""
    found, unreadable = select_readable(command, asked)
    for identifier, error in unreadable.items():
        command.output.warn(f"snapshot {identifier.hex()} cannot be read: {error.message}")
    return found


def select_readable(command: RepositoryCommand, asked: Query) -> tuple[tuple[Header, ...], dict[bytes, IntegrityError]]:
    """The headers that a query keeps, newest first, and the snapshots whose headers nobody can ask."""
    from plait.repository.selection import select, with_prefix

    headers = []
    unreadable = {}
    for identifier, header in command.repository.reader.headers():
        if not isinstance(header, IntegrityError):
            headers.append(header)
        elif not asked.prefixes or any(with_prefix((identifier,), prefix) for prefix in asked.prefixes):
            unreadable[identifier] = header
    return select(headers, asked, time.time_ns()).kept, unreadable
