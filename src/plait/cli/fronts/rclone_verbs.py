"""The rclone front's verbs and flags: which flag is global, which a verb's own, and in which group help lists it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plait.cli.options import ASK_PASSWORD
from plait.mirror import options
from plait.mirror.backend_options import SECRET_OPTIONS
from plait.mirror.option_types import SWITCH
from plait.model.options import Option, OptionSet, Section

if TYPE_CHECKING:
    from collections.abc import Iterable

_OF_A_VERB: Final = frozenset({"create-empty-src-dirs"})
"""Flags that the mirror declares with the global ones and that rclone gives to some verbs only."""


def _rclones(declared: Iterable[Option]) -> OptionSet:
    return OptionSet(option for option in declared if option.rclone)


def _named(declared: OptionSet, names: Iterable[str]) -> OptionSet:
    wanted = frozenset(names)
    return OptionSet(option for option in declared.options if option.name in wanted)


_ALL: Final = _rclones((options.SYNC | SECRET_OPTIONS | OptionSet((ASK_PASSWORD,))).options)
_REPORTS: Final = _rclones(options.REPORTS.options)
_EMPTY: Final = _named(_ALL, _OF_A_VERB)
GLOBAL: Final = OptionSet(
    option for option in _ALL.options if option.name not in _OF_A_VERB and option not in _REPORTS.options
)
"""What every verb takes, and what may stand before the verb."""

HELP: Final = Option("help", SWITCH, default=False, help="Show this help", section=Section.GLOBAL, short="h")
VERSION: Final = Option("version", SWITCH, default=False, help="Show the version", section=Section.GLOBAL, short="V")


@dataclass(frozen=True, slots=True)
class FrontVerb:
    """A verb of the front. `own` are its flags beside the global ones, `groups` those of them that help lists.

    `known` are the options that the verb reads: those that rclone does not have keep their defaults.
    """

    summary: str
    words: str
    takes: tuple[int, int]
    own: OptionSet
    groups: tuple[str, ...]
    known: OptionSet

    @property
    def options(self) -> OptionSet:
        """The flags that it takes."""
        return self.own | OptionSet((HELP,)) | GLOBAL

    @property
    def bound(self) -> OptionSet:
        """Everything that has a value when it runs."""
        return self.options | self.known


_TWO: Final = "source:path dest:path"
_ONE: Final = "remote:path"
_CARRY: Final = ("Copy", "Important", "Filter", "Listing")
_LIST: Final = ("Filter", "Listing")
VERBS: Final[dict[str, FrontVerb]] = {
    "check": FrontVerb(
        "Check that the files of source and dest match.",
        _TWO,
        (2, 2),
        _REPORTS | options.CHECKING,
        ("Check", *_LIST),
        options.CHECK,
    ),
    "copy": FrontVerb(
        "Copy files from source to dest, leaving identical ones alone.",
        _TWO,
        (2, 2),
        _REPORTS | _EMPTY,
        _CARRY,
        options.COPY,
    ),
    "ls": FrontVerb("List the files in the path with their sizes.", _ONE, (1, 1), OptionSet(()), _LIST, options.LS),
    "move": FrontVerb(
        "Move files from source to dest.", _TWO, (2, 2), _REPORTS | _EMPTY | options.MOVING, _CARRY, options.MOVE
    ),
    "size": FrontVerb(
        "Print the number of files in the path and their size.",
        _ONE,
        (1, 1),
        _named(options.OUTPUT, ("json",)),
        _LIST,
        options.SIZE_VERB,
    ),
    "sync": FrontVerb(
        "Make source and dest identical, changing dest only.",
        _TWO,
        (2, 2),
        _REPORTS | _EMPTY,
        ("Copy", "Sync", *_CARRY[1:]),
        options.SYNC,
    ),
    "version": FrontVerb("Show the version.", "", (0, 0), OptionSet(()), (), OptionSet(())),
}

GROUPS: Final = {
    "Copy": "Flags for anything that copies files",
    "Sync": "Flags of the sync command",
    "Important": "Flags that are useful with most commands",
    "Check": "Flags of the check commands",
    "Networking": "Flags for the network",
    "Performance": "Flags for performance",
    "Config": "Flags for the configuration",
    "Filter": "Flags that filter listings",
    "Listing": "Flags for listings",
    "Logging": "Flags for logs and statistics",
}
"""Groups in the order in which help lists them, and their headings."""

_GROUP_OF: Final = {
    Section.MAIN: "Important",
    Section.COPY: "Copy",
    Section.DELETE: "Sync",
    Section.FILTER: "Filter",
    Section.METADATA: "Copy",
    Section.NETWORK: "Networking",
    Section.PERFORMANCE: "Performance",
    Section.OUTPUT: "Logging",
}
_GROUP_BY_NAME: Final = {
    "verbose": "Important",
    "delete-excluded": "Filter",
    "fast-list": "Listing",
    "max-backlog": "Copy",
    "backup-dir": "Sync",
}


def group_of(option: Option) -> str:
    """The group under which help lists a global flag."""
    return _GROUP_BY_NAME.get(option.name) or _GROUP_OF.get(option.section, "Config")
