"""`config …`, `listremotes`, `obscure` and `reveal`: the remotes of rclone.conf, shown and changed."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plait.cli.backend_secrets import is_backend, passwords, secrets
from plait.cli.forms import WordsError
from plait.cli.logs import open_log
from plait.cli.remotes import configuration_path
from plait.cli.secrets import rclone_config_password
from plait.engine.events import Level
from plait.model.errors import ConfigurationError, PlaitError, StoreError
from plait.model.values.json_text import go_json
from plait.model.values.quoting import quote
from plait.stores.ini import Document
from plait.stores.obscure import obscure as obscured
from plait.stores.obscure import reveal as revealed
from plait.stores.rclone_config import change_configuration, configuration_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from plait.cli.forms import Invocation

_NAME: Final = re.compile(r"[\w_.+@]+(?:[ -]*[\w_.+@-]+)*")
_BAD_NAME: Final = (
    "config name contains invalid characters - may only contain numbers, letters, `_`, `-`, `.`, `+`, `@` and space, "
    "while not start with `-` or space, and not end with space"
)
_HIDDEN_VALUE: Final = "*** ENCRYPTED ***"
_WARNING: Final = "### Double check the config for sensitive info before posting publicly"
_QUESTION_KEYS: Final = "config_"
"""How the names of answers to questions begin, which are no keys of a remote."""


class Configuration:
    """The rclone.conf that a command line means; read when it is first looked at."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._told = False
        path = configuration_path(invocation.values, invocation.environment)
        self.path = os.path.abspath(path) if path else ""

    @property
    def exists(self) -> bool:
        """True where there is such a file."""
        return bool(self.path) and Path(self.path).exists()

    def text(self) -> str:
        """The whole text, without encryption. A file that is missing is empty, which the log is told."""
        if not self.exists:
            self._tell_of_none()
            return ""
        return configuration_text(self.path, self.password)

    def sections(self) -> dict[str, dict[str, str]]:
        """Keys and values by remote, as rclone reads them."""
        return Document(self.text()).resolved()

    def untyped(self, name: str) -> list[str]:
        """The line that says of a remote that nothing tells its type; none where the environment does."""
        if f"RCLONE_CONFIG_{name.upper()}_TYPE" in self._invocation.environment:
            return []
        return [f'# couldn\'t find type of fs for "{name}"']

    def change(self, alter: Callable[[Document], None]) -> None:
        """Changes the file; the old or the new is there at any time. Raises ConfigurationError."""
        if not self.path:
            raise ConfigurationError("there is no configuration file to change", hint="leave --config out, or name one")
        if not self.exists:
            self._tell_of_none()
        change_configuration(self.path, self.password, alter)

    def _tell_of_none(self) -> None:
        """Says, once, that there is no such file."""
        if self.path and not self._told:
            log = open_log(self._invocation.values)
            log.write(Level.NOTICE, f"Config file {quote(self.path)} not found - using defaults")
        self._told = True

    def password(self) -> str:
        """The password of the file, asked for where nothing tells it. Raises SecretError."""
        return rclone_config_password(self._invocation.values, self._invocation.environment)


def show(invocation: Invocation) -> int:
    """Prints the configuration, or that of one remote, passwords hidden."""
    configuration = Configuration(invocation)
    if invocation.words:
        _show(configuration, invocation.words[0].removesuffix(":"))
        return 0
    text = configuration.text()
    print(text.rstrip("\n") + "\n" if text.strip() else "; empty config")
    return 0


def dump(invocation: Invocation) -> int:
    """Prints the configuration as a JSON object."""
    sections = Configuration(invocation).sections()
    ordered = {name: dict(sorted(section.items())) for name, section in sorted(sections.items())}
    sys.stdout.write(go_json(ordered, indent="    ") if ordered else "{}")
    if invocation.face != "rclone":
        print()
    return 0


def file(invocation: Invocation) -> int:
    """Prints where the configuration is."""
    configuration = Configuration(invocation)
    if not configuration.path:
        print("Configuration is in memory only")
        return 0
    found = "is stored at" if configuration.exists else "doesn't exist, but rclone will use this path"
    print(f"Configuration file {found}:\n{configuration.path}")
    return 0


def paths(invocation: Invocation) -> int:
    """Prints where configuration, cache and temporary files are."""
    environment = invocation.environment
    cache = environment.get("XDG_CACHE_HOME") or os.path.join(environment.get("HOME", ""), ".cache")
    print(f"Config file: {Configuration(invocation).path}")
    print(f"Cache dir:   {cache}/{'rclone' if invocation.face == 'rclone' else 'plait'}")
    print(f"Temp dir:    {tempfile.gettempdir()}")
    return 0


def redacted(invocation: Invocation) -> int:
    """Prints the configuration, or that of one remote, without what others should not know."""
    configuration = Configuration(invocation)
    sections = configuration.sections()
    names = [word.removesuffix(":") for word in invocation.words] or sorted(sections)
    texts = []
    for name in names:
        section = sections.get(name, {})
        hidden = secrets(section.get("type", ""))
        lines = [f"{key} = {'XXX' if key in hidden and value else value}" for key, value in section.items()]
        texts.append("\n".join([f"[{name}]", *(lines or configuration.untyped(name))]))
    texts = texts or ["; empty config"]
    print("\n\n".join(texts) + f"\n{_WARNING}")
    return 0


def touch(invocation: Invocation) -> int:
    """Makes the configuration where there is none."""
    Configuration(invocation).change(lambda _: None)
    return 0


def create(invocation: Invocation) -> int:
    """Makes a remote, in the place of one with its name."""
    name, backend, *pairs = invocation.words
    keys = _pairs(pairs)
    if _NAME.fullmatch(name) is None:
        raise WordsError(_BAD_NAME)
    if not is_backend(backend):
        Configuration(invocation).sections()
        raise WordsError(f"couldn't find backend for type {quote(backend)}")
    found = _obscured(invocation, backend, keys)

    def alter(document: Document) -> None:
        document.delete(name)
        document.set(name, "type", backend)
        for key, value in found.items():
            document.set(name, key, value)

    return _changed(invocation, name, alter)


def update(invocation: Invocation) -> int:
    """Changes keys of a remote."""
    name = invocation.words[0]
    keys = _pairs(invocation.words[1:])
    backend = Configuration(invocation).sections().get(name, {}).get("type", "")
    if not backend:
        raise WordsError("couldn't find type field in config")
    found = _obscured(invocation, backend, keys)

    def alter(document: Document) -> None:
        for key, value in found.items():
            document.set(name, key, value)

    return _changed(invocation, name, alter)


def password(invocation: Invocation) -> int:
    """Sets passwords of a remote, given in clear."""
    name = invocation.words[0]
    keys = _pairs(invocation.words[1:])
    if not Configuration(invocation).sections().get(name, {}).get("type"):
        raise WordsError("couldn't find type field in config")

    def alter(document: Document) -> None:
        for key, value in keys.items():
            document.set(name, key, obscured(value))

    return _changed(invocation, name, alter)


def unset(invocation: Invocation) -> int:
    """Takes keys out of a remote."""
    name, *keys = invocation.words
    if name not in Configuration(invocation).sections():
        raise WordsError(f"remote {quote(name)} doesn't exist")
    if "type" in keys:
        raise WordsError('can\'t unset the "type" of a remote - use "config delete" to remove the whole remote')

    def alter(document: Document) -> None:
        for key in keys:
            document.delete(name, key)

    return _changed(invocation, name, alter)


def delete(invocation: Invocation) -> int:
    """Deletes a remote."""
    configuration = Configuration(invocation)
    name = invocation.words[0].removesuffix(":")

    def alter(document: Document) -> None:
        document.delete(name)

    configuration.change(alter)
    return 0


def providers(invocation: Invocation) -> int:
    """Prints the types of remotes that can be opened, with the names of their options, as JSON."""
    from plait.mirror.backend_options import OPTIONS, SECRET_OPTIONS
    from plait.stores.registry import OPENERS

    del invocation
    found = []
    for backend in sorted({*OPENERS, "alias"}):
        prefix = backend.replace(" ", "-") + "-"
        options = [option for option in (*OPTIONS.options, *SECRET_OPTIONS.options) if option.name.startswith(prefix)]
        listed = [
            {
                "Name": option.name.removeprefix(prefix).replace("-", "_"),
                "Help": option.help,
                "IsPassword": option.name.removeprefix(prefix).replace("-", "_") in passwords(backend),
                "Type": "bool" if option.type.is_switch else "string",
            }
            for option in options
        ]
        found.append({"Name": backend, "Prefix": backend, "Options": listed})
    print(go_json(found, indent="    "))
    return 0


def listremotes(invocation: Invocation) -> int:
    """Lists the remotes of the configuration and of the environment."""
    remotes = _chosen(_remotes(invocation), invocation)
    values = invocation.values
    if values.order_by:
        remotes = _ordered(remotes, values.order_by)
    if values.json:
        print("[")
        if remotes:
            print(",\n".join(go_json(remote) for remote in remotes))
        print("]")
        return 0
    width = max((len(remote["name"]) for remote in remotes), default=0) + 1
    kinds = max((len(remote["type"]) for remote in remotes), default=0)
    for remote in remotes:
        name = f"{remote['name']}:"
        print(f"{name:<{width}} {remote['type']:<{kinds}} {remote['description']}" if values.long else name)
    return 0


def obscure(invocation: Invocation) -> int:
    """Prints a password as rclone.conf has it; `-` reads it from standard input."""
    word = invocation.words[0]
    if word == "-" and not sys.stdin.isatty():
        word = sys.stdin.readline().rstrip("\r\n")
    print(obscured(word))
    return 0


def reveal(invocation: Invocation) -> int:
    """Prints what an obscured password stands for."""
    try:
        print(revealed(invocation.words[0]))
    except ConfigurationError as error:
        raise StoreError(error.message) from None
    return 0


def _changed(invocation: Invocation, name: str, alter: Callable[[Document], None]) -> int:
    configuration = Configuration(invocation)
    configuration.change(alter)
    values = invocation.values
    if values.options.named("no-output") is not None:
        if values.no_output:
            return 0
        if values.non_interactive or getattr(values, "continue"):
            print(go_json({"State": "", "Option": None, "Error": "", "Result": ""}, indent="\t"))
            return 0
    _show(configuration, name)
    return 0


def _show(configuration: Configuration, name: str) -> None:
    section = configuration.sections().get(name, {})
    hidden = passwords(section.get("type", ""))
    print(f"[{name}]")
    for key, value in section.items():
        print(f"{key} = {_HIDDEN_VALUE if key in hidden and value else value}")
    if not section:
        print("".join(f"{line}\n" for line in configuration.untyped(name)), end="")


def _pairs(words: Sequence[str]) -> dict[str, str]:
    """`key value` and `key=value`, in any order. Raises WordsError."""
    found: dict[str, str] = {}
    left = iter(words)
    for word in left:
        key, equals, value = word.partition("=")
        if not equals:
            following = next(left, None)
            if following is None:
                raise WordsError("found key without value")
            value = following
        found[key] = value
    return found


def _obscured(invocation: Invocation, backend: str, keys: Mapping[str, str]) -> dict[str, str]:
    """The keys of a remote as the file holds them: passwords obscured, answers to questions left out."""
    values, secret = invocation.values, passwords(backend)
    found: dict[str, str] = {}
    for key, value in keys.items():
        if key == "config_token":
            found["token"] = value
        elif key in secret and value and not values.no_obscure and (values.obscure or not _is_obscured(value)):
            found[key] = obscured(value)
        elif not key.startswith(_QUESTION_KEYS):
            found[key] = value
    return found


def _is_obscured(value: str) -> bool:
    try:
        revealed(value)
    except PlaitError:
        return False
    return True


def _remotes(invocation: Invocation) -> list[dict[str, str]]:
    environment = invocation.environment
    found: list[dict[str, str]] = []
    for variable in sorted(environment):
        matched = re.fullmatch("RCLONE_CONFIG_(.+)_TYPE", variable)
        if matched is not None:
            description = environment.get(f"RCLONE_CONFIG_{matched[1]}_DESCRIPTION", "")
            found.append(_remote(matched[1].lower(), environment[variable], "environment", description))
    for name, section in Configuration(invocation).sections().items():
        if all(remote["name"] != name for remote in found):
            found.append(_remote(name, section.get("type", ""), "file", section.get("description", "")))
    return found


def _remote(name: str, backend: str, source: str, description: str) -> dict[str, str]:
    return {"name": name, "type": backend, "source": source, "description": description}


def _chosen(remotes: Iterable[dict[str, str]], invocation: Invocation) -> list[dict[str, str]]:
    """Those whose fields match what was asked for, any of them for a pattern without a flag."""
    from plait.mirror.filters.globs import glob_to_expression

    values = invocation.values
    patterns = {field: text for field in ("name", "type", "source", "description") if (text := getattr(values, field))}
    if invocation.words and invocation.words[0]:
        patterns["all"] = invocation.words[0]
    compiled = {}
    for field, text in patterns.items():
        try:
            pattern = glob_to_expression(text).removeprefix("(^|/)").removesuffix("$")
            compiled[field] = re.compile(f"^(?:{pattern})$" if values.exact else pattern, re.IGNORECASE)
        except (ConfigurationError, re.error) as error:
            raise WordsError(f"invalid {field} filter argument: {error}") from None

    def matches(remote: dict[str, str]) -> bool:
        return all(
            any(pattern.search(text) for text in (remote.values() if field == "all" else (remote[field],)))
            for field, pattern in compiled.items()
        )

    return [remote for remote in remotes if matches(remote)]


def _ordered(remotes: list[dict[str, str]], order: str) -> list[dict[str, str]]:
    for part in reversed(order.lower().split(",")):
        field, _, direction = part.partition("=")
        if direction not in {"", "ascending", "asc", "descending", "desc"}:
            raise WordsError(f"unknown --order-by direction {quote(direction)}")
        if field not in {"name", "type", "source", "description"}:
            raise WordsError(f"unknown --order-by field {quote(field)}")
        remotes = sorted(remotes, key=itemgetter(field), reverse=direction.startswith("desc"))
    return remotes
