"""The manual pages of the plakar front: what `plakar help COMMAND` shows."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plait import __version__
from plait.cli.fronts.plakar_commands import FRONT, GLOBAL, HELP, HIDDEN
from plait.cli.fronts.plakar_pages import PAGES, QUERY, TOP

if TYPE_CHECKING:
    from plait.cli.fronts.plakar_pages import ManualPage
    from plait.model.options import OptionSet

_WIDTH: Final = 80
_QUERY_COMMANDS: Final = frozenset({"check", "locate", "ls", "mount", "prune", "sync"})
"""The commands that take the location flags, which have a page of their own."""


@dataclass(frozen=True, slots=True)
class _Chapter:
    title: str
    lines: tuple[str, ...]


def manual(name: str) -> str | None:
    """The manual page of a command, of `query`, or with "" of the program; None where there is none."""
    if name == "":
        return _layout("plakar", 1, TOP, ("plakar [OPTIONS] [at STORE] COMMAND [ARGUMENTS]",), GLOBAL)
    if name == "query":
        return _layout("plakar-query", 7, QUERY, (), _location())
    if name == "help":
        return _layout("plakar-help", 1, PAGES[name], ("plakar help [-style STYLE] [COMMAND]",), HELP)
    if name not in PAGES:
        return None
    return _layout(f"plakar-{name}", 1, PAGES[name], _synopsis(name), _options(name))


def _location() -> OptionSet:
    from plait.cli.repository_options import LOCATION

    return LOCATION


def _options(name: str) -> OptionSet:
    """The flags of a command and of its actions, without those that the page `query` explains."""
    from plait.model.options import OptionSet

    shared = {option.name for option in _location().options} if name in _QUERY_COMMANDS else set()
    own = {
        option.name: option
        for command, front in FRONT.items()
        if command == name or command.startswith(name + " ")
        for option in front.options.options
        if option.name not in shared and not option.hidden
    }
    return OptionSet(tuple(own[flag] for flag in sorted(own)))


def _synopsis(name: str) -> tuple[str, ...]:
    found = FRONT.get(name)
    if found is None:
        found = next(front for command, front in FRONT.items() if command.startswith(name + " "))
        return tuple(f"plakar {line}" for line in found.group)
    return tuple(line if line.startswith("plakar ") else f"plakar {line.strip()}" for line in found.usage)


def _layout(title: str, section: int, page: ManualPage, synopsis: tuple[str, ...], options: OptionSet) -> str:
    kind = "General Commands Manual" if section == 1 else "Miscellaneous Information Manual"
    chapters = [
        _Chapter("NAME", (f"{title} - {page.summary}",)),
        *([_Chapter("SYNOPSIS", synopsis)] if synopsis else []),
        _Chapter("DESCRIPTION", _prose(page.description)),
        *_flags(options),
        *([_Chapter("COMMANDS", _commands())] if page is TOP else []),
        *([_Chapter("ENVIRONMENT", _prose(page.environment))] if page.environment else []),
        _Chapter("EXIT STATUS", _prose(page.exit_status)),
        *([_Chapter("EXAMPLES", page.examples)] if page.examples else []),
        _Chapter("SEE ALSO", _prose((_see_also(title, page),))),
    ]
    heading = f"{title.upper()}({section})"
    body = [line for chapter in chapters for line in (chapter.title, *chapter.lines, "")]
    return "\n".join([f"{heading} - {kind}", "", *body, f"Plait {__version__} - {heading}"])


def _flags(options: OptionSet) -> list[_Chapter]:
    if not options.options:
        return []
    lines: list[str] = []
    for option in sorted(options.options, key=lambda one: one.name):
        if option.hidden:
            continue
        value = "" if option.type.is_switch else f" {option.type.metavar}"
        lines += [f"-{option.name}{value}", *_wrapped(option.help + ".", indent="    ")]
    return [_Chapter("OPTIONS", tuple(lines))]


def _commands() -> tuple[str, ...]:
    names = sorted({command.split()[0] for command in FRONT} - HIDDEN | {"help"})
    summaries = {name: PAGES[name].summary for name in names}
    return tuple(f"{name:<12} {summary}" for name, summary in summaries.items())


def _see_also(title: str, page: ManualPage) -> str:
    others = [f"plakar-{name}({7 if name == 'query' else 1})" for name in page.see_also]
    return ", ".join([*(["plakar(1)"] if title != "plakar" else []), *others])


def _prose(paragraphs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line for paragraph in paragraphs for line in _wrapped(paragraph) or [""])


def _wrapped(text: str, *, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
