"""The last line of a run on Plait's own face, and the object that `--json` ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plait.mirror.status import exit_code
from plait.model.actions import Verb
from plait.model.values.durations import show_duration_units
from plait.model.values.sizes import show_size_unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.engine.settings import Result
    from plait.model.errors import PlaitError

_WORDS: Final = (
    (Verb.CREATE, "created", "create"),
    (Verb.REPLACE, "replaced", "replace"),
    (Verb.TOUCH, "times set", "set the time of"),
    (Verb.RENAME, "renamed", "rename"),
    (Verb.RESPELL, "respelled", "respell"),
    (Verb.DELETE, "deleted", "delete"),
    (Verb.DELETE_SOURCE, "deleted from the source", "delete from the source"),
    (Verb.REMOVE_DIRECTORY, "directories removed", "remove directories:"),
)
"""What the line tells of, in this order: done, and in a dry run."""


def summary_line(command: str, result: Result, seconds: float, *, dry_run: bool) -> str:
    """`sync: 3 created, 2 deleted, 27.125 MiB in 1.2s`."""
    if dry_run:
        parts = [f"{would} {count}" for verb, _, would in _WORDS if (count := result.skipped.get(verb, 0))]
        return f"{command}: would {', '.join(parts)}" if parts else f"{command}: there is nothing to do"
    parts = [f"{count} {done}" for verb, done, _ in _WORDS if (count := result.done.get(verb, 0))]
    failed = sum(result.failed.values())
    if failed:
        parts.append(f"{failed} failed")
    told = ", ".join(parts) if parts else "nothing was done" if result.error is not None else "nothing to do"
    carried = f", {show_size_unit(result.carried)}" if result.carried else ""
    return f"{command}: {told}{carried} in {show_seconds(seconds)}"


def counts(result: Result) -> dict[str, Any]:
    """What a transfer did as data: counts by verb, sizes in bytes."""
    return {
        "done": _named(result.done),
        "skipped": _named(result.skipped),
        "failed": _named(result.failed),
        "bytes": result.carried,
        "deleted_bytes": result.deleted_size,
    }


def summary_record(
    command: str, found: Mapping[str, Any], errors: int, error: PlaitError | None, seconds: float
) -> dict[str, Any]:
    """The last record of `--json`: what a command found or did, and how it ended."""
    return {
        "event": "summary",
        "command": command,
        **found,
        "errors": errors,
        "error": None if error is None else error.message,
        "hint": None if error is None else error.hint,
        "exit_code": int(exit_code(error)),
        "seconds": round(seconds, 3),
    }


def show_seconds(seconds: float) -> str:
    """`0.4s`, `1m16s`."""
    return f"{seconds:.1f}s" if seconds < 60 else show_duration_units(int(seconds) * 1_000_000_000)


def _named(counts: Mapping[str, int]) -> dict[str, int]:
    return {str(verb): count for verb, count in counts.items()}
