"""The control socket: how it is opened, served and asked."""

from __future__ import annotations

import os
import socket
import stat
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plait.cli.databases.asking import ask, socket_of
from plait.model.errors import (
    BusyError,
    ConfigurationError,
    DirectoryNotFoundError,
    PlaitError,
    StoreError,
    UnknownOutcomeError,
    UsageError,
)
from plait.replication.control.client import NoDaemonError, request
from plait.replication.control.paths import candidates, socket_to_open
from plait.replication.control.server import Server, is_alive, listen_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.control.conftest import Fake

    from plait.replication.control.endpoints import Endpoints


@contextmanager
def serving(endpoints: Endpoints, path: Path) -> Iterator[Server]:
    server = Server(listen_at(str(path)), endpoints.answer, str(path))
    server.start()
    try:
        yield server
    finally:
        server.close()


def test_the_socket_is_for_its_owner_only_and_goes_with_the_daemon(endpoints: Endpoints, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with serving(endpoints, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [one.name for one in tmp_path.iterdir()] == ["s.sock"]
        reply = request(str(path), "GET", "/txid?path=a.db", None, 60)
        assert (reply.status, reply.fields()) == (200, {"txid": 5})
        assert ask(str(path), "/sync", {"path": "a.db", "wait": True}, 60)["status"] == "synced"
    assert list(tmp_path.iterdir()) == []


def test_calls_that_hang_hold_up_no_others_and_few_threads_stay(
    daemon: Fake, endpoints: Endpoints, tmp_path: Path
) -> None:
    path = str(tmp_path / "s.sock")
    before = set(threading.enumerate())
    daemon.hang = threading.Event()

    def sync() -> None:
        assert ask(path, "/sync", {"path": "a.db", "wait": True}, 60)["status"] == "synced"

    with serving(endpoints, tmp_path / "s.sock"):
        callers = [threading.Thread(target=sync) for _ in range(8)]
        for caller in callers:
            caller.start()
        while len(daemon.timeouts) < len(callers):
            assert ask(path, "/txid?path=a.db", None, 60) == {"txid": 5}
        daemon.hang.set()
        for caller in callers:
            caller.join(60)
        for _ in range(5):
            assert ask(path, "/txid?path=a.db", None, 60) == {"txid": 5}
        waiting = [thread for thread in threading.enumerate() if thread not in before]
    for thread in waiting:
        thread.join(60)
        assert not thread.is_alive()


def test_other_permissions_can_be_asked_for(tmp_path: Path) -> None:
    listen_at(str(tmp_path / "s.sock"), 0o660).close()
    assert stat.S_IMODE((tmp_path / "s.sock").stat().st_mode) == 0o660


def test_a_live_socket_is_never_taken_over(endpoints: Endpoints, tmp_path: Path) -> None:
    """B18: the original removes the file of a daemon that is alive."""
    path = tmp_path / "s.sock"
    with serving(endpoints, path):
        with pytest.raises(BusyError, match="another daemon listens") as caught:
            listen_at(str(path))
        assert "-socket PATH" in str(caught.value.hint)
        assert request(str(path), "GET", "/list", None, 60).status == 200
    assert list(tmp_path.iterdir()) == []


def test_the_socket_of_a_killed_daemon_is_replaced(endpoints: Endpoints, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    listen_at(str(path)).close()
    assert path.is_socket()
    assert not is_alive(str(path))
    with serving(endpoints, path):
        assert is_alive(str(path))


def test_what_is_no_socket_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="is no socket"):
        listen_at(str(path))
    assert path.read_text() == "mine"
    with pytest.raises(PlaitError):
        listen_at(str(tmp_path / "none" / "s.sock"))


def test_a_daemon_that_closes_leaves_anothers_socket_alone(endpoints: Endpoints, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with serving(endpoints, path):
        path.unlink()
        other = listen_at(str(path))
    assert path.is_socket()
    other.close()


def raw(path: Path, sent: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(path))
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


def test_a_connection_takes_several_requests_and_chunked_bodies(endpoints: Endpoints, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    chunked = (
        b"POST /sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'8\r\n{"path":\r\n7;x=y\r\n"a.db"}\r\n0\r\n\r\n'
    )
    with serving(endpoints, path):
        answer = raw(path, b"GET /txid?path=%2Fd%2Fa.db HTTP/1.1\r\nHost: x\r\n\r\n" + chunked)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert b'{"txid":5}\n' in answer
    assert b'"status":"synced_local"' in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /list HTTP/1.1\r\nbroken\r\n\r\n",
        b"POST /sync HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /sync HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /sync HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET //[ HTTP/1.1\r\n\r\n",
        b"POST /sync HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /sync HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    ],
)
def test_bad_requests_end_their_connection_and_nothing_else(endpoints: Endpoints, tmp_path: Path, sent: bytes) -> None:
    path = tmp_path / "s.sock"
    with serving(endpoints, path):
        assert raw(path, sent).startswith(b"HTTP/1.1 4")
        assert request(str(path), "GET", "/list", None, 60).status == 200


def test_the_head_of_an_answer_has_no_body(endpoints: Endpoints, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with serving(endpoints, path):
        assert raw(path, b"HEAD /info HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"\r\n\r\n")


def test_a_daemon_that_hangs_does_not_hang_its_client(endpoints: Endpoints, daemon: Fake, tmp_path: Path) -> None:
    """B12, seen from the command line: the time is honoured whatever the daemon does, and others are answered."""
    path = tmp_path / "s.sock"
    daemon.hang = threading.Event()
    with serving(endpoints, path):
        with pytest.raises(UnknownOutcomeError, match="context deadline exceeded"):
            request(str(path), "POST", "/sync", {"path": "a.db"}, 0.2)
        assert request(str(path), "GET", "/list", None, 60).status == 200
        daemon.hang.set()


def test_errors_of_a_daemon_are_those_of_the_catalogue(endpoints: Endpoints, daemon: Fake, tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    with pytest.raises(NoDaemonError):
        request(path, "GET", "/list", None, 60)
    with pytest.raises(StoreError) as none:
        ask(path, "/list", None, 60)
    assert none.value.hint == "start one: plait replicate DATABASE REPLICA"
    with serving(endpoints, tmp_path / "s.sock"):
        refused: list[tuple[type[PlaitError], str, dict[str, str]]] = [
            (DirectoryNotFoundError, "/sync", {"path": "x"}),
            (DirectoryNotFoundError, "/stop", {"path": "x"}),
            (UsageError, "/sync", {"path": ""}),
        ]
        for error, target, fields in refused:
            with pytest.raises(error):
                ask(path, target, fields, 60)
        ask(path, "/stop", {"path": "a.db"}, 60)
        with pytest.raises(BusyError):
            ask(path, "/sync", {"path": "a.db"}, 60)
        ask(path, "/start", {"path": "a.db"}, 60)
        daemon.error = UnknownOutcomeError("too slow")
        with pytest.raises(UnknownOutcomeError):
            ask(path, "/sync", {"path": "a.db"}, 60)


def test_what_answers_and_is_no_daemon_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    listener = listen_at(str(path))

    def greet() -> None:
        for words in (b"hello\n", b"HTTP/1.1 200 OK\r\n\r\n[1]"):
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(words)
            connection.close()

    thread = threading.Thread(target=greet)
    thread.start()
    with pytest.raises(StoreError, match="is no daemon"):
        request(str(path), "GET", "/list", None, 60)
    with pytest.raises(StoreError, match="is no JSON object"):
        ask(str(path), "/list", None, 60)
    thread.join()
    listener.close()


def test_daemons_and_clients_look_at_the_same_places_in_the_same_order(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    own = str(tmp_path / "plait" / "litestream.sock")
    assert candidates(environment) == ["/var/run/litestream.sock", own]
    assert candidates({}) == ["/var/run/litestream.sock"]
    opened = socket_to_open(environment)
    assert opened == ("/var/run/litestream.sock" if os.access("/var/run", os.W_OK) else own)
    assert socket_of("mine.sock", environment) == "mine.sock"
    if not Path("/var/run/litestream.sock").exists():
        assert socket_of("", environment) == "/var/run/litestream.sock"
        Path(own).parent.mkdir(exist_ok=True)
        listen_at(own).close()
        assert socket_of("", environment) == own
