"""The command as a process: signals, closed pipes and descriptors, terminals, encrypted configurations."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PLAIT = Path(sys.executable).with_name("plait")
SIZE = 64 << 20
SLOW = ("--bwlimit", "16M")
"""With it a run of `SIZE` bytes lasts long enough to be met by a signal."""


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "s").mkdir()
    with (tmp_path / "s/big").open("wb") as file:
        file.truncate(SIZE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLAIT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def start(*words: str, **more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # options by name, of any type
        [PLAIT, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def wait_until_it_carries(directory: Path) -> None:
    """Until something is being written in the destination."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if directory.exists() and any(path.stat().st_size for path in directory.iterdir()):
            return
        time.sleep(0.02)
    raise AssertionError("nothing is being carried")


@pytest.mark.parametrize("face", [(), ("rclone", "--config=")])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_in_order(number: signal.Signals, code: int, face: tuple[str, ...], ground: Path) -> None:
    process = start(*face, "sync", *SLOW, "s", "d")
    wait_until_it_carries(ground / "d")
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    assert list((ground / "d").iterdir()) == [], "what was under way is taken back"
    if not face:
        runs = subprocess.run([PLAIT, "runs", "--json"], capture_output=True, text=True, check=True).stdout
        assert json.loads(runs)["status"] == "cancelled"


def test_a_second_signal_leaves_at_once(ground: Path) -> None:
    os.mkfifo(ground / "rules")
    process = start("sync", "--exclude-from", "rules", "s", "d")
    try:
        # The main thread waits inside the operating system for somebody to write rules.
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.0)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    finally:
        process.kill()
        process.communicate()


def test_a_reader_that_goes_away_ends_a_listing_quietly(ground: Path) -> None:
    for number in range(20_000):
        (ground / "s" / f"a-file-of-some-number-{number}").touch()
    process = start("ls", "s")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


def test_a_reader_of_json_that_goes_away_ends_the_run_in_order(ground: Path) -> None:
    for number in range(5_000):
        (ground / "s" / f"a-file-of-some-number-{number}").touch()
    process = start("sync", "--json", "s", "d")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert not list((ground / "d").glob("*.partial"))
    runs = subprocess.run([PLAIT, "runs", "--json"], capture_output=True, text=True, check=True).stdout
    assert json.loads(runs)["status"] == "cancelled"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_are_no_place_for_a_file(closed: str, ground: Path) -> None:
    (ground / "s/big").write_text("content")
    done = subprocess.run(["bash", "-c", f"{PLAIT} sync -v s d {closed}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert (ground / "d/big").read_text() == "content"


def terminal_output(words: list[str], columns: int = 100) -> tuple[int, str]:
    """Runs Plait with a terminal for standard error; what it draws there."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    process = subprocess.Popen([PLAIT, *words], stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    drawn = b""
    while True:
        if not select.select([leader], [], [], 30)[0]:
            process.kill()
            raise AssertionError("it hangs")
        try:
            data = os.read(leader, 65536)
        except OSError:
            break
        if not data:
            break
        drawn += data
    os.close(leader)
    return process.wait(30), drawn.decode("utf-8", "replace")


def test_a_person_sees_progress_and_then_a_summary(ground: Path) -> None:
    code, drawn = terminal_output(["sync", "--bwlimit", "64M", "s", "d"])
    assert code == 0
    assert "64 MiB" in drawn
    assert "0 of 1 transferred" in drawn
    assert "sync: 1 created, 64 MiB in " in drawn.rstrip().splitlines()[-1]
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h"), "the cursor is shown again"
    assert (ground / "d/big").stat().st_size == SIZE


def test_the_front_draws_rclones_block(ground: Path) -> None:
    code, drawn = terminal_output(["rclone", "--config=", "sync", "-P", "--bwlimit", "64M", "s", "d"])
    assert code == 0
    assert "Transferring:\r\n *                                           big:" in drawn
    assert "\x1b[2K\x1b[1A" in drawn
    assert drawn.endswith("s\r\n")
    assert (ground / "d/big").stat().st_size == SIZE


def encrypted(path: Path, rclone: Path, text: str, password: str) -> None:
    """Writes an rclone.conf and lets the real rclone encrypt it."""
    path.write_text(text)
    environment = {**os.environ, "RCLONE_CONFIG": str(path)}
    subprocess.run(
        [rclone, "config", "encryption", "set"],
        env=environment,
        input=f"{password}\n{password}\n",
        text=True,
        capture_output=True,
        check=True,
    )
    assert "RCLONE_ENCRYPT_V0:" in path.read_text()


def test_an_encrypted_configuration(ground: Path, rclone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ground / "s/big").write_text("content")
    path = ground / "rclone.conf"
    encrypted(path, rclone, f"[place]\ntype = alias\nremote = {ground / 'place'}\n", "potato")
    words = [str(PLAIT), "sync", "-q", "--config", str(path), "s", "place:"]

    def run(*more: str) -> tuple[int, str]:
        done = subprocess.run([*words, *more], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        assert "potato" not in done.stderr
        return done.returncode, done.stderr

    code, err = run()
    assert (code, err) == (13, "plait: error: a password is needed, and there is no terminal to ask for it\n")
    monkeypatch.setenv("RCLONE_CONFIG_PASS", "wrong")
    assert run()[0] == 13
    assert not (ground / "place").exists()
    assert run("--password-command", "echo potato") == (0, "")
    monkeypatch.setenv("RCLONE_CONFIG_PASS", "potato")
    assert run() == (0, "")
    assert (ground / "place/big").read_text() == "content"
