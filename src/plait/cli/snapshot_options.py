"""The options of the commands in `snapshot_forms`, for Plait's own face and for the plakar front."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from plait.cli import repository_options as options
from plait.mirror.option_types import SWITCH, TEXT, choice
from plait.model.options import Option, OptionSet, Repeat, Section


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
