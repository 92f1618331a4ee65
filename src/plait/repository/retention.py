"""Calendar buckets, and which of many snapshots stay when each may hold so many (behaviour, section 2.3).

All in UTC, weeks as in ISO 8601. Only numbers: a moment is nanoseconds since the epoch, of any size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from plait.repository.moments import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

OUTSIDE: Final = "outside retention windows"
_WITHIN: Final = "within bucket"
_OVER_CAP: Final = "exceeds per-bucket cap"


class Allowance(msgspec.Struct, frozen=True):
    """What a period keeps: snapshots of the last `keep` buckets (0: of all), the newest `cap` of each (0: all).

    Where both are 0 the period is not asked for; a negative `keep` keeps nothing.
    """

    keep: int = 0
    cap: int = 0

    def __bool__(self) -> bool:
        return bool(self.keep or self.cap)


class Verdict(msgspec.Struct, frozen=True):
    """Whether a snapshot is kept, by which period and in which bucket of it, the how-manieth newest; or why not."""

    kept: bool
    note: str
    period: str = ""
    bucket: str = ""
    rank: int = 0
    cap: int = 0


class Period(NamedTuple):
    """A kind of bucket: the number of the one that a moment falls in (None for none), and how it is written."""

    number: Callable[[int], int | None]
    label: Callable[[int], str]


def civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day counted from the epoch, by the Gregorian calendar for ever."""
    shifted = days + 719_468
    era, day_of_era = divmod(shifted, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted_month + 2) // 5 + 1


def _date_label(moment: int) -> str:
    year, month, day = civil(moment // DAY)
    return f"{year:04d}-{month:02d}-{day:02d}"


def _week(moment: int) -> int:
    return (moment // DAY + 3) // 7


def _week_label(moment: int) -> str:
    thursday = _week(moment) * 7
    year = civil(thursday)[0]
    first = thursday
    while civil(first - 7)[0] == year:
        first -= 7
    return f"{year:04d}-W{(thursday - first) // 7 + 1:02d}"


def _weekday(index: int, name: str) -> Period:
    def number(moment: int) -> int | None:
        return _week(moment) if (moment // DAY + 3) % 7 == index else None

    return Period(number, lambda moment: f"{_week_label(moment)}-{name}")


def _month(moment: int) -> int:
    year, month, _ = civil(moment // DAY)
    return year * 12 + month


def _clock_label(moment: int) -> str:
    minutes = moment // (60 * SECOND) % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


PERIODS: Final[Mapping[str, Period]] = {
    "minute": Period(lambda at: at // (60 * SECOND), lambda at: f"{_date_label(at)}-{_clock_label(at)}"),
    "hour": Period(lambda at: at // (3600 * SECOND), lambda at: f"{_date_label(at)}-{_clock_label(at)[:2]}"),
    "day": Period(lambda at: at // DAY, _date_label),
    **{name: _weekday(index, name) for index, name in enumerate(WEEKDAYS)},
    "week": Period(_week, _week_label),
    "month": Period(_month, lambda at: _date_label(at)[:-3]),
    "year": Period(lambda at: civil(at // DAY)[0], lambda at: _date_label(at)[:-6]),
}
"""By name, in the order in which the original tries them."""


def judge(moments: Sequence[int], allowances: Mapping[str, Allowance], now: int) -> list[Verdict]:
    """What becomes of snapshots of these times, newest first, when at least one period is asked for.

    A snapshot stays if any period keeps it.
    """
    kept: dict[int, Verdict] = {}
    dropped: dict[int, Verdict] = {}
    for name, period in PERIODS.items():
        allowance = allowances.get(name)
        if not allowance:
            continue
        for bucket in _buckets(moments, period, allowance, now):
            for rank, index in enumerate(bucket, 1):
                stays = not allowance.cap or rank <= allowance.cap
                verdicts = kept if stays else dropped
                if index not in verdicts or rank < verdicts[index].rank:
                    note = _WITHIN if stays else _OVER_CAP
                    label = period.label(moments[index])
                    verdicts[index] = Verdict(stays, note, name, label, rank, allowance.cap)
    outside = Verdict(kept=False, note=OUTSIDE)
    return [kept.get(index) or dropped.get(index, outside) for index in range(len(moments))]


def _buckets(moments: Sequence[int], period: Period, allowance: Allowance, now: int) -> list[list[int]]:
    """The snapshots of each bucket that counts, by their place in `moments`."""
    latest = _latest(period, now)
    buckets: dict[int, list[int]] = {}
    for index, moment in enumerate(moments):
        number = period.number(moment)
        if number is None or (allowance.keep and not latest - allowance.keep < number <= latest):
            continue
        buckets.setdefault(number, []).append(index)
    return list(buckets.values())


def _latest(period: Period, now: int) -> int:
    """The number of the newest bucket that has begun: of a weekday, that of its last occurrence."""
    for days in range(7):
        number = period.number(now - days * DAY)
        if number is not None:
            return number
    raise AssertionError("every weekday comes within seven days")
