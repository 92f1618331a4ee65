"""A daemon from its start to its end: until a signal comes, or the program that it runs beside it ends; or once."""

from __future__ import annotations

import shlex
import signal
import subprocess
from threading import Event
from typing import TYPE_CHECKING

from plait.model.errors import ConfigurationError, PlaitError
from plait.replication.managed import Managed, Shop
from plait.replication.notification import Notifications
from plait.replication.watching import DirectoryWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from plait.replication import events
    from plait.replication.configuration.settings import DatabaseSettings, Place, Settings, UpkeepSettings
    from plait.replication.daemon import Daemon
    from plait.replication.replica import Replica


class Signals:
    """SIGINT and SIGTERM, in place of what they would do; the first one asks for the end, `number` is which it was.

    A second one means that nothing is to be waited for.
    """

    def __init__(self) -> None:
        self.asked = Event()
        self.hurried = Event()
        self.number: int | None = None
        self.child: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Take the signals; only the main thread can."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._receive)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.number is not None:
            self.hurried.set()
        self.number = self.number or number
        if self.child is not None:
            self.child.send_signal(number)
        self.asked.set()


def begin(daemon: Daemon, settings: Settings, emit: Callable[[events.Event], None]) -> None:
    """Start a daemon with the databases and directories of a configuration. Raises what opening a replica raises."""
    daemon.run()
    for database in settings.databases:
        daemon.register(database)
    for directory in settings.directories:
        DirectoryWatch(directory, daemon, emit).look()


def run_until_asked(
    daemon: Daemon,
    signals: Signals,
    command: str,
    tell: Callable[[PlaitError], None],
    before_end: Callable[[], None] = lambda: None,
) -> int:
    """Wait for a signal, or with a `command` for its end, and close the daemon; the exit code.

    The command is run without a shell, unless a signal came before. A signal is handed to it, and it is waited for.
    What kept databases from being in step at the end is told, and does not make the exit code: it follows at the next
    start. 1 where the command failed by itself. `before_end` is called before the daemon is closed. Raises
    ConfigurationError where the command cannot be started.
    """
    code = 0
    if command and not signals.asked.is_set():
        signals.child = _started(command)
        if signals.number is not None:
            # It came while there was nobody yet to hand it to.
            signals.child.send_signal(signals.number)
        code = signals.child.wait()
    else:
        signals.asked.wait()
    before_end()
    for error in daemon.close(aborted=signals.hurried.is_set):
        tell(error)
    return 1 if code and signals.number is None else 0


def replicate_once(
    databases: Sequence[DatabaseSettings],
    upkeep: UpkeepSettings,
    open_replica: Callable[[Place], Replica],
    emit: Callable[[events.Event], None],
    *,
    snapshot: bool = False,
    retention: bool = False,
) -> list[tuple[str, PlaitError]]:
    """Capture and upload each database one time; the paths that failed, and of what.

    `snapshot`: write a snapshot of each that has changed since its last; `retention`: delete what is no longer needed.
    """
    shop = Shop(upkeep, Notifications(), emit)
    shop.loop.start()
    failed: list[tuple[str, PlaitError]] = []
    for settings in databases:
        try:
            Managed(settings, open_replica, shop).once(snapshot=snapshot, retention=retention)
        except PlaitError as error:
            failed.append((settings.path, error))
    shop.loop.stop()
    return failed


def _started(command: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(shlex.split(command))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot start {command}: {error}") from error
