"""`ptar`: places and whole repositories as one file."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from uuid import UUID

from plait.cli.commands.repository.create import HASHINGS
from plait.cli.commands.repository.trees import Tree, open_tree
from plait.cli.output.work import EventLines, EventRecords
from plait.cli.passphrases import ask_new, of_entry
from plait.cli.peers import open_peer
from plait.cli.repositories import AT, RefusedError
from plait.model.errors import (
    AlreadyExistsError,
    ConfigurationError,
    DirectoryNotFoundError,
    ExitCode,
    SecretError,
    from_os_error,
)
from plait.repository.configured.catalogue import Section
from plait.repository.events import Ended, Warned
from plait.stores.outputs import NewFile, is_special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.backup.sources import Source
    from plait.repository.events import Event, Listener
    from plait.repository.ptar import ArchiveBuilder
    from plait.repository.repository import NewRepository, Repository
    from plait.repository.syncing.settings import SyncEvent

_SCHEME = "ptar:"
_NAME = "plakar: "


class _Asked(NamedTuple):
    """What the command line asks for, on either face. `takes_own`: the repository of the command line itself."""

    output: str
    klosets: tuple[str, ...]
    places: tuple[str, ...]
    takes_own: bool


class _Counts:
    """How many snapshots are in the archive, how many are not, and how many paths could not be read."""

    def __init__(self) -> None:
        self.written = self.failed = self.unread = 0


def ptar(command: RepositoryCommand) -> int:
    """Writes the archive beside its name first; everything is looked at before."""
    asked = _asked(command)
    settings = _settings(command)
    if os.path.lexists(asked.output) and not command.values.overwrite:
        message = f"ptar archive {asked.output} already exists, use -overwrite to overwrite it"
        raise AlreadyExistsError(message)
    if is_special(asked.output):
        raise ConfigurationError(f"ptar archive {asked.output} is no regular file")
    peers = [(word, _peer(command, word)) for word in asked.klosets]
    if asked.takes_own:
        peers = [(command.location, command.repository)]
    trees = [_tree(command, word) for word in asked.places]
    passphrase = None if command.values.plaintext else _passphrase(command, asked)
    counts = _Counts()
    try:
        new = NewFile(asked.output)
        try:
            _build(command, asked.output, new.file, passphrase, settings, peers, trees, counts)
            if counts.written or not counts.failed:
                new.keep()
        finally:
            new.drop()
    except OSError as error:
        raise from_os_error(error, f"open {os.path.abspath(asked.output)}") from None
    return _end(command, asked.output, counts)


def _asked(command: RepositoryCommand) -> _Asked:
    values = command.values
    output = values.o if command.is_front else values.output
    if not output:
        raise RefusedError(_own(command, "-o option must be specified"), hint="name the archive: -o FILE.ptar")
    klosets = [*values.kloset, *values.k] if command.is_front else [*values.kloset]
    places = command.invocation.words
    takes_own = not klosets and not places and AT in command.invocation.parts and not command.is_front
    if not klosets and not places and not takes_own:
        places = (os.getcwd(),)
    output = output.removeprefix(_SCHEME).removeprefix("//") if output.startswith(_SCHEME) else output
    return _Asked(output, tuple(dict.fromkeys(klosets)), places, takes_own)


def _own(command: RepositoryCommand, text: str) -> str:
    """The original says its name twice."""
    return f"{_NAME}{text}" if command.is_front else text


def _settings(command: RepositoryCommand) -> NewRepository:
    from plait.repository.repository import NewRepository

    values = command.values
    if values.hashing.upper() not in HASHINGS:
        raise RefusedError(_own(command, "unknown hashing algorithm"), hint=f"one of {', '.join(HASHINGS)}")
    return NewRepository(hashing=values.hashing.upper(), compression=None if values.no_compression else "LZ4")


def _peer(command: RepositoryCommand, word: str) -> Repository:
    """A repository that is to be put into the archive. Raises as `open_peer`."""
    try:
        return open_peer(command, word, "source repository")[0]
    except RefusedError as error:
        error.message = error.message.replace("peer store", "peer repository")
        raise


def _tree(command: RepositoryCommand, word: str) -> Tree:
    """A place that is there. Raises DirectoryNotFoundError, ConfigurationError."""
    tree = open_tree(command, word, Section.SOURCES, {} if command.is_front else None)
    if tree.store is None and not os.path.lexists(tree.root):
        front = f"lstat {tree.root}: no such file or directory"
        raise DirectoryNotFoundError(front if command.is_front else f"there is no {tree.root}")
    return tree


def _passphrase(command: RepositoryCommand, asked: _Asked) -> bytes:
    """That of the archive; where the repository itself is put into it, that is the repository's."""
    values = command.values
    found = of_entry(command.settings if asked.takes_own else {}, values, command.environment)
    weak = command.is_front or values.weak_passphrase
    passphrase = ask_new("repository", weak=weak) if found.is_missing else found()
    if not passphrase:
        raise SecretError("can't encrypt the repository with an empty passphrase")
    return passphrase


def _build(  # noqa: PLR0917  (each is another thing that the work needs)
    command: RepositoryCommand,
    output: str,
    file: BinaryIO,
    passphrase: bytes | None,
    settings: NewRepository,
    peers: Sequence[tuple[str, Repository]],
    trees: Sequence[Tree],
    counts: _Counts,
) -> None:
    from plait.repository.backup.saving import BackupSettings
    from plait.repository.ptar import ArchiveBuilder

    with ArchiveBuilder(file, passphrase, settings) as builder:
        listener = _listener(command, builder)
        for word, peer in peers:
            _sync(command, word, peer, builder, listener, counts)
        for tree in trees:
            source = _source(command, tree, file, output)
            result = builder.repository.backup(
                source,
                BackupSettings(name="", incremental=False),
                listener=listener,
                cancellation=command.cancellation,
            )
            counts.written += 1
            counts.unread += len(result.errors)
            if getattr(source, "skipped", ()):
                listener(Warned("skipping entry from repository", os.path.abspath(output)))
        builder.finish()


def _listener(command: RepositoryCommand, builder: ArchiveBuilder) -> Listener:
    """Who hears of it; the original does not say how it ended."""
    output = command.output
    if command.values.json:
        return EventRecords(output, str(UUID(bytes=builder.repository.identifier)))
    lines = EventLines(output)
    if not command.is_front:
        return lines

    def told(event: Event) -> None:
        if not isinstance(event, Ended):
            lines(event)

    return told


def _sync(
    command: RepositoryCommand,
    word: str,
    peer: Repository,
    builder: ArchiveBuilder,
    listener: Listener,
    counts: _Counts,
) -> None:
    """Puts all snapshots of a repository into the archive; those that cannot be are named."""
    from plait.repository.selection import Query
    from plait.repository.syncing.settings import Direction, NotCopied, Outcome, SyncSettings
    from plait.repository.syncing.syncing import Sync

    def told(event: SyncEvent) -> None:
        if isinstance(event, NotCopied):
            command.output.error(f"snapshot {event.snapshot.hex()[:8]} of {word} cannot be archived: {event.error}")

    settings = SyncSettings(remembers=False, publish_seconds=5.0)
    sync = Sync(peer, builder.repository, (word, "archive"), settings, told, listener, command.cancellation)
    result = sync.run(Direction.TO, Query())
    counts.written += result.count(Outcome.COPIED)
    counts.failed += result.count(Outcome.FAILED)


def _source(command: RepositoryCommand, tree: Tree, file: BinaryIO, output: str) -> Source:
    """A place to be saved, without the archive itself where that lies in it."""
    from plait.cli.commands.repository.backup import patterns
    from plait.repository.backup.excludes import Excludes
    from plait.repository.backup.local import LocalSource
    from plait.repository.backup.stored import StoreSource

    values = command.values
    excludes = Excludes([] if command.is_front else patterns(values.ignore_file, values.ignore))
    if tree.store is not None:
        return StoreSource(tree.store, tree.kind, tree.origin, tree.root, excludes=excludes)
    found = [os.fstat(file.fileno())]
    with suppress(FileNotFoundError):
        found.append(os.stat(output))
    return LocalSource(
        [tree.root],
        excludes=excludes,
        with_xattrs=command.is_front or not values.no_xattr,
        skips=frozenset((one.st_dev, one.st_ino) for one in found),
    )


def _end(command: RepositoryCommand, output: str, counts: _Counts) -> int:
    front = command.is_front
    if counts.failed and not counts.written:
        command.output.error(f"{output} was not written: it would hold no snapshot")
        return ExitCode.FAILED
    if not front and not command.values.json:
        size = os.stat(output).st_size
        command.output.info(f"{output}: {counts.written} snapshot{'s' * (counts.written != 1)}, {size} bytes")
    if counts.failed:
        return ExitCode.FAILED if front else ExitCode.PARTLY
    if counts.unread and not front:
        command.output.error(f"{counts.unread} paths could not be read; everything else is in the archive")
        return ExitCode.PARTLY
    return ExitCode.DONE
