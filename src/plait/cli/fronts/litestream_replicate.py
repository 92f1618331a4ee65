"""`litestream replicate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.cli.databases.daemons import Run, open_log, url_reader
from plait.cli.databases.daemons import replicate as run_daemon
from plait.cli.fronts.litestream import FrontError, Line
from plait.cli.fronts.litestream_local import configuration
from plait.replication.configuration.paths import expand_path
from plait.replication.configuration.places import parse_replica_url
from plait.replication.configuration.settings import DatabaseSettings, LoggingSettings, ReplicaSettings, Settings
from plait.replication.control.endpoints import LITESTREAM_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.replication.logging import Log

_NAME: Final = "litestream"


def replicate(line: Line) -> int:
    """Runs a daemon until a signal, or replicates once."""
    values = line.values
    _refuse_late_flags(line.words)
    for name, given in (("force-snapshot", values.force_snapshot), ("enforce-retention", values.enforce_retention)):
        if given and not values.once:
            raise FrontError(f"cannot specify -{name} flag without -once")
    if values.once and values.exec:
        raise FrontError("cannot specify -once flag with -exec")
    if line.words:
        settings, log = _of_words(line)
    else:
        settings = configuration(line)
        shown = values.log_level or settings.logging.level
        log = open_log(settings.logging, _NAME, LITESTREAM_VERSION, values.log_level, shown)
    if values.exec:
        settings = msgspec.structs.replace(settings, exec=values.exec)
    run = Run(
        name=_NAME,
        place_of=url_reader(line.environment),
        once=values.once,
        force_snapshot=values.force_snapshot,
        enforce_retention=values.enforce_retention,
        restore_missing=values.restore_if_db_not_exists,
    )
    return run_daemon(settings, run, log)


def _of_words(line: Line) -> tuple[Settings, Log]:
    if len(line.words) == 1:
        raise FrontError(f"must specify at least one replica URL for {line.words[0]}")
    if line.values.config:
        raise FrontError("cannot specify a replica URL and the -config flag")
    level = line.values.log_level or line.environment.get("LOG_LEVEL", "")
    log = open_log(LoggingSettings(), _NAME, LITESTREAM_VERSION, level, level or "INFO")
    if len(line.words) > 2:
        raise FrontError("multiple replicas on a single database are no longer supported")
    path, url = line.words
    if not url:
        raise FrontError("file replica path required")
    replica = ReplicaSettings(place=parse_replica_url(url, line.environment))
    return Settings(databases=(DatabaseSettings(path=expand_path(path), replicas=(replica,)),)), log


def _refuse_late_flags(words: Sequence[str]) -> None:
    for word in words:
        if word.startswith("-"):
            name = word.partition("=")[0]
            raise FrontError(f'flag "{name}" must be positioned before DB_PATH and REPLICA_URL arguments')
