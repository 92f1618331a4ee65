"""A replicating daemon as a process of its own, driven over its standard input, so that tests can kill it.

    python -m plait.testing.replicating SETTINGS

SETTINGS is a `Job` in JSON. Each line of input is a request in JSON (`sync`, `status`, `stop`, `start`, `close`), each
line of output its answer. SQLite is real, and so are the signals.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from threading import Lock
from typing import TYPE_CHECKING, Self

import msgspec

from plait.model.errors import PlaitError
from plait.replication import events
from plait.replication.configuration.places import GivenOptions, open_replica, parse_replica_url
from plait.replication.configuration.settings import DatabaseSettings, ReplicaSettings, UpkeepSettings
from plait.replication.control.controlled import DatabaseClosedError, DatabaseUnknownError
from plait.replication.daemon import Daemon
from plait.stores.registry import Opening

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from plait.replication.configuration.settings import Place
    from plait.replication.replica import Replica

ANSWER_IN = 120.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a daemon is to replicate: paths of databases and the URLs of their replicas, and settings of both."""

    databases: dict[str, list[str]]
    database: dict[str, float] = {}
    upkeep: dict[str, float | list[float] | bool] = {}
    sync_interval: float = 1.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a request came to; `error` is empty where it did not fail."""

    txid: int = 0
    replicated: int = 0
    changed: bool = False
    error: str = ""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request; `timeout` in seconds, None for none."""

    what: str
    path: str = ""
    wait: bool = True
    timeout: float | None = 60.0


def open_place(place: Place) -> Replica:
    """The replica at a place that carries its own options."""
    return open_replica(place, Opening(GivenOptions()))


def settings_of(job: Job, path: str) -> DatabaseSettings:
    """The settings of one database of a job."""
    replicas = tuple(
        ReplicaSettings(place=parse_replica_url(url, {}), sync_interval=job.sync_interval)
        for url in job.databases[path]
    )
    settings = {"path": path, **job.database}
    return DatabaseSettings(**settings, replicas=replicas)  # type: ignore[arg-type]  # as the job names them


class Session:
    """A daemon and the lines that it is asked by."""

    def __init__(self, job: Job) -> None:
        self._lock = Lock()
        self.daemon = Daemon(msgspec.convert(job.upkeep, UpkeepSettings), open_place, self._tell)
        self.daemon.run()
        for path in job.databases:
            self.daemon.register(settings_of(job, path))

    def answer(self, ask: Ask) -> Answer:
        """Do what is asked."""
        try:
            match ask.what:
                case "sync":
                    synced = self.daemon.sync(ask.path, wait=ask.wait, timeout=ask.timeout)
                    return Answer(txid=synced.txid, replicated=synced.replicated_txid, changed=synced.changed)
                case "status":
                    status = self.daemon.status(ask.path)
                    return Answer(txid=status.txid, replicated=status.replicated_txid, error=status.error)
                case "stop" | "start":
                    changed = getattr(self.daemon, ask.what)(ask.path, ask.timeout)
                    return Answer(txid=changed.txid, changed=changed.changed)
                case _:
                    errors = self.daemon.close(ask.timeout)
                    return Answer(error="; ".join(error.message for error in errors))
        except (PlaitError, DatabaseClosedError, DatabaseUnknownError) as error:
            return Answer(error=str(error) or type(error).__name__)

    def _tell(self, event: events.Event) -> None:
        if isinstance(event, events.Synced | events.InStep):
            return
        with self._lock:
            print(event, file=sys.stderr, flush=True)  # noqa: T201  (the log of the process)


def main() -> None:
    """Answer requests until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    session = Session(msgspec.json.decode(sys.argv[1], type=Job))
    for line in sys.stdin:
        ask = msgspec.json.decode(line, type=Ask)
        sys.stdout.write(msgspec.json.encode(session.answer(ask)).decode() + "\n")
        sys.stdout.flush()
        if ask.what == "close":
            return


class Process:
    """The other side: starts such a process, asks it, and may kill it at any moment."""

    def __init__(self, job: Job, log: Path) -> None:
        self.log = log
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "plait.testing.replicating", msgspec.json.encode(job).decode()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
            )
        self.pid = self._process.pid

    def ask(self, what: str, path: str = "", *, wait: bool = True, timeout: float | None = 60.0) -> Answer:
        """The answer to a request. Raises EOFError where the process ended before it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(
                msgspec.json.encode(Ask(what=what, path=path, wait=wait, timeout=timeout)) + b"\n"
            )
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EOFError from None
        line = self._process.stdout.readline()
        if not line:
            raise EOFError
        return msgspec.json.decode(line, type=Answer)

    def synced(self, path: str) -> Answer:
        """Sync and wait; the answer, which must be a good one."""
        answer = self.ask("sync", path)
        assert not answer.error, f"{answer.error}\n{self.log.read_text()[-2000:]}"
        return answer

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._end()

    def close(self) -> None:
        """Stop it in an orderly way."""
        answer = self.ask("close")
        assert not answer.error, answer.error
        self._end()

    def _end(self) -> None:
        self._process.wait(ANSWER_IN)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._end()


if __name__ == "__main__":
    main()
