"""`stats`: how much a repository holds, for which snapshots, and how it grew."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from plait.cli.commands.repository.listing import select_now
from plait.cli.repository_options import query
from plait.model.values.sizes import show_binary_size
from plait.model.values.times import show_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.format.headers import Header
    from plait.repository.statistics import SnapshotSize, Statistics

_HEAD: Final = ("size", "stored", "shared", "unique", "added")
_WIDTH: Final = 10
_SECOND: Final = 1_000_000_000
_PERIODS: Final = {"year": 4, "month": 7, "day": 10}
"""How many characters of a time name the period."""


def stats(command: RepositoryCommand) -> int:
    """Counts everything, and shows the snapshots that the options describe."""
    from plait.repository.statistics import statistics

    values = command.values
    shown = {header.identifier for header in select_now(command, query(values))}
    found = statistics(command.repository, command.cancellation)
    rows = [row for row in found.snapshots if row.header.identifier in shown]
    if values.by != "snapshot":
        _say_growth(command, found.snapshots, values.by)
    elif values.json:
        for row in rows:
            command.record(_record(row))
    else:
        _say_rows(command, rows)
    if values.json:
        command.record(_total(found))
    elif not values.quiet:
        _say_total(command, found)
    return 0


def _say_rows(command: RepositoryCommand, rows: Sequence[SnapshotSize]) -> None:
    output = command.output
    if not rows:
        return
    output.result(f"{'time':<20}   {'snapshot':<8}{_columns(_HEAD)}  directory")
    for row in rows:
        header = row.header
        sizes = (row.size, row.stored, row.shared, row.unique, row.added)
        text = _columns([show_binary_size(size) for size in sizes])
        output.result(f"{_moment(header)}   {header.identifier[:4].hex()}{text}  {_directory(header)}")


def _columns(texts: Sequence[str]) -> str:
    return "".join(f"  {text:>{_WIDTH}}" for text in texts)


def _say_growth(command: RepositoryCommand, rows: Sequence[SnapshotSize], period: str) -> None:
    """Says of each period how many snapshots were added, and by how much the repository grew, oldest first."""
    if not command.values.json and rows:
        command.output.result(f"{period:<10}{_columns(('snapshots', 'added', 'total'))}")
    for name, count, added, total in _grown(rows, period):
        if command.values.json:
            command.record({period: name, "snapshots": count, "added": added, "total": total})
        else:
            texts = (str(count), show_binary_size(added), show_binary_size(total))
            command.output.result(f"{name:<10}{_columns(texts)}")


def _grown(rows: Sequence[SnapshotSize], period: str) -> Iterator[tuple[str, int, int, int]]:
    total = 0
    for name, group in groupby(reversed(rows), key=lambda row: _moment(row.header)[: _PERIODS[period]]):
        sizes = [row.added for row in group]
        total += sum(sizes)
        yield name, len(sizes), sum(sizes), total


def _record(row: SnapshotSize) -> dict[str, Any]:
    return {
        "snapshot": row.header.identifier.hex(),
        "timestamp": _moment(row.header),
        "directory": _directory(row.header),
        "size": row.size,
        "stored": row.stored,
        "shared": row.shared,
        "unique": row.unique,
        "added": row.added,
    }


def _total(found: Statistics) -> dict[str, Any]:
    return {
        "snapshots": len(found.snapshots),
        "size": found.size,
        "distinct": found.distinct,
        "contents": found.contents,
        "metadata": found.metadata,
        "unused": found.unused,
        "packfiles": found.packfile_count,
        "packfiles_size": found.packfiles,
        "deduplication": round(found.deduplication, 3),
        "compression": round(found.compression, 3),
    }


def _say_total(command: RepositoryCommand, found: Statistics) -> None:
    output = command.output
    lines = (
        f"Snapshots: {len(found.snapshots)}, of {_shown(found.size)} in all",
        f"Deduplication: {found.deduplication:.2f} to 1: {_shown(found.distinct)} are different",
        f"Compression: {found.compression:.2f} to 1: {_shown(found.contents)} are stored of them",
        f"Metadata: {_shown(found.metadata)}",
        f"Unused: {_shown(found.unused)}",
        f"Packfiles: {found.packfile_count}, of {_shown(found.packfiles)} in all",
    )
    for line in lines:
        output.result(line)


def _moment(header: Header) -> str:
    return show_rfc3339(header.timestamp // _SECOND * _SECOND)


def _directory(header: Header) -> str:
    return next((source.importer.directory for source in header.sources or ()), "")


def _shown(size: int) -> str:
    return f"{show_binary_size(size)} ({size} bytes)"
