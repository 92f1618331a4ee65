"""A plan as a person reads it, and as JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.cli.output.log import safe
from plait.engine.records import to_record
from plait.model.actions import Verb
from plait.model.values.sizes import show_size_unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.engine.planfile import Header, PlanReader, Totals
    from plait.model.actions import Action

_SIGNS: Final = {
    Verb.CREATE: "+",
    Verb.REPLACE: "*",
    Verb.TOUCH: "t",
    Verb.RENAME: "r",
    Verb.RESPELL: "r",
    Verb.DELETE: "-",
    Verb.MAKE_DIRECTORY: "+",
    Verb.REMOVE_DIRECTORY: "-",
    Verb.TOUCH_DIRECTORY: "t",
    Verb.DELETE_SOURCE: "<",
    Verb.REMOVE_SOURCE_DIRECTORY: "<",
}
_DIRECTORIES: Final = frozenset(
    {Verb.MAKE_DIRECTORY, Verb.REMOVE_DIRECTORY, Verb.TOUCH_DIRECTORY, Verb.REMOVE_SOURCE_DIRECTORY}
)
_TOTALS: Final = (
    (Verb.CREATE, "to create"),
    (Verb.REPLACE, "to replace"),
    (Verb.TOUCH, "to set the time of"),
    (Verb.RENAME, "to rename"),
    (Verb.RESPELL, "to respell"),
    (Verb.DELETE, "to delete"),
    (Verb.DELETE_SOURCE, "to delete from the source"),
    (Verb.MAKE_DIRECTORY, "directories to make"),
    (Verb.REMOVE_DIRECTORY, "directories to remove"),
)


def plan_lines(plan: PlanReader) -> Iterator[str]:
    """The lines of a plan: what it is of, each action, and what it amounts to."""
    header = plan.header
    yield f"plan of {safe(_command_line(header))}"
    yield f"made {header.created}"
    for name, value in header.options.items():
        yield safe(f"  --{name} {', '.join(value) if isinstance(value, list) else value}")
    yield ""
    for action in plan.actions():
        yield action_line(action)
    yield ""
    yield totals_line(plan.totals)


def _command_line(header: Header) -> str:
    if " " in header.command and len(header.locations) == 2:
        return f"plait at {header.locations[0]} {header.command} {header.locations[1]}"
    return " ".join(("plait", header.command, *header.locations))


def plan_records(plan: PlanReader) -> Iterator[str]:
    """The header, the actions and the totals, each as a JSON object."""
    yield msgspec.json.encode(plan.header).decode()
    for action in plan.actions():
        yield msgspec.json.encode(to_record(action)).decode()
    yield msgspec.json.encode({"totals": plan.totals}).decode()


def action_line(action: Action) -> str:
    """`+ sub/new  12 KiB  not in destination`: + create, * replace, - delete, t set the time, r rename."""
    slash = "/" if action.verb in _DIRECTORIES else ""
    origin = f" (from {action.origin})" if action.origin is not None else ""
    size = f"  {show_size_unit(action.size)}" if action.size else ""
    reason = f"  {action.reason}" if action.reason else ""
    return safe(f"{_SIGNS[action.verb]} {action.key}{slash}{origin}{size}{reason}")


def totals_line(totals: Totals) -> str:
    """What a plan amounts to, in one line."""
    parts = [f"{count} {words}" for verb, words in _TOTALS if (count := totals.verbs.get(verb.value, 0))]
    if not totals.actions:
        return "nothing to do"
    if totals.carried:
        parts.append(f"{show_size_unit(totals.carried)} to carry")
    if totals.deleted:
        parts.append(f"{show_size_unit(totals.deleted)} freed")
    return ", ".join(parts) or f"{totals.actions} directory times to set"
