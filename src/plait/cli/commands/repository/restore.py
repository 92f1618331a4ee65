"""`restore`: from a snapshot to a directory or another store."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

from plait.cli.commands.repository.listing import NARROWED, select_now, split_word
from plait.cli.commands.repository.trees import open_tree
from plait.model.errors import ConfigurationError, DirectoryNotFoundError, ExitCode, UsageError
from plait.repository.configured.catalogue import Section
from plait.repository.selection import Query

if TYPE_CHECKING:
    from plait.cli.commands.repository.trees import Tree
    from plait.cli.repositories import RepositoryCommand
    from plait.repository.restoring.settings import Restored, RestoreSettings
    from plait.repository.restoring.target import Target
    from plait.repository.snapshots import SnapshotReader

_STREAMS: Final = {"stdout": "stdout", "stderr": "stderr"}
"""The schemes of destinations of the front that are streams."""


def restore(command: RepositoryCommand) -> int:
    """Restores a snapshot, or a path of one; the newest that the options describe."""
    from plait.repository.restoring.restoring import restore as restore_tree
    from plait.repository.restoring.settings import RestoreSettings

    values = command.values
    words = command.invocation.words
    if len(words) > 1:
        raise UsageError("multiple snapshots found, please specify one")
    repository = command.repository
    prefix, path = split_word(words[0] if words else "")
    asked = _query(command, prefix)
    if command.is_front and prefix and asked != Query(prefixes=asked.prefixes, latest=True):
        command.output.warn(NARROWED[True])
    found = select_now(command, asked)
    if not found:
        what = f" has prefix: {prefix}" if prefix else "s found"
        raise DirectoryNotFoundError("no snapshots found" if command.is_front else f"no snapshot{what}")
    word = (values.to if command.is_front else values.output) or _default_target()
    snapshot = repository.snapshot(found[0].identifier)
    if command.is_front:
        path = snapshot.follow(snapshot.resolve(path)).path if path else path
        stream = _STREAMS.get(word.partition(":")[0]) if ":" in word else None
        if stream is not None:
            return _end(command, _pour(command, snapshot, path, stream))
    tree = _open(command, word)
    settings = RestoreSettings(permissions=not values.skip_permissions)
    target = _target(tree, settings)
    try:
        result = restore_tree(
            snapshot,
            target,
            path,
            settings=settings,
            listener=command.listener,
            cancellation=command.cancellation,
        )
    except DirectoryNotFoundError as error:
        if error.key is None and tree.store is None:
            error.message = f"{tree.root} {error.message}"
        raise
    finally:
        target.close()
    return _end(command, result)


def _pour(command: RepositoryCommand, snapshot: SnapshotReader, path: str, stream: str) -> Restored:
    """Restores contents into a stream of this process, which holds nothing else then."""
    from plait.repository.restoring.stream import restore_contents

    out = getattr(sys, stream).buffer
    command.output.speak_aside()
    try:
        return restore_contents(snapshot, path, out.write, listener=command.listener, cancellation=command.cancellation)
    finally:
        out.flush()


def _open(command: RepositoryCommand, word: str) -> Tree:
    try:
        return open_tree(command, word, Section.DESTINATIONS)
    except ConfigurationError as error:
        if command.is_front and error.message.startswith("backend "):
            raise ConfigurationError("unsupported exporter protocol") from error
        raise


def _query(command: RepositoryCommand, prefix: str) -> Query:
    values = command.values
    return Query(
        prefixes=(prefix,) if prefix else (),
        name=values.name,
        category=values.category,
        environment=values.environment,
        perimeter=values.perimeter,
        job=values.job,
        tags=(values.tag,) if values.tag else (),
        latest=True,
    )


def _default_target() -> str:
    return f"{os.getcwd()}/plakar-{time.strftime('%Y%m%d%H%M%S')}"


def _target(tree: Tree, settings: RestoreSettings) -> Target:
    if tree.store is None:
        from plait.repository.restoring.local import LocalTarget

        return LocalTarget(tree.root, settings)
    from plait.repository.restoring.stored import StoreTarget

    return StoreTarget(tree.store, settings)


def _end(command: RepositoryCommand, result: Restored) -> int:
    """Says what was left out, and gives the exit code."""
    if result.skipped:
        command.output.warn(f"{result.skipped} items were left out, as said above")
    if not result.failed:
        return ExitCode.DONE
    done = result.files + result.directories + result.symbolic_links + result.hard_links + result.special_files
    if command.is_front:
        command.output.plain(f"plakar: {result.failed} errors during restore")
        return ExitCode.FAILED
    command.output.error(f"{result.failed} items were not restored")
    return ExitCode.PARTLY if done else ExitCode.FAILED
