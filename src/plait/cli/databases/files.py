"""The LTX files of a replica, as rows of a table or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.model.values.times import NANOSECONDS, show_rfc3339
from plait.replication.ltx.names import file_name, format_txid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plait.replication.ltx.plan import File, Plan

HEADINGS = ("level", "min_txid", "max_txid", "size", "created")
PLAN_HEADINGS = ("level", "file", "min_txid", "max_txid", "size", "timestamp")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns two spaces apart, as wide as they must be, with a line for the headings."""
    lines = [tuple(headings), *map(tuple, rows)]
    widths = [max(len(line[column]) for line in lines) + 2 for column in range(len(headings))]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(line[:-1], widths[:-1], strict=True)) + line[-1] + "\n"
        for line in lines
    )


def row(file: File) -> tuple[str, ...]:
    """A file under `HEADINGS`."""
    first, last = format_txid(file.span.min_txid), format_txid(file.span.max_txid)
    return str(file.level), first, last, str(file.size), created(file)


def record(file: File) -> dict[str, Any]:
    """A file as JSON has it."""
    return {
        "level": file.level,
        "min_txid": format_txid(file.span.min_txid),
        "max_txid": format_txid(file.span.max_txid),
        "size": file.size,
        "timestamp": created(file),
    }


def plan_row(file: File) -> tuple[str, ...]:
    """A file under `PLAN_HEADINGS`."""
    level, *rest = row(file)
    return level, file_name(file.span), *rest


def plan_record(source: str, target: str, kind: str, plan: Plan) -> dict[str, Any]:
    """The plan of a restore as JSON has it."""
    files = []
    for file in plan.files:
        shown = record(file)
        files.append({"level": shown.pop("level"), "name": file_name(file.span), **shown})
    return {
        "source": source,
        "target_path": target,
        "replica": kind,
        "min_txid": format_txid(min(file.span.min_txid for file in plan.files)),
        "max_txid": format_txid(plan.txid),
        "files": files,
    }


def plan_text(source: str, target: str, kind: str, plan: Plan) -> str:
    """The plan of a restore for a person."""
    first = format_txid(min(file.span.min_txid for file in plan.files))
    return (
        f"Restore plan:\n  source: {source}\n  target: {target}\n  replica: {kind}\n"
        f"  txid range: {first} - {format_txid(plan.txid)}\n\nFiles to fetch:\n"
        + table(PLAN_HEADINGS, map(plan_row, plan.files))
    )


def created(file: File) -> str:
    """When a file was made, to the second."""
    return show_rfc3339(file.created // NANOSECONDS * NANOSECONDS)
