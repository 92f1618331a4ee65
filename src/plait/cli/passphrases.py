"""Passphrases of repositories: from a key file, an entry of `stores.yml`, a command, the environment, or a person."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plait.model.errors import ConfigurationError, SecretError, from_os_error
from plait.repository.configured.secrets import from_shell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.model.options import Values

VARIABLES: Final = ("PLAKAR_PASSPHRASE", "PLAIT_PASSPHRASE")
TRIES: Final = 3
"""How often a person may type."""
REPOSITORY: Final = "repository"
_HINT: Final = "give it by --keyfile FILE, passphrase_cmd in stores.yml, PLAKAR_PASSPHRASE, or at a terminal"


class Passphrase:
    """Where the passphrase of a repository comes from, asked only where one is needed.

    `text` was found; where it is "" a person is asked, `prompt` names the repository to them.
    """

    def __init__(self, text: str, prompt: str = REPOSITORY, *, hint: str = _HINT) -> None:
        """`hint` says how else it can be given, where there is nobody to ask."""
        self._text = text
        self._prompt = prompt
        self._hint = hint
        self.is_missing: Final = not text
        """A person has to be asked."""
        self.tries: Final = 1 if text else TRIES
        self.was_asked = False
        """A person typed it, and so may have mistyped it."""

    def __call__(self) -> bytes:
        """The passphrase. Raises SecretError where there is no terminal to ask at."""
        text = self._text
        if not text:
            text = ask(f"{self._prompt} passphrase: ", self._hint)
            self.was_asked = True
        return text.encode("utf-8", "surrogateescape")


def of_entry(settings: Mapping[str, str], values: Values, environment: Mapping[str, str]) -> Passphrase:
    """That of the repository that a command works on, in the original's order.

    Raises ConfigurationError where a key file cannot be read or a command fails.
    """
    if values.keyfile:
        return Passphrase(from_key_file(values.keyfile))
    return of_settings(settings, environment)


def of_settings(settings: Mapping[str, str], environment: Mapping[str, str]) -> Passphrase:
    """That of a repository by its entry, else by the environment. Raises ConfigurationError where a command fails."""
    if "passphrase" in settings:
        return Passphrase(settings["passphrase"])
    if "passphrase_cmd" in settings:
        return Passphrase(from_shell(settings["passphrase_cmd"]))
    return Passphrase(next((environment[name] for name in VARIABLES if environment.get(name)), ""))


def from_key_file(path: str) -> str:
    """A file without the newline at its end. Raises ConfigurationError."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = from_os_error(error, f"could not read key file: open {path}").message
        raise ConfigurationError(reason) from None
    return data.decode("utf-8", "surrogateescape").removesuffix("\n")


def ask(prompt: str, hint: str = _HINT) -> str:
    """What a person types, unseen. Raises SecretError where there is no terminal."""
    import getpass

    _need_terminal(hint)
    try:
        return getpass.getpass(prompt)
    except EOFError:
        raise SecretError("no passphrase was given", hint=hint) from None


def ask_new(prompt: str, *, weak: bool) -> bytes:
    """A passphrase that a person chooses, typed twice; a weak one only where `weak`.

    Raises SecretError where there is no terminal or it is empty, or after too many attempts.
    """
    from plait.cli.strength import ENOUGH_BITS, advice, strength

    previous: str | None = None
    for _ in range(TRIES):
        first = ask(f"{prompt} passphrase: ")
        if not weak and first != previous and strength(first) < ENOUGH_BITS:
            previous = first
            print(advice(first), file=sys.stderr)
            continue
        previous = None
        if ask(f"{prompt} passphrase (confirm): ") == first:
            return first.encode("utf-8", "surrogateescape")
        print("passphrases mismatch", file=sys.stderr)
    raise SecretError("too many failed attempts")


def _need_terminal(hint: str) -> None:
    """Raises SecretError where there is no terminal to ask at."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        if sys.stdin is None or not sys.stdin.isatty():
            raise SecretError("a passphrase is needed, and there is no terminal to ask for it", hint=hint) from None
