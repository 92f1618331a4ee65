"""`make demo`: mirrors made before your eyes, on this machine only.

A folder is mirrored to another folder and to an S3 server that is started for the purpose. The plan is shown before
anything is done, the check comes after, and the real rclone has the last word. Then the folder is kept as snapshots,
one of which is damaged and found out; they are copied to another repository, which is damaged and mended. Then a live
database is replicated, everything is killed, and restored, by Plait and by the real litestream. Everything lives in a
temporary directory, with an empty home, and is removed.
"""

import os
import secrets
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import apsw

from plait.testing.servers import S3Endpoint, rclone_binary, seaweedfs

BUCKET = "demo"
START_SECONDS = 60.0
PLAIT = Path(sysconfig.get_path("scripts")) / "plait"


class Stage:
    """Where the demo plays: a working directory, and an environment in which nothing of the viewer's is found."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        home = directory / "home"
        # Without one, rclone says in every run that there is none.
        configuration = home / ".config/rclone/rclone.conf"
        configuration.parent.mkdir(parents=True)
        configuration.touch()
        self.environment = {
            "HOME": str(home),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "PATH": os.pathsep.join(
                map(str, [PLAIT.parent, rclone_binary().parent, os.environ.get("PATH", os.defpath)])
            ),
        }

    def say(self, text: str) -> None:
        """Print a heading."""
        print(f"\n\033[1m# {text}\033[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)

    def run(self, line: str, *, fails: bool = False) -> None:
        """Show a command line, run it, and end the demo where it fails, or where it is to fail and does not."""
        print(f"$ {line}", flush=True)
        status = subprocess.run(
            shlex.split(line), cwd=self.directory, env=self.environment, check=False, stderr=subprocess.STDOUT
        ).returncode
        if bool(status) is not fails:
            sys.exit(f"demo: `{line}` ended with exit code {status}")

    def serve(self, endpoint: S3Endpoint) -> None:
        """Make the S3 server known to Plait (`s3://BUCKET`) and to rclone (`s3:BUCKET`)."""
        self.environment |= endpoint.environment() | endpoint.rclone_environment()


def make_notes(root: Path) -> None:
    """A small folder of the kind that people have: text, pictures, an archive, a name that is not ASCII."""
    yesterday = time.time() - 86400
    files = {f"letters/2024-{month:02}.txt": f"Letter of month {month}\n" * 40 for month in range(1, 13)}
    files |= {f"recipes/{name}.md": f"# {name}\n" * 20 for name in ("Gugelhupf", "Tarte Tatin", "crème brûlée")}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (yesterday, yesterday))
    (root / "pictures").mkdir()
    (root / "pictures/panorama.raw").write_bytes(os.urandom(24 << 20))


def mirror_a_folder(stage: Stage) -> None:
    """Local to local: plan, apply, check; then a change of every kind."""
    stage.say("A folder and its mirror. First the plan: what would be done, and nothing is.")
    stage.run("plait plan sync notes mirror -o first.plan")
    stage.run("plait plan show first.plan")
    stage.say("The plan is carried out, exactly as shown, and checked.")
    stage.run("plait apply first.plan")
    stage.run("plait check notes mirror")

    stage.say("The folder changes: a file is new, one is edited, one is gone.")
    notes = stage.directory / "notes"
    (notes / "recipes/Linzer Torte.md").write_text("# Linzer Torte\n")
    with (notes / "letters/2024-03.txt").open("a") as letter:
        letter.write("P.S. See you soon.\n")
    (notes / "letters/2024-01.txt").unlink()
    stage.run("plait sync notes mirror --dry-run")
    stage.run("plait sync notes mirror")
    stage.run("plait check notes mirror")


def mirror_to_s3(stage: Stage) -> None:
    """Local to S3 and back."""
    stage.say("The same to S3: the plan first, then the mirror, then the check.")
    stage.run(f"plait plan sync notes s3://{BUCKET}/notes -o s3.plan")
    stage.run("plait plan show s3.plan")
    stage.run("plait apply s3.plan")
    stage.run(f"plait check notes s3://{BUCKET}/notes")
    stage.run(f"plait ls s3://{BUCKET}/notes")
    stage.say("And back again, into an empty place.")
    stage.run(f"plait sync s3://{BUCKET}/notes restored")
    stage.run("plait check notes restored")


def ask_rclone(stage: Stage) -> None:
    """The original tool judges what was written."""
    stage.say("What the real rclone says about both mirrors.")
    stage.run("rclone check notes mirror")
    stage.run(f"rclone check notes s3:{BUCKET}/notes")


def keep_snapshots(stage: Stage) -> None:
    """Local to a repository: two snapshots, one restored, a damaged packfile named."""
    stage.say("The folder as snapshots, in an encrypted repository.")
    make_repository(stage, "safe")
    stage.run("plait at @safe backup --tag demo notes")
    notes = stage.directory / "notes"
    (notes / "recipes/Gugelhupf.md").write_text("# Gugelhupf\n\nThree eggs more.\n")
    stage.say("A file changes, and the next snapshot costs next to nothing.")
    stage.run("plait at @safe backup notes")
    stage.run("plait at @safe ls --tags")
    stage.run("plait at @safe restore --tag demo -o before")
    stage.run("plait restore @safe: -o after")
    stage.run("plait check notes after")
    stage.say("A byte of a packfile goes bad: the check names what is hit.")
    damage(stage.directory / "safe")
    stage.run("plait at @safe check --quiet", fails=True)


def copy_snapshots(stage: Stage) -> None:
    """A repository and its peer: planned, copied, the copy damaged and mended, a snapshot brought back."""
    stage.say("Two repositories with different keys. What the second one lacks is planned, and copied as planned.")
    for name in ("office", "away"):
        make_repository(stage, name)
    stage.run("plait at @office backup --quiet notes")
    with (stage.directory / "notes/letters/2024-02.txt").open("a") as letter:
        letter.write("P.S. The second copy is at a friend's.\n")
    stage.run("plait at @office backup --quiet --tag demo notes")
    stage.run("plait at @office plan sync -o copies.plan to @away")
    stage.run("plait plan show copies.plan")
    stage.run("plait apply copies.plan")
    stage.run("plait at @away check")
    stage.say("A snapshot is removed from the copy, and brought back.")
    stage.run("plait at @away rm --apply --tag demo")
    stage.run("plait at @office sync --dry-run to @away")
    stage.run("plait at @office sync to @away")
    stage.run("plait at @away ls --tags")
    stage.say("A byte of the copy goes bad. That is found out, and mended from the first one.")
    damage(stage.directory / "away")
    stage.run("plait at @away check --quiet", fails=True)
    stage.run("plait at @away repair --apply --no-files --from @office")
    stage.run("plait at @away check --quiet")


def make_repository(stage: Stage, name: str) -> None:
    """An encrypted repository, in a folder of its name, with a key of its own."""
    key = stage.directory / f"{name}.key"
    key.write_text(secrets.token_hex(16))
    key.chmod(0o600)
    stage.run(f"plait store add {name} {stage.directory / name} passphrase_cmd='cat {key}'")
    stage.run(f"plait at @{name} create")


def damage(repository: Path) -> None:
    """Flip a bit of the picture, which fills the largest packfile."""
    largest = max((repository / "packfiles").rglob("*"), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as packfile:
        packfile.seek(1 << 20)
        byte = packfile.read(1)
        packfile.seek(1 << 20)
        packfile.write(bytes((byte[0] ^ 1,)))


def replicate_a_database(stage: Stage) -> None:
    """A live database: written to while it is replicated, everything killed, everything restored."""
    stage.say("A database that a program writes to, replicated while it does: to a folder and to S3.")
    path = stage.directory / "shop.db"
    execute(path, "PRAGMA journal_mode = wal", "CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)")
    places = f"backup/shop s3://{BUCKET}/shop"
    print(f"$ plait replicate --socket shop.sock shop.db {places} &", flush=True)
    daemon = subprocess.Popen(
        [PLAIT, "replicate", "--socket", "shop.sock", "--log-level", "warn", "shop.db", *places.split()],
        cwd=stage.directory,
        env=stage.environment,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (stage.directory / "shop.sock").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        stage.run("plait sync -wait -socket shop.sock shop.db")
        stage.say("The program goes on writing; after each burst, what it wrote is in both replicas.")
        for count in (1_000, 2_000):
            execute(path, *["INSERT INTO orders (what) VALUES (hex(randomblob(40)))"] * count)
            stage.run("plait sync -wait -socket shop.sock shop.db")
        stage.run("plait database list --socket shop.sock")
        stage.say("The daemon is killed, and the database is gone.")
    finally:
        daemon.kill()
        daemon.wait()
    for name in ("shop.db", "shop.db-wal", "shop.db-shm"):
        (stage.directory / name).unlink()
    stage.run(f"plait check s3://{BUCKET}/shop")
    stage.run(f"plait restore s3://{BUCKET}/shop -o shop.db --integrity-check full")
    stage.say("And what the real litestream restores from the folder.")
    stage.run("litestream restore -o other.db file://" + str(stage.directory / "backup/shop"))
    for name in ("shop.db", "other.db"):
        print(f"{name}: {orders(stage.directory / name)} orders of 3000")
    if orders(path) != 3_000 or orders(stage.directory / "other.db") != 3_000:
        sys.exit("demo: orders are missing")


def execute(path: Path, *statements: str) -> None:
    """The program that uses the database."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(30_000)
    for statement in statements:
        connection.execute(statement).fetchall()
    connection.close()


def orders(path: Path) -> int:
    """How many orders a database has."""
    connection = apsw.Connection(str(path))
    try:
        count: int = connection.execute("SELECT count(*) FROM orders").get
        return count
    finally:
        connection.close()


def main() -> None:
    """Play the demo; the exit status is not 0 where any step fails."""
    with tempfile.TemporaryDirectory(prefix="plait-demo-") as scratch, seaweedfs() as endpoint:
        stage = Stage(Path(scratch))
        stage.serve(endpoint)
        endpoint.make_bucket(BUCKET)
        make_notes(stage.directory / "notes")
        mirror_a_folder(stage)
        mirror_to_s3(stage)
        ask_rclone(stage)
        keep_snapshots(stage)
        copy_snapshots(stage)
        replicate_a_database(stage)
        stage.say("What was done, as Plait recorded it.")
        stage.run("plait runs")
        stage.say(
            "Done: mirrors, made and checked; snapshots, restored and copied; a database, lost and brought back. "
            "Nothing is left."
        )


if __name__ == "__main__":
    main()
