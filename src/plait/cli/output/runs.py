"""Runs and their journals as a person reads them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from plait.cli.output.log import safe
from plait.cli.output.summary import show_seconds
from plait.model.actions import Status
from plait.model.values.sizes import show_size_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.engine.journal import Entry
    from plait.engine.runs import Run

SECOND: Final = 1_000_000_000
_HEADINGS: Final = ("ID", "STARTED", "TOOK", "STATUS", "COMMAND", "DID")


def table(runs: Sequence[Run]) -> list[str]:
    """One line a run below a line of headings, in columns."""
    rows = [_HEADINGS, *(_row(run) for run in runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def run_lines(run: Run) -> list[str]:
    """Everything that is recorded of a run but its journal."""
    facts = [
        ("run", run.id),
        ("command", _command(run)),
        ("started", show_moment(run.started)),
        ("ended", show_moment(run.ended) if run.ended is not None else "-"),
        ("status", str(run.status)),
        ("exit code", "-" if run.exit_code is None else str(run.exit_code)),
        ("attempts", str(run.attempts)),
        ("did", _did(run)),
    ]
    if run.counts.carried:
        facts.append(("carried", show_size_unit(run.counts.carried)))
    if run.error:
        facts.append(("error", run.error))
    width = max(len(name) for name, _ in facts)
    return [safe(f"{name:<{width}}  {text}") for name, text in facts] + [""]


def entry_line(entry: Entry) -> str:
    """`create sub/new  12 KiB`, and where the old one is kept."""
    failed = f"  failed: {entry.error}" if entry.status is Status.FAILED else ""
    size = f"  {show_size_unit(entry.size)}" if entry.size else ""
    origin = f" (from {entry.renamed_from})" if entry.renamed_from else ""
    kept = f"  kept at {entry.kept_at}" if entry.kept_at else ""
    return safe(f"{entry.verb} {entry.name}{origin}{size}{kept}{failed}")


def show_moment(at: int) -> str:
    """A time in the local zone, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at // SECOND))


def _row(run: Run) -> tuple[str, ...]:
    took = show_seconds((run.ended - run.started) / SECOND) if run.ended is not None else "-"
    return (run.id, show_moment(run.started), took, str(run.status), safe(_command(run)), _did(run))


def _command(run: Run) -> str:
    return " ".join((run.command, *run.locations))


def _did(run: Run) -> str:
    counts = run.counts
    parts = [f"{verb} {count}" for verb, count in counts.done.items()]
    failed = sum(counts.failed.values())
    if failed:
        parts.append(f"failed {failed}")
    return ", ".join(parts) or "nothing"
