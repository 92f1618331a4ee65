"""rclone's connection strings, `remote,key="value",flag:path`: taken apart and put together again.

Source: rclone's manual, "Syntax of remote paths" and "Connection strings"; messages are rclone's.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from plait.model.errors import ConfigurationError

# A word character first; hyphens and spaces later; no space last, nor a lone hyphen after nothing but word characters.
_NAME = re.compile(r"(?![\w.+@]+-\Z)[\w.+@](?:[\w.+@ -]*[\w.+@-])?")
_PARAMETER = re.compile(r"[0-9A-Za-z_.]*")
_UNQUOTED = re.compile(r"[^,:]*")
_BAD_NAME = (
    "config name contains invalid characters - may only contain numbers, letters, `_`, `-`, `.`, `+`, `@` and space, "
    "while not start with `-` or space, and not end with space"
)
_SECRET = re.compile(
    r"pass|secret|token|key|pem|cred|cookie|mnemonic|authoriz|sas|connection_string|header|grant|session", re.IGNORECASE
)
_HOLDS_SECRET = re.compile(r"://[^/@]*:[^/@]*@|(?:pass|secret|token|key|cred|sas)[a-z0-9_.]*=", re.IGNORECASE)
HIDDEN = "XXX"
"""What stands for a secret, as in rclone's `config redacted`."""


class Connection(NamedTuple):
    """A location in rclone's way.

    `name` is that of a remote, `:backend` for one on the fly, or "" for a local path. `options` are those of the
    connection string, in the order of the text; `path` is what follows the colon, as typed.
    """

    name: str
    options: dict[str, str]
    path: str


def is_remote_name(name: str) -> bool:
    """True where a remote may be called so: letters, digits, `_`, `-`, `.`, `+`, `@` and inner spaces."""
    return _NAME.fullmatch(name) is not None


def check_remote_name(name: str) -> None:
    """Raises ConfigurationError, in rclone's words, unless `is_remote_name(name)`."""
    if not is_remote_name(name):
        raise ConfigurationError(_BAD_NAME)


def parse_connection(text: str) -> Connection:
    """Takes a location apart, in rclone's way. Raises ConfigurationError.

    Without a colon, or with a slash before the first colon or comma, it is a local path.
    """
    if not text:
        raise ConfigurationError("can't use empty string as a path")
    if ":" not in text:
        return Connection("", {}, text)
    end = _end_of_name(text)
    if end is None:
        return Connection("", {}, text)
    name = text[:end]
    if name in {"", ":"}:
        raise ConfigurationError("config name can't be empty")
    check_remote_name(name.removeprefix(":"))
    if text[end] == ":":
        return Connection(name, {}, text[end + 1 :])
    options, colon = _parse_options(text, end + 1)
    return Connection(name, options, text[colon + 1 :])


def _end_of_name(text: str) -> int | None:
    """Where the name ends, at a comma or colon; None for a local path."""
    on_the_fly = text.startswith(":")
    found = re.compile(r"[,:/\\]").search(text, int(on_the_fly))
    if found is None:
        raise ConfigurationError("config name needs a trailing `:`")
    if found[0] in ",:":
        return found.start()
    if on_the_fly:
        raise ConfigurationError(_BAD_NAME)
    return None


def _parse_options(text: str, start: int) -> tuple[dict[str, str], int]:
    """The options from `start` on, and where the colon stands that ends them."""
    options: dict[str, str] = {}
    position = start
    while True:
        key = _matched(_PARAMETER, text, position)
        position += len(key)
        stop = text[position : position + 1]
        if stop not in {"", ",", ":", "="}:
            raise ConfigurationError("config parameters may only contain `0-9`, `A-Z`, `a-z`, `_` and `.`")
        if not stop:
            raise ConfigurationError("config parameter must end with `,` or `:`")
        if not key:
            raise ConfigurationError("config parameters can't be empty")
        options[key] = "true"
        if stop == "=":
            options[key], position = _parse_value(text, position + 1)
        if text[position] == ":":
            return options, position
        position += 1


def _parse_value(text: str, start: int) -> tuple[str, int]:
    """The value that begins at `start`, and where the comma or colon stands that ends it."""
    quote = text[start : start + 1]
    if quote not in {"'", '"'}:
        value = _matched(_UNQUOTED, text, start)
        end = start + len(value)
        if end == len(text):
            raise ConfigurationError("unquoted config value must end with `,` or `:`")
        return value, end
    value = _matched(re.compile(f"(?:[^{quote}]|{quote}{quote})*"), text, start + 1)
    closing = start + 1 + len(value)
    if closing == len(text):
        raise ConfigurationError("unterminated quoted config value")
    end = closing + 1
    if text[end : end + 1] not in {",", ":"}:
        raise ConfigurationError("expecting `:` or `,` or another quote after a quote")
    return value.replace(quote * 2, quote), end


def _matched(pattern: re.Pattern[str], text: str, start: int) -> str:
    found = pattern.match(text, start)
    return found[0] if found else ""


def is_secret(key: str, value: str) -> bool:
    """True where an option may hold a secret, by its name or by what its value looks like."""
    return _SECRET.search(key) is not None or _HOLDS_SECRET.search(value) is not None


def show_connection(connection: Connection, *, secrets: bool = False) -> str:
    """The connection as text that `parse_connection` reads; values that may be secret are hidden unless `secrets`."""
    if not connection.name:
        return connection.path
    words = [connection.name]
    for key, value in connection.options.items():
        shown = value if secrets or not is_secret(key, value) else HIDDEN
        words.append(key if shown == "true" else f"{key}={_quoted(shown)}")
    return ",".join(words) + ":" + connection.path


def _quoted(value: str) -> str:
    if not value or not set(value) & set("'\":=,"):
        return value
    return "'" + value.replace("'", "''") + "'"
