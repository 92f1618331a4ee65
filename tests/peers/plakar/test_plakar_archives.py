"""Duplicates and archives by each program are the other's, and the commands say what the original says."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request
from typing import TYPE_CHECKING

import pytest
from tests.peers.plakar.conftest import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.plakar.conftest import Done, Programs

WORDS = """
at plain dup
at plain dup -h
at plain dup -x
ptar -h
ptar
ptar -plaintext -o x.ptar -hashing MD5 tree
ptar -plaintext -o x.ptar /nosuch
ptar -plaintext -o x.ptar @nosuch
ptar -plaintext -o x.ptar -k @nosuch
ptar -plaintext -o there.ptar tree
ptar -plaintext -o nosuch/x.ptar tree
at plain mount -h
at plain mount -to nosuch
at plain mount -to /
at plain mount zz
at plain archive
at plain archive -format rar 66ce
at plain archive -output nosuch/x 66ce
at plain archive 66ce:nosuch
at plain diff -recursive 66ce 2305
"""


def lay_tree(directory: Path) -> Path:
    tree = directory / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/file").write_bytes(b"content\n" * 1000)
    (tree / "link").symlink_to("sub/file")
    (tree / "large").write_bytes(os.urandom(3_000_000))
    return tree


@pytest.mark.parametrize("line", WORDS.split("\n")[1:-1])
def test_a_command_line(line: str, programs: Programs) -> None:
    programs.unpack("plain")
    lay_tree(programs.directory)
    (programs.directory / "there.ptar").write_bytes(b"")
    # The original leaves a broken archive behind where it fails.
    ours, theirs = programs.front(*line.split(), status=None), programs.plakar(*line.split(), status=None)
    assert ours == theirs


def lines(done: Done, *wanted: str) -> list[str]:
    """The lines that begin so, without what differs by nature."""
    return [line for line in done.out.splitlines() if line.startswith(wanted or ("",))]


def roots(programs: Programs, *place: str) -> list[str]:
    """The root of each snapshot's tree, newest first."""
    listed = [line.split()[1] for line in programs.plakar(*place, "ls").out.splitlines()]
    return [lines(programs.plakar(*place, "info", name), " - Root:")[0] for name in listed]


def test_a_duplicate_is_read_by_the_original(programs: Programs) -> None:
    programs.unpack("plain")
    before = roots(programs, "at", "plain")
    programs.front("at", "plain", "dup", "66ce")
    programs.plakar("at", "plain", "dup", "66ce")
    (first, second, *others) = roots(programs, "at", "plain")
    assert (first, others) == (second, before)
    assert first in before
    # What the original loses: what is said of the run that made the snapshot.
    listed = [line.split()[1] for line in programs.plakar("at", "plain", "ls").out.splitlines()]
    told = [lines(programs.plakar("at", "plain", "info", name), " - CommandLine:") for name in (*listed[:2], "66ce")]
    assert told[0] != told[1] == told[2]
    assert "KO" not in programs.plakar("at", "plain", "check").err


@pytest.mark.parametrize("options", [("-plaintext",), (), ("-plaintext", "-no-compression", "-hashing", "SHA256")])
def test_archives_are_each_others(options: tuple[str, ...], programs: Programs) -> None:
    programs.unpack("plain")
    tree = lay_tree(programs.directory)
    arguments = ("ptar", *options, "-k", "plain")
    programs.front(*arguments, "-o", "ours.ptar", "tree")
    programs.plakar(*arguments, "-o", "theirs.ptar", "tree")
    for name in ("ours.ptar", "theirs.ptar"):
        listed = [
            [line.split()[1:] for line in program("at", name, "ls", "-uuid").out.splitlines()]
            for program in (programs.plakar, programs.front)
        ]
        assert listed[0] == listed[1]
        assert len(listed[0]) == 1 + len(programs.plakar("at", "plain", "ls").out.splitlines())
        for program in (programs.plakar, programs.front):
            checked = program("at", name, "check")
            assert "KO" not in checked.out + checked.err
            found = program("at", name, "cat", f"{listed[0][0][0]}:sub/file")
            assert found.out.encode() == (tree / "sub/file").read_bytes()
    # The same trees under keys of their own: the same sizes to within the compression of the last frame.
    ours, theirs = ((programs.directory / name).stat().st_size for name in ("ours.ptar", "theirs.ptar"))
    assert abs(ours - theirs) < theirs // 50


def test_a_repository_comes_back_from_an_archive(programs: Programs) -> None:
    programs.unpack("plain")
    before = roots(programs, "at", "plain")
    programs.front("ptar", "-plaintext", "-o", "all.ptar", "-k", "plain")
    for number, program in enumerate((programs.plakar, programs.front)):
        programs.plakar("at", f"back{number}", "create", "-plaintext")
        program("at", f"back{number}", "sync", "from", "all.ptar")
        names = [
            sorted(line.split()[1] for line in programs.plakar("at", place, "ls", "-uuid").out.splitlines())
            for place in ("plain", f"back{number}")
        ]
        assert names[0] == names[1]
        assert len(before) == len(names[0])


def test_pages_are_the_originals(programs: Programs) -> None:
    programs.unpack("plain")
    listed = [line.split()[1] for line in programs.plakar("at", "plain", "ls", "-uuid").out.splitlines()]
    whole = next(name for name in listed if name.startswith("66ce"))
    answers = []
    for number, command in enumerate(([PROGRAM], ["plait", "plakar"])):
        address = f"http://127.0.0.1:{19_777 + number}"
        process = subprocess.Popen(
            [*command, "at", "plain", "mount", "-to", address],
            cwd=programs.directory,
            env=programs.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"info: HTTP serving at {address}\n".encode()
            answers.append(fetch(f"{address}/{whole}/data/src/docs/page.html"))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert answers[0] == answers[1]


def fetch(url: str) -> bytes:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                body: bytes = answer.read()
                return body
        except ConnectionError:
            continue
        except OSError as error:
            if not isinstance(getattr(error, "reason", None), ConnectionError):
                raise
    message = f"{url} does not answer"
    raise AssertionError(message)
