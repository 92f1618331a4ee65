"""`make demo`: mirrors made before your eyes, on this machine only.

A folder is mirrored to another folder and to an S3 server that is started for the purpose. The plan is shown before
anything is done, the check comes after, and the real rclone has the last word. Everything lives in a temporary
directory, with an empty home, and is removed at the end.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from plait.testing.servers import S3Endpoint, rclone_binary, seaweedfs

BUCKET = "demo"
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

    def run(self, line: str) -> None:
        """Show a command line, run it, and end the demo where it fails."""
        print(f"$ {line}", flush=True)
        status = subprocess.run(
            shlex.split(line), cwd=self.directory, env=self.environment, check=False, stderr=subprocess.STDOUT
        ).returncode
        if status != 0:
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
        stage.say("What was done, as Plait recorded it.")
        stage.run("plait runs")
        stage.say("Done: two mirrors, planned, made, checked. Nothing is left on this machine.")


if __name__ == "__main__":
    main()
