"""The remotes of the rclone front: what rclone says when it reads its configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from plait.engine.events import Level
from plait.model.errors import ConfigurationError
from plait.model.values.quoting import quote
from plait.stores.location import LocationKind, clean_local_path, split_bucket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.cli.output.log import Log
    from plait.stores.location import Location
    from plait.stores.registry import Remotes


def with_description(location: Location, remotes: Remotes) -> Location:
    """The location with the text by which rclone's log names it, where that is known before it is opened."""
    match location.kind:
        case LocationKind.LOCAL:
            return replace(location, text=f"Local file system at {clean_local_path(location.path)}")
        case LocationKind.REMOTE if remotes.backend(location.name) == "s3":
            return replace(location, text=_bucket(location.path))
        case LocationKind.REMOTE if remotes.backend(location.name) == "drive":
            return replace(location, text=f"Google drive root '{location.path.strip('/')}'")
        case LocationKind.REMOTE if remotes.backend(location.name) == "memory":
            return replace(location, text=f"Memory root '{location.path.strip('/')}'")
        case LocationKind.BACKEND if location.backend == "s3":
            return replace(location, text=_bucket(location.path))
        case LocationKind.BACKEND if location.backend == "memory":
            return replace(location, text=f"Memory root '{location.path.strip('/')}'")
    return location


def _bucket(path: str) -> str:
    bucket, key = split_bucket(path)
    if not bucket:
        return "S3 root"
    return f"S3 bucket {bucket} path {key}" if key else f"S3 bucket {bucket}"


CREATING: Final = "Failed to create file system for"
"""What rclone says before the reason why a location cannot be opened."""


class TellingRemotes:
    """Says once that the configuration file is missing, and of an unknown remote which location named it.

    `words` are the locations of the command line, `path` is the configuration file, "" where none is read.
    """

    def __init__(self, remotes: Remotes, words: Sequence[str], path: str, log: Log) -> None:
        self._remotes = remotes
        self._words = words
        self._path = path
        self._log = log

    def backend(self, name: str) -> str:
        """The type of a remote. Raises ConfigurationError."""
        self._tell()
        try:
            return self._remotes.backend(name)
        except ConfigurationError as error:
            word = next((word for word in self._words if word.startswith((f"{name}:", f"{name},"))), f"{name}:")
            raise ConfigurationError(f"{CREATING} {quote(word)}: {error.message}") from None

    def options(self, name: str, backend: str, overrides: Mapping[str, str]) -> Mapping[str, str]:
        """The options of a remote."""
        self._tell()
        return self._remotes.options(name, backend, overrides)

    def save(self, name: str, key: str, value: str) -> None:
        """Writes a key of a remote."""
        self._remotes.save(name, key, value)

    def _tell(self) -> None:
        if self._path and not Path(self._path).exists():
            path = os.path.abspath(self._path)
            self._log.write(Level.NOTICE, f"Config file {quote(path)} not found - using defaults")
        self._path = ""
