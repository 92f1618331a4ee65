"""`store`, `source` and `destination`: the entries of plakar's configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plait.cli.output.entries import masked, show_ini
from plait.model.errors import ConfigurationError, UsageError, from_os_error
from plait.repository.configured import documents
from plait.repository.configured.catalogue import Section
from plait.repository.configured.importing import import_sections
from plait.repository.configured.names import normal_name, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.configured.catalogue import Settings
    from plait.repository.places import Place

_CONNECTORS: Final = {Section.SOURCES: "importer", Section.DESTINATIONS: "exporter"}
"""What the original calls what reads from a source, or writes to a destination."""
_SECTIONS: Final = {"store": Section.STORES, "source": Section.SOURCES, "destination": Section.DESTINATIONS}


class _Entries:
    """The entries of one kind, and the command that works on them."""

    def __init__(self, command: RepositoryCommand) -> None:
        words = (*command.invocation.command.split(), *command.invocation.words)
        self.command = command
        self.program: Final = "plakar" if command.is_front else "plait"
        self.word: Final = words[0]
        self.action: Final = words[1]
        self.words: Final = words[2:]
        self.section: Final = _SECTIONS[self.word]
        self.places: Final = command.catalogue.places(self.section)

    def save(self) -> int:
        """Writes what was changed."""
        self.command.catalogue.save(self.section)
        return 0

    def existing(self, word: str) -> str:
        """The name of an entry. Raises ConfigurationError where there is none."""
        name = normal_name(word)
        if name not in self.places:
            raise ConfigurationError(f'{self.word} "{name}" does not exist')
        return name

    def usage(self, words: str) -> UsageError:
        """The error that shows how an action is used."""
        lead = "usage" if self.action in {"check", "ping"} else "Usage"
        return UsageError(f"{lead}: {self.program} {self.word} {self.action} {words}")


def entries(command: RepositoryCommand) -> int:
    """Does what is asked for with the entries of a kind."""
    found = _Entries(command)
    if found.action not in _ACTIONS:
        raise UsageError(f"usage: {found.program} {found.word} [{'|'.join(_ACTIONS)}]")
    return _ACTIONS[found.action](found)


def _add(entries: _Entries) -> int:
    usage = entries.usage("<name> <location> [<key>=<value>...]")
    if len(entries.words) < 2:
        raise usage
    name, location, *rest = entries.words
    name = normal_name(name)
    if name in entries.places:
        raise ConfigurationError(f'{entries.word} "{name}" already exists')
    settings = {"location": location.removeprefix("location=")}
    settings.update(_pairs(rest, usage))
    entries.places[name] = settings
    return entries.save()


def _set(entries: _Entries) -> int:
    usage = entries.usage("<name> <key>=<value>...")
    if len(entries.words) < 2:
        raise usage
    name = entries.existing(entries.words[0])
    malformed = UsageError(f"usage: {entries.program} {entries.word} set <name> [<key>=<value>, ...]")
    entries.places[name].update(_pairs(entries.words[1:], malformed))
    return entries.save()


def _unset(entries: _Entries) -> int:
    if len(entries.words) < 2:
        raise entries.usage("<name> <key>...")
    name = entries.existing(entries.words[0])
    if "location" in entries.words[1:]:
        raise ConfigurationError("cannot unset location")
    for key in entries.words[1:]:
        entries.places[name].pop(key, None)
    return entries.save()


def _rm(entries: _Entries) -> int:
    if len(entries.words) != 1:
        raise entries.usage("<name>")
    del entries.places[entries.existing(entries.words[0])]
    return entries.save()


def _show(entries: _Entries) -> int:
    command = entries.command
    values = command.values
    missing = False
    for word in entries.words or sorted(entries.places):
        name = normal_name(word)
        if name not in entries.places:
            command.output.plain(f'{entries.word} "{name}" does not exist', error=True)
            missing = True
            continue
        settings = entries.places[name] if values.secrets else masked(entries.places[name])
        command.output.plain(_shown(name, dict(sorted(settings.items())), values))
    if missing:
        raise ConfigurationError(f"one or more {entries.word}s do not exist")
    return 0


def _shown(name: str, settings: Settings, values: Any) -> str:
    if values.json:
        import msgspec

        return msgspec.json.encode({name: settings}).decode()
    if values.ini:
        return show_ini(name, settings)
    return documents.emit({name: settings}).removesuffix("\n")


def _check(entries: _Entries) -> int:
    """Opens the place as far as its settings go."""
    _opened(entries)
    return 0


def _ping(entries: _Entries) -> int:
    """Opens the place and asks it for anything at all."""
    place = _opened(entries)
    if place.store.features.depends_on_network:
        next(iter(place.store.list("")), None)
    entries.command.output.plain("configuration OK")
    return 0


def _opened(entries: _Entries) -> Place:
    """The place that the only word names; a source of this machine has to be there."""
    if len(entries.words) != 1:
        raise entries.usage("<name>")
    settings = resolve("@" + entries.existing(entries.words[0]), entries.places, entries.word)
    try:
        place = entries.command.place(settings)
    except ConfigurationError as error:
        if entries.command.is_front and error.message.startswith("backend ") and entries.section in _CONNECTORS:
            raise ConfigurationError(f"unsupported {_CONNECTORS[entries.section]} protocol") from error
        raise
    if entries.section is Section.SOURCES and place.kind == "fs":
        try:
            os.lstat(place.root)
        except OSError as error:
            raise from_os_error(error, f"lstat {place.root}") from None
    return place


def _import(entries: _Entries) -> int:
    command = entries.command
    values = command.values
    found = import_sections(_imported_text(values.config), from_rclone=values.rclone)
    if not found:
        raise ConfigurationError(f"no valid {entries.word}s found in config")
    for word in entries.words or list(found):
        origin, colon, target = word.partition(":") if entries.words else (word, "", "")
        name = target if colon else normal_name(origin)
        if not origin or not name:
            command.output.plain(f'{entries.word} empty section name in "{word}", skipping', error=True)
        elif name in entries.places and not values.overwrite:
            command.output.plain(f'{entries.word} "{name}" already exists, skipping', error=True)
        elif origin not in found:
            command.output.plain(f'{entries.word} "{origin}" does not exist in config', error=True)
        else:
            entries.places[name] = dict(found[origin])
    return entries.save()


def _imported_text(source: str) -> str:
    if source.startswith(("http://", "https://")):
        return _fetched(source)
    try:
        data = Path(source).read_bytes() if source else sys.stdin.buffer.read()
        return data.decode()
    except OSError as error:
        raise ConfigurationError(
            from_os_error(error, f'failed to open file "{source}": open {source}').message
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"failed to load config: {error}") from None


def _fetched(url: str) -> str:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=60) as answer:  # noqa: S310  (http and https only, by its caller)
            return str(answer.read(documents.SIZE_LIMIT).decode())
    except (OSError, URLError, ValueError) as error:
        raise ConfigurationError(f'failed to fetch config from "{url}": {error}') from None


def _pairs(words: tuple[str, ...] | list[str], usage: UsageError) -> dict[str, str]:
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise usage
        found[key] = value
    return found


_ACTIONS: Final[dict[str, Callable[[_Entries], int]]] = {
    "add": _add,
    "check": _check,
    "import": _import,
    "ping": _ping,
    "rm": _rm,
    "set": _set,
    "show": _show,
    "unset": _unset,
}
