"""`stores.yml`, `sources.yml` and `destinations.yml`: named places and their settings, shared with the original.

Settings are flat maps of text; `location` is the only key that must be there. Files of earlier versions of the original
are read too: `klosets.yml`, maps without a version, and `plakar.yml`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from plait.model.errors import ConfigurationError, from_os_error
from plait.repository.configured import documents

if TYPE_CHECKING:
    from pathlib import Path

Settings: TypeAlias = dict[str, str]

VERSION: Final = "v1.0.0"
_IS_DEFAULT: Final = ".isDefault"
"""The key that made a store the default one before files had a version."""


class Section(Enum):
    """The kinds of places; the value is the name of the file and of its key."""

    STORES = "stores"
    SOURCES = "sources"
    DESTINATIONS = "destinations"

    @property
    def word(self) -> str:
        """One place of the kind, as commands and messages call it."""
        return self.value.removesuffix("s")


class Catalogue:
    """The named places of a configuration directory. `default` names the default store, "" where there is none."""

    def __init__(self, directory: Path) -> None:
        """Reads the files. Raises ConfigurationError where one cannot be read or is not understood."""
        self._directory = directory
        self.default = ""
        self._places: dict[Section, dict[str, Settings]] = {section: {} for section in Section}
        self._missing = [section for section in Section if not self._load(section)]
        if self._missing:
            self._load_oldest()

    def places(self, section: Section) -> dict[str, Settings]:
        """The places of a kind by name; what is changed in it is kept by `save`."""
        return self._places[section]

    def save(self, *sections: Section) -> None:
        """Writes the files of the kinds. Raises ConfigurationError."""
        for section in sections:
            document: dict[str, Any] = {"version": VERSION}
            if section is Section.STORES and self.default:
                document["default"] = self.default
            places = self._places[section]
            document[section.value] = {name: dict(sorted(places[name].items())) for name in sorted(places)}
            path = self._path(section)
            try:
                documents.write(path, documents.emit(document))
            except OSError as error:
                raise ConfigurationError(from_os_error(error, f"{path}: cannot be written").message) from None

    def save_missing(self) -> None:
        """Writes what the original writes when it first runs: the files that do not exist."""
        if self._missing:
            self.save(*Section)

    def _path(self, section: Section) -> Path:
        return self._directory / f"{section.value}.yml"

    def _load(self, section: Section) -> bool:
        path = self._path(section)
        document = _read(path)
        if document is _ABSENT and section is Section.STORES:
            path = self._directory / "klosets.yml"
            document = _read(path)
        if document is _ABSENT:
            return False
        if isinstance(document, dict) and document.get("version") == VERSION:
            self._places[section] = _maps(document.get(section.value, ""), path)
            if section is Section.STORES:
                self.default = str(document.get("default") or "")
        else:
            self._places[section] = _maps(document, path)
            if section is Section.STORES:
                self._take_default(path)
        return True

    def _take_default(self, path: Path) -> None:
        marked = [name for name, settings in self._places[Section.STORES].items() if _IS_DEFAULT in settings]
        if len(marked) > 1:
            raise ConfigurationError(f"{path}: multiple default store")
        for name in marked:
            self.default = name
            del self._places[Section.STORES][name][_IS_DEFAULT]

    def _load_oldest(self) -> None:
        path = self._directory / "plakar.yml"
        document = _read(path)
        if document is _ABSENT:
            return
        if not isinstance(document, dict):
            raise ConfigurationError(f"{path}: failed to parse old config file: it is no map")
        self.default = str(document.get("default-repo") or "")
        remotes = _maps(document.get("remotes") or {}, path)
        self._places[Section.STORES] = _maps(document.get("repositories") or {}, path)
        self._places[Section.SOURCES] = remotes
        self._places[Section.DESTINATIONS] = {name: dict(settings) for name, settings in remotes.items()}


_ABSENT: Final = object()


def _read(path: Path) -> Any:
    """The document of a file, `_ABSENT` where there is no file; an empty one has None."""
    try:
        text = documents.read(path)
        return _ABSENT if text is None else documents.parse(text)
    except OSError as error:
        raise ConfigurationError(from_os_error(error, f"failed to open file {path}").message) from None
    except documents.DocumentError as error:
        raise ConfigurationError(f"{path}: failed to parse config file: {error}") from None


def _maps(document: Any, path: Path) -> dict[str, Settings]:
    """A map of flat maps of text; nothing at all is an empty one."""
    if document in (None, ""):
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: failed to parse config file: it is no map of places")
    found: dict[str, Settings] = {}
    for name, entry in document.items():
        settings = entry or {}
        if not isinstance(settings, dict) or not all(isinstance(value, str) for value in settings.values()):
            raise ConfigurationError(f"{path}: failed to parse config file: {name} is no map of text")
        found[str(name)] = {str(key): value for key, value in settings.items()}
    return found
