"""Restoring a database of 500 MB: Plait and Litestream in turn.

    python -m bench.restore [--rounds N] [--megabytes N] [--s3]

Half of the database is random and half text, as one snapshot and some hundred small files behind it, which Litestream
wrote. With --s3 the replica is in a bucket of a SeaweedFS server that is started for the purpose. What each program
restored is compared at the end.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import apsw

from bench.measure import Competitor, compete, table
from plait.testing.servers import seaweedfs

SCRIPTS = Path(sysconfig.get_path("scripts"))
BUCKET = "bench-restore"
SMALL_FILES = 100


def lay_replica(folder: Path, url: str, megabytes: int, environment: dict[str, str]) -> None:
    """Makes a database and lets Litestream replicate it."""
    path = folder / "big.db"
    connection = apsw.Connection(str(path))
    for statement in ("PRAGMA journal_mode = wal", "CREATE TABLE t (id INTEGER PRIMARY KEY, a BLOB, b TEXT)", "BEGIN"):
        connection.execute(statement)
    noise = random.Random(1)
    for _ in range(megabytes * 280):
        connection.execute("INSERT INTO t (a, b) VALUES (?, ?)", (noise.randbytes(1750), "compresses well " * 109))
    connection.execute("COMMIT")
    configuration = folder / "litestream.yml"
    configuration.write_text(
        f"socket: {{enabled: true, path: {folder}/socket}}\ndbs:\n  - path: {path}\n    replica: {{url: '{url}'}}\n"
    )
    litestream = str(SCRIPTS / "litestream")
    daemon = subprocess.Popen(
        [litestream, "replicate", "-config", str(configuration)], env=environment, stdout=subprocess.DEVNULL
    )
    sync = [litestream, "sync", "-wait", "-timeout", "300", "-socket", str(folder / "socket"), str(path)]
    while subprocess.run(sync, check=False, capture_output=True, env=environment).returncode:
        time.sleep(0.2)
    for number in range(SMALL_FILES):
        connection.execute("UPDATE t SET b = b || 'x' WHERE id BETWEEN ? AND ? + 20", (number * 50, number * 50))
        subprocess.run(sync, check=True, capture_output=True, env=environment)
    connection.close()
    daemon.terminate()
    daemon.wait()


def main() -> None:
    """Lays the replica, restores it with both programs in turn, and prints medians."""
    parser = argparse.ArgumentParser(description="Plait and Litestream restore in turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--s3", action="store_true")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plait-bench-")))
        environment = dict(os.environ)
        # With it, this release of Litestream refuses S3.
        environment["AWS_CA_BUNDLE"] = ""
        url = f"file://{folder}/replica"
        if arguments.s3:
            endpoint = stack.enter_context(seaweedfs(folder))
            endpoint.make_bucket(BUCKET)
            environment |= {
                "LITESTREAM_ACCESS_KEY_ID": endpoint.access_key,
                "LITESTREAM_SECRET_ACCESS_KEY": endpoint.secret_key,
            }
            url = f"s3://{BUCKET}/app?endpoint={endpoint.url}"
        lay_replica(folder, url, arguments.megabytes, environment)

        def competitor(name: str, *program: str) -> Competitor:
            output = folder / f"{name}.db"
            return Competitor(
                name,
                lambda _: [*program, "restore", "-o", str(output), url],
                lambda _: output.unlink(missing_ok=True),
                environment,
            )

        both = [
            competitor("plait", str(SCRIPTS / "plait"), "litestream"),
            competitor("litestream", str(SCRIPTS / "litestream")),
        ]
        where = "S3" if arguments.s3 else "a directory"
        print(table(f"restore of {arguments.megabytes} MB from {where}", compete(both, arguments.rounds)))
        same = subprocess.run(["cmp", folder / "plait.db", folder / "litestream.db"], check=False).returncode == 0
        print("the restored databases are equal" if same else "the restored databases DIFFER")
        sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
