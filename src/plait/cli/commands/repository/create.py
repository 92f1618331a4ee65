"""`create`: makes a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.cli.passphrases import ask_new, of_entry
from plait.cli.repositories import RefusedError
from plait.model.errors import AlreadyExistsError, DirectoryNotFoundError, NotSupportedError, SecretError

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand

HASHINGS: Final = ("BLAKE3", "SHA256")


def create(command: RepositoryCommand) -> int:
    """Makes an empty repository at a place that is missing or empty; it is encrypted unless told otherwise."""
    from plait.repository.repository import NewRepository, Repository

    values = command.values
    if values.hashing.upper() not in HASHINGS:
        doubled = "plakar: " if command.is_front else ""
        raise RefusedError(f"{doubled}unknown hashing algorithm", hint=f"one of {', '.join(HASHINGS)}")
    place = command.place()
    if place.archive is not None:
        raise NotSupportedError("an archive is made from paths or repositories, in one go")
    settings = NewRepository(hashing=values.hashing.upper(), compression=None if values.no_compression else "LZ4")
    passphrase = None if values.plaintext else _passphrase(command)
    try:
        Repository.create(place.store, passphrase, settings).close()
    except DirectoryNotFoundError as error:
        if error.key is None:
            error.message = f"{place.root} {error.message}"
        raise
    except AlreadyExistsError as error:
        if command.is_front and place.kind == "fs":
            raise AlreadyExistsError(f"directory {place.root} is not empty") from error
        raise
    if not command.is_front and not values.quiet:
        command.output.info(f"a repository was made at {place.location}")
    return 0


def _passphrase(command: RepositoryCommand) -> bytes:
    found = of_entry(command.settings, command.values, command.environment)
    passphrase = ask_new("repository", weak=command.values.weak_passphrase) if found.is_missing else found()
    if not passphrase:
        raise SecretError("can't encrypt the repository with an empty passphrase")
    return passphrase
