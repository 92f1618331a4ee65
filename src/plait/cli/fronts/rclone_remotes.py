"""The remotes of the rclone front: what rclone says when it reads its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from plait.engine.events import Level
from plait.model.errors import ConfigurationError
from plait.model.values.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.cli.output.log import Log
    from plait.stores.registry import Remotes


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
            raise ConfigurationError(f"Failed to create file system for {quote(word)}: {error.message}") from None

    def options(self, name: str, backend: str, overrides: Mapping[str, str]) -> Mapping[str, str]:
        """The options of a remote."""
        self._tell()
        return self._remotes.options(name, backend, overrides)

    def _tell(self) -> None:
        if self._path and not Path(self._path).exists():
            self._log.write(Level.NOTICE, f"Config file {quote(self._path)} not found - using defaults")
        self._path = ""
