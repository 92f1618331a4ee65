"""Named jobs of `plait.toml`: a command with its locations and options, under a name.

    [jobs.photos]
    command = "sync"                  # or copy, move, check; sync where it is left out
    source = "~/photos"
    destination = "s3:bucket/photos"
    max-delete = 100
    exclude = ["*.tmp"]

`plait run photos` does what `plait sync --max-delete 100 --exclude '*.tmp' ~/photos s3:bucket/photos` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.cli.forms import Command
from plait.cli.grammar import did_you_mean
from plait.cli.verbs import VERBS
from plait.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plait.cli.forms import Form
    from plait.model.options import Option

TABLE: Final = "jobs"
COMMANDS: Final = ("sync", "copy", "move", "check")
_OWN: Final = ("command", "source", "destination")
_NEVER: Final = frozenset({"help", "output"})


class Job(msgspec.Struct, frozen=True):
    """A named job; `options` are words of a command line."""

    name: str
    command: str
    source: str
    destination: str
    options: tuple[str, ...]

    def arguments(self, more: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The command line that it stands for, with `more` options, which win."""
        return (self.command, *self.options, *more, "--", _expanded(self.source), _expanded(self.destination))


def read_jobs(
    tables: Mapping[str, Any], path: Path, texts: Callable[[Option, Any, Path, str], tuple[str, ...]]
) -> dict[str, Job]:
    """The jobs in the tables of a configuration file; `texts` turns a value into texts. Raises ConfigurationError."""
    return {name: _job(name, table, path, texts) for name, table in tables.get(TABLE, {}).items()}


def _job(name: str, table: Any, path: Path, texts: Callable[[Option, Any, Path, str], tuple[str, ...]]) -> Job:
    where = f"{TABLE}.{name}"
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: [{TABLE}] holds tables: [{where}]")
    command = table.get("command", COMMANDS[0])
    if command not in COMMANDS:
        raise ConfigurationError(f"{path}: [{where}] command is one of {', '.join(COMMANDS)}")
    for key in ("source", "destination"):
        if not isinstance(table.get(key), str) or not table[key]:
            raise ConfigurationError(f"{path}: [{where}] needs a {key}")
    form = Command.load(command, VERBS[command]).forms[0]
    options: list[str] = []
    for key, value in table.items():
        if key not in _OWN:
            options += [f"--{key}={text}" for text in texts(_option(form, key, path, where), value, path, where)]
    return Job(name, command, table["source"], table["destination"], tuple(options))


def _option(form: Form, key: str, path: Path, where: str) -> Option:
    option = form.options.named(key)
    if option is None or key in _NEVER:
        known = (*_OWN, *(option.name for option in form.options.options if option.name not in _NEVER))
        raise ConfigurationError(f"{path}: [{where}] has no key {key}", hint=did_you_mean(key, known))
    return option


def _expanded(location: str) -> str:
    """A location whose `~` a shell would have expanded."""
    return str(Path(location).expanduser()) if location == "~" or location.startswith("~/") else location
