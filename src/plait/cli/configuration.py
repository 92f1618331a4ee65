"""`plait.toml`: defaults for options, and where secrets are.

    [defaults]            # every command that has the option
    transfers = 8

    [sync]                # one command; `plan sync` reads it too
    max-delete = 100
    exclude = ["*.tmp"]

    [jobs.photos]         # `plait run photos`
    command = "sync"
    source = "~/photos"
    destination = "s3:bucket/photos"
    max-delete = 100

    [secrets.rclone-config]
    command = ["pass", "show", "rclone"]

    [databases.app]       # what `plait replicate` replicates
    path = "/srv/app.db"
    replicas = ["s3://bucket/app"]

An option goes by its long name. An unknown table or key is refused: a misspelled protection protects nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plait.cli.binding import Setting
from plait.cli.directories import configuration_directory
from plait.cli.forms import Command
from plait.cli.grammar import did_you_mean
from plait.cli.jobs import TABLE as JOBS
from plait.cli.jobs import read_jobs
from plait.cli.verbs import VERBS
from plait.model.errors import ConfigurationError, from_os_error
from plait.model.options import Repeat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from plait.cli.forms import Form
    from plait.cli.jobs import Job
    from plait.model.options import Option

DEFAULTS: Final = "defaults"
SECRETS: Final = "secrets"
DATABASES: Final = "databases"
"""What is replicated; `plait.cli.databases.configured` reads it."""
SECRET_NAMES: Final = ("rclone-config", "peer")
_NOT_FROM_A_FILE: Final = frozenset({"help", "dry-run", "interactive", "output"})
"""What belongs to one call: a default for it would turn a command into another one."""


def configuration_file(environment: Mapping[str, str]) -> Path:
    """The path of `plait.toml`, which need not exist."""
    return configuration_directory(environment) / "plait.toml"


def file_settings(command: Command, form: Form, environment: Mapping[str, str]) -> list[Setting]:
    """What `plait.toml` sets for a form, weakest first. Raises ConfigurationError."""
    path = configuration_file(environment)
    tables = read_configuration(path)
    own = command.name.rpartition(" ")[2]
    settings: list[Setting] = []
    for table in (DEFAULTS, own):
        for key, value in tables.get(table, {}).items():
            option = form.options.named(key)
            if option is not None:
                settings.append(Setting(option, _texts(option, value, path, table), f"{path}, [{table}] {key}"))
    return settings


def configured_jobs(environment: Mapping[str, str]) -> dict[str, Job]:
    """The named jobs, in the order of the file. Raises ConfigurationError."""
    path = configuration_file(environment)
    return read_jobs(read_configuration(path), path, _texts)


def secret_source(name: str, environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The table `[secrets.NAME]`, None where there is none. Raises ConfigurationError."""
    found: Mapping[str, Any] | None = read_configuration(configuration_file(environment)).get(SECRETS, {}).get(name)
    return found


def read_configuration(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of a file, checked; none where the file is missing. Raises ConfigurationError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    except OSError as error:
        raise ConfigurationError(from_os_error(error, f"{path}: cannot be read").message) from None
    import tomllib

    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    for name, table in tables.items():
        _check_table(path, name, table)
    return tables


def _check_table(path: Path, name: str, table: Any) -> None:
    verbs = [verb for verb in VERBS if " " not in verb]
    known = (DEFAULTS, SECRETS, DATABASES, JOBS, *verbs)
    if name not in known or not isinstance(table, dict):
        hint = did_you_mean(name, known) or f"options stand in tables: [{DEFAULTS}], [sync] …"
        raise ConfigurationError(f"{path}: there is no table [{name}]", hint=hint)
    if name == JOBS:
        read_jobs({JOBS: table}, path, _texts)
    elif name == SECRETS:
        _check_names(path, name, table, SECRET_NAMES)
    elif name != DATABASES:
        _check_names(path, name, table, _option_names([name] if name != DEFAULTS else verbs))


def _option_names(verbs: Iterable[str]) -> list[str]:
    commands = (Command.load(verb, VERBS[verb]) for verb in verbs)
    options = (option for command in commands for form in command.forms for option in form.options.options)
    return [option.name for option in options if option.name not in _NOT_FROM_A_FILE]


def _check_names(path: Path, table: str, found: Mapping[str, Any], known: Iterable[str]) -> None:
    names = set(known)
    for key in found:
        if key not in names:
            raise ConfigurationError(f"{path}: [{table}] has no key {key}", hint=did_you_mean(key, names))


def _texts(option: Option, value: Any, path: Path, table: str) -> tuple[str, ...]:
    """A TOML value as the texts that the option's type parses."""
    values = value if isinstance(value, list) else [value]
    if isinstance(value, list) and option.repeat is not Repeat.APPEND:
        raise ConfigurationError(f"{path}: [{table}] {option.name} takes one value, not a list")
    if not all(isinstance(one, str | int | float) for one in values):
        raise ConfigurationError(f"{path}: [{table}] {option.name} takes text, numbers, true or false")
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values)
