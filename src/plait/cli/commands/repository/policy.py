"""`policy`: what `prune` keeps, by name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from plait.model.errors import ConfigurationError, UsageError
from plait.repository.configured import documents
from plait.repository.configured.names import normal_name
from plait.repository.configured.policies import Policies, is_own_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.cli.repositories import RepositoryCommand


class _Action:
    """What is done with policies, and by which command."""

    def __init__(self, command: RepositoryCommand) -> None:
        words = (*command.invocation.command.split(), *command.invocation.words)
        self.command = command
        self.action: Final = words[1]
        self.words: Final = words[2:]
        self.policies: Final = Policies(command.configuration_directory)

    def existing(self) -> str:
        """The name of the policy that the first word names. Raises ConfigurationError where there is none."""
        name = normal_name(self.words[0])
        if name not in self.policies:
            raise ConfigurationError(f'policy "{name}" does not exist', hint="`policy show` lists them")
        return name

    def usage(self, words: str) -> UsageError:
        """The error that shows how an action is used."""
        return UsageError(f"Usage: plakar policy {self.action} {words}")

    def set(self, name: str, pairs: tuple[str, ...], usage: UsageError) -> None:
        """Sets keys, of which nothing is saved if one cannot be. Raises UsageError."""
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals or not key:
                raise usage
            try:
                if self.command.is_front and is_own_key(key):
                    raise UsageError("invalid key")  # noqa: TRY301  (worded below like every other)
                self.policies.set(name, key, value, time.time_ns())
            except UsageError as error:
                raise UsageError(f'failed to set key "{key}": {error.message}', hint=error.hint) from None

    def save(self) -> int:
        """Writes what was changed."""
        self.policies.save()
        return 0


def policy(command: RepositoryCommand) -> int:
    """Does what is asked for with policies."""
    action = _Action(command)
    if action.action not in _ACTIONS:
        raise UsageError(f"usage: plakar policy [{'|'.join(_ACTIONS)}]")
    return _ACTIONS[action.action](action)


def _add(action: _Action) -> int:
    usage = action.usage("<name> [<key>=<value>...]")
    if not action.words:
        raise usage
    name = normal_name(action.words[0])
    if name in action.policies:
        raise ConfigurationError(f'policy "{name}" already exists')
    action.policies.add(name)
    action.set(name, action.words[1:], usage)
    return action.save()


def _set(action: _Action) -> int:
    if len(action.words) < 2:
        raise action.usage("<name> <key>=<value>...")
    usage = UsageError("usage: plakar policy set <name> [<key>=<value>, ...]")
    action.set(action.existing(), action.words[1:], usage)
    return action.save()


def _unset(action: _Action) -> int:
    if len(action.words) < 2:
        raise action.usage("<name> <key>...")
    name = action.existing()
    for key in action.words[1:]:
        try:
            action.policies.unset(name, key)
        except UsageError:
            if not action.command.is_front:
                raise
    return action.save()


def _rm(action: _Action) -> int:
    if len(action.words) != 1:
        raise action.usage("<name>")
    action.policies.remove(action.existing())
    return action.save()


def _show(action: _Action) -> int:
    command = action.command
    names = [normal_name(word) for word in action.words] or action.policies.names()
    import msgspec

    # The original's form has no place for durations.
    now = time.time_ns() if command.is_front else None
    for name in names:
        if name not in action.policies:
            raise ConfigurationError(f'entry "{name}" not found', hint="`policy show` lists them")
        document = {name: action.policies.shown(name, now)}
        if command.values.json:
            command.output.plain(msgspec.json.encode(document, enc_hook=str).decode())
        else:
            command.output.plain(documents.emit(document).removesuffix("\n"))
    return 0


_ACTIONS: Final[dict[str, Callable[[_Action], int]]] = {
    "add": _add,
    "rm": _rm,
    "set": _set,
    "show": _show,
    "unset": _unset,
}
