"""`passphrase change` and `passphrase discard`: another key for a repository, and an end of the old one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from plait.cli.passphrases import Passphrase, ask_new, from_key_file
from plait.cli.repositories import RefusedError
from plait.model.errors import (
    AlreadyExistsError,
    ConfigurationError,
    DirectoryNotFoundError,
    ExitCode,
    NotSupportedError,
    SecretError,
)
from plait.repository.configured.catalogue import Section
from plait.repository.configured.names import resolve
from plait.repository.configured.secrets import from_shell

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.places import Place
    from plait.repository.repository import Repository

VARIABLE: Final = "PLAIT_NEW_PASSPHRASE"
_KEPT: Final = "-old"


def change(command: RepositoryCommand) -> int:
    """Copies everything into a repository with the new passphrase, reads it back, and switches to it."""
    place = command.place()
    if place.archive is not None:
        raise NotSupportedError("an archive never changes", hint="write another one: plait ptar -k ARCHIVE -o FILE")
    elsewhere = command.values.to
    if place.kind != "fs" and not elsewhere:
        raise RefusedError(
            f"{place.location} cannot be renamed, so the new repository needs a place of its own",
            hint="name it: --to LOCATION",
        )
    _entry_command(command)
    new = _new_passphrase(command)
    return _move(command, elsewhere, new) if elsewhere else _switch(command, new)


def discard(command: RepositoryCommand) -> int:
    """Removes the old repository that a change has left beside the new one, which must open for that."""
    from plait.repository import rekeying

    path = _path(command)
    if not command.values.apply:
        kept = rekeying.to_discard(path, command.repository)
        command.output.result(f"would remove {kept}, run with --apply to proceed")
        return ExitCode.DONE
    rekeying.discard(path, command.repository)
    command.output.info("the old repository is removed")
    return ExitCode.DONE


def _switch(command: RepositoryCommand, new: bytes) -> int:
    """The new repository grows beside the old one and takes its path."""
    from plait.repository import rekeying

    path = _path(command)
    rekeying.resume(path)
    old = _open_old(command, new)
    if old is None:
        return _end(command, path, new)
    if os.path.lexists(rekeying.old_place(path)):
        raise AlreadyExistsError(
            f"the repository of an earlier change is kept at {rekeying.old_place(path)}",
            hint="it goes first: passphrase discard --apply",
        )
    grown = command.place({"location": f"fs:{rekeying.new_place(path)}"})
    repository = _made(command, grown, old, new)
    with _copied(command, old, repository):
        command.output.info(f"switching: {path} becomes the new repository")
        rekeying.switch(path, repository)
    return _end(command, path, new)


def _end(command: RepositoryCommand, path: str, new: bytes) -> int:
    from plait.repository.rekeying import old_place

    name = _entry(command)
    if name:
        _save(command, name, dict(command.settings), new)
    output = command.output
    output.info(f"the passphrase of {path} is changed")
    output.info(f"the old repository, with the old passphrase, is kept at {old_place(path)}")
    output.info(f"once it may go: plait at {command.location} passphrase discard --apply")
    return ExitCode.DONE


def _move(command: RepositoryCommand, word: str, new: bytes) -> int:
    """The new repository is elsewhere; the entry of the old one names it from then on."""
    settings = resolve(word, command.catalogue.places(Section.STORES))
    place = command.place(settings)
    if place.archive is not None:
        raise NotSupportedError("an archive is written in one go", hint="write one: plait ptar")
    if place.location == command.place().location:
        raise RefusedError(
            f"{place.location} is the repository itself", hint="--to names a place of its own for the new one"
        )
    name = _entry(command)
    kept = name + _KEPT
    places = command.catalogue.places(Section.STORES)
    if name and kept in places:
        raise AlreadyExistsError(f"there is an entry {kept} already", hint=f"plait store rm {kept}")
    old = command.repository
    repository = _made(command, place, old, new)
    with _copied(command, old, repository):
        if not name:
            command.output.info(f"the new repository is whole: {place.location}; {command.location} is as it was")
            return ExitCode.DONE
        places[kept] = dict(places[name])
        _save(command, name, settings, new)
    command.output.info(f"@{name} is the new repository, at {place.location}; the old one is @{kept}")
    return ExitCode.DONE


def _copied(command: RepositoryCommand, old: Repository, new: Repository) -> AbstractContextManager[None]:
    from plait.repository.rekeying import copied

    return copied(old, new, told=command.output.info, listener=command.listener, cancellation=command.cancellation)


def _path(command: RepositoryCommand) -> str:
    """The directory that the repository is in, whatever links lead to it."""
    place = command.place()
    if place.kind != "fs":
        raise NotSupportedError(f"{place.location}: the old repository is not kept beside the new one there")
    return os.path.realpath(place.root)


def _open_old(command: RepositoryCommand, new: bytes) -> Repository | None:
    """The repository, by its present passphrase; None where an interrupted change has switched it already."""
    from plait.repository.rekeying import was_switched
    from plait.repository.repository import Repository

    path = _path(command)
    try:
        return command.repository
    except SecretError as error:
        try:
            current = command.keep_open(Repository.open(command.place().store, new))
        except SecretError:
            raise error from None
        if not was_switched(path, current):
            raise
        return None


def _made(command: RepositoryCommand, place: Place, old: Repository, new: bytes) -> Repository:
    """The new repository: made like the old one, or that of an interrupted change, to go on with."""
    from plait.repository.repository import NewRepository, Repository

    try:
        return command.keep_open(command.open_at(place, _given(new)))
    except DirectoryNotFoundError:
        pass
    except SecretError:
        raise SecretError(
            f"at {place.location} there is a repository with another passphrase",
            hint="remove it, or give the passphrase that the interrupted change was given",
        ) from None
    config = old.configuration
    settings = NewRepository(
        hashing=config.hashing.algorithm,
        compression=None if config.compression is None else config.compression.algorithm,
        packfile_size=config.packfile.max_size,
    )
    made = Repository.create(place.store, new, settings, cache=command.cache_directory)
    return command.keep_open(made)


def _given(new: bytes) -> Passphrase:
    return Passphrase(new.decode("utf-8", "surrogateescape"))


def _new_passphrase(command: RepositoryCommand) -> bytes:
    """Raises SecretError where there is none, or nobody to ask."""
    values = command.values
    if values.new_keyfile and values.new_passphrase_cmd:
        raise RefusedError("--new-keyfile and --new-passphrase-cmd both give a passphrase: name one of them")
    if values.new_keyfile:
        text = from_key_file(values.new_keyfile)
    elif values.new_passphrase_cmd:
        text = from_shell(values.new_passphrase_cmd)
    else:
        text = command.environment.get(VARIABLE, "")
    if text:
        return text.encode("utf-8", "surrogateescape")
    return ask_new("new repository", weak=values.weak_passphrase)


def _entry(command: RepositoryCommand) -> str:
    """The name of the repository's entry; "" where it has none."""
    location = command.location
    return location[1:] if location.startswith("@") and ":" not in location else ""


def _entry_command(command: RepositoryCommand) -> None:
    """Refuses a change after which the entry would name a command that gives the old passphrase."""
    values = command.values
    if _entry(command) and "passphrase_cmd" in command.settings and not values.new_passphrase_cmd:
        raise ConfigurationError(
            f"the entry {command.location} has a passphrase_cmd, which gives the old passphrase",
            hint="say by which command it is to get the new one: --new-passphrase-cmd CMD",
        )


def _save(command: RepositoryCommand, name: str, settings: dict[str, str], new: bytes) -> None:
    """Writes the entry with the place of the new repository and where its passphrase comes from, in one step."""
    places = command.catalogue.places(Section.STORES)
    had = {"passphrase", "passphrase_cmd"} & places[name].keys()
    changed = {key: value for key, value in settings.items() if key not in {"passphrase", "passphrase_cmd"}}
    if command.values.new_passphrase_cmd:
        changed["passphrase_cmd"] = command.values.new_passphrase_cmd
    elif "passphrase" in had:
        changed["passphrase"] = new.decode("utf-8", "surrogateescape")
    if changed != places[name] or name + _KEPT in places:
        places[name] = changed
        command.catalogue.save(Section.STORES)
