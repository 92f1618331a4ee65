"""Reading `rclone.conf`: where it lies, what it holds, also encrypted, and what overrides it.

Source: rclone's manual, "Configuration file", "Config file encryption", "Environment variables"; rclone `fs/config`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import unicodedata
from typing import TYPE_CHECKING

from plait.model.errors import ConfigurationError, SecretError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ENCRYPTED = "RCLONE_ENCRYPT_V0:"
LARGEST_FILE = 16 << 20
NONCE_SIZE = 24
BACKEND_PREFIXES = {"google cloud storage": "gcs"}
"""What stands for the backend in variable names, where it is not its own name."""


def candidates(environment: Mapping[str, str], beside: str = "") -> list[str]:
    """The paths at which rclone looks for its configuration, in its order; the first that exists is read.

    `beside` is the directory of the running program, "" to leave it out.
    """
    home = environment.get("HOME", "")
    configuration = environment.get("XDG_CONFIG_HOME", "") or (os.path.join(home, ".config") if home else "")  # noqa: PTH118
    paths = [os.path.join(beside, "rclone.conf")] if beside else []  # noqa: PTH118
    if configuration:
        paths.append(os.path.join(configuration, "rclone", "rclone.conf"))  # noqa: PTH118
    if home:
        paths += [os.path.join(home, ".config", "rclone", "rclone.conf"), os.path.join(home, ".rclone.conf")]  # noqa: PTH118
    return list(dict.fromkeys(paths))


def read_configuration(path: str, password: Callable[[], str]) -> dict[str, dict[str, str]]:
    """The sections of a configuration file; `password` is called where it is encrypted.

    Raises ConfigurationError where it cannot be read, SecretError where the password is wrong.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
            text = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"failed to load config file {path!r}: {error.strerror}") from None
    if len(text) > LARGEST_FILE:
        raise ConfigurationError(f"failed to load config file {path!r}: larger than {LARGEST_FILE >> 20} MiB")
    envelope = _encrypted_part(text, path)
    return parse_configuration(text if envelope is None else decrypt(envelope, password()))


def parse_configuration(text: str) -> dict[str, dict[str, str]]:
    """The sections of a configuration's text: names and values as they stand, nothing interpolated."""
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            section = sections.setdefault(line[1:-1], {})
            continue
        end = re.search(r"[=:]|$", line)
        if end is not None:
            section[line[: end.start()].strip()] = line[end.end() :].strip()
    return sections


def decrypt(envelope: str, password: str) -> str:
    """The text in an encrypted configuration: NaCl secretbox under the SHA-256 of the decorated password.

    Raises ConfigurationError where the envelope is damaged, SecretError where the password is wrong.
    """
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    normal = unicodedata.normalize("NFKC", password.strip())
    if not normal:
        raise SecretError("no characters in password")
    try:
        raw = base64.b64decode("".join(envelope.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError("failed to load base64 encoded data of the encrypted configuration") from None
    if len(raw) < NONCE_SIZE + SecretBox.MACBYTES:
        raise ConfigurationError("encrypted configuration is too short")
    key = hashlib.sha256(f"[{normal}][rclone-config]".encode()).digest()
    try:
        return SecretBox(key).decrypt(raw[NONCE_SIZE:], raw[:NONCE_SIZE]).decode("utf-8", "surrogateescape")
    except CryptoError:
        raise SecretError(
            "unable to decrypt configuration", hint="the password is not the one it was made with"
        ) from None


def _encrypted_part(text: str, path: str) -> str | None:
    """What follows the encryption mark; None in a plain configuration. Only comments may stand before the mark."""
    position = 0
    for line in text.splitlines(keepends=True):
        position += len(line)
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if stripped == ENCRYPTED:
            return text[position:]
        if stripped.startswith("RCLONE_ENCRYPT_V"):
            raise ConfigurationError(
                f"{path!r}: unsupported configuration encryption", hint="a newer rclone wrote it; decrypt it with that"
            )
        return None
    return None


class ConfiguredRemotes:
    """The remotes of a configuration and of the environment.

    `environment` overrides sections by `RCLONE_CONFIG_NAME_KEY` and backends by `RCLONE_BACKEND_KEY`; `flags` maps a
    backend to what the command line says of it. `load` gives the sections; it is called once, when a remote is looked
    up.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, Mapping[str, str]]],
        environment: Mapping[str, str],
        flags: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._load = load
        self._environment = environment
        self._flags = flags
        self._sections: Mapping[str, Mapping[str, str]] | None = None

    def names(self) -> list[str]:
        """The names of all remotes, sorted."""
        found = set(self._configured())
        for variable in self._environment:
            if variable.startswith("RCLONE_CONFIG_") and variable.endswith("_TYPE"):
                found.add(variable.removeprefix("RCLONE_CONFIG_").removesuffix("_TYPE").lower())
        return sorted(found)

    def backend(self, name: str) -> str:
        """The type of a remote. Raises ConfigurationError, in rclone's words, where there is no such remote."""
        section = self._configured().get(name, {})
        backend = self._environment.get(_variable(name, "type")) or section.get("type", "")
        if not backend:
            raise ConfigurationError(f'didn\'t find section in config file ("{name}")')
        return backend

    def options(self, name: str, backend: str, overrides: Mapping[str, str]) -> Mapping[str, str]:
        """The options of a remote ("" for one on the fly); the location's own win, then the command line's, then the
        environment's. Obscured values stay obscured.
        """
        merged = dict(self._configured().get(name, {})) if name else {}
        prefix = "RCLONE_" + BACKEND_PREFIXES.get(backend, backend).upper().replace(" ", "_") + "_"
        merged.update(self._named(prefix))
        if name:
            merged.update(self._named(_variable(name, "")))
        merged.update(self._flags.get(backend, {}))
        merged.update(overrides)
        return merged

    def _configured(self) -> Mapping[str, Mapping[str, str]]:
        if self._sections is None:
            self._sections = self._load()
        return self._sections

    def _named(self, prefix: str) -> dict[str, str]:
        return {
            variable.removeprefix(prefix).lower(): value
            for variable, value in self._environment.items()
            if variable.startswith(prefix)
        }


def _variable(name: str, key: str) -> str:
    return f"RCLONE_CONFIG_{name.upper()}_{key.upper()}"
