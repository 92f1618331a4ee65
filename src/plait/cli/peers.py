"""The other repository of a sync: where it is, its passphrase, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.cli.passphrases import Passphrase
from plait.cli.repositories import RefusedError
from plait.model.errors import (
    ConfigurationError,
    DirectoryNotFoundError,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    SecretError,
)
from plait.repository.configured.catalogue import Section
from plait.repository.configured.names import resolve
from plait.repository.configured.secrets import from_shell

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand
    from plait.repository.configured.catalogue import Settings
    from plait.repository.places import Place
    from plait.repository.repository import Repository

VARIABLE: Final = "PLAIT_PEER_PASSPHRASE"
_SECRET: Final = "peer"  # noqa: S105  (the name of a table)
_PROMPT: Final = "destination store"
_HINT: Final = (
    f"give it by --peer-passphrase-cmd CMD, {VARIABLE}, passphrase_cmd in stores.yml, [secrets.{_SECRET}] in "
    "plait.toml, or at a terminal"
)


def open_peer(command: RepositoryCommand, word: str, prompt: str = _PROMPT) -> tuple[Repository, Place]:
    """Opens the peer that a word names; nothing is made where there is none. `prompt` is what a person is asked by.

    Raises RefusedError on the plakar front, where every reason is one; else ConfigurationError,
    DirectoryNotFoundError, SecretError, IntegrityError, NotSupportedError, and the store's errors.
    """
    try:
        settings = resolve(word, command.catalogue.places(Section.STORES))
    except ConfigurationError as error:
        kind = RefusedError if command.is_front else ConfigurationError
        raise kind(f"peer store: {error.message}", hint=error.hint) from None
    try:
        place = command.peer_place(settings)
        return command.keep_open(_open(command, settings, place, prompt)), place
    except PlaitError as error:
        if command.is_front and isinstance(error, SecretError) and error.hint != _HINT:
            raise RefusedError("invalid passphrase") from None
        if command.is_front:
            raise RefusedError(f"peer store: {error.message}", hint=error.hint) from None
        error.message, error.key = f"peer {place_name(word)}: {error.message}", None
        raise


def place_name(word: str) -> str:
    """A word as errors show it."""
    return word or "."


def _open(command: RepositoryCommand, settings: Settings, place: Place, prompt: str) -> Repository:
    passphrase = _passphrase(command, settings, prompt)
    try:
        return command.open_at(place, passphrase)
    except (DirectoryNotFoundError, ObjectNotFoundError):
        raise DirectoryNotFoundError(_what_is_there(place)) from None


def _what_is_there(place: Place) -> str:
    """Why there is no repository at a place."""
    if place.archive is not None:
        return f"there is no archive at {place.location}"
    try:
        for page in place.store.list(""):
            if len(page):
                return f"what is at {place.location} is no repository: it has no CONFIG"
    except DirectoryNotFoundError:
        return f"there is nothing at {place.location}"
    except NotSupportedError:
        # A server of repositories lists nothing else.
        return f"there is no repository at {place.location}"
    return f"there is no repository at {place.location}: it is empty"


def _passphrase(command: RepositoryCommand, settings: Settings, prompt: str) -> Passphrase:
    from plait.cli.configuration import secret_source
    from plait.cli.secrets import resolve as resolve_secret

    environment = command.environment
    named = command.values.peer_passphrase_cmd
    if named:
        return Passphrase(_from_shell(named))
    if "passphrase" in settings:
        return Passphrase(settings["passphrase"])
    if "passphrase_cmd" in settings:
        return Passphrase(_from_shell(settings["passphrase_cmd"]))
    if environment.get(VARIABLE):
        return Passphrase(environment[VARIABLE])
    source = secret_source(_SECRET, environment)
    if source is not None:
        return Passphrase(resolve_secret(source, f"[secrets.{_SECRET}]", environment))
    return Passphrase("", prompt, hint=_HINT)


def _from_shell(command: str) -> str:
    try:
        return from_shell(command)
    except PlaitError as error:
        error.message = f"failed to read passphrase from command: {error.message}"
        raise
