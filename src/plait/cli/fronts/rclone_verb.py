"""What the rclone front knows of a verb, and the flags that all of them take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plait.cli.options import ASK_PASSWORD
from plait.mirror import options, verb_options
from plait.mirror.backend_options import SECRET_OPTIONS
from plait.mirror.option_types import SWITCH
from plait.model.options import Option, OptionSet, Section

if TYPE_CHECKING:
    from collections.abc import Iterable

_OF_A_VERB: Final = frozenset({"create-empty-src-dirs"})
"""Flags that the mirror declares with the global ones and that rclone gives to some verbs only."""


def rclones(declared: Iterable[Option]) -> OptionSet:
    """The options that rclone has, too."""
    return OptionSet(option for option in declared if option.rclone)


def named(declared: OptionSet, names: Iterable[str]) -> OptionSet:
    """Those of the options that have these names."""
    wanted = frozenset(names)
    return OptionSet(option for option in declared.options if option.name in wanted)


_KNOWN: Final = options.SYNC | options.ONLY_RCLONES | SECRET_OPTIONS | verb_options.LISTED | OptionSet((ASK_PASSWORD,))
_ALL: Final = rclones(_KNOWN.options)
REPORTS: Final = rclones(options.REPORTS.options)
AFTER: Final = rclones(options.AFTER.options)
EMPTY: Final = named(_ALL, _OF_A_VERB)
GLOBAL: Final = OptionSet(
    option for option in _ALL.options if option.name not in _OF_A_VERB and option not in (REPORTS | AFTER).options
)
"""What every verb takes, and what may stand before the verb."""

HELP: Final = Option("help", SWITCH, default=False, help="Show this help", section=Section.GLOBAL, short="h")
VERSION: Final = Option("version", SWITCH, default=False, help="Show the version", section=Section.GLOBAL, short="V")

CHECK_VERSION: Final = Option(
    "check", SWITCH, default=False, help="Show only the version (no site is asked for newer ones)", section=Section.MAIN
)


@dataclass(frozen=True, slots=True)
class FrontVerb:
    """A verb of the front. `own` are its flags beside the global ones, `groups` those of them that help lists.

    `known` are the options that the verb reads: those that rclone does not have keep their defaults. `run` is the
    dotted name of what runs it.
    """

    summary: str
    words: str
    takes: tuple[int, int]
    own: OptionSet
    groups: tuple[str, ...]
    known: OptionSet
    run: str

    @property
    def options(self) -> OptionSet:
        """The flags that it takes."""
        return self.own | OptionSet((HELP,)) | _without(GLOBAL, self.own)

    @property
    def bound(self) -> OptionSet:
        """Everything that has a value when it runs."""
        return self.options | _without(self.known, self.options)


def _without(options: OptionSet, own: OptionSet) -> OptionSet:
    """The options whose names and letters are not a verb's own, which mean something else there."""
    return OptionSet(
        option
        for option in options.options
        if own.named(option.name) in {None, option} and (not option.short or own.short(option.short) in {None, option})
    )
