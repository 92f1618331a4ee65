"""Replicating a live database: Plait and Litestream in turn.

    python -m bench.replication [CASE ...] [--rounds N] [--seconds S]

Cases: latency (from a commit to its file in the replica), wait (a sync that waits, over the socket and by the command),
load (processor time and an application's commits at 1,000 transactions a second, and those commits without a daemon),
idle (of one and of 100 databases), first (a database of 500 MB from nothing). Both programs are started by the same
command line, with a configuration that says nothing but paths and the socket. In `wait` and `load` both daemons run and
have their turns within seconds, so that the load of the machine is the same for both.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sysconfig
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPTS = Path(sysconfig.get_path("scripts"))
PROGRAMS: dict[str, list[str]] = {
    "plait": os.environ.get("BENCH_PLAIT", f"{SCRIPTS}/plait litestream").split(),
    "litestream": [str(SCRIPTS / "litestream")],
}
TICKS = os.sysconf("SC_CLK_TCK")
READY_IN = 60.0
TURNS = 4
"""How often each program has its turn under load, in one round."""
NOBODY = "no daemon"


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=READY_IN)
        self._path = str(path)

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


class Running:
    """A daemon of either program on databases in a fresh folder."""

    def __init__(self, program: list[str], folder: Path, databases: list[Path]) -> None:
        self.socket = folder / "socket"
        self.replicas = [folder / "replicas" / database.name for database in databases]
        configuration = folder / "litestream.yml"
        entries = [
            {"path": str(database), "replica": {"path": str(replica)}}
            for database, replica in zip(databases, self.replicas, strict=True)
        ]
        configuration.write_text(json.dumps({"socket": {"enabled": True, "path": str(self.socket)}, "dbs": entries}))
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [*program, "replicate", "-config", str(configuration)], stdout=self._log, stderr=self._log
        )
        self.pid = self._process.pid
        wait_until(lambda: all(self.newest(number) for number in range(len(databases))))

    def newest(self, number: int = 0) -> int:
        """The newest transaction of a replica at level 0."""
        try:
            names = os.listdir(self.replicas[number] / "ltx" / "0")
        except FileNotFoundError:
            return 0
        return max((int(name[17:33], 16) for name in names if name.endswith(".ltx")), default=0)

    def sync(self, database: Path) -> None:
        """A sync that waits, over the socket."""
        connection = Connection(self.socket)
        connection.request("POST", "/sync", json.dumps({"path": str(database), "wait": True}))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
        connection.close()

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> tuple[int, int]:
        """Resident memory now and at its peak, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith("Vm")}
        return int(found["VmRSS"]) // 1024, int(found["VmHWM"]) // 1024

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(READY_IN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def wait_until(what: Callable[[], bool]) -> None:
    """Look every millisecond."""
    end = time.monotonic() + READY_IN
    while not what():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.001)


def database(path: Path) -> apsw.Connection:
    """A database with one table."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)
    for statement in (
        "PRAGMA journal_mode = wal",
        "PRAGMA synchronous = NORMAL",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
    ):
        list(connection.execute(statement))
    return connection


def insert(connection: apsw.Connection) -> None:
    """One row, in a transaction."""
    list(connection.execute("INSERT INTO t (v) VALUES (hex(randomblob(50)))"))


def measure_latency(program: list[str], folder: Path, _: float) -> dict[str, float]:
    """Milliseconds from a commit to a new file in the replica, at default intervals."""
    path = folder / "a.db"
    application = database(path)
    daemon = Running(program, folder, [path])
    found = []
    for number in range(20):
        time.sleep(0.37 + 0.071 * (number % 7))
        before = daemon.newest()
        insert(application)
        started = time.perf_counter()
        wait_until(lambda before=before: daemon.newest() > before)  # type: ignore[misc]  # mypy infers no type of a lambda with a default
        found.append((time.perf_counter() - started) * 1000)
    daemon.stop()
    return spread(found)


def measure_wait(folder: Path, _: float) -> dict[str, dict[str, float]]:
    """Milliseconds of a sync that waits after a commit of one row, over the socket and as a command."""
    applications = {name: database(below(folder, name) / "a.db") for name in PROGRAMS}
    daemons = {name: Running(program, folder / name, [folder / name / "a.db"]) for name, program in PROGRAMS.items()}
    found: dict[str, dict[str, list[float]]] = {name: {"socket": [], "command": []} for name in PROGRAMS}
    for _number in range(60):
        for name, daemon in daemons.items():
            path = folder / name / "a.db"
            line = [*PROGRAMS[name], "sync", "-wait", "-socket", str(daemon.socket), str(path)]
            for way, sync in (("socket", partial(daemon.sync, path)), ("command", partial(run, line))):
                time.sleep(0.05)
                insert(applications[name])
                started = time.perf_counter()
                sync()
                found[name][way].append((time.perf_counter() - started) * 1000)
    for daemon in daemons.values():
        daemon.stop()
    return {
        name: {f"{way} {key}": value for way, times in ways.items() for key, value in spread(times).items()}
        for name, ways in found.items()
    }


def measure_load(folder: Path, seconds: float) -> dict[str, dict[str, float]]:
    """Processor time, memory, and the application's commits at 1,000 transactions a second."""
    applications = {name: database(below(folder, name) / "a.db") for name in (*PROGRAMS, NOBODY)}
    daemons = {name: Running(program, folder / name, [folder / name / "a.db"]) for name, program in PROGRAMS.items()}
    commits: dict[str, list[float]] = {name: [] for name in applications}
    used = dict.fromkeys(daemons, 0.0)
    time.sleep(2)
    for _ in range(TURNS):
        for name, application in applications.items():
            before = daemons[name].cpu() if name in daemons else 0.0
            commits[name] += write_for(application, seconds)
            # What follows the last commit is its work, too.
            time.sleep(1)
            used[name] = used.get(name, 0.0) + (daemons[name].cpu() - before if name in daemons else 0.0)
    found = {}
    for name, times in commits.items():
        ordered = spread(times)
        found[name] = {"commit p50 us": ordered["p50"], "commit p99 us": ordered["p99"]}
        if name in daemons:
            now, peak = daemons[name].memory()
            log = (folder / name / "a.db-wal").stat().st_size
            cpu = used[name] / (TURNS * seconds) * 100
            found[name] |= {"cpu %": cpu, "RSS MB": now, "peak MB": peak, "log MB": log / 1e6}
            daemons[name].stop()
    return found


def write_for(application: apsw.Connection, seconds: float) -> list[float]:
    """Microseconds of each of a thousand commits a second."""
    times: list[float] = []
    started = time.perf_counter()
    while (now := time.perf_counter()) < started + seconds:
        due = started + len(times) / 1000
        if now < due:
            time.sleep(due - now)
        begun = time.perf_counter()
        insert(application)
        times.append((time.perf_counter() - begun) * 1e6)
    return times


def below(folder: Path, name: str) -> Path:
    """A new folder in a folder."""
    made = folder / name
    made.mkdir()
    return made


def run(line: list[str]) -> None:
    """A command that must succeed."""
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def measure_idle(program: list[str], folder: Path, seconds: float) -> dict[str, float]:
    """Processor time and memory beside databases to which nothing is written."""
    result: dict[str, float] = {}
    for count in (1, 100):
        below = folder / str(count)
        below.mkdir()
        paths = [below / f"{number}.db" for number in range(count)]
        for path in paths:
            database(path).close()
        daemon = Running(program, below, paths)
        time.sleep(8)
        before = daemon.cpu()
        time.sleep(seconds)
        result[f"{count}: cpu %"] = (daemon.cpu() - before) / seconds * 100
        result[f"{count}: RSS MB"] = daemon.memory()[0]
        daemon.stop()
    return result


def measure_first(program: list[str], folder: Path, _: float) -> dict[str, float]:
    """Seconds until a database of 500 MB that nobody captured before is in the replica."""
    path = folder / "a.db"
    application = database(path)
    list(application.execute("BEGIN"))
    for _number in range(500):
        list(application.execute("INSERT INTO t (v) VALUES (randomblob(500000) || zeroblob(500000))"))
    list(application.execute("COMMIT"))
    application.close()
    started = time.perf_counter()
    daemon = Running(program, folder, [path])
    seconds = time.perf_counter() - started
    result = {"s": seconds, "cpu s": daemon.cpu(), "peak MB": daemon.memory()[1]}
    daemon.stop()
    return result


def spread(values: list[float]) -> dict[str, float]:
    """Median and outer values."""
    ordered = sorted(values)
    return {
        "p50": statistics.median(ordered),
        "p90": ordered[len(ordered) * 9 // 10],
        "p99": ordered[len(ordered) * 99 // 100],
    }


TOGETHER: dict[str, Callable[[Path, float], dict[str, dict[str, float]]]] = {"wait": measure_wait, "load": measure_load}
"""What is measured of both programs at once."""
ALONE: dict[str, Callable[[list[str], Path, float], dict[str, float]]] = {
    "latency": measure_latency,
    "idle": measure_idle,
    "first": measure_first,
}


def measured(case: str, seconds: float) -> dict[str, dict[str, float]]:
    """One round of a case, by programs."""
    found = {}
    for name, program in PROGRAMS.items():
        folder = Path(tempfile.mkdtemp(prefix="plait-bench-"))
        try:
            if case in TOGETHER:
                return TOGETHER[case](folder, seconds)
            found[name] = ALONE[case](program, folder, seconds)
        finally:
            shutil.rmtree(folder)
    return found


def main() -> None:
    """Run the chosen cases, the programs in turn, and print medians."""
    parser = argparse.ArgumentParser(description="Plait and Litestream in turn")
    cases = (*ALONE, *TOGETHER)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=" ".join(cases))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0)
    arguments = parser.parse_args()
    for case in arguments.cases or cases:
        rounds = [measured(case, arguments.seconds) for _ in range(arguments.rounds)]
        print(f"\n{case}")
        for name, keys in rounds[0].items():
            medians = [f"{key} {statistics.median(one[name][key] for one in rounds):.2f}" for key in keys]
            print(f"  {name:12}{', '.join(medians)}", flush=True)


if __name__ == "__main__":
    main()
