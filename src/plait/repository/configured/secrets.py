"""Secrets that the entry of a place names instead of holding them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import IO, Final

from plait.model.errors import ConfigurationError

_COMMAND_SECONDS: Final = 300
_LONGEST: Final = 1 << 20
"""Bytes of a passphrase, and of what else a command may print."""


def from_shell(command: str) -> str:
    """The one line that a shell command prints. Raises ConfigurationError where it fails or prints more or less.

    What the command leaves running in the background, such as an agent, is not waited for.
    """
    try:
        # Whoever is left running would hold a pipe open.
        with _hidden_file() as printed:
            status = subprocess.run(  # noqa: S602  (the entry holds a shell command, as the original's does)
                command, shell=True, stdout=printed, check=False, timeout=_COMMAND_SECONDS
            ).returncode
            printed.seek(0)
            data = printed.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"passphrase_cmd: {error}") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"passphrase_cmd did not end within {_COMMAND_SECONDS} seconds") from None
    if status:
        raise ConfigurationError(f"exit status {status}", hint="that is how passphrase_cmd ended")
    if len(data) > _LONGEST:
        raise ConfigurationError("passphrase_cmd printed more than any passphrase", hint="it prints exactly one line")
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if len(lines) != 1:
        raise ConfigurationError("passphrase_cmd returned too many lines", hint="it is to print exactly one")
    return lines[0].removesuffix("\r")


def _hidden_file() -> IO[bytes]:
    """A file that nobody else finds, in memory where the system has that. Raises OSError."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("passphrase"), "w+b")
    return tempfile.TemporaryFile()
