"""Bandwidths: `10M`, `1M:512k` (sent : received), and timetables of them over the week.

Source: rclone's manual, "--bwlimit".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from plait.model.values.quoting import quote
from plait.model.values.sizes import parse_size, show_size

if TYPE_CHECKING:
    from time import struct_time

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_DAY_NUMBERS = {name: number for number, day in enumerate(_DAYS) for name in (day.lower(), day[:3].lower())}
_MINUTES_A_DAY = 24 * 60


class Bandwidth(NamedTuple):
    """Limits in bytes a second for what is sent and what is received; None (and 0) is no limit."""

    sent: int | None
    received: int | None

    def __str__(self) -> str:
        if self.sent == self.received:
            return show_size(self.sent)
        return f"{show_size(self.sent)}:{show_size(self.received)}"


UNLIMITED = Bandwidth(None, None)


class TimeSlot(NamedTuple):
    """From this minute of this day on, `bandwidth` holds. `weekday` 0 is Sunday; `minute` counts from midnight."""

    weekday: int
    minute: int
    bandwidth: Bandwidth


class Timetable(NamedTuple):
    """Bandwidths over a week; no slots: no limit."""

    slots: tuple[TimeSlot, ...]

    def at(self, moment: struct_time) -> Bandwidth:
        """The bandwidth at a moment of the local day and time.

        It is that of the latest slot of this week which has begun; before the first of them, that of the slot that
        was written last.
        """
        if not self.slots:
            return UNLIMITED
        now = (moment.tm_wday + 1) % 7 * _MINUTES_A_DAY + moment.tm_hour * 60 + moment.tm_min
        begun = [slot for slot in self.slots if slot.weekday * _MINUTES_A_DAY + slot.minute <= now]
        # Of equal slots the one that was written last holds.
        latest = max(reversed(begun), key=lambda slot: slot[:2], default=self.slots[-1])
        return latest.bandwidth

    def __str__(self) -> str:
        if len(self.slots) == 1 and self.slots[0][:2] == (0, 0):
            return str(self.slots[0].bandwidth)
        return " ".join(
            f"{_DAYS[slot.weekday][:3]}-{slot.minute // 60:02d}:{slot.minute % 60:02d},{slot.bandwidth}"
            for slot in self.slots
        )


def parse_bandwidth(text: str) -> Bandwidth:
    """`RATE` for both directions or `SENT:RECEIVED`; a rate is a size for each second. Raises ValueError."""
    sent, colon, received = text.partition(":")
    limit = parse_size(sent)
    return Bandwidth(limit, parse_size(received) if colon else limit)


def parse_bandwidths(text: str) -> Timetable:
    """One bandwidth for all times, or slots `hh:mm,BANDWIDTH` and `Mon-hh:mm,BANDWIDTH` separated by spaces or `;`.

    A slot without a day holds on each day. Raises ValueError.
    """
    if not text:
        raise ValueError("empty string")
    if " " not in text and "," not in text:
        return Timetable((TimeSlot(0, 0, parse_bandwidth(text)),))
    slots: list[TimeSlot] = []
    for word in re.split("[ ;]", text):
        if word:
            slots += _parse_slot(word)
    return Timetable(tuple(slots))


def _parse_slot(word: str) -> list[TimeSlot]:
    when, comma, rate = word.partition(",")
    if not comma or "," in rate:
        raise ValueError(f"invalid time/bandwidth specification: {quote(word)}")
    day, dash, clock = when.rpartition("-")
    if "-" in day:
        raise ValueError(f"invalid time specification: {quote(when)}")
    weekdays: tuple[int, ...] = tuple(range(7))
    if dash:
        if day.lower() not in _DAY_NUMBERS:
            raise ValueError(f"invalid weekday: {quote(day.lower())}")
        weekdays = (_DAY_NUMBERS[day.lower()],)
    minute = _parse_clock(clock)
    bandwidth = parse_bandwidth(rate)
    return [TimeSlot(weekday, minute, bandwidth) for weekday in weekdays]


def _parse_clock(text: str) -> int:
    """Minutes since midnight of `hh:mm`."""
    found = re.fullmatch("([0-9]{2}):([0-9]{2})", text)
    if found is None:
        raise ValueError(f"invalid time specification (hh:mm): {quote(text)}")
    hour, minute = int(found[1]), int(found[2])
    if hour > 23:
        raise ValueError(f"invalid hour (must be between 00 and 23): {hour}")
    if minute > 59:
        raise ValueError(f"invalid minute (must be between 00 and 59): {minute}")
    return hour * 60 + minute
