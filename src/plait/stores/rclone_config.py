"""`rclone.conf`: where it lies, what it holds, also encrypted, what overrides it, and changing it.

Source: rclone's manual, "Configuration file", "Config file encryption", "Environment variables"; rclone `fs/config`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import unicodedata
from typing import TYPE_CHECKING

from plait.model.errors import ConfigurationError, SecretError
from plait.model.values.quoting import quote
from plait.stores.ini import Document
from plait.stores.outputs import is_special

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ENCRYPTED = "RCLONE_ENCRYPT_V0:"
LARGEST_FILE = 16 << 20
NONCE_SIZE = 24
BACKEND_PREFIXES = {"google cloud storage": "gcs", "google photos": "gphotos", "oracleobjectstorage": "oos"}
"""What stands for the backend in variable names, where it is not its own name."""


def candidates(environment: Mapping[str, str], beside: str = "") -> list[str]:
    """The paths at which rclone looks for its configuration, in its order; the first that exists is read.

    `beside` is the directory of the running program, "" to leave it out.
    """
    home = environment.get("HOME", "")
    configuration = environment.get("XDG_CONFIG_HOME", "") or (os.path.join(home, ".config") if home else "")
    paths = [os.path.join(beside, "rclone.conf")] if beside else []
    if configuration:
        paths.append(os.path.join(configuration, "rclone", "rclone.conf"))
    if home:
        paths += [os.path.join(home, ".config", "rclone", "rclone.conf"), os.path.join(home, ".rclone.conf")]
    return list(dict.fromkeys(paths))


def read_configuration(path: str, password: Callable[[], str]) -> dict[str, dict[str, str]]:
    """The sections of a configuration file, as rclone understands them; `password` is called where it is encrypted.

    Raises ConfigurationError where it cannot be read, SecretError where the password is wrong.
    """
    text, secret = _read(path, password)
    try:
        return parse_configuration(text if secret is None else decrypt(text, secret))
    except ConfigurationError as error:
        raise ConfigurationError(f"failed to load config file {quote(path)}: {error.message}") from None


def configuration_text(path: str, password: Callable[[], str]) -> str:
    """The text of a configuration file, without its encryption. Raises what `read_configuration` raises."""
    text, secret = _read(path, password)
    return text if secret is None else decrypt(text, secret)


def parse_configuration(text: str) -> dict[str, dict[str, str]]:
    """The sections of a configuration's text, as rclone understands them. Raises ConfigurationError."""
    return Document(text).resolved()


def change_configuration(
    path: str,
    password: Callable[[], str],
    change: Callable[[Document], None],
    key: Callable[[str | None], str | None] = lambda secret: secret,
) -> None:
    """Reads a configuration file, lets `change` alter it, and writes it back, encrypted if it was.

    `key` gives the password to write it under from the one that it had, None for none. A missing file is made, with
    mode 0600; another one keeps its mode, and a symbolic link stays one. The file is replaced at once: it holds the old
    or the new at any time. Raises what `read_configuration` raises, and ConfigurationError where it cannot be written.
    """
    path = os.path.realpath(path)
    text, secret = _read(path, password) if os.path.exists(path) else ("", None)
    document = Document(text if secret is None else decrypt(text, secret))
    change(document)
    secret = key(secret)
    # An empty line at the end, as rclone has it, so that a file that both write does not change to and fro.
    text = document.text().strip("\n")
    text += "\n\n" if text else ""
    content = text if secret is None else encrypt(text, secret)
    try:
        _replace(path, content.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise ConfigurationError(f"failed to save config file {quote(path)}: {error.strerror}") from None


def is_encrypted(path: str) -> bool:
    """True where a configuration file is encrypted. Raises ConfigurationError where it cannot be read."""
    return _read(path, str)[1] is not None


def change_encryption(path: str, password: Callable[[], str], new: str | None) -> None:
    """Stores a configuration file encrypted under `new`, or, for None, as it is.

    Raises what `change_configuration` raises.
    """
    change_configuration(path, password, lambda _: None, lambda _: new)


def _read(path: str, password: Callable[[], str]) -> tuple[str, str | None]:
    """The text of a plain file and None; what is in the envelope of an encrypted one, and the password."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"failed to load config file {quote(path)}: {error.strerror}") from None
    if len(text) > LARGEST_FILE:
        raise ConfigurationError(f"failed to load config file {quote(path)}: larger than {LARGEST_FILE >> 20} MiB")
    envelope = _encrypted_part(text, path)
    return (text, None) if envelope is None else (envelope, password())


def _replace(path: str, content: bytes) -> None:
    """Writes beside, then renames. Raises ConfigurationError where that would replace a device or a pipe."""
    import tempfile

    if is_special(path):
        raise ConfigurationError(f"failed to save config file {quote(path)}: it is no regular file")
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(prefix=os.path.basename(path), dir=os.path.dirname(path))
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            _keep_mode(path, descriptor)
            os.fsync(descriptor)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _keep_mode(path: str, descriptor: int) -> None:
    """Gives the new file the mode of the old one, and its group where that is allowed; mkstemp made it 0600."""
    try:
        old = os.stat(path)
    except FileNotFoundError:
        return
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, -1, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o777)


def decrypt(envelope: str, password: str) -> str:
    """The text in an encrypted configuration: NaCl secretbox under the SHA-256 of the decorated password.

    Raises ConfigurationError where the envelope is damaged, SecretError where the password is wrong.
    """
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    key = _key(password)
    try:
        raw = base64.b64decode("".join(envelope.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError("failed to load base64 encoded data of the encrypted configuration") from None
    if len(raw) < NONCE_SIZE + SecretBox.MACBYTES:
        raise ConfigurationError("encrypted configuration is too short")
    try:
        return SecretBox(key).decrypt(raw[NONCE_SIZE:], raw[:NONCE_SIZE]).decode("utf-8", "surrogateescape")
    except CryptoError:
        raise SecretError(
            "unable to decrypt configuration", hint="the password is not the one it was made with"
        ) from None


def encrypt(text: str, password: str) -> str:
    """The content of an encrypted configuration file, under a fresh nonce; the inverse of `decrypt`."""
    from nacl.secret import SecretBox

    sealed = bytes(SecretBox(_key(password)).encrypt(text.encode("utf-8", "surrogateescape")))
    return f"# Encrypted rclone configuration File\n\n{ENCRYPTED}\n{base64.b64encode(sealed).decode()}"


def _key(password: str) -> bytes:
    """The key of a password. Raises SecretError for an empty one."""
    normal = unicodedata.normalize("NFKC", password.strip())
    if not normal:
        raise SecretError("no characters in password")
    import hashlib

    return hashlib.sha256(f"[{normal}][rclone-config]".encode()).digest()


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
    up. `write` sets a key of a section in the file.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, Mapping[str, str]]],
        environment: Mapping[str, str],
        flags: Mapping[str, Mapping[str, str]],
        write: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._load = load
        self._write = write
        self._environment = environment
        self._flags = flags
        self._sections: Mapping[str, Mapping[str, str]] | None = None

    def save(self, name: str, key: str, value: str) -> None:
        """Writes a key of a remote into the configuration, where the remote is in one. Raises ConfigurationError."""
        if self._write is not None and name in self._configured():
            self._write(name, key, value)

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
        backend's variables, then the remote's. An empty value in the file is none. Obscured values stay obscured.
        """
        section = self._configured().get(name, {}) if name else {}
        merged = {key: value for key, value in section.items() if value}
        prefix = "RCLONE_" + BACKEND_PREFIXES.get(backend, backend).upper().replace(" ", "_") + "_"
        if name:
            merged.update(self._named(_variable(name, "")))
        # rclone's manual says it the other way round, but there a backend's variable is the default of its flag.
        merged.update(self._named(prefix))
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
