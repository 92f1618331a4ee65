"""Entries from elsewhere: YAML, JSON or INI, and rclone's configuration. Pure."""

from __future__ import annotations

import configparser
from typing import TYPE_CHECKING, Any, Final

from plait.model.errors import ConfigurationError
from plait.repository.configured import documents

if TYPE_CHECKING:
    from plait.repository.configured.catalogue import Settings

_RCLONE: Final = "rclone"


def import_sections(text: str, *, from_rclone: bool = False) -> dict[str, Settings]:
    """The sections of a text: JSON is YAML, and what is no YAML is INI.

    With `from_rclone`, keys get the prefix that the original's connector to rclone wants. Raises ConfigurationError
    where the text cannot be read, or nothing in it has a location.
    """
    sections = _sections(text)
    if from_rclone:
        sections = {
            name: {f"{_RCLONE}_{key}": value for key, value in settings.items()} | {"location": f"{_RCLONE}://"}
            for name, settings in sections.items()
        }
    sections = {name: {key: value for key, value in settings.items() if value} for name, settings in sections.items()}
    if not any("location" in settings for settings in sections.values()):
        raise ConfigurationError(
            "failed to load config: missing 'location' key in config data, `-rclone` import option missing ?"
        )
    return sections


def _sections(text: str) -> dict[str, Settings]:
    try:
        document = documents.parse(text)
    except documents.DocumentError:
        document = None
    if isinstance(document, dict):
        return {str(name): _settings(section) for name, section in document.items() if isinstance(section, dict)}
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=", ":"))
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # the documented way to keep the case of keys
    try:
        parser.read_string(text)
    except configparser.MissingSectionHeaderError as error:
        text = f"key-value delimiter not found: {error.line.strip()}"
        raise ConfigurationError(f"failed to load config: failed to parse config data: {text}") from None
    except configparser.Error as error:
        raise ConfigurationError(f"failed to load config: failed to parse config data: {error}") from None
    return {name: dict(parser[name]) for name in parser.sections()}


def _settings(section: dict[Any, Any]) -> Settings:
    return {str(key): value for key, value in section.items() if isinstance(value, str)}
