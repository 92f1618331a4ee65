"""Secrets: from the environment, a file, a command, the system's keyring, or a person at a terminal.

A secret never stands on a command line, in a log, a plan or an error: errors name where it was looked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plait.cli.configuration import secret_source
from plait.model.errors import ConfigurationError, MissingExtraError, SecretError, from_os_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.model.options import Values

RCLONE_CONFIG: Final = "rclone-config"
_COMMAND_SECONDS: Final = 300
"""How long a command may take: it may ask a person by itself."""


def rclone_config_password(values: Values, environment: Mapping[str, str]) -> str:
    """The password of an encrypted rclone.conf.

    From `--password-command`, else `RCLONE_CONFIG_PASS`, else `[secrets.rclone-config]` of plait.toml, else a person,
    unless `--ask-password=false` or there is no terminal. Raises SecretError, ConfigurationError.
    """
    if values.password_command:
        return from_command(values.password_command, "--password-command")
    if "RCLONE_CONFIG_PASS" in environment:
        return environment["RCLONE_CONFIG_PASS"]
    source = secret_source(RCLONE_CONFIG, environment)
    if source is not None:
        return resolve(source, f"[secrets.{RCLONE_CONFIG}]", environment)
    if not values.ask_password:
        raise SecretError(
            "unable to decrypt configuration and not allowed to ask for password",
            hint="set RCLONE_CONFIG_PASS to your configuration password",
        )
    return ask("Enter configuration password:")


def resolve(source: Mapping[str, Any], what: str, environment: Mapping[str, str]) -> str:
    """The secret that a table of plait.toml describes: one of `environment`, `file`, `command`, `keyring`.

    `what` names the table. Raises ConfigurationError, SecretError, MissingExtraError.
    """
    if len(source) == 1:
        ((kind, value),) = source.items()
        match kind:
            case "environment":
                return from_environment(str(value), what, environment)
            case "file":
                return from_file(str(value), what)
            case "command":
                return from_command(value, what)
            case "keyring":
                return from_keyring(str(value), what)
    raise ConfigurationError(f"{what} takes one key of environment, file, command, keyring")


def from_environment(name: str, what: str, environment: Mapping[str, str]) -> str:
    """The secret in a variable. Raises SecretError where it is not set."""
    if name not in environment:
        raise SecretError(f"{what}: {name} is not set")
    return environment[name]


def from_file(path: str, what: str) -> str:
    """The first line of a file. Raises SecretError where it cannot be read, or others may read it."""
    file = Path(path).expanduser()
    try:
        if file.stat().st_mode & 0o077:
            raise SecretError(f"{what}: other people may read {file}", hint=f"chmod 600 {file}")
        return file.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r")
    except OSError as error:
        raise SecretError(from_os_error(error, f"{what}: {file}").message) from None


def from_command(command: Sequence[str] | str, what: str) -> str:
    """What a command prints, without the newlines at its end. Raises SecretError where it fails or prints nothing."""
    import shlex
    import subprocess

    words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, check=False, timeout=_COMMAND_SECONDS)
    except (OSError, ValueError, IndexError) as error:
        raise SecretError(f"{what}: {words[0] if words else 'no command'}: {error}") from None
    except subprocess.TimeoutExpired:
        raise SecretError(f"{what}: {words[0]} did not end within {_COMMAND_SECONDS} seconds") from None
    if done.returncode:
        raise SecretError(f"{what}: {words[0]} exited with {done.returncode}")
    secret = done.stdout.decode("utf-8", "surrogateescape").strip("\r\n")
    if not secret:
        raise SecretError(f"{what}: {words[0]} returned an empty string")
    return secret


def from_keyring(entry: str, what: str) -> str:
    """The password of `SERVICE/USER` in the system's keyring. Raises SecretError, MissingExtraError."""
    service, slash, user = str(entry).rpartition("/")
    if not slash or not service or not user:
        raise ConfigurationError(f"{what}: keyring takes SERVICE/USER")
    try:
        keyring = import_module("keyring")
    except ModuleNotFoundError:
        raise MissingExtraError(f"{what}: the keyring library is not installed", hint="pip install keyring") from None
    secret = keyring.get_password(service, user)
    if secret is None:
        raise SecretError(f"{what}: the keyring holds nothing for {service}/{user}")
    return str(secret)


def ask(prompt: str) -> str:
    """What a person types, unseen. Raises SecretError where there is no terminal."""
    import getpass

    if sys.stdin is None or not sys.stdin.isatty():
        raise SecretError("a password is needed, and there is no terminal to ask for it")
    print(prompt, file=sys.stderr)
    try:
        return getpass.getpass("password:")
    except EOFError:
        raise SecretError("no password was given") from None
