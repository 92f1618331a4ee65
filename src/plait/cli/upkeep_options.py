"""The options of the commands for a repository's upkeep."""

from __future__ import annotations

from typing import Final

from plait.mirror.option_types import TEXT
from plait.model.options import Option, OptionSet, Section

PRUNE: Final = OptionSet(
    (Option("policy", TEXT, default="", help="Keep what this policy keeps", section=Section.SNAPSHOT),)
)
