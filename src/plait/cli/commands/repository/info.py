"""`info`: what a repository is, what a snapshot holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.commands.repository.listing import open_path
from plait.cli.output.information import lines, plain, repository_facts, snapshot_facts
from plait.cli.output.snapshots import size_of
from plait.model.items import Kind

if TYPE_CHECKING:
    from plait.cli.output.information import Facts
    from plait.cli.repositories import RepositoryCommand
    from plait.stores.base import Store


def info(command: RepositoryCommand) -> int:
    """Shows the repository, a snapshot, or the errors that its backup recorded."""
    words = command.invocation.words
    if not words or (command.is_front and not words[0]):
        return _show(command, _repository(command))
    snapshot, _ = open_path(command, words[0])
    if not command.values.errors:
        return _show(command, snapshot_facts(snapshot.header))
    for error in snapshot.errors():
        if command.values.json:
            command.record({"path": error.path, "error": error.error})
        else:
            command.output.result(f"{error.path}: {error.error}")
    return 0


def front_version(command: RepositoryCommand) -> int:
    """The version in the original's form."""
    from plait import __version__

    command.output.plain(f"plait/v{__version__}")
    return 0


def _repository(command: RepositoryCommand) -> Facts:
    repository = command.repository
    snapshots = repository.snapshots()
    logical = sum(size_of(snapshot.header) for snapshot in snapshots)
    place = command.place()
    stored = _stored_size(place.store, place.archive)
    return repository_facts(repository.configuration, len(snapshots), stored, logical)


def _stored_size(store: Store, archive: str | None) -> int:
    """Bytes that the files of a repository take."""
    if archive is not None:
        return store.stat(archive).size or 0
    total = 0
    for page in store.list(""):
        if page.error is not None:
            raise page.error
        sizes = memoryview(page.sizes).cast("q")
        total += sum(size for size, kind in zip(sizes, page.kinds, strict=True) if kind == Kind.FILE and size > 0)
    return total


def _show(command: RepositoryCommand, facts: Facts) -> int:
    if command.values.json:
        command.record(plain(facts))
    else:
        for line in lines(facts):
            command.output.result(line)
    return 0
