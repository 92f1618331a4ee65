"""Metrics and heartbeat: what is told of the databases without being asked for one."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import ConfigurationError, StoreError
from plait.replication.control.controlled import State
from plait.replication.control.heartbeat import Heartbeat
from plait.replication.control.metrics import Metrics
from plait.replication.control.server import Server, listen_on_port
from plait.replication.logging import Log
from plait.replication.reporting import Reporter

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.control.conftest import Fake

    from plait.replication.control.endpoints import Endpoints


STEP = 1_795_226_594_874_415_141


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
