"""`dup`: snapshots once more, under new identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.commands.repository.listing import open_path, split_word
from plait.cli.repositories import RefusedError
from plait.model.errors import ExitCode, PlaitError, StoreError

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand


def dup(command: RepositoryCommand) -> int:
    """Duplicates whole snapshots; one that cannot be is named, and the others are."""
    from plait.repository.duplicating import duplicate

    words = command.invocation.words
    if not command.is_front:
        _refuse_paths(words)
    failed = 0
    for word in words:
        command.cancellation.raise_if_cancelled()
        try:
            snapshot, _ = open_path(command, word)
            duplicate(command.repository, snapshot.identifier, listener=command.listener)
        except PlaitError as error:
            # The original calls it so, too.
            command.output.error(f"{'digest: ' if command.is_front else word}: {error.message}")
            failed += 1
    if not failed:
        return ExitCode.DONE
    if command.is_front:
        raise StoreError("errors occurred")
    return ExitCode.PARTLY if failed < len(words) else ExitCode.FAILED


def _refuse_paths(words: tuple[str, ...]) -> None:
    """A part of a snapshot cannot be duplicated. Raises RefusedError."""
    for word in words:
        if split_word(word)[1]:
            raise RefusedError(f"{word}: a snapshot is duplicated whole", hint="name it without a path")
