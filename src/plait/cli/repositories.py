"""What surrounds a command that works on repositories: where they are, their secrets, and what is said."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from uuid import UUID

import msgspec

from plait.cli.directories import cache_directory
from plait.cli.forms import load
from plait.cli.output.progress import Progress, is_watched
from plait.cli.output.work import EventLines, EventRecords, Output
from plait.cli.passphrases import of_entry
from plait.cli.signals import Signals
from plait.engine.workers import Cancellation
from plait.model.errors import CancelledError, ConfigurationError, SecretError, UsageError
from plait.model.options import OptionSet, Values
from plait.repository.configured.catalogue import Catalogue, Section
from plait.repository.configured.names import resolve
from plait.repository.layout import Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from plait.cli.forms import Invocation
    from plait.cli.passphrases import Passphrase
    from plait.repository.configured.catalogue import Settings
    from plait.repository.events import Listener
    from plait.repository.places import Place
    from plait.repository.repository import Repository
    from plait.stores.base import Store
    from plait.stores.registry import Opening

AT: Final = "at"
"""The part of an invocation that names the repository."""
_ATTEMPTS: Final = 10
_ATTEMPTS_SERVED: Final = 3
"""At a server of a repository: one that hangs is told of within two minutes."""
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FUNCTIONS: Final = "plait.cli.commands.repository."
COMMANDS: Final = {
    "archive": _FUNCTIONS + "archiving:archive",
    "backup": _FUNCTIONS + "backup:backup",
    "cat": _FUNCTIONS + "contents:cat",
    "check": _FUNCTIONS + "check:check",
    "create": _FUNCTIONS + "create:create",
    "diff": _FUNCTIONS + "contents:diff",
    "destination": _FUNCTIONS + "places:entries",
    "digest": _FUNCTIONS + "contents:digest",
    "dup": _FUNCTIONS + "dup:dup",
    "find": _FUNCTIONS + "find:find",
    "info": _FUNCTIONS + "info:info",
    "locate": _FUNCTIONS + "listing:locate",
    "ls": _FUNCTIONS + "listing:ls",
    "mount": _FUNCTIONS + "mount:mount",
    "maintenance": _FUNCTIONS + "maintenance:maintenance",
    "passphrase change": _FUNCTIONS + "passphrase:change",
    "passphrase discard": _FUNCTIONS + "passphrase:discard",
    "policy": _FUNCTIONS + "policy:policy",
    "prune": _FUNCTIONS + "prune:prune",
    "ptar": _FUNCTIONS + "ptar:ptar",
    "repack": _FUNCTIONS + "repack:repack",
    "repair": _FUNCTIONS + "repair:repair",
    "restore": _FUNCTIONS + "restore:restore",
    "rm": _FUNCTIONS + "removal:rm",
    "server": _FUNCTIONS + "server:server",
    "source": _FUNCTIONS + "places:entries",
    "stats": _FUNCTIONS + "stats:stats",
    "store": _FUNCTIONS + "places:entries",
    "sync": _FUNCTIONS + "sync:sync",
}
"""The function of each command, `(RepositoryCommand) -> int`."""


class RefusedError(UsageError):
    """The words or options of a command cannot be meant; known before the repository is looked at."""


class RepositoryCommand:
    """The surroundings of one command; a context manager that closes what was opened."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.values = invocation.values
        self.environment = invocation.environment
        self.is_front = invocation.face == "plakar"
        self.cancellation = Cancellation()
        quiet, silent = self.values.quiet, self.values.silent
        # With -quiet the original warns all the same; a sync that is told to be quiet tells of errors only.
        warns = not (quiet or silent) or invocation.command != "sync"
        self.output = Output(front=self.is_front, quiet=quiet, silent=silent, warns=warns)
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self._closing.enter_context(Signals(self.cancellation))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self._closing.close()
        reason = self.cancellation.reason
        if isinstance(error, CancelledError) and reason is not None:
            # What was cancelled knows only that it was, not by which signal.
            raise reason from None

    def take(self, values: Values, words: Sequence[str]) -> None:
        """Adds the options and words of the command itself, where a front reads them after the repository is open."""
        own = values.options
        others = [option for option in self.values.options.options if own.named(option.name) is None]
        merged = Values(
            OptionSet((*own.options, *others)),
            {**self.values.parsed, **values.parsed},
            {**self.values.given, **values.given},
        )
        self.values = merged
        self.invocation = msgspec.structs.replace(self.invocation, values=merged, words=tuple(words))

    def record(self, record: object) -> None:
        """A result as a line of JSON."""
        import msgspec

        self.output.plain(msgspec.json.encode(record).decode())

    @cached_property
    def catalogue(self) -> Catalogue:
        """The configured stores, sources and destinations. Raises ConfigurationError."""
        return Catalogue(self.configuration_directory)

    @property
    def configuration_directory(self) -> Path:
        """Where `stores.yml` and its kin are: `--configdir`, else where the original has them."""
        return configuration_directory(self.values.configdir, self.environment)

    @property
    def cache_directory(self) -> Path:
        """Where indexes of repositories are kept; it may be deleted at any time."""
        named = self.values.cachedir
        return (Path(named) / "plait" if named else cache_directory(self.environment)) / "repositories"

    @cached_property
    def settings(self) -> Settings:
        """The settings of the repository that is worked on. Raises ConfigurationError."""
        return resolve(self.location, self.catalogue.places(Section.STORES))

    @property
    def location(self) -> str:
        """The word that names the repository: `at`, `PLAKAR_REPOSITORY`, the default entry, or ~/.plakar."""
        word = self.invocation.parts.get(AT)
        if word is not None:
            return word or "."
        named = self.environment.get("PLAKAR_REPOSITORY")
        if named:
            return named
        if self.catalogue.default:
            return f"@{self.catalogue.default}"
        return f"fs:{self._home() / '.plakar'}"

    def _home(self) -> Path:
        """The home directory: HOME, but on the front what the user database says, as the original has it."""
        if self.is_front:
            import pwd

            with suppress(KeyError):
                return Path(pwd.getpwuid(os.getuid()).pw_dir)
        return Path.home()

    def place(self, settings: Settings | None = None) -> Place:
        """Opens the place of a repository, which need not be there; that of the command without `settings`."""
        from plait.repository.places import open_place

        place = open_place(settings or self.settings, self.opening, os.getcwd())
        self.close_later(place.store)
        return place

    def peer_place(self, settings: Settings) -> Place:
        """As `place`, of the other repository of a sync: within the limits of bandwidth, which are of the way there."""
        from plait.repository.places import open_place

        place = open_place(settings, replace(self.opening, wrap=self._limiting), os.getcwd())
        self.close_later(place.store)
        return place

    def _limiting(self, store: Store) -> Store:
        retrying = self._retrying(store)
        if self.values.bwlimit is None:
            return retrying
        from plait.stores.wrappers.limits import Limiter, limited

        return limited(retrying, Limiter(self.values.bwlimit, cancelled=self.cancellation.cancelled))

    def keep_open(self, repository: Repository) -> Repository:
        """The repository, which is closed when the command ends."""
        return self._closing.enter_context(repository)

    def close_later(self, store: Store) -> None:
        """Closes a store when the command ends."""
        self._closing.callback(store.close)

    @cached_property
    def opening(self) -> Opening:
        """How stores are opened."""
        from plait.cli.opening import surrounding_values
        from plait.cli.remotes import configured_remotes
        from plait.stores.registry import Opening

        values = surrounding_values(self.environment)
        return Opening(remotes=configured_remotes(values, self.environment), wrap=self._retrying)

    def _retrying(self, store: Store) -> Store:
        if not store.features.depends_on_network:
            return store
        from plait.stores.wrappers.retry import RetryPolicy, retrying

        attempts = _ATTEMPTS_SERVED if store.features.scheme == "plakar-http" else _ATTEMPTS
        return retrying(store, RetryPolicy(attempts=attempts), cancelled=self.cancellation.cancelled)

    @cached_property
    def repository(self) -> Repository:
        """The repository of the command, opened and unlocked.

        Raises DirectoryNotFoundError, SecretError, IntegrityError, NotSupportedError, ConfigurationError.
        """
        passphrase = of_entry(self.settings, self.values, self.environment)
        repository = self._closing.enter_context(self.open_at(self.place(), passphrase))
        self.warn_of_states(repository)
        return repository

    def open_at(self, place: Place, passphrase: Passphrase) -> Repository:
        """Opens a repository, as `open_at` of this module."""
        return open_at(place, passphrase, self.cache_directory, self.environment, self.output.warn)

    def warn_of_states(self, repository: Repository, name: str = "") -> None:
        """Says which states of a repository are damaged; `name` says which repository that is, where there are two."""
        where = f"{name}: " if name else ""
        for key, reason in repository.reader.damaged_states.items():
            self.output.warn(f"{where}{key} is damaged, and what it names is read from the packfiles: {reason}")
        files = repository.files
        if self.invocation.command == "repair":
            # It says itself what it finds.
            return
        if not repository.reader.snapshots() and not files.keys(Folder.STATES) and files.keys(Folder.PACKFILES):
            reasons = "a first backup has not ended, or the states are lost (repair finds what they named)"
            self.output.warn(f"{where}there are packfiles, and no state names them: {reasons}")

    @cached_property
    def listener(self) -> Listener:
        """Who is told what the work on the repository does."""
        if self.values.json:
            return EventRecords(self.output, str(UUID(bytes=self.repository.identifier)))
        lines = EventLines(self.output)
        return self._closing.enter_context(Progress(self.output, lines)) if self.shows_progress else lines

    @property
    def shows_progress(self) -> bool:
        """Whether it is shown how far the work is: to a person who looks, or where that is asked for."""
        values = self.values
        if self.is_front or values.options.named("progress") is None or values.json or values.quiet or values.silent:
            return False
        hidden = values.options.named("no-progress") is not None and values.no_progress
        return bool(values.progress) or (is_watched() and not hidden)


def run(invocation: Invocation) -> int:
    """Runs the function of a command on Plait's own face."""
    function = load(COMMANDS[invocation.command])
    with RepositoryCommand(invocation) as command:
        return int(function(command))


def open_at(
    place: Place,
    passphrase: Passphrase,
    cache: Path,
    environment: Mapping[str, str],
    told: Callable[[str], None] = lambda _: None,
) -> Repository:
    """Opens the repository at a place; a person may try a passphrase again. `told` and errors as in `Repository.open`.

    Where PLAKAR_LOCKLESS is true, locks are neither written nor looked at.
    """
    from plait.repository.repository import Repository

    for left in reversed(range(passphrase.tries)):
        try:
            if place.archive is not None:
                return Repository.open_archive(place.store, place.archive, passphrase)
            repository = Repository.open(place.store, passphrase, cache=cache, told=told)
        except SecretError:
            if not left or not passphrase.was_asked:
                raise
        else:
            if environment.get("PLAKAR_LOCKLESS") in _TRUE:
                repository.go_without_locks()
            return repository
    raise SecretError("the passphrase is wrong")


def configuration_directory(named: str, environment: Mapping[str, str]) -> Path:
    """The directory of `stores.yml`: `named`, else `XDG_CONFIG_HOME/plakar`, else `~/.config/plakar`."""
    if named:
        return Path(named)
    base = environment.get("XDG_CONFIG_HOME")
    if base:
        return Path(base) / "plakar"
    home = environment.get("HOME")
    if not home:
        raise ConfigurationError("there is no home directory", hint="name one: --configdir DIR")
    return Path(home) / ".config/plakar"
