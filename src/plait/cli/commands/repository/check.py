"""`check`: whether snapshots are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from plait.cli.commands.repository.listing import NARROWED, select_readable, split_word
from plait.cli.repository_options import query
from plait.model.errors import DirectoryNotFoundError, ExitCode, UsageError
from plait.model.values.sizes import show_binary_size
from plait.model.values.times import show_rfc3339
from plait.repository.events import Done, Failed
from plait.repository.selection import normal_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plait.cli.repositories import RepositoryCommand
    from plait.model.errors import IntegrityError
    from plait.repository.checking.findings import Checked
    from plait.repository.events import Event, Listener
    from plait.repository.selection import Query
    from plait.repository.snapshots import SnapshotReader

_NOT_WHOLE: Final = 65
"""The front's exit code."""


def check(command: RepositoryCommand) -> int:
    """Verifies the snapshots that are named or described, and names what is damaged."""
    values = command.values
    words = command.invocation.words
    asked = query(values)
    if values.sample is not None:
        return _check_sample(command, asked)
    if words and asked.narrows:
        command.output.warn(NARROWED[command.is_front])
    chosen: list[tuple[bytes, str]] = []
    unreadable: dict[bytes, IntegrityError] = {}
    for word in words or ("",):
        prefix, path = split_word(word)
        prefixes = (_prefix(command, prefix),) if prefix else ()
        found, broken = select_readable(command, query(values, prefixes=prefixes))
        if not found and not broken and prefix and not command.is_front:
            raise DirectoryNotFoundError(f"no snapshot has prefix: {prefix}")
        chosen += [(header.identifier, path) for header in found]
        unreadable |= broken
    everything = not words and not asked.narrows and not values.fast
    return verify(command, chosen, unreadable, fast=values.fast, everything=everything)


def _check_sample(command: RepositoryCommand, asked: Query) -> int:
    """Verifies a part of the packfiles, and says how much has been so far."""
    from plait.repository.upkeep.sampling import check_sample

    values = command.values
    if command.invocation.words or asked.narrows or values.fast:
        raise UsageError("a sample is one of the whole repository: -sample goes without snapshots, filters and -fast")
    found = check_sample(
        command.repository, values.sample, listener=command.listener, cancellation=command.cancellation
    )
    share = 100 * found.covered / found.total if found.total else 100
    text = f"check: read {show_binary_size(found.size)} of {show_binary_size(found.total)}; {share:.0f}% found whole"
    if found.oldest is not None:
        text += f" since {show_rfc3339(found.oldest // 1_000_000_000 * 1_000_000_000)}"
    if values.json:
        command.record({"read": found.size, "total": found.total, "covered": found.covered, "oldest": found.oldest})
    else:
        command.output.info(text)
    return _end(command, found.checked, 0)


def verify(
    command: RepositoryCommand,
    chosen: Sequence[tuple[bytes, str]],
    unreadable: Mapping[bytes, IntegrityError] | None = None,
    *,
    fast: bool,
    everything: bool = False,
) -> int:
    """Verifies snapshots, each at and below a path ("" for all); `everything`: every file of the repository, too.

    `unreadable` are snapshots that nobody can look into; they fail.
    """
    from plait.repository.checking.checking import check as check_snapshots
    from plait.repository.checking.findings import CheckSettings

    repository = command.repository
    snapshots = []
    for identifier, path in chosen:
        snapshot = repository.snapshot(identifier)
        snapshots.append((snapshot, snapshot.resolve(path) if path else "/"))
    unnamed = [snapshot for (snapshot, _), (_, path) in zip(snapshots, chosen, strict=True) if not path]
    declared = command.values.options
    signatures = declared.named("no-verify") is None or not command.values.no_verify
    result = check_snapshots(
        repository.reader,
        repository.files,
        snapshots,
        settings=CheckSettings(fast=fast, signatures=signatures, files=everything),
        listener=_from_the_source_on(command.listener, unnamed) if command.is_front else command.listener,
        cancellation=command.cancellation,
    )
    for identifier, error in (unreadable or {}).items():
        command.listener(Failed(identifier, "", f"snapshot: {error.message}"))
    return _end(command, result, len(unreadable or {}))


def _from_the_source_on(listener: Listener, snapshots: Iterable[SnapshotReader]) -> Listener:
    """A listener without the directories above those that were saved, of which the original says nothing."""
    roots = {snapshot.identifier: snapshot.resolve("") for snapshot in snapshots}

    def told(event: Event) -> None:
        if isinstance(event, Done) and event.snapshot in roots:
            root = roots[event.snapshot]
            paths = [f"{event.directory.rstrip('/')}/{name}" if name else event.directory for name in event.names]
            shown = [index for index, path in enumerate(paths) if not _is_above(path, root)]
            kinds = bytes(event.kinds[index] for index in shown)
            event = replace(event, names=[event.names[index] for index in shown], kinds=kinds)
        listener(event)

    return told


def _is_above(path: str, root: str) -> bool:
    return path != root and f"{root}/".startswith(f"{path.rstrip('/')}/")


def _end(command: RepositoryCommand, result: Checked, unreadable: int) -> int:
    failed = sum(bool(snapshot.failed) for snapshot in result.snapshots) + unreadable
    files = len(result.files)
    if failed or not files:
        what = f"check failed for {failed} snapshot{'s' * (failed != 1)}"
    else:
        what = f"check failed: {files} damaged file{'s' * (files != 1)}, which no snapshot needs whole"
    if command.is_front:
        if failed or files:
            command.output.plain(f"plakar: {what}")
            return _NOT_WHOLE
        return ExitCode.DONE
    if failed or files:
        command.output.error(what)
        return ExitCode.FAILED if failed == len(result.snapshots) + unreadable else ExitCode.PARTLY
    return ExitCode.DONE


def _prefix(command: RepositoryCommand, prefix: str) -> str:
    if command.is_front and len(prefix) % 2:
        raise UsageError(f"invalid snapshot prefix: {prefix}")
    return normal_prefix(prefix)
