"""The rclone front's verbs, and in which group help lists a global flag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.cli.fronts.rclone_more import MORE
from plait.cli.fronts.rclone_verb import AFTER, CHECK_VERSION, EMPTY, GLOBAL, HELP, REPORTS, VERSION, FrontVerb, named
from plait.mirror import options
from plait.mirror.backend_options import OPTIONS as BACKEND_OPTIONS
from plait.mirror.backend_options import SECRET_OPTIONS
from plait.model.options import OptionSet, Section

if TYPE_CHECKING:
    from plait.model.options import Option

__all__ = ["GLOBAL", "GROUPS", "HELP", "VERBS", "VERSION", "flags_of", "groups_of"]

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
        REPORTS | AFTER | EMPTY,
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
        REPORTS | AFTER | EMPTY | options.MOVING,
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
        REPORTS | AFTER | EMPTY,
        ("Copy", "Sync", *_CARRY[1:]),
        options.SYNC,
        "plait.cli.commands.transfer:run",
    ),
    "version": FrontVerb(
        "Show the version.",
        "",
        (0, 0),
        OptionSet((CHECK_VERSION,)),
        (),
        OptionSet((CHECK_VERSION,)),
        "plait.cli.fronts.rclone_version:run",
    ),
}

GROUPS: Final = {
    "Copy": "Flags for anything which can copy a file",
    "Sync": "Flags used for sync commands",
    "Important": "Important flags useful for most commands",
    "Check": "Flags used for check commands",
    "Networking": "Flags for general networking and HTTP stuff",
    "Performance": "Flags helpful for increasing performance",
    "Config": "Flags for general configuration of rclone",
    "Debugging": "Flags for developers",
    "Filter": "Flags for filtering directory listings",
    "Listing": "Flags for listing directories",
    "Logging": "Flags for logging and statistics",
    "Metadata": "Flags to control metadata",
    "Backend": "Backend-only flags (these can be set in the config file also)",
}
"""Groups in the order in which help lists them, and their headings: rclone's."""

_GROUPS_OF: Final = {
    Section.MAIN: ("Important", "Config"),
    Section.COPY: ("Copy",),
    Section.DELETE: ("Sync",),
    Section.FILTER: ("Filter",),
    Section.METADATA: ("Metadata",),
    Section.NETWORK: ("Networking",),
    Section.PERFORMANCE: ("Performance",),
    Section.OUTPUT: ("Logging",),
}
_GROUPS_BY_NAME: Final = {
    "metadata": ("Copy", "Metadata"),
    "multi-thread-streams": ("Copy",),
    "multi-thread-cutoff": ("Copy",),
    "error-on-no-transfer": ("Config",),
    **{
        f"metadata-{rule}{origin}": ("Filter", "Metadata")
        for rule in ("include", "exclude", "filter")
        for origin in ("", "-from")
    },
    "dump": ("Debugging",),
    "dump-headers": ("Debugging",),
    "dump-bodies": ("Debugging",),
    "low-level-retries": ("Config",),
    "retries": ("Config",),
    "retries-sleep": ("Config",),
    "verbose": ("Important", "Logging"),
    "max-backlog": ("Copy", "Check"),
    "human-readable": ("Config",),
    "color": ("Config",),
    "default-time": ("Config", "Listing"),
    "delete-excluded": ("Filter",),
    "fast-list": ("Listing",),
    "backup-dir": ("Sync",),
    **dict.fromkeys(("copy-links", "one-file-system", "skip-links", "skip-specials"), ("Backend",)),
    **{option.name: ("Backend",) for option in (*BACKEND_OPTIONS.options, *SECRET_OPTIONS.options)},
}


def groups_of(option: Option) -> tuple[str, ...]:
    """The groups under which help lists a global flag, as rclone does."""
    return _GROUPS_BY_NAME.get(option.name) or _GROUPS_OF.get(option.section, ("Config",))


def flags_of(group: str) -> list[Option]:
    """The global flags of a group that have an effect."""
    return [option for option in GLOBAL.options if group in groups_of(option) and not option.no_effect]
