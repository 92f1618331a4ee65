"""The rclone front's verbs, and in which group help lists a global flag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.cli.fronts.rclone_more import MORE
from plait.cli.fronts.rclone_verb import EMPTY, GLOBAL, HELP, REPORTS, VERSION, FrontVerb, named
from plait.mirror import options
from plait.model.options import OptionSet, Section

if TYPE_CHECKING:
    from plait.model.options import Option

__all__ = ["GLOBAL", "GROUPS", "HELP", "VERBS", "VERSION", "group_of"]

_TWO: Final = "source:path dest:path"
_ONE: Final = "remote:path"
_CARRY: Final = ("Copy", "Important", "Filter", "Listing")
_LIST: Final = ("Filter", "Listing")
VERBS: Final[dict[str, FrontVerb]] = MORE | {
    "check": FrontVerb(
        "Check that the files of source and dest match.",
        _TWO,
        (2, 2),
        REPORTS | options.CHECKING,
        ("Check", *_LIST),
        options.CHECK,
        "plait.cli.commands.check:run",
    ),
    "copy": FrontVerb(
        "Copy files from source to dest, leaving identical ones alone.",
        _TWO,
        (2, 2),
        REPORTS | EMPTY,
        _CARRY,
        options.COPY,
        "plait.cli.commands.transfer:run",
    ),
    "ls": FrontVerb(
        "List the files in the path with their sizes.",
        _ONE,
        (1, 1),
        OptionSet(()),
        _LIST,
        options.LS,
        "plait.cli.commands.listings:ls",
    ),
    "move": FrontVerb(
        "Move files from source to dest.",
        _TWO,
        (2, 2),
        REPORTS | EMPTY | options.MOVING,
        _CARRY,
        options.MOVE,
        "plait.cli.commands.transfer:run",
    ),
    "size": FrontVerb(
        "Print the number of files in the path and their size.",
        _ONE,
        (1, 1),
        named(options.OUTPUT, ("json",)),
        _LIST,
        options.SIZE_VERB,
        "plait.cli.commands.size:run",
    ),
    "sync": FrontVerb(
        "Make source and dest identical, changing dest only.",
        _TWO,
        (2, 2),
        REPORTS | EMPTY,
        ("Copy", "Sync", *_CARRY[1:]),
        options.SYNC,
        "plait.cli.commands.transfer:run",
    ),
    "version": FrontVerb(
        "Show the version.", "", (0, 0), OptionSet(()), (), OptionSet(()), "plait.cli.fronts.rclone_version:run"
    ),
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
