"""What a help page says, independent of how it is shown; made from the declarations alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plait.cli.forms import Command
from plait.cli.options import COMMON
from plait.cli.verbs import VERBS
from plait.model.options import Repeat, Section

if TYPE_CHECKING:
    from plait.cli.forms import Example, Form
    from plait.model.options import Option

INTRODUCTION: Final = """\
Keeps trees, snapshot repositories and SQLite databases in step. A location is a path, REMOTE:PATH with the remotes of
rclone.conf, or a URL such as s3://BUCKET/PREFIX."""
EXIT_CODES: Final = (
    ("0", "done"),
    ("1", "failed"),
    ("2", "the command line is wrong; nothing was touched"),
    ("3", "a directory, repository, snapshot or database was not found"),
    ("4", "a file was not found"),
    ("5", "a passing fault did not pass"),
    ("6", "an item failed in a way that no attempt can mend"),
    ("7", "the run could not go on: overlapping locations, a limit such as --max-delete"),
    ("8", "--max-transfer was reached"),
    ("9", "--error-on-no-transfer, and nothing was transferred"),
    ("10", "--max-duration was reached"),
    ("11", "some items done and some failed (repositories, databases)"),
    ("12", "locked or busy"),
    ("13", "a secret is missing or wrong"),
    ("130", "interrupted"),
    ("143", "terminated"),
)

LONGEST_CHOICES = 40
"""Characters of the words that an option takes, beyond which help shows what they are called instead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An option as help lists it: `flags` (`-c, --checksum`), `value` (`N`, `PATTERN…` or ""), and what it says.

    `environment` names the variables that set it.
    """

    flags: str
    value: str
    says: str
    environment: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Options below one heading."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What is said of one form: its synopsis (empty where the command has one form), paragraphs and examples."""

    title: str
    paragraphs: tuple[str, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """The page of one command."""

    name: str
    summary: str
    usages: tuple[str, ...]
    parts: tuple[Part, ...]
    groups: tuple[Group, ...]


def page_of(name: str) -> Page:
    """The page of a command of the table of verbs. Raises KeyError."""
    command = Command.load(name, VERBS[name])
    several = len(command.forms) > 1
    return Page(
        name,
        command.summary,
        tuple(_usage(command, form) for form in command.forms),
        tuple(Part(form.words if several else "", _paragraphs(form.purpose), form.examples) for form in command.forms),
        _groups(command.forms),
    )


def overview() -> tuple[tuple[str, str], ...]:
    """The commands and what they do, in the order of the table."""
    return tuple((name, verb.summary) for name, verb in VERBS.items())


def _usage(command: Command, form: Form) -> str:
    at = "at REPOSITORY " if form.name == "other" or form.words.startswith("[SNAPSHOT]") else ""
    optional = f"[{at.strip()}] " if at else ""
    return f"plait {optional}{command.name} [OPTION…] {form.words}".rstrip()


def _paragraphs(prose: str) -> tuple[str, ...]:
    return tuple(" ".join(paragraph.split()) for paragraph in prose.split("\n\n") if paragraph.strip())


def _groups(forms: tuple[Form, ...]) -> tuple[Group, ...]:
    """Options by section; those of a further form below a heading that names it."""
    groups: list[Group] = []
    seen: set[str] = set()
    for form in forms:
        named = f" ({form.words})" if seen - {option.name for option in COMMON.options} else ""
        for section in Section:
            found = [
                option
                for option in form.options.options
                if option.section is section and option.name not in seen and not option.hidden
            ]
            if found and not (named and all(option in COMMON.options for option in found)):
                groups.append(Group(section.value + named, tuple(map(_entry, found))))
        seen |= {option.name for option in form.options.options}
    order = [section.value for section in Section]
    return tuple(sorted(groups, key=lambda group: order.index(group.title.partition(" (")[0])))


def _entry(option: Option) -> Entry:
    short = f"-{option.short}, " if option.short else ""
    names = ", ".join(f"--{name}" for name in (option.name, *option.aliases))
    choices = "|".join(option.type.choices)
    value = choices if 0 < len(choices) <= LONGEST_CHOICES else option.type.metavar
    if option.repeat is Repeat.APPEND:
        value += "…"
    return Entry(short + names, value, option.help + _more(option), option.environment_names)


def _more(option: Option) -> str:
    unset = option.default is None or option.default in {"", (), False, -1}
    return "" if unset else f" [{option.type.show(option.default)}]"
