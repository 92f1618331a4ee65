"""The options of the commands for a repository's upkeep."""

from __future__ import annotations

from typing import Final

from plait.cli.repository_options import PROGRESS, SYNC
from plait.mirror.option_types import SIZE, SWITCH, TEXT
from plait.model.options import Option, OptionSet, Repeat, Section, ValueType


def parse_period(text: str) -> int:
    """Nanoseconds of a duration: Go's, such as 168h, else one with days, such as 7d or 2 weeks. Raises ValueError."""
    from plait.model.errors import UsageError
    from plait.model.values.durations import parse_go_duration
    from plait.repository.moments import parse_duration

    try:
        period = parse_go_duration(text)
    except ValueError:
        try:
            period = parse_duration(text)
        except UsageError as error:
            raise ValueError(error.message) from None
    if period < 0:
        raise ValueError("a duration cannot be negative")
    return period


def _percentage(text: str) -> float:
    """A share of 0 to 1, from a percentage with or without its sign."""
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        raise ValueError("a percentage is a number from 0 to 100, as in 5%") from None
    if not 0 <= number <= 100:
        raise ValueError("a percentage is a number from 0 to 100, as in 5%")
    return number / 100


PERIOD: Final = ValueType("PERIOD", parse_period)
PERCENTAGE: Final = ValueType("PERCENT", _percentage)
_DRY_RUN: Final = Option(
    "dry-run", SWITCH, default=False, help="Show what would be done; change nothing", section=Section.MAIN
)

PRUNE: Final = OptionSet(
    (Option("policy", TEXT, default="", help="Keep what this policy keeps", section=Section.SNAPSHOT),)
)
MAINTENANCE: Final = OptionSet(
    (
        Option(
            "grace",
            PERIOD,
            default=None,
            help="Delete what has been coloured for so long, as in 7d or 12h (default 7d, or PLAKAR_GRACEPERIOD)",
            section=Section.MAIN,
        ),
        _DRY_RUN,
    )
)
_REWRITING: Final = OptionSet(
    (
        Option(
            "threshold",
            PERCENTAGE,
            default=0.5,
            help="Rewrite packfiles of which less than this share is needed",
            section=Section.MAIN,
        ),
        Option("limit", SIZE, default=None, help="Move at most so many bytes", section=Section.MAIN),
    )
)
REPACK: Final = _REWRITING | OptionSet((_DRY_RUN, PROGRESS))
_ALL_AT_ONCE: Final = (
    OptionSet(
        (
            Option(
                "repack",
                SWITCH,
                default=False,
                help="Rewrite packfiles of which little is needed first, as `plait repack` does",
                section=Section.MAIN,
            ),
            Option(
                "no-grace",
                SWITCH,
                default=False,
                help="Delete at once what nothing needs; nobody must be reading from the repository",
                section=Section.MAIN,
            ),
        )
    )
    | _REWRITING
    | OptionSet((PROGRESS,))
)
OWN_MAINTENANCE: Final = MAINTENANCE | _ALL_AT_ONCE
AFTERWARDS: Final = (
    OptionSet(
        (
            Option(
                "maintenance",
                SWITCH,
                default=False,
                help="Give the space back right afterwards, as `plait maintenance` does",
                section=Section.MAIN,
            ),
        )
    )
    | OptionSet(tuple(option for option in MAINTENANCE.options if option.name == "grace"))
    | _ALL_AT_ONCE
)
"""Of commands that remove snapshots."""
CHECK: Final = OptionSet(
    (
        Option(
            "sample",
            PERCENTAGE,
            default=None,
            help="Read only this share of the packfiles, those first that were checked longest ago",
            section=Section.MAIN,
        ),
    )
)
REPAIR: Final = OptionSet(
    (
        Option(
            "from",
            TEXT,
            default=(),
            help="Bring back what is lost from this repository, which has the same snapshots; repeat for more",
            section=Section.MAIN,
            repeat=Repeat.APPEND,
        ),
        Option(
            "no-files",
            SWITCH,
            default=False,
            help="Do not look for lost contents in the files that were saved",
            section=Section.MAIN,
        ),
        *(option for option in SYNC.options if option.name in {"peer-passphrase-cmd", "bwlimit"}),
    )
)
