"""The databases that are configured, and the replicas that words name, on Plait's own face."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from plait.cli.binding import bind, environment_settings
from plait.cli.configuration import DATABASES, configuration_file, read_configuration
from plait.cli.databases.opening import opener
from plait.cli.options import STORES
from plait.cli.remotes import configured_remotes
from plait.mirror import options as mirror_options
from plait.model.errors import ConfigurationError, DirectoryNotFoundError
from plait.replication.configuration.directories import database_of, is_database
from plait.replication.configuration.litestream import DEFAULT_PATH
from plait.replication.configuration.litestream import read_configuration as read_litestream
from plait.replication.configuration.own import read_databases
from plait.replication.configuration.paths import expand_path
from plait.replication.configuration.places import file_place, is_replica_url, parse_replica_url
from plait.replication.configuration.settings import DatabaseSettings, Place, Settings
from plait.stores.location import LocationKind, parse_location, split_bucket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.model.options import Values
    from plait.replication.replica import Replica
    from plait.stores.registry import Remotes


class NothingConfiguredError(ConfigurationError):
    """There is no configuration of databases."""

    def __init__(self) -> None:
        super().__init__(
            "no databases are configured",
            hint=f"name a configuration with --config, write {DEFAULT_PATH}, or [databases.NAME] in plait.toml",
        )


class Surroundings:
    """The environment, the remotes of `rclone.conf`, and how locations of replicas are read."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        settings = environment_settings(mirror_options.CONFIGURATION, environment)
        self.remotes: Remotes = configured_remotes(
            bind(STORES | mirror_options.CONFIGURATION, (), settings), environment
        )

    def place_of(self, word: str) -> Place:
        """The place of a replica: a URL as Litestream has it, a path, or a path on a remote. Raises UsageError."""
        if is_replica_url(word):
            return parse_replica_url(word, self.environment)
        location = parse_location(word)
        if location.kind is LocationKind.LOCAL:
            return file_place(location.path)
        backend = self.remotes.backend(location.name) if location.kind is LocationKind.REMOTE else location.backend
        if backend in {"local", "alias"}:
            return Place(type="file", path=location.path, location=location, attributes=(("path", location.text),))
        _, key = split_bucket(location.path)
        return Place(type=backend, path=key, location=location, attributes=(("path", location.text),))

    def open(self, word: str) -> Replica:
        """The replica that a word names."""
        return self.open_place(self.place_of(word))

    def open_place(self, place: Place) -> Replica:
        """The replica at a place."""
        return opener(self.remotes)(place)

    def configuration(self, values: Values) -> Settings:
        """The configured databases; see the help texts for which they are. Raises ConfigurationError."""
        expand = not values.no_expand_env
        if values.config:
            return read_litestream(values.config, self.environment, expand_environment=expand)
        tables = read_configuration(configuration_file(self.environment)).get(DATABASES)
        own = read_databases(tables, self.environment, self.place_of) if tables else None
        named = self.environment.get("LITESTREAM_CONFIG")
        if not named and not os.path.exists(DEFAULT_PATH):
            if own is None:
                raise NothingConfiguredError
            return own
        beside = read_litestream(named or DEFAULT_PATH, self.environment, expand_environment=expand)
        return beside if own is None else _joined(own, beside)

    def database(self, values: Values, word: str) -> DatabaseSettings:
        """A configured database by its path. Raises DirectoryNotFoundError where it is not among them."""
        path = expand_path(word)
        try:
            settings = self.configuration(values)
        except NothingConfiguredError as error:
            is_there = os.path.exists(path)
            words = f"{path} is not configured" if is_there else f"there is no {word}: no replica, and no database"
            raise DirectoryNotFoundError(words, hint=error.hint) from None
        for database in settings.databases:
            if path in (database.path, os.path.realpath(database.path)):
                return database
        for directory in settings.directories:
            beneath = path.startswith(directory.directory.rstrip("/") + "/")
            if beneath and (not os.path.exists(path) or is_database(directory, path)):
                return database_of(directory, path)
        known = ", ".join(database.path for database in settings.databases[:3])
        raise DirectoryNotFoundError(f"{path} is not configured", hint=f"configured are: {known}" if known else None)

    def database_here(self, values: Values, word: str) -> DatabaseSettings:
        """As `database`; one that is not configured has the default settings, and no replicas, where its file is."""
        try:
            return self.database(values, word)
        except DirectoryNotFoundError:
            path = expand_path(word)
            if not os.path.isfile(path):
                raise
            return DatabaseSettings(path=path)


def _joined(first: Settings, second: Settings) -> Settings:
    """Two configurations as one: what holds for all is the second's."""
    taken = {database.path for database in first.databases}
    return msgspec.structs.replace(
        second,
        databases=(*first.databases, *(one for one in second.databases if one.path not in taken)),
        directories=(*first.directories, *second.directories),
    )
