"""The control socket: what it answers, how it is opened and asked; metrics and heartbeat beside it."""

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

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
from plait.replication.configuration.places import parse_replica_url
from plait.replication.configuration.settings import DatabaseSettings, ReplicaSettings
from plait.replication.control.client import NoDaemonError, request
from plait.replication.control.controlled import (
    Changed,
    DatabaseClosedError,
    DatabaseStatus,
    DatabaseUnknownError,
    Information,
    ReplicaStatus,
    State,
    Synced,
)
from plait.replication.control.endpoints import Endpoints
from plait.replication.control.heartbeat import Heartbeat
from plait.replication.control.metrics import Metrics
from plait.replication.control.paths import candidates, socket_to_open
from plait.replication.control.server import Server, is_alive, listen_at, listen_on_port
from plait.replication.logging import Log
from plait.replication.reporting import Reporter

START = 1_795_226_531_870_991_641
HUGE = 10**20 - 1
STEP = 1_795_226_594_874_415_141


class Fake:
    """A daemon by its protocol; the real one is on the other side of the tests with peers."""

    def __init__(self) -> None:
        self.states = {"/d/a.db": State.REPLICATING}
        self.changed = True
        self.error: PlaitError | None = None
        self.timeouts: list[float | None] = []
        self.hang: threading.Event | None = None
        self.step = STEP

    def info(self) -> Information:
        return Information(pid=7, started_at=START, database_count=len(self.states))

    def list(self) -> Sequence[DatabaseStatus]:
        return [self.status(path) for path in sorted(self.states)]

    def status(self, path: str) -> DatabaseStatus:
        if path not in self.states:
            raise DatabaseUnknownError(path)
        replica = ReplicaStatus(type="file", description="/rep", txid=4, last_sync_at=STEP)
        return DatabaseStatus(path=path, state=self.states[path], txid=5, last_sync_at=self.step, replicas=(replica,))

    def sync(self, path: str, *, wait: bool, timeout: float | None) -> Synced:
        self.timeouts.append(timeout)
        if self.status(path).state is State.STOPPED:
            raise DatabaseClosedError(path)
        if self.hang is not None:
            self.hang.wait(60)
        if self.error is not None:
            raise self.error
        return Synced(5, 5 if wait else 4, self.changed)

    def start(self, path: str, timeout: float | None) -> Changed:
        return self._turn(path, State.REPLICATING, timeout)

    def stop(self, path: str, timeout: float | None) -> Changed:
        return self._turn(path, State.STOPPED, timeout)

    def _turn(self, path: str, state: State, timeout: float | None) -> Changed:
        self.timeouts.append(timeout)
        before = self.status(path).state
        self.states[path] = state
        return Changed(before is not state, 5)

    def register(self, settings: DatabaseSettings) -> bool:
        is_new = settings.path not in self.states
        self.states[settings.path] = State.REPLICATING
        return is_new

    def unregister(self, path: str, timeout: float | None) -> Changed:
        self.timeouts.append(timeout)
        return Changed(self.states.pop(path, None) is not None, 5)


def settings_of(path: str, url: str) -> DatabaseSettings:
    return DatabaseSettings(path=path, replicas=(ReplicaSettings(place=parse_replica_url(url, {})),))


@pytest.fixture
def daemon() -> Fake:
    return Fake()


@pytest.fixture
def endpoints(daemon: Fake) -> Endpoints:
    return Endpoints(daemon, settings_of, lambda path: os.path.join("/d", path))


def post(endpoints: Endpoints, path: str, body: str) -> tuple[int, str]:
    answer = endpoints.answer("POST", path, {}, body.encode())
    assert answer.content_type == "application/json"
    assert answer.body.endswith(b"\n")
    return answer.status, answer.body.decode()[:-1]


@pytest.mark.parametrize(
    ("path", "body", "status", "wanted"),
    [
        (
            "/sync",
            '{"path":"a.db"}',
            200,
            '{"status":"synced_local","path":"/d/a.db","txid":5,"replicated_txid":4}',
        ),
        (
            "/sync",
            '{"PATH":"/d/a.db","Wait":true} x',
            200,
            '{"status":"synced","path":"/d/a.db","txid":5,"replicated_txid":5}',
        ),
        ("/sync", '{"path":"/nope.db","wait":true}', 404, '{"error":"database not found: /nope.db"}'),
        ("/sync", '{"path":""}', 400, '{"error":"path required"}'),
        ("/sync", "{}", 400, '{"error":"path required"}'),
        ("/sync", "null", 400, '{"error":"path required"}'),
        ("/sync", "", 400, '{"error":"invalid request body","details":"EOF"}'),
        (
            "/sync",
            "junk",
            400,
            '{"error":"invalid request body","details":"invalid character \'j\' looking for beginning of value"}',
        ),
        *[
            ("/sync", body, 400, f'{{"error":"invalid request body","details":{json.dumps(details)}}}')
            for body, details in [
                ("[]", "json: cannot unmarshal array into Go value of type litestream.SyncRequest"),
                ('{"path":true}', "json: cannot unmarshal bool into Go struct field SyncRequest.path of type string"),
                ('{"path":1}', "json: cannot unmarshal number into Go struct field SyncRequest.path of type string"),
                (
                    '{"timeout":1e3}',
                    "json: cannot unmarshal number 1e3 into Go struct field SyncRequest.timeout of type int",
                ),
                (
                    f'{{"timeout":{HUGE}}}',
                    f"json: cannot unmarshal number {HUGE} into Go struct field SyncRequest.timeout of type int",
                ),
                ('{"wait":1}', "json: cannot unmarshal number into Go struct field SyncRequest.wait of type bool"),
                ('{"path" "x"}', "invalid character '\"' after object key"),
                ('{"path":"x",}', "invalid character '}' looking for beginning of object key string"),
                ('{"path":"x" 5}', "invalid character '5' after object key:value pair"),
                ('{"path":"x"', "unexpected EOF"),
                ("tru", "unexpected EOF"),
                ('"abc', "unexpected EOF"),
            ]
        ],
        ("/start", '{"path":"a.db"}', 200, '{"status":"already_running","path":"/d/a.db","txid":5}'),
        ("/stop", '{"path":"a.db"}', 200, '{"status":"stopped","path":"/d/a.db","txid":5}'),
        ("/start", '{"path":"x"}', 500, '{"error":"database not found: /d/x"}'),
        ("/stop", '{"path":"x"}', 500, '{"error":"database not found: /d/x"}'),
        ("/register", '{"path":"b.db"}', 400, '{"error":"replica_url required"}'),
        (
            "/register",
            '{"path":"b.db","replica_url":"zzz://x"}',
            400,
            '{"error":"invalid replica url: unsupported replica URL scheme: \\"zzz\\""}',
        ),
        (
            "/register",
            '{"path":"b.db","replica_url":"/tmp/x"}',
            400,
            '{"error":"invalid replica url: replica url scheme required: /tmp/x"}',
        ),
        ("/register", '{"path":"b.db","replica_url":"file:///x"}', 200, '{"status":"registered","path":"/d/b.db"}'),
        (
            "/register",
            '{"path":"a.db","replica_url":"file:///x"}',
            200,
            '{"status":"already_registered","path":"/d/a.db"}',
        ),
        ("/unregister", '{"path":"a.db"}', 200, '{"status":"unregistered","path":"/d/a.db","txid":5}'),
        ("/unregister", '{"path":"x.db"}', 200, '{"status":"already_unregistered","path":"/d/x.db","txid":5}'),
    ],
)
def test_a_request_has_the_originals_answer(
    endpoints: Endpoints, path: str, body: str, status: int, wanted: str
) -> None:
    assert post(endpoints, path, body) == (status, wanted)


def test_a_stopped_database_is_told_from_an_unknown_one(endpoints: Endpoints) -> None:
    post(endpoints, "/stop", '{"path":"a.db"}')
    assert post(endpoints, "/sync", '{"path":"a.db"}') == (409, '{"error":"database not open: /d/a.db"}')


@pytest.mark.parametrize(
    ("body", "timeout"),
    [
        ('"wait":true', 30.0),
        ('"wait":false', None),
        ('"wait":true,"timeout":5', 5.0),
        ('"wait":true,"timeout":-1', None),
    ],
)
def test_the_time_of_a_sync_is_what_was_asked_for(
    endpoints: Endpoints, daemon: Fake, body: str, timeout: float | None
) -> None:
    post(endpoints, "/sync", f'{{"path":"a.db",{body}}}')
    assert daemon.timeouts == [timeout]


def test_nothing_new_is_no_change(endpoints: Endpoints, daemon: Fake) -> None:
    daemon.changed = False
    assert '"status":"no_change"' in post(endpoints, "/sync", '{"path":"a.db","wait":true}')[1]


def test_what_failed_is_told_in_the_words_that_clients_look_for(endpoints: Endpoints, daemon: Fake) -> None:
    daemon.error = UnknownOutcomeError("the upload did not end in time")
    status, body = post(endpoints, "/sync", '{"path":"a.db","wait":true}')
    assert status == 500
    assert "sync database: replica sync: " in body
    assert "context deadline exceeded" in body
    daemon.error = StoreError("no <position> & more", key="ltx/0/x")
    assert "db sync: ltx/0/x: no \\u003cposition\\u003e \\u0026 more" in post(endpoints, "/sync", '{"path":"a.db"}')[1]


def test_a_defect_is_told_to_who_asked(endpoints: Endpoints, daemon: Fake) -> None:
    del daemon.timeouts
    status, body = post(endpoints, "/sync", '{"path":"a.db"}')
    assert status == 500
    assert "a defect of Plait: AttributeError" in body


def test_what_is_asked_without_a_body(endpoints: Endpoints) -> None:
    def get(target: str, **query: str) -> tuple[int, str]:
        answer = endpoints.answer("GET", target, query, b"")
        return answer.status, answer.body.decode()

    assert get("/list") == (
        200,
        '{"databases":[{"path":"/d/a.db","status":"replicating","last_sync_at":"2026-11-21T02:03:14.874415141Z"}]}\n',
    )
    assert get("/info")[1].startswith('{"version":"0.5.17","pid":7,"uptime_seconds":')
    assert '"started_at":"2026-11-21T02:02:11.870991641Z","database_count":1}' in get("/info")[1]
    assert get("/txid", path="a.db") == (200, '{"txid":5}\n')
    assert get("/txid", path="x") == (404, '{"error":"database not found"}\n')
    assert get("/txid") == (400, '{"error":"path required"}\n')
    assert get("/debug/sync-status", path="x") == (404, '{"error":"database not found"}\n')
    assert '"path":"/d/a.db","active":false' in get("/debug/sync-status")[1]


def test_other_routes_and_methods(endpoints: Endpoints) -> None:
    wrong = endpoints.answer("GET", "/sync", {}, b"")
    assert (wrong.status, wrong.body, dict(wrong.headers)["Allow"]) == (405, b"Method Not Allowed\n", "POST")
    wrong = endpoints.answer("POST", "/list", {}, b"")
    assert dict(wrong.headers)["Allow"] == "GET, HEAD"
    missing = endpoints.answer("GET", "/debug/pprof/", {}, b"")
    assert (missing.status, missing.body) == (404, b"404 page not found\n")
    assert missing.content_type == "text/plain; charset=utf-8"


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


def test_metrics_are_text_that_prometheus_reads(daemon: Fake, tmp_path: Path) -> None:
    from plait.replication import events
    from plait.replication.ltx.names import Span

    daemon.states = {'/d/"q"\\.db': State.STOPPED, "/d/a.db": State.REPLICATING}
    with (tmp_path / "log").open("w") as stream:
        reporter = Reporter(Log(stream))
        reporter(events.Synced("/d/a.db", 0.25))
        reporter(events.Failed(path="/d/a.db", error=StoreError("x"), count=1, delay=1.0))
        reporter(events.Uploaded(path="/d/a.db", replica="s3://b/p", span=Span(1, 1), size=100, seconds=0.2))
        text = Metrics(daemon, reporter).text()
    lines = text.splitlines()
    assert 'litestream_sync_count{db="/d/a.db"} 1' in lines
    assert 'litestream_sync_seconds{db="/d/a.db"} 0.25' in lines
    assert 'litestream_sync_error_count{db="/d/a.db"} 1' in lines
    assert 'litestream_txid{db="/d/\\"q\\"\\\\.db"} 5' in lines
    assert 'plait_database_replicating{db="/d/a.db"} 1' in lines
    assert 'plait_replica_txid{db="/d/a.db",replica="/rep"} 4' in lines
    assert 'litestream_replica_operation_bytes{replica_type="s3",operation="PUT"} 100' in lines
    name = "litestream_replica_operation_duration_seconds_bucket"
    assert f'{name}{{replica_type="s3",operation="PUT",le="0.1"}} 0' in lines
    assert f'{name}{{replica_type="s3",operation="PUT",le="0.5"}} 1' in lines
    assert f'{name}{{replica_type="s3",operation="PUT",le="+Inf"}} 1' in lines
    metrics = Metrics(daemon, reporter)
    assert metrics.answer("GET", "/metrics", {}, b"").content_type.startswith("text/plain; version=0.0.4")
    assert metrics.answer("GET", "/", {}, b"").status == 404


def test_metrics_are_served_where_they_are_asked_for(daemon: Fake, endpoints: Endpoints) -> None:
    listener = listen_on_port("127.0.0.1:0")
    server = Server(listener, endpoints.answer)
    port = listener.getsockname()[1]
    server.start()
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(b"GET /txid?path=a.db HTTP/1.0\r\n\r\n")
        assert b'{"txid":5}' in connection.recv(65536)
    server.close()
    assert daemon.timeouts == []
    for address in ("9090", "localhost", "localhost:x", "localhost:99999999"):
        with pytest.raises(ConfigurationError):
            listen_on_port(address)


def test_the_heart_beats_only_while_all_is_well(daemon: Fake) -> None:
    told: list[str] = []
    heartbeat = Heartbeat("http://127.0.0.1:9/", 60, daemon, told.append)
    assert heartbeat.is_well(STEP + 59 * 10**9)
    assert not heartbeat.is_well(STEP + 61 * 10**9)
    daemon.states = {}
    assert not heartbeat.is_well(STEP)


@pytest.mark.parametrize("status", [204, 500])
def test_a_beat_is_a_request_and_a_failure_is_told(daemon: Fake, status: int) -> None:
    asked = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            asked.set()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told: list[str] = []
        failed = threading.Event()

        def tell(error: str) -> None:
            told.append(error)
            failed.set()

        daemon.step = 2**62
        heartbeat = Heartbeat(f"http://127.0.0.1:{server.server_port}/", 0.01, daemon, tell)
        heartbeat.start()
        assert asked.wait(60)
        if status == 500:
            assert failed.wait(60)
            assert "500" in told[0]
        heartbeat.close()
        server.shutdown()


def test_an_answer_to_a_beat_that_is_none_is_told_and_the_heart_goes_on(daemon: Fake) -> None:
    told: list[str] = []
    twice = threading.Event()

    def tell(error: str) -> None:
        told.append(error)
        if len(told) > 1:
            twice.set()

    daemon.step = 2**62
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        heartbeat = Heartbeat(f"http://127.0.0.1:{server.getsockname()[1]}/", 0.01, daemon, tell)
        heartbeat.start()
        for _ in range(2):
            connection, _address = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"nonsense\r\n\r\n")
        assert twice.wait(60)
        heartbeat.close()
