"""The line that comes back before anything is loaded does what the ordinary way does, and leaves the rest to it."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plait.cli import quick
from plait.cli.configuration import configuration_file
from plait.cli.database_forms import SYNC
from plait.cli.guard import guarded
from plait.cli.main import main
from plait.model.errors import ExitCode
from plait.replication.control.endpoints import Answer, go_json
from plait.replication.control.server import Server, listen_at

PLAIN = {"status": "synced", "path": "/d/a.db", "txid": 5, "replicated_txid": 4}
ANSWERS: dict[str, tuple[int, bytes]] = {
    "synced": (200, go_json(PLAIN) + b"\n"),
    "captured": (200, go_json(PLAIN | {"status": "synced_local"}) + b"\n"),
    "nothing": (200, go_json(PLAIN | {"status": "no_change", "txid": 0, "replicated_txid": 0}) + b"\n"),
    "more": (200, go_json(PLAIN | {"new": 1}) + b"\n"),
    "order": (200, go_json(dict(reversed(PLAIN.items())))),
    "foreign": (200, go_json(PLAIN | {"path": "/d/ä&.db"})),
    "closed": (409, b'{"error":"database not open: /d/a.db"}\n'),
    "missing": (404, b'{"error":"database not found: /d/a.db"}\n'),
    "late": (500, b'{"error":"sync database: replica sync: context deadline exceeded"}\n'),
    "junk": (200, b"what"),
}


class Recorder:
    """Answers every request with one answer, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.status, self.body = ANSWERS["synced"]

    def answer(self, method: str, path: str, _: object, body: bytes) -> Answer:
        self.asked.append((method, path, body))
        return Answer(self.status, self.body)


@pytest.fixture(autouse=True)
def plain_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the command line's, as most people have it."""
    for name in os.environ:
        if name.startswith("PLAIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder()
    path = str(tmp_path / "s.sock")
    server = Server(listen_at(path), recorder.answer, path)
    server.start()
    yield recorder
    server.close()


def shown(text: str) -> str:
    """The lines, without how long it took."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("duration_ms: "))


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("words", [("a.db",), ("-wait", "a.db")])
@pytest.mark.parametrize("face", ["plait", "litestream"])
def test_whatever_is_answered_it_says_what_the_ordinary_way_says(
    daemon: Recorder, face: str, words: tuple[str, ...], answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.status, daemon.body = ANSWERS[answer]
    line = ["-socket", str(tmp_path / "s.sock"), "-timeout", "7", *words]
    code = quick.sync(face, line)
    quickly = capsys.readouterr()
    assert guarded(face, ["sync", *line]) == code
    slowly = capsys.readouterr()
    assert (shown(quickly.out), quickly.err) == (shown(slowly.out), slowly.err)
    # One request each: what was answered is shown, and not asked for again.
    assert len(daemon.asked) == 2
    assert daemon.asked[0] == daemon.asked[1]


@pytest.mark.parametrize("face", ["plait", "litestream"])
@pytest.mark.parametrize("end", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_a_daemon_that_dies_midway_is_asked_once(
    face: str, end: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = listen_at(str(tmp_path / "s.sock"))
    count = []

    def serve() -> None:
        connection, _ = listener.accept()
        count.append(connection.recv(65536))
        connection.sendall(end)
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert quick.sync(face, ["-wait", "-socket", str(tmp_path / "s.sock"), "a.db"]) == 1
    thread.join(60)
    listener.close()
    assert len(count) == 1
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("face", "expected"), [("plait", ExitCode.TEMPORARY), ("litestream", 1)])
def test_its_time_ends_though_nobody_answers(
    face: str, expected: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = listen_at(str(tmp_path / "s.sock"))
    code = quick.sync(face, ["-wait", "-timeout", "1", "-socket", str(tmp_path / "s.sock"), "a.db"])
    listener.close()
    assert code == expected
    assert "context deadline exceeded" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("a.db", "b.db"),
        ("to", "b.db"),
        ("to",),
        ("--json", "a.db"),
        ("--timeout=7", "a.db"),
        ("-timeout", "0", "a.db"),
        ("-timeout", "1m", "a.db"),
        ("-help",),
        ("--", "a.db"),
        ("remote:a.db",),
        ("~/a.db",),
        (".",),
        ("ä.db",),
        ('a".db',),
        ("--debug", "a.db"),
    ],
)
def test_what_is_not_plain_is_left_to_the_ordinary_way(words: tuple[str, ...], daemon: Recorder) -> None:
    assert quick.sync("plait", ["-socket", "s.sock", *words]) is None
    assert daemon.asked == []


def test_settings_are_left_to_the_ordinary_way(
    daemon: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ["-socket", str(tmp_path / "s.sock"), "a.db"]
    with monkeypatch.context() as patched:
        patched.setenv("PLAIT_WAIT", "true")
        assert quick.sync("plait", line) is None
    names = [name for option in SYNC.options.options for name in option.environment_names]
    assert names
    assert all(name.startswith("PLAIT_") for name in names)
    assert quick.sync("plait", line) == 0
    file = configuration_file(os.environ)
    file.parent.mkdir(parents=True)
    file.write_text("[sync]\nwait = true\n")
    assert quick.sync("plait", line) is None
    assert len(daemon.asked) == 1


def test_options_end_at_the_first_word_on_the_front_only(daemon: Recorder, tmp_path: Path) -> None:
    line = ["-socket", str(tmp_path / "s.sock"), "a.db", "-wait"]
    assert quick.sync("litestream", line) is None
    assert quick.sync("plait", line) == 0
    assert len(daemon.asked) == 1


def test_the_command_takes_it_and_without_a_daemon_the_ordinary_way(
    daemon: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sync", "-wait", "-socket", str(tmp_path / "s.sock"), "a.db"], "plait") == 0
    assert len(daemon.asked) == 1
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "dead.sock"))
    dead.close()
    assert main(["sync", "-socket", str(tmp_path / "dead.sock"), "a.db"], "plait") == 1
    assert "plait replicate" in capsys.readouterr().err


def test_it_loads_next_to_nothing() -> None:
    code = "import sys; before = set(sys.modules); import plait.cli.quick; print(*sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "plait.cli.quick" in found
    assert {"socket", "json", "re", "typing", "functools", "collections", "pathlib", "msgspec"}.isdisjoint(found)
