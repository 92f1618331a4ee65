"""Options that every command of Plait's own face takes, whatever its strand."""

from __future__ import annotations

from typing import Final

from plait.mirror.option_types import SWITCH, choice
from plait.model.options import Option, OptionSet, Section

HELP = Option("help", SWITCH, default=False, help="Show this help", section=Section.GLOBAL, short="h")
DEBUG = Option("debug", SWITCH, default=False, help="Show where an error came from", section=Section.GLOBAL)
COMMON = OptionSet((HELP, DEBUG))

ASK_PASSWORD: Final = Option(
    "ask-password",
    SWITCH,
    default=True,
    help="Ask for the password of an encrypted rclone.conf",
    section=Section.CONFIGURATION,
    rclone=True,
)
STORES: Final = COMMON | OptionSet((ASK_PASSWORD,))
"""What every command takes that opens locations."""

KIND = Option(
    "as",
    choice("KIND", "tree", "repository", "replica", "database"),
    default="",
    help="Take the location for this kind, whatever is found there",
    section=Section.MAIN,
)
"""The option of the verbs that several strands share."""
