"""Running a daemon: its log, its control socket, its metrics and its heartbeat."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from plait.cli.databases.opening import opener
from plait.model.errors import (
    ConfigurationError,
    ExitCode,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    StoreError,
)
from plait.replication import events
from plait.replication.configuration.directories import all_databases
from plait.replication.configuration.paths import expand_path
from plait.replication.configuration.places import parse_replica_url
from plait.replication.configuration.settings import DatabaseSettings, ReplicaSettings
from plait.replication.control.endpoints import Endpoints
from plait.replication.control.server import Server, listen_at, listen_on_port
from plait.replication.daemon import Daemon
from plait.replication.logging import Duration, Level, Log, parse_level
from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.reporting import Reporter
from plait.replication.running import Signals, begin, replicate_once, run_until_asked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plait.replication.configuration.settings import LoggingSettings, Place, Settings
    from plait.replication.replica import Replica
    from plait.stores.registry import Remotes


_NOTHING = "no position, waiting for data"
"""What the original says of a database that is not there yet."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of `replicate` beyond its configuration.

    `place_of(url)` reads a replica's URL that comes over the socket.
    """

    name: str
    place_of: Callable[[str], Place]
    remotes: Remotes | None = None
    once: bool = False
    force_snapshot: bool = False
    enforce_retention: bool = False
    restore_missing: bool = False


def open_log(settings: LoggingSettings, name: str, version: str, level: str, shown_level: str) -> Log:
    """The log that the settings ask for, with its first line, which names the program; `level` overrides theirs."""
    stream = sys.stderr if settings.stderr else sys.stdout
    log = Log(stream, settings.type, parse_level(level or settings.level))
    log.write(Level.INFO, name, {"version": version, "level": shown_level})
    return log


def replicate(settings: Settings, run: Run, log: Log) -> int:
    """Replicates until a signal comes, or once; the exit code. Raises what makes a start impossible."""
    if settings.mcp_address and not run.once:
        raise NotSupportedError(
            f"mcp-addr ({settings.mcp_address}) is not supported: remove it from the configuration",
            hint="the daemon serves no MCP; the commands do what its tools do",
        )
    signals = Signals()
    signals.install()
    _show_end(log, signals, run.name)
    open_replica = opener(run.remotes)
    reporter = Reporter(log)
    databases = all_databases(settings)
    if any(database.min_checkpoint_pages <= 0 for database in databases):
        raise ConfigurationError("cannot open store: minimum checkpoint page count required")
    if not databases and not settings.directories:
        log.write(Level.ERROR, "no databases specified in configuration")
    for directory in settings.directories:
        count = sum(one.path.startswith(directory.directory.rstrip("/") + "/") for one in databases)
        found = {"dir": directory.written, "count": count, "watch": directory.watch}
        log.write(Level.INFO, "found databases in directory", found)
    _restore_missing(databases, run, open_replica, log)
    if run.once:
        return _once(databases, settings, run, open_replica, reporter, log)
    daemon = Daemon(settings.upkeep, open_replica, reporter)
    with ExitStack() as closing:
        server = _open_socket(settings, daemon, run, log, closing) if settings.socket.enabled else None
        for database in databases:
            _announce(log, database)
        _check_command(settings.exec)
        if settings.address:
            _serve_metrics(settings.address, daemon, reporter, log, closing)
        if settings.heartbeat_url:
            _start_heartbeat(settings, daemon, log, closing)
        _announce_upkeep(log, settings)
        begin(daemon, settings, reporter)
        if server is not None:
            # Not before: who connects early waits, and then finds the databases.
            server.start()

        def before_end() -> None:
            if signals.number is None:
                log.write(Level.INFO, f"subprocess exited, {run.name} shutting down")
            # Nobody is answered by a daemon that ends, and the next one finds the socket's place free.
            closing.close()

        code = run_until_asked(daemon, signals, settings.exec, partial(_tell_unsynced, log), before_end)
    log.write(Level.INFO, f"{run.name} shut down")
    if code and signals.child is not None:
        raise StoreError(_ending(signals.child.returncode))
    return code


def _ending(code: int) -> str:
    """How a program ended, in Go's words."""
    return f"signal: {(signal.strsignal(-code) or str(-code)).lower()}" if code < 0 else f"exit status {code}"


def _check_command(command: str) -> None:
    """Raises ConfigurationError for a command that is not there, before anything is begun for it."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigurationError("cannot parse exec command: invalid command line string", hint=str(error)) from None
    if words and shutil.which(words[0]) is None:
        raise ConfigurationError(f'cannot start exec command: exec: "{words[0]}": executable file not found in $PATH')


def _show_end(log: Log, signals: Signals, name: str) -> None:
    """Lets the log tell of a signal, before what it leads to."""
    receive = signal.getsignal(signal.SIGTERM)

    def tell(number: int, frame: Any) -> None:
        if signals.number is not None:
            log.write(Level.WARN, "second signal received, giving up the last uploads")
        else:
            words = signal.strsignal(number) or str(number)
            log.write(Level.INFO, f"signal received, {name} shutting down", {"signal": words.lower()})
        if callable(receive):
            receive(number, frame)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, tell)


def _once(
    databases: list[DatabaseSettings],
    settings: Settings,
    run: Run,
    open_replica: Callable[[Place], Replica],
    reporter: Reporter,
    log: Log,
) -> int:
    for database in databases:
        _announce(log, database)
    for database in databases:
        log.write(Level.INFO, "syncing database", {"path": database.path})
        for message, asked in (("taking snapshot", run.force_snapshot), ("enforcing retention", run.enforce_retention)):
            if asked:
                log.write(Level.INFO, message, {"path": database.path})

    def emit(event: events.Event) -> None:
        # What was asked for is not told of once more.
        if not isinstance(event, events.Compacted):
            reporter(event)

    failed = replicate_once(
        databases,
        settings.upkeep,
        open_replica,
        emit,
        snapshot=run.force_snapshot,
        retention=run.enforce_retention,
    )
    failed += [(one.path, StoreError(_NOTHING)) for one in databases if not os.path.exists(one.path)]
    for path, error in failed[1:]:
        log.write(Level.ERROR, "one-shot replication failed", {"path": path, "error": _words(error)})
    if not failed:
        log.write(Level.INFO, "one-shot replication complete")
    log.write(Level.INFO, f"replication complete, {run.name} shutting down")
    log.write(Level.INFO, f"{run.name} shut down")
    if failed:
        path, error = failed[0]
        rest = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise StoreError(f"sync replica for {path}: {_words(error)}{rest}", hint=error.hint)
    return ExitCode.DONE


def _open_socket(settings: Settings, daemon: Daemon, run: Run, log: Log, closing: ExitStack) -> Server | None:
    """Opens the control socket, which does not answer yet; None where that fails, and replication goes on."""

    def settings_of(path: str, url: str) -> DatabaseSettings:
        return DatabaseSettings(path=path, replicas=(ReplicaSettings(place=run.place_of(url)),))

    endpoints = Endpoints(daemon, settings_of, expand_path)
    try:
        listener = listen_at(settings.socket.path, settings.socket.permissions)
    except PlaitError as error:
        hint = {"hint": error.hint} if error.hint else {}
        log.write(Level.WARN, "failed to start control socket", {"system": "server", "error": error, **hint})
        return None
    server = Server(listener, endpoints.answer, settings.socket.path)
    closing.callback(server.close)
    log.write(Level.INFO, "control socket listening", {"system": "server", "path": settings.socket.path})
    return server


def _serve_metrics(address: str, daemon: Daemon, reporter: Reporter, log: Log, closing: ExitStack) -> None:
    from plait.replication.control.metrics import Metrics

    server = Server(listen_on_port(address), Metrics(daemon, reporter).answer)
    closing.callback(server.close)
    server.start()
    host, _, port = address.rpartition(":")
    log.write(Level.INFO, "serving metrics on", {"url": f"http://{host or 'localhost'}:{port}/metrics"})


def _start_heartbeat(settings: Settings, daemon: Daemon, log: Log, closing: ExitStack) -> None:
    from plait.replication.control.heartbeat import Heartbeat

    heartbeat = Heartbeat(
        settings.heartbeat_url,
        settings.heartbeat_interval,
        daemon,
        lambda error: log.write(Level.ERROR, "heartbeat failed", {"error": error}),
    )
    closing.callback(heartbeat.close)
    heartbeat.start()


def _announce(log: Log, database: DatabaseSettings) -> None:
    log.write(Level.INFO, "initialized db", {"path": database.path})
    for replica in database.replicas:
        interval = Duration(replica.interval)
        attributes = {"type": replica.place.type, "sync-interval": interval, **dict(replica.place.attributes)}
        log.write(Level.INFO, "replicating to", attributes)


def _announce_upkeep(log: Log, settings: Settings) -> None:
    upkeep = settings.upkeep
    levels = [*enumerate(upkeep.levels, 1), (SNAPSHOT_LEVEL, upkeep.snapshot_interval)]
    for level, interval in levels:
        attributes = {"system": "store", "level": level, "interval": Duration(interval)}
        log.write(Level.INFO, "starting compaction monitor", attributes)
    if upkeep.l0_retention:
        check, retention = Duration(upkeep.l0_retention_check_interval), Duration(upkeep.l0_retention)
        about = {"system": "store", "interval": check, "retention": retention}
        log.write(Level.INFO, "starting L0 retention monitor", about)


def _restore_missing(
    databases: list[DatabaseSettings], run: Run, open_replica: Callable[[Place], Replica], log: Log
) -> None:
    """Restores databases that are not there and should be; where there is no backup yet, they begin empty."""
    from plait.replication.restoring.restore import Request, restore

    for database in databases:
        if not (run.restore_missing or database.restore_if_db_not_exists):
            continue
        if os.path.exists(database.path):
            log.write(Level.INFO, "database exists, skipping restore", {"path": database.path})
            continue
        log.write(Level.INFO, "attempting restore before replication", {"path": database.path})
        for replica in database.replicas:
            try:
                Path(database.path).parent.mkdir(parents=True, exist_ok=True)
                restore(open_replica(replica.place), database.path, Request())
            except ObjectNotFoundError:
                log.write(Level.INFO, "no backup found, starting fresh", {"path": database.path})
                continue
            log.write(Level.INFO, "restore completed", {"path": database.path})
            break


def _tell_unsynced(log: Log, error: PlaitError) -> None:
    """Each database's own line, an error, came before."""
    log.write(Level.DEBUG, "failed to close database", {"error": _words(error)})


def _words(error: PlaitError) -> str:
    about = f"{error.key}: " if error.key and error.key not in error.message else ""
    return about + error.message


def url_reader(environment: Mapping[str, str]) -> Callable[[str], Place]:
    """A function that reads a replica's URL, with the credentials of an environment."""
    return lambda url: parse_replica_url(url, environment)
