"""The verbs beside sync, copy, move and check, as the real rclone has them: output, log, exit code and what is left.

Both programs run the same command lines on equal trees, rclone as a process, Plait in this one.
"""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from plait.cli.main import main
from plait.testing.servers import S3Endpoint

PLANTED = 1_600_000_000_123_456_000
RECENT = 600 * 10**9
LINES = [line for line in Path(__file__).with_name("verbs.txt").read_text().splitlines() if line]
S3_LINES = [line for line in Path(__file__).with_name("verbs_s3.txt").read_text().splitlines() if line]
MASKS = (
    (re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d "), ""),
    (re.compile(r"[0-9.]+ [KMG]?i?B/s, ETA .*"), "SPEED"),
    (re.compile(r"^(Elapsed time:).*"), r"\1"),
    (re.compile(r" \(using (Dir)?SetModTime\)"), ""),
)
HELP = ("  ", "Flags", "Important flags", 'Use "', "Usage", "Available commands")
"""How the lines of a usage begin, which says in Plait's own words what a flag does."""
ANY_ORDER = re.compile(r"^(md5sum|sha1sum|hashsum|checksum|lsf?.* -R|lsl |ls |lsd .*-R|config )|--max-depth")
"""Verbs that list several directories at once, in rclone in any order."""


@dataclass(frozen=True)
class Ran:
    code: int
    output: list[str]
    log: list[str]
    tree: dict[str, object]


def write(path: Path, content: str, modified: int = PLANTED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, ns=(modified, modified))


def plant(root: Path) -> None:
    for directory in ("s/empty", "d/x/y", "d/z", "only/e"):
        (root / directory).mkdir(parents=True)
    write(root / "s/a.txt", "hello world\n")
    write(root / "s/b10.jpg", "x" * 1500)
    write(root / "s/b9.jpg", "y")
    write(root / "s/sub/c.md", "# c\n", 1_700_000_000 * 10**9)
    write(root / "s/sub/deep/d,q.csv", "1,2\n")
    write(root / "s/.hid/h", "h")
    write(root / 's/uni \u00e9"q.txt', "u")
    write(root / "s/empty.bin", "")
    write(root / "d/x/f", "f")
    write(root / "d/a.txt", "other\n")
    write(
        root / "sums.md5",
        "6f5902ac237024bdd0c176cb93063dc4  a.txt\nd41d8cd98f00b204e9800998ecf8427e  b9.jpg\n"
        "0cc175b9c0f1b6a831c399e269772661  missing\nbad line\n",
    )
    (root / "s/link").symlink_to("nowhere")
    write(
        root / "rclone.conf",
        "[s]\ntype = s3\nprovider = Other\naccess_key_id = AK\nsecret_access_key = SEC\ndescription = my s3\n\n"
        "[al]\ntype = alias\nremote = /tmp\n\n"
        "[sf]\ntype = sftp\nhost = example.com\npass = U102-kBFkI_7ak3T_OI_ek_KDaR9KA\n\n",
    )
    for directory, _, _ in os.walk(root):
        os.utime(directory, (1_600_000_001, 1_600_000_001))


def harvest(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    now = time.time_ns()
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = Path(directory, name)
            key = str(path.relative_to(root))
            if path.is_symlink() or path.is_dir():
                found[key] = path.is_dir()
            else:
                modified = path.stat().st_mtime_ns
                content = path.read_bytes()
                # The order of what several threads wrote is nobody's.
                lines = sorted(filter(None, content.split(b"\n"))) if b"\n" in content else content
                found[key] = (lines, "recent" if now - modified < RECENT else modified)
    return found


def masked(text: str) -> list[str]:
    lines = []
    for line in text.split("\n"):
        for pattern, replacement in MASKS:
            line = pattern.sub(replacement, line)  # noqa: PLW2901  (each mask works on what the last one left)
        if line.strip() and not line.startswith(HELP):
            lines.append(line.rstrip())
    return sorted(lines)


def taken_apart(line: str) -> tuple[list[str], str, dict[str, str]]:
    """The words of a command line, what it is given, and the variables it runs under."""
    line, _, given = line.partition(" <<< ")
    line, _, variables = line.partition(" @@ ")
    return shlex.split(line), given, dict(word.split("=", 1) for word in variables.split())


@contextlib.contextmanager
def piped(text: str) -> Iterator[TextIO]:
    """A pipe that holds a short text, and ends."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        yield pipe


@pytest.fixture
def ours(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[[list[str], str], tuple[int, str, str]]:
    def run(words: list[str], given: str) -> tuple[int, str, str]:
        capfdbinary.readouterr()
        with piped(given) as standard:
            monkeypatch.setattr(sys, "stdin", standard)
            code = main(words, "rclone")
        sys.stdout.flush()
        said = capfdbinary.readouterr()
        return code, said.out.decode("utf-8", "surrogateescape"), said.err.decode("utf-8", "surrogateescape")

    return run


def theirs(rclone: Path, words: list[str], given: str) -> tuple[int, str, str]:
    done = subprocess.run([rclone, *words], capture_output=True, input=given.encode(), timeout=120, check=False)
    return done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="surrogateescape")


@pytest.fixture
def local_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def go(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield go
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("line", LINES)
def test_local_trees(
    line: str,
    rclone: Path,
    tmp_path: Path,
    ours: Callable[[list[str], str], tuple[int, str, str]],
    local_time: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words, given, variables = taken_apart(line)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    local_time(variables.get("TZ", "UTC"))
    ran = []
    programs: list[Callable[[], tuple[int, str, str]]] = [
        lambda: theirs(rclone, words, given),
        lambda: ours(words, given),
    ]
    for program in programs:
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        monkeypatch.chdir(root)
        plant(root)
        code, output, log = program()
        lines = output.split("\n")
        ran.append(Ran(code, sorted(lines) if ANY_ORDER.search(line) else lines, masked(log), harvest(root)))
    assert ran[1] == ran[0]


def test_a_device_without_content_is_no_file_to_store(
    rclone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["rcat", str(tmp_path / "none.txt"), "--config="]
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        rcloned = subprocess.run([rclone, *words], stdin=nothing, capture_output=True, text=True, check=False)
        monkeypatch.setattr(sys, "stdin", nothing)
        code = main(words, "rclone")
    assert (code, masked(capsys.readouterr().err)) == (rcloned.returncode, masked(rcloned.stderr))
    assert not (tmp_path / "none.txt").exists()


@pytest.mark.parametrize("line", S3_LINES)
def test_buckets(  # noqa: PLR0917  (fixtures)
    line: str,
    rclone: Path,
    seaweedfs: S3Endpoint,
    bucket: str,
    tmp_path: Path,
    ours: Callable[[list[str], str], tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path / "tree/a.txt", "hello\n")
    write(tmp_path / "tree/sub/b.md", "x\n")
    write(tmp_path / "tree/sub/deep/c", "y\n")
    monkeypatch.chdir(tmp_path)
    ran = []
    for name in (bucket, f"{bucket}-2"):
        for variable, value in seaweedfs.rclone_environment("sw").items():
            monkeypatch.setenv(variable, value)
        theirs(rclone, ["--config=", "copy", "tree", f"sw:{name}/d"], "")
        words, given, _ = taken_apart(line.replace("BUCKET", name) + " --config=")
        code, output, log = theirs(rclone, words, given) if name == bucket else ours(words, given)
        _, left, _ = theirs(rclone, ["--config=", "lsl", f"sw:{name}"], "")
        tidy = [text.replace(name, "BUCKET") for text in (output, log, left)]
        now = re.compile(time.strftime("%Y-%m-%d .*? ", time.gmtime()))
        listed = sorted(now.sub("NOW ", text) for text in tidy[2].split("\n"))
        ran.append(Ran(code, sorted(tidy[0].split("\n")), masked(tidy[1]), {"left": listed}))
    assert ran[1] == ran[0]
