"""`backup`: a tree becomes a snapshot."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from plait.cli.commands.repository.trees import STANDARD_INPUT, open_tree
from plait.cli.repositories import RefusedError
from plait.model.errors import ConfigurationError, DirectoryNotFoundError, ExitCode, from_os_error
from plait.model.items import Kind
from plait.repository.configured.catalogue import Section
from plait.repository.events import Done, Failed, Warned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.cli.commands.repository.trees import Tree
    from plait.cli.output.work import Output
    from plait.cli.repositories import RepositoryCommand
    from plait.repository.backup.excludes import Excludes
    from plait.repository.backup.saving import BackupResult, BackupSettings
    from plait.repository.backup.sources import Source
    from plait.repository.events import Event

_NOBODY = bytes(32)


def backup(command: RepositoryCommand) -> int:
    """Saves places as a snapshot; what could not be read is told."""
    from plait.repository.backup.excludes import Excludes

    values = command.values
    _refuse_packfiles(command)
    settings = _settings(command)
    excludes = Excludes(patterns(values.ignore_file, values.ignore))
    source = _source(command, excludes)
    if values.dry_run:
        return _rehearse(command, source)
    result = command.repository.backup(source, settings, listener=command.listener, cancellation=command.cancellation)
    _tell_skipped(command, source)
    code = _end(command, result)
    if values.check:
        from plait.cli.commands.repository.check import verify

        command.repository.refresh()
        checked = verify(command, [(result.snapshot, "/")], fast=False)
        return checked or code
    return code


def _refuse_packfiles(command: RepositoryCommand) -> None:
    """What is no directory is a mistake, though packfiles are built in memory. Raises DirectoryNotFoundError."""
    where = command.values.packfiles
    if where and where != "memory" and not Path(where).is_dir():
        raise DirectoryNotFoundError(
            f"stat {where}: no such file or directory" if command.is_front else f"--packfiles: there is no {where}"
        )


def _settings(command: RepositoryCommand) -> BackupSettings:
    from plait.repository.backup.saving import BackupSettings

    values = command.values
    moment = values.force_timestamp
    if moment is not None and moment > time.time_ns():
        raise RefusedError("forced timestamp cannot be in the future")
    return BackupSettings(
        name=values.name,
        category=values.category,
        environment=values.environment,
        perimeter=values.perimeter,
        job=values.job,
        tags=_tags(command),
        timestamp=moment,
        context={"CommandLine": shlex.join(("plait", *command.invocation.arguments))},
        incremental=values.cache == "vfs",
        count=command.shows_progress and not values.no_progress,
    )


def _tags(command: RepositoryCommand) -> list[str]:
    """Those of `--tag`, else of PLAKAR_TAGS; blanks round a tag are no part of it."""
    given = command.values.tag or (command.environment.get("PLAKAR_TAGS", ""),)
    return [tag for text in given for part in text.split(",") if (tag := part.strip())]


def patterns(files: Sequence[str], given: Sequence[str]) -> list[str]:
    """What `--ignore-file` and `--ignore` leave out. Raises RefusedError."""
    from plait.repository.backup.excludes import read_ignore_file

    found: list[str] = []
    for name in files:
        try:
            found += read_ignore_file(Path(name).read_text(encoding="utf-8", errors="surrogateescape"))
        except OSError as error:
            reason = from_os_error(error, f"open {name}").message
            raise RefusedError(f"unable to open excludes file: {reason}") from None
    return [*found, *given]


def _source(command: RepositoryCommand, excludes: Excludes) -> Source:
    """The tree of all places together."""
    from plait.repository.backup.databases import Databases
    from plait.repository.backup.local import LocalSource

    values = command.values
    words = command.invocation.words or (os.getcwd(),)
    trees = [_tree(command, word) for word in words]
    if len({(tree.kind, tree.origin) for tree in trees}) > 1:
        raise ConfigurationError("multi-source backup not supported yet", hint="save each place by a run of its own")
    first = trees[0]
    if first.kind == STANDARD_INPUT:
        from plait.repository.backup.piped import PipedSource

        return PipedSource(sys.stdin.buffer, first.root, first.origin)
    if first.store is None:
        return LocalSource(
            [tree.root for tree in trees],
            excludes=excludes,
            with_xattrs=not values.no_xattr,
            skips=command.repository.own_directories(),
            databases=None if command.is_front or values.sqlite == "file" else Databases(command.listener),
        )
    if len(trees) > 1:
        raise ConfigurationError("only one place of a store can be saved at once")
    from plait.repository.backup.stored import StoreSource

    return StoreSource(first.store, first.kind, first.origin, first.root, excludes=excludes)


def _tree(command: RepositoryCommand, word: str) -> Tree:
    """A place that is there. Raises DirectoryNotFoundError, ConfigurationError."""
    try:
        tree = open_tree(command, word, Section.SOURCES)
    except ConfigurationError as error:
        if command.is_front and error.message.startswith("backend "):
            raise ConfigurationError(
                f"failed to create an importer for {word}: unsupported importer protocol"
            ) from error
        raise
    if tree.store is None and tree.kind != STANDARD_INPUT and not os.path.lexists(tree.root):
        message = f"there is no {tree.root}"
        if command.is_front:
            message = f"failed to create an importer for {word}: lstat {tree.root}: no such file or directory"
        raise DirectoryNotFoundError(message)
    return tree


def _rehearse(command: RepositoryCommand, source: Source) -> int:
    """Says what would be saved, and saves nothing."""
    listener = command.listener if command.is_front or command.values.json else _Rehearsal(command.output)
    failed = 0
    for folder in source.walk(command.cancellation.cancelled):
        names, kinds = folder.names, folder.kinds(folder.names)
        if folder.path == "/":
            names, kinds = ("", *names), bytes((Kind.DIRECTORY,)) + kinds
        listener(Done(_NOBODY, folder.path, names, kinds))
        for error in folder.errors:
            listener(Failed(_NOBODY, error.path, error.error))
        failed += len(folder.errors)
        folder.release()
    command.cancellation.raise_if_cancelled()
    if not failed or command.is_front:
        return ExitCode.DONE
    command.output.error(f"{failed} paths could not be read, and would be left out")
    return ExitCode.PARTLY


class _Rehearsal:
    """The listener that shows what would be saved on Plait's own face: a path a line."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def __call__(self, event: Event) -> None:
        if isinstance(event, Done):
            base = event.directory.rstrip("/")
            for name in event.names:
                self._output.result(f"{base}/{name}")
        elif isinstance(event, Failed):
            self._output.error(event.error if event.path in event.error else f"{event.path}: {event.error}")


def _tell_skipped(command: RepositoryCommand, source: Source) -> None:
    for path in getattr(source, "skipped", ()):
        command.listener(Warned("skipping entry from repository", path))


def _end(command: RepositoryCommand, result: BackupResult) -> int:
    if not result.errors or command.is_front:
        return ExitCode.DONE
    count = len(result.errors)
    command.output.error(f"{count} path{'s' * (count != 1)} could not be read; everything else is saved")
    return ExitCode.PARTLY
