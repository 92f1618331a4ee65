"""The options of the commands in `snapshot_forms`, for Plait's own face and for the plakar front."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from plait.cli import repository_options as options
from plait.mirror.option_types import FILE, SIZE, SWITCH, TEXT, choice
from plait.model.options import Option, OptionSet, Repeat, Section, ValueType


def _named(found: OptionSet, names: str) -> tuple[Option, ...]:
    return tuple(option for option in found.options if option.name in names.split())


_PEER: Final = _named(options.SYNC, "peer-passphrase-cmd bwlimit")
_MADE: Final = _named(options.CREATE, "plaintext no-compression hashing")
_OVERWRITE: Final = Option("overwrite", SWITCH, default=False, help="", section=Section.MAIN)
PTAR: Final = OptionSet(
    (
        Option("output", TEXT, default="", help="Write the archive to FILE", section=Section.MAIN, short="o"),
        Option(
            "kloset",
            TEXT,
            default=(),
            help="Put all snapshots of this repository into the archive; repeat for more",
            section=Section.MAIN,
            short="k",
            repeat=Repeat.APPEND,
        ),
        replace(_OVERWRITE, help="Replace FILE where it exists, once the new archive is whole"),
        *_named(options.CREATE, "plaintext no-compression hashing weak-passphrase"),
        *_named(options.BACKUP, "ignore ignore-file no-xattr"),
        options.SOURCE_OPTION,
        *_PEER,
    )
)
MOUNT: Final = OptionSet(
    (
        Option(
            "to",
            options.DIRECTORY,
            default="",
            help="Mount at DIR, which exists, or serve pages at http://HOST:PORT; default a new directory here",
            section=Section.MAIN,
        ),
        Option(
            "allow-others",
            SWITCH,
            default=False,
            help="Let other users look, as far as the modes of the files let them",
            section=Section.MAIN,
        ),
    )
)
STATS: Final = OptionSet(
    (
        Option(
            "by",
            choice("PERIOD", "snapshot", "day", "month", "year"),
            default="snapshot",
            help="Show each snapshot, or by how much the repository grew each day, month or year",
            section=Section.MAIN,
        ),
    )
)
PASSPHRASE: Final = OptionSet(
    (
        Option(
            "new-keyfile", FILE, default="", help="Read the new passphrase from FILE", section=Section.CONFIGURATION
        ),
        Option(
            "new-passphrase-cmd",
            TEXT,
            default="",
            help="Take the new passphrase from what this shell command prints, and keep it in the repository's entry",
            section=Section.CONFIGURATION,
        ),
        Option(
            "to",
            TEXT,
            default="",
            help="Make the new repository at this LOCATION, or @NAME, instead of beside the old one",
            section=Section.MAIN,
        ),
        *_named(options.CREATE, "weak-passphrase"),
    )
)
_KINDS: Final = ("file", "directory", "symlink", "pipe", "socket", "device")


def _narrowing(name: str, kind: ValueType, help_text: str) -> Option:
    return Option(name, kind, default=None, help=help_text, section=Section.FILTER)


FIND: Final = OptionSet(
    (
        Option(
            "inside",
            TEXT,
            default="",
            help="Look at and below this path only, of all snapshots (/PATH) or of one (SNAPSHOT[:PATH])",
            section=Section.MAIN,
        ),
        Option("long", SWITCH, default=False, help="Show times, modes, owners and sizes", section=Section.OUTPUT),
        Option(
            "changed",
            SWITCH,
            default=False,
            help="Leave out what is as in the next newer snapshot: what is left are the versions of a file",
            section=Section.FILTER,
        ),
        Option("ignore-case", SWITCH, default=False, help="Take letters of either case", section=Section.FILTER),
        Option(
            "kind",
            choice("KIND", *_KINDS),
            default="",
            help="Find this kind only: " + ", ".join(_KINDS),
            section=Section.FILTER,
        ),
        _narrowing("min-size", SIZE, "Find regular files of SIZE and more"),
        _narrowing("max-size", SIZE, "Find regular files of SIZE and less"),
        _narrowing("modified-since", options.MOMENT, "Find what was modified at TIME and later"),
        _narrowing("modified-before", options.MOMENT, "Find what was modified at TIME and earlier"),
    )
)
_KLOSET: Final = Option(
    "kloset",
    TEXT,
    default=(),
    help="add a kloset location to include in the ptar archive (can be specified multiple times)",
    section=Section.MAIN,
    repeat=Repeat.APPEND,
)
FRONT_PTAR: Final = OptionSet(
    (
        Option("o", TEXT, default="", help="name of the ptar archive to create", section=Section.MAIN),
        _KLOSET,
        replace(_KLOSET, name="k"),
        replace(_OVERWRITE, help="overwrite the ptar archive if it already exists"),
        *(
            replace(option, help=text)
            for option, text in zip(
                sorted(_MADE, key=lambda option: option.name),
                (
                    "hashing algorithm to use for digests",
                    "disable transparent compression",
                    "disable transparent encryption",
                ),
                strict=True,
            )
        ),
        *(replace(option, hidden=True) for option in _PEER),
    )
)
"""As the original has them."""
