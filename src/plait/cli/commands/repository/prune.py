"""`prune`: snapshots that no policy keeps are taken off a repository's list."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from plait.cli.commands.repository.maintenance import maintain_afterwards, refuse_unfit_afterwards
from plait.cli.output.snapshots import snapshot_record, verdict_lines
from plait.cli.repositories import RefusedError
from plait.cli.repository_options import named_snapshots, query
from plait.model.errors import ConfigurationError, DirectoryNotFoundError, IntegrityError
from plait.repository.configured.policies import Policies, overlay
from plait.repository.selection import normal_prefix, with_prefix
from plait.repository.upkeep.pruning import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.format.headers import Header
    from plait.repository.selection import Query
    from plait.repository.upkeep.pruning import Judged


def prune(command: RepositoryCommand) -> int:
    """Shows which snapshots would be removed and why, and with `--apply` removes them."""
    refuse_unfit_afterwards(command)
    now = time.time_ns()
    asked = _asked(command, now)
    judged = plan(_headers(command), asked, now)
    going = [item.header.identifier for item in judged if not item.verdict.kept]
    applied = bool(command.values.apply)
    if not (applied and command.is_front):
        _show(command, judged, len(going), applied=applied)
    if applied:
        command.repository.remove(going)
        for identifier in going:
            if not command.values.json:
                command.output.info(f"prune: removal of {identifier[:4].hex()} completed successfully")
    return maintain_afterwards(command, going)


def _asked(command: RepositoryCommand, now: int) -> Query:
    """The policy, and over it what the line says. Raises RefusedError where neither says anything."""
    values = command.values
    words = tuple(map(normal_prefix, named_snapshots(command.invocation.words)))
    asked = query(values, prefixes=words)
    if values.policy:
        try:
            asked = overlay(Policies(command.configuration_directory).query(values.policy, now), asked)
        except ConfigurationError as error:
            kind = RefusedError if command.is_front else ConfigurationError
            raise kind(error.message, hint=error.hint) from None
    if not asked.narrows and asked.group_by is None:
        raise RefusedError(
            "no filter specified, not going to prune everything", hint="say what is kept, as in --days 7 --per-week 1"
        )
    if not command.is_front:
        listed = command.repository.reader.snapshots()
        for prefix in words:
            if not with_prefix(listed, prefix):
                raise DirectoryNotFoundError(f"no snapshot has prefix: {prefix}")
    return asked


def _headers(command: RepositoryCommand) -> list[Header]:
    headers = []
    for identifier, header in command.repository.reader.headers():
        if isinstance(header, IntegrityError):
            command.output.warn(f"snapshot {identifier.hex()} cannot be read, and stays: {header.message}")
        else:
            headers.append(header)
    return headers


def _show(command: RepositoryCommand, judged: Sequence[Judged], going: int, *, applied: bool) -> None:
    output = command.output
    if command.values.json:
        for item in judged:
            verdict = item.verdict
            command.record(
                {
                    "action": "keep" if verdict.kept else "delete",
                    "applied": applied,
                    "note": verdict.note,
                    "period": verdict.period,
                    "bucket": verdict.bucket,
                    "rank": verdict.rank,
                    "cap": verdict.cap,
                    **snapshot_record(item.header),
                }
            )
        return
    kept = len(judged) - going
    if applied:
        output.result(f"prune: keeping {kept} and deleting {going} snapshot(s)")
    else:
        output.result(f"prune: would keep {kept} and delete {going} snapshot(s), run with -apply to proceed")
    for line in verdict_lines([(item.header, item.verdict.kept, item.reason) for item in judged]):
        output.result(line)
