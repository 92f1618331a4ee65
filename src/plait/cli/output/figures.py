"""Statistics as text, exactly as rclone writes them (reference, section 1.12)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from plait.mirror.log_options import BITS, DATE_FORMAT
from plait.model.values.durations import show_duration_units
from plait.model.values.sizes import show_size_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.engine.statistics import Snapshot, Transferring
    from plait.model.options import Values

NAME_LENGTH: Final = 45
"""How much of a name a line of the block shows, in characters."""
SECOND: Final = 1_000_000_000
_LONGEST_ETA: Final = 10 * 365 * 24 * 3600


class Shape(msgspec.Struct, frozen=True):
    """How statistics are written.

    `date`: a layout of Go's, of what precedes the one line. `name_length` in characters; 0 is all of a name.
    """

    one_line: bool = False
    date: str = ""
    bits: bool = False
    name_length: int = NAME_LENGTH

    @classmethod
    def of(cls, values: Values) -> Shape:
        """The shape that the options ask for."""
        date = values.stats_one_line_date_format or (DATE_FORMAT if values.stats_one_line_date else "")
        one_line = bool(values.stats_one_line or date)
        return cls(one_line, date, values.stats_unit == BITS, max(0, values.stats_file_name_length))


PLAIN: Final = Shape()


def block(figures: Snapshot, shape: Shape = PLAIN) -> str:
    """The lines of a block, each with its newline; log lines put an empty line before and after it."""
    lines = [f"Transferred:   \t{_bytes(figures, shape)}"]
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
    length = shape.name_length
    lines.append(f"Elapsed time:  {_elapsed(figures.elapsed_time):>10}s")
    lines += _named("Checking:", [f"{shorten(name, length):>{length}}: checking" for name in figures.checking])
    lines += _named("Transferring:", [_transferring(one, shape) for one in figures.transferring])
    return "\n".join(lines) + "\n"


def one_line(figures: Snapshot, shape: Shape = PLAIN) -> str:
    """Everything in one line."""
    queued: list[str] = []
    if figures.total_transfers > figures.transfers:
        queued.append(f"xfr#{figures.transfers}/{figures.total_transfers}")
    if figures.total_checks > figures.checks:
        queued.append(f"chk#{figures.checks}/{figures.total_checks}")
    date = ""
    if shape.date:
        from plait.model.values.layouts import show_layout

        date = show_layout(time.time_ns(), shape.date)
    return date + _bytes(figures, shape) + (f" ({', '.join(queued)})" if queued else "")


def percent(part: int, whole: int) -> str:
    """`27%`, or `-` where there is no whole."""
    return f"{int(part * 100 / whole + 0.5)}%" if whole > 0 else "-"


def show_eta(seconds: float | None) -> str:
    """`1m16s`, or `-` where it is not known."""
    if seconds is None or not 0 <= seconds < _LONGEST_ETA:
        return "-"
    return show_duration_units(int(seconds) * SECOND)


def shorten(name: str, length: int = NAME_LENGTH) -> str:
    """A name of at most `length` characters (0: of any number); its middle gives way."""
    if not length or len(name) <= length:
        return name
    half = (length - 1) // 2
    return f"{name[:half]}…{name[half - length + 1 :]}"


def _bytes(figures: Snapshot, shape: Shape) -> str:
    carried = show_size_unit(figures.bytes)
    share = percent(figures.bytes, figures.total_bytes)
    speed = _speed(figures.speed, shape)
    return f"{carried:>13} / {show_size_unit(figures.total_bytes)}, {share}, {speed}, ETA {show_eta(figures.eta)}"


def _elapsed(seconds: float) -> str:
    """`6.1`, `1m2.3`, `1h2m3.4`: whole minutes as a duration, the rest with a decimal."""
    minutes, rest = divmod(int(seconds * 10), 600)
    whole = show_duration_units(minutes * 60 * SECOND) if minutes else ""
    return f"{whole}{rest / 10:.1f}"


def _named(title: str, rows: Sequence[str]) -> list[str]:
    return [title, *(f" * {row}" for row in rows)] if rows else []


def _transferring(one: Transferring, shape: Shape) -> str:
    name = f"{shorten(one.name, shape.name_length):>{shape.name_length}}:{one.percentage:3d}%"
    return f"{name} / {show_size_unit(one.size)}, {_speed(one.speed_avg, shape)}, {show_eta(one.eta)}"


def _speed(speed: float, shape: Shape) -> str:
    return show_size_unit(int(speed * 8), "bit/s") if shape.bits else show_size_unit(int(speed), "B/s")


def _note(figures: Snapshot) -> str:
    if figures.fatal_error:
        return "fatal error encountered"
    return "retrying may help" if figures.retry_error else "no need to retry"
