"""Where trees are saved from and restored to: words of a command line, and entries of plakar's configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.repository.configured.catalogue import Section
from plait.repository.configured.names import resolve
from plait.repository.places import open_place, split_scheme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.configured.catalogue import Settings
    from plait.stores.base import Store


_ORIGINAL_WORDS: Final = {Section.SOURCES: "importer", Section.DESTINATIONS: "exporter"}


STANDARD_INPUT: Final = "stdin"


class Tree(NamedTuple):
    """A place that holds files.

    `kind`, `origin`, `root`: what a snapshot of it is filed under, as the original has them. `store` is opened at it;
    None for a directory or file of this machine, whose absolute path is `root`, and for standard input, where `root` is
    the name that it gets.
    """

    kind: str
    origin: str
    root: str
    store: Store | None = None


def open_tree(
    command: RepositoryCommand, word: str, section: Section, options: Mapping[str, str] | None = None
) -> Tree:
    """Opens the place that a word names; relative paths begin at the current directory.

    `options` go over the settings of its entry; without them, those of the command line.

    Raises ConfigurationError for an entry that there is not and settings that cannot be, and what opening raises.
    """
    settings: Settings
    if word.startswith("@"):
        what = _ORIGINAL_WORDS[section] if command.is_front else section.word
        settings = resolve(word, command.catalogue.places(section), what)
    else:
        settings = {"location": word}
    if options is None:
        options = dict(command.values.option if not command.is_front else command.values.o)
    settings = {**settings, **options}
    directory = os.getcwd()
    scheme, rest = split_scheme(settings["location"])
    if scheme in {"fs", "file"}:
        import socket

        path = os.path.normpath(os.path.join(directory, rest))
        return Tree("fs", socket.gethostname(), path)
    if scheme == STANDARD_INPUT and section is Section.SOURCES:
        import socket

        return Tree(STANDARD_INPUT, socket.gethostname(), rest)
    if not command.is_front and not word.startswith("@"):
        return _open_location(command, word)
    place = open_place(settings, command.opening, directory)
    command.close_later(place.store)
    return Tree(place.kind, _host(place.location), place.root, place.store)


def _open_location(command: RepositoryCommand, word: str) -> Tree:
    """A location in the spelling of Plait's own face."""
    from plait.stores.location import LocationKind, parse_location
    from plait.stores.registry import open_location

    location = parse_location(word)
    opened = open_location(location, command.opening)
    command.close_later(opened.store)
    if location.kind is LocationKind.LOCAL:
        import socket

        return Tree("fs", socket.gethostname(), opened.root)
    scheme = opened.store.features.scheme
    return Tree(scheme, opened.store.features.identity, f"/{opened.root}", opened.store)


def _host(location: str) -> str:
    return location.partition("://")[2].partition("/")[0]
