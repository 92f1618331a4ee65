"""Option declarations: each option of Plait is declared once, as data.

The command line, the environment, configuration files, help, completion and the reference page derive from these
declarations; nothing else names a flag. Parsing lives in `plait.cli.grammar`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Repeat(Enum):
    """What a second use of an option does."""

    LAST = "the last one wins"
    APPEND = "values are collected in order"
    COUNT = "uses are counted"


class Section(Enum):
    """Headings under which help lists options; the order here is the order there."""

    MAIN = "Main"
    COPY = "Copy and sync"
    DELETE = "Deletions"
    FILTER = "Filters"
    METADATA = "Metadata"
    NETWORK = "Network and limits"
    PERFORMANCE = "Performance"
    SNAPSHOT = "Snapshots"
    DATABASE = "Databases"
    OUTPUT = "Output and logs"
    CONFIGURATION = "Configuration"
    GLOBAL = "Global"


class ValueType(msgspec.Struct, frozen=True):
    """A type of option value: its name in help (`SIZE`), and the parser of its text.

    `parse` raises ValueError with the words that a person needs. `show` is the inverse of `parse`. A switch takes no
    value in `--flag` form and `true`/`false` in `--flag=false` form.
    """

    metavar: str
    parse: Callable[[str], Any]
    show: Callable[[Any], str] = str
    choices: tuple[str, ...] = ()
    is_switch: bool = False
    completes: str = ""
    """What a shell offers: "file", "directory", "remote" or nothing."""


class Option(msgspec.Struct, frozen=True, eq=False):
    """One option, declared once, so that it equals itself only: sets of options are joined at every start.

    `name` is the long flag without dashes (`max-delete`); `short` one letter or "". `default` is the parsed value.
    `environment` lists the variables that set it, the first that is set wins; `RCLONE_*` names are derived from
    `name` where `rclone` is True. `key` is its name in `plait.toml`, "" where it has none. `hidden` options are left
    out of help but are accepted. `no_effect` names why an option of the original is accepted and ignored.
    """

    name: str
    type: ValueType
    default: Any
    help: str
    section: Section
    short: str = ""
    repeat: Repeat = Repeat.LAST
    environment: tuple[str, ...] = ()
    rclone: bool = False
    key: str = ""
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    no_effect: str = ""

    @property
    def destination(self) -> str:
        """The name under which its value is stored: `max_delete`."""
        return self.name.replace("-", "_")

    @property
    def environment_names(self) -> tuple[str, ...]:
        """The variables that set it, strongest first."""
        derived = ("RCLONE_" + self.name.upper().replace("-", "_"),) if self.rclone else ()
        return ("PLAIT_" + self.name.upper().replace("-", "_"), *self.environment, *derived)


class OptionSet:
    """Options by name, alias and short letter; a name or letter stands for one option only."""

    def __init__(self, options: Iterable[Option]) -> None:
        self.options = tuple(options)
        self._named: dict[str, Option] = {}
        self._short: dict[str, Option] = {}
        for option in self.options:
            for name in (option.name, *option.aliases):
                _claim(self._named, name, option)
            if option.short:
                _claim(self._short, option.short, option)

    def named(self, name: str) -> Option | None:
        """The option with this long name or alias."""
        return self._named.get(name)

    def short(self, letter: str) -> Option | None:
        """The option with this letter."""
        return self._short.get(letter)

    def names(self) -> tuple[str, ...]:
        """All long names and aliases."""
        return tuple(self._named)

    def __or__(self, other: OptionSet) -> OptionSet:
        """Both sets; an option that stands in both is taken once."""
        for mine, theirs in ((self._named, other._named), (self._short, other._short)):
            for name in mine.keys() & theirs.keys():
                _claim(mine, name, theirs[name])
        joined = OptionSet(())
        joined.options = tuple(dict.fromkeys((*self.options, *other.options)))
        joined._named = self._named | other._named
        joined._short = self._short | other._short
        return joined


class Values(msgspec.Struct, frozen=True):
    """Parsed option values: `values.max_delete`; what was not given has its default.

    `given` maps the names that were set to where they came from: `command line`, an environment variable, a file.
    """

    options: OptionSet
    parsed: Mapping[str, Any]
    given: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self.parsed:
            return self.parsed[name]
        option = self.options.named(name.replace("_", "-"))
        if option is None:
            raise AttributeError(name)
        return option.default

    def was_given(self, name: str) -> bool:
        """True where the option (by destination name) was set anywhere."""
        return name in self.given


def _claim(table: dict[str, Option], name: str, option: Option) -> None:
    if table.setdefault(name, option) is not option:
        message = f"option {name!r} is declared twice"
        raise ValueError(message)
