"""The rclone front beside the real rclone: the same command lines on equal trees, exit code, output and log compared.

What differs by nature is taken out: times, speeds, ETAs, and how a store was told to set a directory's time.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PLAIT = Path(sys.executable).with_name("plait")

MASKS = (
    (re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d "), ""),
    (re.compile(r"[0-9.]+ [KMG]?i?B/s, ETA .*"), "SPEED"),
    (re.compile(r"^(Elapsed time:).*"), r"\1"),
    (re.compile(r" \(using (Dir)?SetModTime\)"), ""),
    (re.compile(r"Made directory with metadata .*"), "Made directory"),
    (re.compile(r'"(time|source|objectType)":"[^"]*",?'), ""),
    (re.compile(r'"(elapsedTime|transferTime|speed)":[0-9.e-]+,?'), ""),
    (re.compile(r",}$"), "}"),
)


def make_trees(root: Path) -> None:
    """A source and a destination that call for one of each: new, changed, touched, extra, equal, directories."""
    source, destination = root / "s", root / "d"
    for directory in ("s/sub/deep", "s/empty", "s/both", "d/old/sub", "d/both"):
        (root / directory).mkdir(parents=True)
    (source / "a").write_text("1\n")
    (destination / "a").write_text("12\n")
    (source / "sub/deep/n").write_text("n\n")
    (destination / "old/sub/o").write_text("o\n")
    for name in ("t", "both/q"):
        for side in (source, destination):
            (side / name).write_text("same\n")
            set_time(side / name, 1_600_000_000)
    set_time(destination / "t", 1_500_000_000)
    (source / "link").symlink_to("nowhere")
    for directory in ("s/sub/deep", "s/sub", "s/empty", "s/both", "d/both", "d/old/sub", "d/old"):
        set_time(root / directory, 1_600_000_001)


def set_time(path: Path, seconds: int) -> None:
    import os

    os.utime(path, (seconds, seconds))


def run(program: list[str | Path], words: list[str], root: Path, given: str = "") -> tuple[int, list[str], list[str]]:
    root.mkdir()
    make_trees(root)
    done = subprocess.run(
        [*program, *words], cwd=root, capture_output=True, text=True, input=given, timeout=60, check=False
    )
    return done.returncode, masked(done.stdout), masked(done.stderr)


def masked(text: str) -> list[str]:
    """Lines in any order: neither program promises one."""
    lines = []
    for line in text.splitlines():
        if "selfupdate" in line:
            continue
        for pattern, replacement in MASKS:
            line = pattern.sub(replacement, line)  # noqa: PLW2901  (each mask works on what the last one left)
        lines.append(line.rstrip())
    return sorted(lines)


def tree(root: Path) -> dict[str, str | None]:
    found = {}
    for path in sorted(root.rglob("*")):
        content = None if path.is_dir() or path.is_symlink() else path.read_text()
        found[str(path.relative_to(root))] = content
    return found


SAME = [
    "sync s d",
    "sync s d -v",
    "sync s d -q",
    "sync s d -n",
    "sync s d -n -v --stats-one-line",
    "sync s d -v --stats 0",
    "sync s d --log-level ERROR",
    "sync s d --use-json-log",
    "sync s d --skip-links --stats-log-level NOTICE",
    "sync s d --create-empty-src-dirs -v",
    "sync s d --combined - --skip-links",
    "sync s d --missing-on-src - --differ - --match -",
    "sync s d --exclude /sub/** -v",
    "sync --config= s d",
    "sync s s",
    "sync s s/sub",
    "sync s x:",
    "sync s d --backup-dir s/x",
    "sync s d --delete-before --delete-after --config=",
    "sync s d --error-on-no-transfer --exclude * --skip-links",
    "copy s d",
    "copy s s",
    "check s d",
    "check s d --one-way --combined -",
    "check s s",
    "check s d --size-only --missing-on-dst -",
    "ls s",
    "ls s/a --skip-links",
    "ls nosuch",
    "ls s --include *.x --skip-links",
    "size s",
    "size s --json",
    "size nosuch",
    "size s/a --skip-links",
    # What is wrong with a command line.
    "bogus",
    "sync --nope a b",
    "sync -cZ a b",
    "sync --max-delete x a b",
    "sync --max-delete",
    "sync a -f",
    "sync --=x a b",
    "sync ---x a b",
    "sync --dry-run=maybe a b",
    "sync --transfers=many a b",
    "sync --bwlimit foo a b",
    "sync -v -q a b",
    "sync -c=foo a b",
    "--bogus",
]
LAST_LINE = ["sync", "sync a", "sync a b c", "ls", "ls a b", "size a b", "version extra"]


@pytest.mark.parametrize("words", SAME)
def test_same_words(words: str, rclone: Path, tmp_path: Path) -> None:
    theirs = run([rclone], words.split(), tmp_path / "theirs")
    ours = run([PLAIT, "rclone"], words.split(), tmp_path / "ours")
    if "Usage:" in theirs[2]:
        # The usage lists the flags, and Plait's front has fewer; what stands around it is the same.
        theirs, ours = (without_usage(one) for one in (theirs, ours))
    assert ours == theirs
    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")


def without_usage(said: tuple[int, list[str], list[str]]) -> tuple[int, list[str], list[str]]:
    code, out, err = said
    return code, out, [line for line in err if line.startswith(("Error: ", "NOTICE: Fatal error: "))]


@pytest.mark.parametrize("words", LAST_LINE)
def test_the_number_of_words(words: str, rclone: Path, tmp_path: Path) -> None:
    theirs = subprocess.run([rclone, *words.split()], cwd=tmp_path, capture_output=True, text=True, check=False)
    ours = subprocess.run([PLAIT, "rclone", *words.split()], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert ours.stderr.splitlines()[-1] == theirs.stderr.splitlines()[-1]
    assert ours.stderr.splitlines()[:2] == theirs.stderr.splitlines()[:2]


QUESTIONS = ["y\ny\nn\n", "", "x\nq\n", "!\ns\n!\n!\n", "s\n\n"]


@pytest.mark.parametrize("answers", QUESTIONS)
def test_the_same_questions(answers: str, rclone: Path, tmp_path: Path) -> None:
    words = ["sync", "--config=", "-i", "--transfers", "1", "--checkers", "1", "s", "d", "--exclude", "t"]
    theirs = run([rclone], words, tmp_path / "theirs", answers)
    ours = run([PLAIT, "rclone"], words, tmp_path / "ours", answers)
    assert ours[0] == theirs[0]
    # Which action is asked about first is no promise; how it is asked is.
    assert shape(ours[1]) == shape(theirs[1])


def shape(lines: list[str]) -> set[str]:
    words = r"(copy|delete|set directory modification time|remove directory)"
    return {re.sub(words, "ACT", line) for line in lines if not line.startswith("rclone: ")}


def test_environment_as_rclone_reads_it(rclone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RCLONE_EXCLUDE", "a,t")
    monkeypatch.setenv("RCLONE_VERBOSE", "1")
    monkeypatch.setenv("RCLONE_CONFIG", "")
    monkeypatch.setenv("RCLONE_SKIP_LINKS", "true")
    monkeypatch.setenv("PLAIT_DRY_RUN", "true")
    words = ["sync", "s", "d", "--exclude", "/old/**", "--stats", "0"]
    theirs = run([rclone], words, tmp_path / "theirs")
    ours = run([PLAIT, "rclone"], words, tmp_path / "ours")
    assert ours == theirs
    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")


def test_a_remote_from_the_environment_and_from_a_file(
    rclone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "rclone.conf"
    configuration.write_text(f"[place]\ntype = alias\nremote = {tmp_path / 'place'}\n")
    monkeypatch.setenv("RCLONE_CONFIG", str(configuration))
    monkeypatch.setenv("RCLONE_CONFIG_OTHER_TYPE", "alias")
    monkeypatch.setenv("RCLONE_CONFIG_OTHER_REMOTE", "place:sub")
    ours = run([PLAIT, "rclone"], ["sync", "s", "other:x", "--skip-links"], tmp_path / "ours")
    assert ours == (0, [], [])
    checked = run([rclone], ["check", "s", "place:sub/x", "--skip-links", "-q"], tmp_path / "theirs")
    assert checked == (0, [], [])


def test_started_under_the_name_of_rclone(tmp_path: Path) -> None:
    link = tmp_path / "rclone"
    link.symlink_to(PLAIT)
    done = subprocess.run([link, "version"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "rclone v1.75.2"
    assert "- plait/version: " in done.stdout
