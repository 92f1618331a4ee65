"""Further forms of the repository strand: snapshots duplicated, put into archives, mounted, searched and counted."""

from __future__ import annotations

from typing import Final

from plait.cli.forms import Example
from plait.cli.repository_forms import MANY, form
from plait.model.options import OptionSet

DUP: Final = form(
    "SNAPSHOT…",
    (1, MANY),
    OptionSet(()),
    """\
Adds snapshots that are equal to others, but for their identifiers and their time, which is now. What they hold is
stored once, and stays when one of the two is removed.""",
    Example("plait at /backup dup 8f44", "once more, as of now"),
)
