"""`about`, `link` and `backend`: what a store says of itself, and what it gives out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.tasks import only, working
from plait.mirror.verbs import facts
from plait.model.values.json_text import go_json

if TYPE_CHECKING:
    from plait.cli.forms import Invocation


def about(invocation: Invocation) -> int:
    """Prints how full a store is."""
    values = invocation.values
    with working(invocation) as work:
        opened = work.task.either(only(work.locations()))

        def run() -> None:
            found = facts.usage(opened)
            if values.json:
                print(go_json(facts.usage_fields(found), indent="\t"))
            else:
                for line in facts.usage_lines(found, full=values.full):
                    print(line)

        return work.attempt(run)


def link(invocation: Invocation) -> int:
    """Prints a link by which everyone who has it can read a file."""
    values = invocation.values
    with working(invocation) as work:
        opened = work.task.either(only(work.locations()))

        def run() -> None:
            found = facts.link(opened, values.expire, unlink=values.unlink)
            if found:
                print(found)

        return work.attempt(run)


def backend(invocation: Invocation) -> int:
    """Runs a command of a store; `features` is what it can do."""
    values = invocation.values
    with working(invocation) as work:
        opened = work.task.either(work.session.location(invocation.words[1]))

        def run() -> None:
            name = invocation.words[0]
            found = (
                facts.features(opened)
                if name == "features"
                else facts.command(opened, name, values.option, invocation.words[2:], work.task.allows)
            )
            if found is not None:
                print(go_json(found, indent="\t"))

        return work.attempt(run)
