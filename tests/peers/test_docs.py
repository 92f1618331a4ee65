"""The commands that the documentation shows, run in an empty directory; what they print is what it shows."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from plait.repository.format import configuration
from plait.repository.format.derivation import Argon2id, derive_key
from plait.repository.format.encryption import Cipher
from plait.testing.servers import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.testing.servers import S3Endpoint

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"\b(?:\d{8}T\d{6}Z-[0-9a-f]{6}|[0-9a-f]{8})\b")
"""What the program calls a run or a snapshot."""
VARIES = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "IDENTIFIER"),
    (NAME, "NAME"),
    (re.compile(r"in \d[\d.]*(?:ms|µs|s) \(in: .*? out: .*?\)"), "FIGURES"),
    (re.compile(r"\d{4}[/-]\d\d[/-]\d\d[ T]\d\d:\d\d:\d\dZ?"), "MOMENT"),
    (re.compile(r"\b\d+\.\d+ ?s\b"), "DURATION"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "TRANSACTION"),
)
KEY_FILE = re.compile(r" create .*--keyfile (\S+)")
CHEAP = Argon2id(time=1, memory=64)
"""Costs of a key that a page need not wait a second for with every command; repositories keep theirs."""
REMOTE = """\
[box]
type = s3
provider = Minio
endpoint = {0.url}
access_key_id = {0.access_key}
secret_access_key = {0.secret_key}
"""


class Shown(NamedTuple):
    """A command of a page and what the page shows of its output."""

    command: str
    output: list[str]


def shown(page: Path) -> Iterator[Shown]:
    """The commands of a page's console blocks, in order."""
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *output = part.splitlines()
            yield Shown(command, output)


def steady(lines: list[str], directory: Path) -> list[str]:
    """The lines and their words without what differs from run to run, in one order.

    Two streams are one here, and counts by verb stand in the order in which the first of each ended.
    """
    kept = []
    for line in lines:
        text = line.replace(str(directory), "/home/you")
        for pattern, name in VARIES:
            text = pattern.sub(name, text)
        kept.append(" ".join(sorted(re.split(r"[ ,]+", text.strip()))))
    return sorted(kept)


class Shell:
    """Runs commands one after the other, each in the directory and with the exit status that the last one left."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self._environment = environment
        self._status = 0
        self._names: dict[str, str] = {}

    def run(self, step: Shown) -> list[str]:
        """The lines that the command prints. Names are those of this shell, not the page's."""
        command = NAME.sub(lambda found: self._names.get(found[0], found[0]), step.command)
        done = subprocess.run(
            ["/bin/bash", "-c", f"(exit {self._status})\n{command}"],
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        self._status = done.returncode
        made = KEY_FILE.search(step.command)
        if made is not None and not done.returncode:
            make_cheap(self.directory, (self.directory / made[1]).read_bytes().removesuffix(b"\n"))
        lines = done.stdout.splitlines()
        self._names |= zip(NAME.findall("\n".join(step.output)), NAME.findall(done.stdout), strict=False)
        return lines


def make_cheap(directory: Path, passphrase: bytes) -> None:
    """Gives the new repository, in which nothing is stored yet, a key by the same passphrase that costs little."""
    for path in directory.glob("*/CONFIG"):
        found = configuration.read(path.read_bytes())
        if found.encryption is None or found.encryption.derivation.argon2id == CHEAP:
            continue
        derivation = msgspec.structs.replace(found.encryption.derivation, argon2id=CHEAP)
        key = derive_key(passphrase, derivation)
        encryption = found.encryption
        cipher = Cipher(key, encryption.sub_key_algorithm, encryption.data_algorithm, encryption.chunk_size, os.urandom)
        encryption = msgspec.structs.replace(encryption, derivation=derivation, canary=cipher.encrypt(os.urandom(32)))
        path.write_bytes(configuration.write(msgspec.structs.replace(found, encryption=encryption), key))


@pytest.fixture
def shell(tmp_path: Path, seaweedfs: S3Endpoint) -> Iterator[Shell]:
    """A shell with Plait, an S3 server with the bucket `holiday`, and the remote `box:` on that server.

    A daemon whose number is in the file `pid` ends with it.
    """
    home, work = tmp_path / "home", tmp_path / "work"
    rclone = home / ".config/rclone/rclone.conf"
    rclone.parent.mkdir(parents=True)
    rclone.write_text(REMOTE.format(seaweedfs))
    work.mkdir()
    with contextlib.suppress(ServerError):
        seaweedfs.make_bucket("holiday")
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    yield Shell(work, os.environ | seaweedfs.environment() | {"HOME": str(home), "PATH": path, "LC_ALL": "C"})
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((work / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    "page",
    [
        *("tutorial", "how-to/filters", "how-to/plans", "how-to/databases", "how-to/snapshots"),
        "how-to/syncing-repositories",
        "how-to/upkeep",
        "how-to/using-snapshots",
    ],
)
def test_a_page_shows_what_its_commands_print(page: str, shell: Shell) -> None:
    steps = list(shown(DOCS / f"{page}.md"))
    assert len(steps) > 9
    for step in steps:
        assert steady(shell.run(step), shell.directory) == steady(step.output, shell.directory), step.command
