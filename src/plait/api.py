"""Plait from Python: the mirror's verbs, stores, and repositories of snapshots.

Everything here is also an attribute of the package: `plait.sync("photos", "backup:photos")`. Options are those of the
command line, with underscores, as values of their type or as the text that the command line takes:
`plait.sync(a, b, max_delete=100, exclude=["*.tmp"], bwlimit="10M")`. Nothing is read from the process: remotes come
from a `Context`. Credentials of S3 that a remote looks up with `env_auth` come from where AWS's tools look for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plait.engine.events import EventStream
from plait.engine.settings import Result
from plait.engine.workers import Cancellation
from plait.mirror import check as checking
from plait.mirror import options as declared
from plait.mirror.backend_options import backend_flags
from plait.mirror.check import CheckResult
from plait.mirror.mirroring import Mirror, Surroundings
from plait.mirror.opening import opening
from plait.mirror.settings import Mode
from plait.model.errors import PlaitError, SecretError, UsageError
from plait.model.options import OptionSet, Repeat, Values
from plait.repository.backup.saving import BackupResult, BackupSettings
from plait.repository.repository import NewRepository, Repository
from plait.repository.selection import Query
from plait.repository.syncing.settings import SyncResult, SyncSettings
from plait.repository.upkeep.maintenance import MaintenanceSettings
from plait.repository.upkeep.repacking import RepackSettings
from plait.repository.upkeep.repairing import RepairSettings
from plait.stores.location import parse_location
from plait.stores.rclone_config import ConfiguredRemotes, read_configuration
from plait.stores.registry import open_location

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from plait.model.options import Option
    from plait.stores.base import Store
    from plait.stores.registry import Opening

__all__ = [
    "BackupResult",
    "BackupSettings",
    "CheckResult",
    "Context",
    "MaintenanceSettings",
    "NewRepository",
    "PlaitError",
    "Query",
    "RepackSettings",
    "RepairSettings",
    "Repository",
    "Result",
    "SyncResult",
    "SyncSettings",
    "check",
    "copy",
    "move",
    "open_store",
    "sync",
]


@dataclass(frozen=True)
class Context:
    """What surrounds a call.

    `configuration` is the path of an rclone.conf, `environment` the variables that define or override remotes (pass
    `os.environ` to honour `RCLONE_CONFIG_…`). `events` delivers what happens while it happens; `cancellation.cancel()`
    from another thread ends the run in order.
    """

    configuration: str | os.PathLike[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    events: EventStream = field(default_factory=EventStream)
    cancellation: Cancellation = field(default_factory=Cancellation)


def sync(source: str, destination: str, *, context: Context | None = None, **options: Any) -> Result:
    """Makes the destination identical to the source, changing the destination only; see `plait sync --help`.

    Returns what was done; raises the error that decides how the run ended (PlaitError), after everything else that
    could be done was done, and UsageError for an option that there is not.
    """
    return _mirror(Mode.SYNC, source, destination, _values(declared.SYNC, options), context or Context())


def copy(source: str, destination: str, *, context: Context | None = None, **options: Any) -> Result:
    """Copies what the destination lacks or has otherwise, and deletes nothing; otherwise as `sync`."""
    return _mirror(Mode.COPY, source, destination, _values(declared.COPY, options), context or Context())


def move(source: str, destination: str, *, context: Context | None = None, **options: Any) -> Result:
    """Copies, and deletes each file of the source once it has arrived; otherwise as `sync`."""
    return _mirror(Mode.MOVE, source, destination, _values(declared.MOVE, options), context or Context())


def check(source: str, destination: str, *, context: Context | None = None, **options: Any) -> CheckResult:
    """Compares the files of two trees by size and hash. Differences are counted in the result, not raised."""
    values, context = _values(declared.CHECK, options), context or Context()
    locations = parse_location(source), parse_location(destination)
    return checking.check(*locations, values, _opening(values, context, writes=False), _around(context))


def open_store(location: str, *, context: Context | None = None, **options: Any) -> Store:
    """Opens a location as a `plait.stores.base.Store`, with retries and limits; the caller closes it."""
    values = _values(declared.SIZE_VERB, options)
    return open_location(parse_location(location), _opening(values, context or Context(), writes=False)).store


def _mirror(mode: Mode, source: str, destination: str, values: Values, context: Context) -> Result:
    opened = _opening(values, context, writes=True)
    locations = parse_location(source), parse_location(destination)
    with Mirror(mode, *locations, values, opened, _around(context)) as mirror:
        result = mirror.run()
    if result.error is not None:
        raise result.error
    return result


def _around(context: Context) -> Surroundings:
    return Surroundings(events=context.events, cancellation=context.cancellation)


def _opening(values: Values, context: Context, *, writes: bool) -> Opening:
    remotes = ConfiguredRemotes(lambda: _sections(context), context.environment, backend_flags(values))
    return opening(values, remotes, events=context.events, cancellation=context.cancellation, writes=writes)


def _sections(context: Context) -> Mapping[str, Mapping[str, str]]:
    if context.configuration is None:
        return {}
    return read_configuration(str(context.configuration), lambda: _password(context.environment))


def _password(environment: Mapping[str, str]) -> str:
    found = environment.get("RCLONE_CONFIG_PASS")
    if found is None:
        raise SecretError("the configuration is encrypted", hint="give RCLONE_CONFIG_PASS in the context's environment")
    return found


def _values(options: OptionSet, given: Mapping[str, Any]) -> Values:
    parsed = {}
    for name, value in given.items():
        option = options.named(name.replace("_", "-"))
        if option is None:
            raise UsageError(f"there is no option {name!r}")
        parsed[option.destination] = _value(option, value)
    return Values(options, parsed, dict.fromkeys(parsed, "argument"))


def _value(option: Option, value: Any) -> Any:
    if option.repeat is Repeat.APPEND:
        many = (value,) if isinstance(value, str) else tuple(value)
        return tuple(_parsed(option, one) for one in many)
    return _parsed(option, value)


def _parsed(option: Option, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return option.type.parse(value)
    except ValueError as error:
        raise UsageError(f"option {option.destination!r}: {error}") from None
