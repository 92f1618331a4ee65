"""`config encryption …`: whether rclone.conf is encrypted, and under which password."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from plait.cli.commands.remotes import Configuration
from plait.cli.forms import WordsError
from plait.cli.secrets import from_command
from plait.model.errors import SecretError
from plait.stores.rclone_config import change_encryption, is_encrypted

if TYPE_CHECKING:
    from plait.cli.forms import Invocation


def check(invocation: Invocation) -> int:
    """Succeeds where the configuration is encrypted, and under the password that is at hand."""
    configuration = Configuration(invocation)
    encrypted = configuration.exists and is_encrypted(configuration.path)
    configuration.text()
    if not encrypted:
        raise WordsError("config file is NOT encrypted")
    return 0


def set_password(invocation: Invocation) -> int:
    """Encrypts the configuration under a new password, which is asked for twice or which --password-command prints."""
    configuration = Configuration(invocation)
    configuration.text()
    command = invocation.values.password_command
    new = _told(command) if command else _asked()
    change_encryption(configuration.path, configuration.password, new)
    return 0


def remove(invocation: Invocation) -> int:
    """Stores the configuration without encryption."""
    configuration = Configuration(invocation)
    configuration.text()
    change_encryption(configuration.path, configuration.password, None)
    return 0


def _told(command: tuple[str, ...]) -> str:
    """The new password from the command that also tells the old one."""
    # The shell's own `env` gives the variable to the command alone.
    return from_command(("env", "RCLONE_PASSWORD_CHANGE=1", *command), "the new password of rclone.conf")


def _asked() -> str:
    """The new password, typed twice; both again where they differ."""
    while True:
        first = _line("Enter NEW configuration password:")
        if _line("Confirm NEW configuration password:") == first:
            return first
        print("Passwords do not match!", file=sys.stderr)


def _line(prompt: str) -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        print(prompt, file=sys.stderr)
        return getpass.getpass("password:")
    print(f"{prompt}\npassword:", end="", flush=True, file=sys.stderr)
    line = sys.stdin.readline() if sys.stdin is not None else ""
    if not line:
        raise SecretError("Failed to read line: EOF")
    return line.rstrip("\r\n")
