"""`plait replicate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait import __version__
from plait.cli.databases.configured import Surroundings
from plait.cli.databases.daemons import Run, open_log, replicate
from plait.model.errors import UsageError
from plait.replication.configuration.paths import expand_path
from plait.replication.configuration.settings import DatabaseSettings, ReplicaSettings, Settings, SocketSettings
from plait.replication.control.paths import socket_to_open

if TYPE_CHECKING:
    from plait.cli.forms import Invocation
    from plait.model.options import Values

_NAME = "plait"


def run(invocation: Invocation) -> int:
    """Runs a daemon until a signal, or replicates once."""
    values = invocation.values
    _check(values, invocation.words)
    around = Surroundings(invocation.environment)
    settings = _of_words(invocation, around) if invocation.words else around.configuration(values)
    settings = _with_options(settings, invocation)
    level = values.log_level or settings.logging.level or "info"
    log = open_log(settings.logging, _NAME, __version__, level, level)
    asked = Run(
        name=_NAME,
        place_of=around.place_of,
        remotes=around.remotes,
        once=values.once,
        force_snapshot=values.force_snapshot,
        enforce_retention=values.enforce_retention,
        restore_missing=values.restore_if_db_not_exists,
    )
    return replicate(settings, asked, log)


def _check(values: Values, words: tuple[str, ...]) -> None:
    if len(words) == 1:
        raise UsageError(f"{words[0]} needs a replica", hint=f"usage: plait replicate {words[0]} REPLICA")
    if words and values.config:
        raise UsageError("--config names the databases already", hint="give either it or DATABASE REPLICA")
    for name, given in (("force-snapshot", values.force_snapshot), ("enforce-retention", values.enforce_retention)):
        if given and not values.once:
            raise UsageError(f"--{name} needs --once", hint="a daemon does both by itself")
    if values.once and values.exec:
        raise UsageError("--once and --exec contradict each other", hint="give one of them")


def _of_words(invocation: Invocation, around: Surroundings) -> Settings:
    path, *places = invocation.words
    replicas = tuple(ReplicaSettings(place=around.place_of(place)) for place in places)
    return Settings(databases=(DatabaseSettings(path=expand_path(path), replicas=replicas),))


def _with_options(settings: Settings, invocation: Invocation) -> Settings:
    values = invocation.values
    logging = settings.logging
    if values.log_format:
        logging = msgspec.structs.replace(logging, type=values.log_format)
    return msgspec.structs.replace(
        settings,
        socket=_socket(settings.socket, invocation),
        logging=logging,
        address=values.metrics or settings.address,
        exec=values.exec or settings.exec,
    )


def _socket(configured: SocketSettings, invocation: Invocation) -> SocketSettings:
    values = invocation.values
    if values.no_socket:
        return SocketSettings(enabled=False)
    if values.socket:
        return SocketSettings(enabled=True, path=values.socket, permissions=configured.permissions)
    if configured.enabled:
        return configured
    return SocketSettings(enabled=True, path=socket_to_open(invocation.environment))
