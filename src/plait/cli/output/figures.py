"""Statistics as text, exactly as rclone writes them (reference, section 1.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.values.durations import show_duration_units
from plait.model.values.sizes import show_size_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.engine.statistics import Snapshot, Transferring

NAME_LENGTH: Final = 45
"""How much of a name a line of the block shows, in characters."""
SECOND: Final = 1_000_000_000
_LONGEST_ETA: Final = 10 * 365 * 24 * 3600


def block(figures: Snapshot) -> str:
    """The lines of a block, each with its newline; log lines put an empty line before and after it."""
    lines = [f"Transferred:   \t{_bytes(figures)}"]
    if figures.errors:
        lines.append(f"Errors:        {figures.errors:10d} ({_note(figures)})")
    if figures.checks or figures.total_checks or figures.listed:
        share = percent(figures.checks, figures.total_checks)
        lines.append(f"Checks:        {figures.checks:10d} / {figures.total_checks}, {share}, Listed {figures.listed}")
    if figures.deletes or figures.deleted_dirs:
        freed = show_size_unit(figures.deleted_bytes)
        lines.append(f"Deleted:       {figures.deletes:10d} (files), {figures.deleted_dirs} (dirs), {freed} (freed)")
    if figures.renames:
        lines.append(f"Renamed:       {figures.renames:10d}")
    if figures.transfers or figures.total_transfers:
        share = percent(figures.transfers, figures.total_transfers)
        lines.append(f"Transferred:   {figures.transfers:10d} / {figures.total_transfers}, {share}")
    if figures.server_side_copies:
        copied = show_size_unit(figures.server_side_copy_bytes)
        lines.append(f"Server Side Copies:{figures.server_side_copies:6d} @ {copied}")
    if figures.server_side_moves:
        moved = show_size_unit(figures.server_side_move_bytes)
        lines.append(f"Server Side Moves:{figures.server_side_moves:7d} @ {moved}")
    lines.append(f"Elapsed time:  {_elapsed(figures.elapsed_time):>10}s")
    lines += _named("Checking:", [f"{shorten(name):>{NAME_LENGTH}}: checking" for name in figures.checking])
    lines += _named("Transferring:", [_transferring(one) for one in figures.transferring])
    return "\n".join(lines) + "\n"


def one_line(figures: Snapshot) -> str:
    """Everything in one line."""
    queued: list[str] = []
    if figures.total_transfers > figures.transfers:
        queued.append(f"xfr#{figures.transfers}/{figures.total_transfers}")
    if figures.total_checks > figures.checks:
        queued.append(f"chk#{figures.checks}/{figures.total_checks}")
    return _bytes(figures) + (f" ({', '.join(queued)})" if queued else "")


def percent(part: int, whole: int) -> str:
    """`27%`, or `-` where there is no whole."""
    return f"{int(part * 100 / whole + 0.5)}%" if whole > 0 else "-"


def show_eta(seconds: float | None) -> str:
    """`1m16s`, or `-` where it is not known."""
    if seconds is None or not 0 <= seconds < _LONGEST_ETA:
        return "-"
    return show_duration_units(int(seconds) * SECOND)


def shorten(name: str) -> str:
    """A name of at most `NAME_LENGTH` characters; its middle gives way."""
    if len(name) <= NAME_LENGTH:
        return name
    half = (NAME_LENGTH - 1) // 2
    return f"{name[:half]}…{name[half - NAME_LENGTH + 1 :]}"


def _bytes(figures: Snapshot) -> str:
    carried = show_size_unit(figures.bytes)
    share = percent(figures.bytes, figures.total_bytes)
    speed = show_size_unit(int(figures.speed), "B/s")
    return f"{carried:>13} / {show_size_unit(figures.total_bytes)}, {share}, {speed}, ETA {show_eta(figures.eta)}"


def _elapsed(seconds: float) -> str:
    """`6.1`, `1m2.3`, `1h2m3.4`: whole minutes as a duration, the rest with a decimal."""
    minutes, rest = divmod(int(seconds * 10), 600)
    whole = show_duration_units(minutes * 60 * SECOND) if minutes else ""
    return f"{whole}{rest / 10:.1f}"


def _named(title: str, rows: Sequence[str]) -> list[str]:
    return [title, *(f" * {row}" for row in rows)] if rows else []


def _transferring(one: Transferring) -> str:
    name = f"{shorten(one.name):>{NAME_LENGTH}}:{one.percentage:3d}%"
    return f"{name} / {show_size_unit(one.size)}, {show_size_unit(int(one.speed_avg), 'B/s')}, {show_eta(one.eta)}"


def _note(figures: Snapshot) -> str:
    if figures.fatal_error:
        return "fatal error encountered"
    return "retrying may help" if figures.retry_error else "no need to retry"
