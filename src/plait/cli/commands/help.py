"""`plait help`, and what `--help` leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.grammar import did_you_mean
from plait.cli.verbs import VERBS
from plait.model.errors import UsageError

if TYPE_CHECKING:
    from plait.cli.forms import Invocation


def run(invocation: Invocation) -> int:
    """Prints the page of a command, or of Plait. Raises UsageError for a command that does not exist."""
    name = " ".join(invocation.words)
    if name and name not in VERBS:
        return _group(name)
    if invocation.values.man:
        from plait.cli.pages.man import overview_man, page_man
        from plait.cli.pages.page import page_of

        print(page_man(page_of(name)) if name else overview_man(), end="")
        return 0
    from plait.cli.pages.page import page_of
    from plait.cli.pages.text import overview_text, page_text

    print(page_text(page_of(name)) if name else overview_text())
    return 0


def _group(name: str) -> int:
    """The pages below a word that is no command by itself (`plan`)."""
    from plait.cli.pages.page import page_of
    from plait.cli.pages.text import page_text

    below = [verb for verb in VERBS if verb.startswith(name + " ")]
    if not below:
        hint = did_you_mean(name, VERBS, prefix="plait help ", cutoff=0.55) or "plait help lists the commands"
        raise UsageError(f"there is no command {name!r}", hint=hint)
    print("\n\n".join(page_text(page_of(verb)) for verb in below))
    return 0
