"""Secrets that the entry of a place names instead of holding them."""

from __future__ import annotations

import subprocess
from typing import Final

from plait.model.errors import ConfigurationError

_COMMAND_SECONDS: Final = 300


def from_shell(command: str) -> str:
    """The one line that a shell command prints. Raises ConfigurationError where it fails or prints more or less."""
    try:
        done = subprocess.run(  # noqa: S602  (the entry holds a shell command, as the original's does)
            command, shell=True, stdout=subprocess.PIPE, check=False, timeout=_COMMAND_SECONDS
        )
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"passphrase_cmd: {error}") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"passphrase_cmd did not end within {_COMMAND_SECONDS} seconds") from None
    if done.returncode:
        raise ConfigurationError(f"exit status {done.returncode}", hint="that is how passphrase_cmd ended")
    lines = done.stdout.decode("utf-8", "surrogateescape").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if len(lines) != 1:
        raise ConfigurationError("passphrase_cmd returned too many lines", hint="it is to print exactly one")
    return lines[0].removesuffix("\r")
