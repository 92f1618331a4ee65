"""`rm`: snapshots are taken off a repository's list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.cli.commands.repository.listing import select_now
from plait.cli.commands.repository.maintenance import maintain_afterwards, refuse_unfit_afterwards
from plait.cli.output.snapshots import snapshot_line, snapshot_record
from plait.cli.repositories import RefusedError
from plait.cli.repository_options import named_snapshots, query
from plait.repository.selection import normal_prefix

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand
    from plait.repository.selection import Query


def _selects(asked: Query) -> bool:
    """Whether a query has what the original asks for before it removes anything."""
    return msgspec.structs.replace(asked, types=(), origins=(), ignored_tags=()).narrows


def rm(command: RepositoryCommand) -> int:
    """Shows which snapshots would be removed, and with `--apply` removes them."""
    refuse_unfit_afterwards(command)
    values = command.values
    words = named_snapshots(command.invocation.words)
    asked = query(values, prefixes=words if command.is_front else tuple(map(normal_prefix, words)))
    if not asked.narrows or (command.is_front and not words and not _selects(asked)):
        raise RefusedError("no filter specified, not going to remove everything", hint="name snapshots, or filters")
    found = select_now(command, asked)
    if not found:
        command.output.info("rm: no snapshots matched the selection")
    elif not values.apply:
        command.output.result(f"rm: would remove these {len(found)} snapshot(s), run with -apply to proceed")
    else:
        command.repository.remove([header.identifier for header in found])
    for header in found:
        if values.json:
            command.record({"removed": bool(values.apply), **snapshot_record(header)})
        elif values.apply:
            command.output.info(f"rm: removal of {header.identifier[:4].hex()} completed successfully")
        else:
            command.output.result(snapshot_line(header))
    return maintain_afterwards(command, [header.identifier for header in found])
