"""The rclone front beside the real rclone: the same command lines on equal trees, exit code, output and log compared.

What differs by nature is taken out: times, speeds, ETAs, and how a store was told to set a directory's time.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plait.cli.fronts.rclone_help import flags_help

PLAIT = Path(sys.executable).with_name("plait")
Maker = Callable[[Path], None]
State = dict[str, tuple[str, int]]

MASKS = (
    (re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d "), ""),
    (re.compile(r"[0-9.]+ [KMG]?i?B/s, ETA .*"), "SPEED"),
    (re.compile(r"^(Elapsed time:).*"), r"\1"),
    # The original shows what its listings have come to while they go on.
    (re.compile(r"(Listed |\"listed\":)\d+"), r"\1N"),
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
    *(f"{verb} --exclude /link" for verb in ("sync s d", "check s d", "ls s", "size s", "check d s")),
    *(f"sync s d {more}" for more in ("--include *.x", "--min-size 1M", "--exclude /lin* --delete-excluded")),
    *(f"sync d s {more}" for more in ("--exclude /link", "--exclude /link --delete-excluded -n --stats 0")),
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


def plant(root: Path, files: dict[str, str], *, at: int = 1_600_000_000) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        set_time(path, at)


def make_mixed(root: Path) -> None:
    plant(root / "s", {"a": "1\n", "both/q": "same", "both/f.tar.gz": "1" * 3000, "c": "AAAA", "p.jpg": "j" * 100})
    plant(
        root / "d", {"a": "12\n", "both/q": "same", "both/f.tar.gz": "old", "c": "BBBB", "old/sub/o": "o", "x.jpg": "x"}
    )
    set_time(root / "s/c", 1_600_000_009)
    (root / "d/empty").mkdir()
    settle(root)


def make_shifted(root: Path) -> None:
    plant(root / "s", {"a": "1\n", "sub/b": "2\n", "sub/c": "new"})
    plant(root / "d", {"a": "1\n", "sub/b": "2\n"}, at=1_500_000_000)
    settle(root)


def make_links(root: Path) -> None:
    plant(root / "s", {"a": "1\n"})
    plant(root / "d", {"a": "1\n", "old": "o"})
    (root / "s/link").symlink_to("a")
    (root / "d/link").symlink_to("old")
    for side, seconds in (("s", 1_600_000_000), ("d", 1_600_000_100)):
        os.utime(root / side / "link", (seconds, seconds), follow_symlinks=False)
    settle(root)


def make_names(root: Path) -> None:
    names = ("a:b", "-x", "nl\nx", "tab\tx", " lead", "trail ", "a\\b", 'q"q', "[x]", "\u240apic", "n" * 255, "d\nir/f")
    plant(root / "s", dict.fromkeys(names, "x"))
    (root / "d").mkdir()
    settle(root)


def make_modes(root: Path) -> None:
    """Files that only their modes tell apart, on both sides, also in one that is deleted."""
    plant(root / "s", {"a": "1\n", "b": "22\n", "same": "s"})
    plant(root / "d", {"b": "1\n", "same": "s", "old": "o", "secret": "x"})
    for name in ("s/a", "d/secret"):
        (root / name).chmod(0o600)
    for name in ("s/b", "s/same", "d/b", "d/same", "d/old"):
        (root / name).chmod(0o644)
    settle(root)


METADATA_RULES = [
    ("sync", "include mode=100644"),
    ("copy", "exclude mode=*600"),
    ("move", "exclude mode=*644"),
    ("sync", "include-from nosuch"),
]


def make_sizes(root: Path) -> None:
    plant(root / "s", {"longer": "11", "other": "a", "same": "s"})
    plant(root / "d", {"longer": "1", "other": "b", "same": "s"})
    settle(root)


def make_linked_destination(root: Path) -> None:
    """Only times differ; the destination's file is a link to another of its files."""
    plant(root / "s", {"a": "1\n"})
    plant(root / "d", {"real/a": "1\n"}, at=1_500_000_000)
    (root / "d/a").symlink_to("real/a")
    settle(root)


def settle(root: Path) -> None:
    for directory, _, _ in os.walk(root, topdown=False):
        set_time(Path(directory), 1_600_000_001)


CASES = [
    (make_mixed, "sync s d --backup-dir bk -v"),
    (make_mixed, "sync s d --suffix .old -v --stats 0"),
    (make_mixed, "sync s d --suffix -v1 --suffix-keep-extension --backup-dir bk -v --stats 0"),
    (make_mixed, "sync s d --backup-dir bk -n --stats 0"),
    (make_mixed, "sync s d --backup-dir d/x -v --stats 0"),
    (make_mixed, "sync s d --max-depth 1 -v --stats 0"),
    (make_mixed, "sync s d --transfers 0 --checkers 0 -v --stats 0"),
    (make_mixed, "sync s d --max-delete 1 --checkers 1 --transfers 1 --exclude /old/** --max-delete-size 0 -q"),
    (make_mixed, "sync s d --max-delete 0 -q"),
    *((make_mixed, f"sync s d --backup-dir {place} --stats 0") for place in ("s/a", ":local,links:bk", "nosuch:")),
    *((make_mixed, f"sync s d --{name}-dest nosuch: --stats 0") for name in ("compare", "copy")),
    *((make_mixed, f"sync s {words} -v") for words in ("nosuch:", "d --filter bad", "d/a")),
    (make_mixed, "sync s d --exclude= -v --stats 0"),
    (make_mixed, "sync nosuch d"),
    (make_mixed, "copy nosuch d --retries 2"),
    (make_mixed, "sync :memory:nosuch d"),
    (make_mixed, "sync s :memory:x/y --exclude /old/** --retries 1"),
    *((make_mixed, f"sync {words} --stats 0") for words in (":local,global.dry_run:s d", "s :local,global.dry_run:d")),
    (make_mixed, "sync s d --immutable -v"),
    # With a filter, rclone does not first try to move the directory as a whole.
    (make_mixed, "move s d --exclude /old/** -v"),
    (make_mixed, "move s d -M --exclude /old/** --delete-empty-src-dirs -q"),
    (make_mixed, "move s d --exclude /old/** --use-json-log -v --stats 0"),
    (make_mixed, "move s d --exclude /old/** --backup-dir bk -v"),
    (make_mixed, "move s d --exclude /old/** --suffix .old -v --delete-empty-src-dirs"),
    (make_shifted, "move s d --exclude nothing -v"),
    (make_mixed, "move s new --exclude nothing -v --stats 0"),
    (make_mixed, "move s d --exclude /old/** --size-only -v"),
    (make_mixed, "ls s --include="),
    (make_mixed, "ls s --metadata-include mode=*"),
    (make_mixed, "sync s/a/ d/ -v --stats 0"),
    (make_mixed, "sync s d/a"),
    (make_mixed, "ls :nosuch:x"),
    (make_mixed, "ls s --exclude {a"),
    (make_mixed, "ls s --filter +a"),
    (make_mixed, "ls s --files-from nosuch"),
    (make_mixed, "ls s --hash-filter 0/0"),
    (make_mixed, "ls s --dump filters --include /a/*.jpg --include {x,y/**} --exclude b/"),
    (make_mixed, "check s d -v --stats 0"),
    (make_mixed, "check s d -v --size-only"),
    (make_mixed, "check s s --one-way -v --stats 0"),
    *((make_mixed, f"sync s d --{name} 1d") for name in ("modify-window", "timeout", "contimeout", "retries-sleep")),
    (make_mixed, "sync s d --timeout 10"),
    (make_mixed, "sync s d --modify-window 9s -v --stats 0"),
    (make_mixed, "sync s d --max-age foo"),
    (make_mixed, "sync s d --stats foo"),
    (make_links, "sync s d --links --backup-dir bk -v --stats 0"),
    *((make_modes, f"{verb} s d --metadata-{rule} -v --stats 0") for verb, rule in METADATA_RULES),
    *((make_mixed, f"check s {other} -n") for other in ("d", "s")),
    *((make_sizes, f"check s d --ignore-size {more}--combined -") for more in ("", "--size-only ", "--download ")),
    (make_linked_destination, "copy -L s d -v --stats 0"),
    (make_linked_destination, "sync -L s d --exclude /real/** -v --stats 0"),
    (make_names, "sync s d -v --stats 0"),
    (make_names, "sync s d -n"),
    (make_names, "ls s"),
    (make_names, "sync s d --combined - --exclude nl\u240ax"),
]


@pytest.mark.parametrize(("make", "words"), CASES)
def test_same_words_and_trees(make: Maker, words: str, rclone: Path, tmp_path: Path) -> None:
    theirs = run_with([rclone], words.split(" "), tmp_path / "theirs", make)
    ours = run_with([PLAIT, "rclone"], words.split(" "), tmp_path / "ours", make)
    assert ours == theirs


ANSWERS = ["y\n" * 9, "y\nq\n", "q\n", "n\ny\n!\n", "s\ns\n", "", "x\nyes\nq\n", " Y \n\nN\n"]


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("more", ["", "--auto-confirm"])
def test_answers_are_acted_on_at_once(answers: str, more: str, rclone: Path, tmp_path: Path) -> None:
    def make(root: Path) -> None:
        plant(root / "s", {"a": "1", "b": "2"})
        plant(root / "d", {"c": "3"})
        settle(root)

    words = ["sync", "s", "d", "-i", "--transfers", "1", "--checkers", "1", *more.split()]
    theirs = run_with([rclone], words, tmp_path / "theirs", make, answers)
    ours = run_with([PLAIT, "rclone"], words, tmp_path / "ours", make, answers)
    assert (ours[0], ours[1], ours[3]) == (theirs[0], theirs[1], theirs[3])
    assert told(ours[2]) == told(theirs[2])


def told(log: list[str]) -> list[str]:
    """The log without statistics: how much is known of what was never begun differs."""
    return [
        line
        for line in log
        if ": " in line and not line.startswith(("Transferred:", "Checks:", "Deleted:", "Elapsed time:"))
    ]


def run_with(
    program: list[str | Path], words: list[str], root: Path, make: Maker, given: str = ""
) -> tuple[int, list[str], list[str], State]:
    """Exit code, output, log, and the tree: content, and time of what is older than the test."""
    root.mkdir()
    make(root)
    done = subprocess.run(
        [*program, "--config=", *words], cwd=root, capture_output=True, text=True, input=given, timeout=60, check=False
    )
    said = done.returncode, masked(done.stdout), [line for line in masked(done.stderr) if not debugs(line)]
    if any("Usage:" in line for line in said[2]):
        said = without_usage(said)
    log = [line for line in dict.fromkeys(said[2]) if "directory modification time" not in line]
    found = state(root)
    shutil.rmtree(root)
    return said[0], said[1], log, found


def debugs(line: str) -> bool:
    return line.startswith("DEBUG ")


def state(root: Path) -> State:
    found = {}
    for path in sorted(root.rglob("*")):
        seconds = int(path.lstat().st_mtime)
        content = "/" if path.is_dir() else f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        found[str(path.relative_to(root))] = content, seconds if seconds < 1_700_000_000 else 0
    return found


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_the_size_of_what_can_be_followed(more: list[str], rclone: Path, tmp_path: Path) -> None:
    """A link that leads nowhere fails the command, and the rest is counted all the same."""
    plant(tmp_path / "s", {"a": "1\n", "sub/b": "22\n"})
    (tmp_path / "s/sub/dangling").symlink_to("nowhere")
    (tmp_path / "s/link").symlink_to("a")
    theirs, ours = (
        subprocess.run([*program, "size", "-L", "s", *more], cwd=tmp_path, capture_output=True, text=True, check=False)
        for program in ([str(rclone), "--config="], [str(PLAIT), "rclone", "--config="])
    )
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert "sub/dangling" in ours.stderr


def test_no_time_is_set_outside_of_the_destination(tmp_path: Path) -> None:
    """Where rclone changes what a link leads to, wherever that is, a file takes the link's place."""
    plant(tmp_path / "s", {"a": "1\n"})
    plant(tmp_path / "outside", {"a": "1\n"}, at=1_500_000_000)
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a").symlink_to("../outside/a")
    words = [str(PLAIT), "rclone", "--config=", "copy", "-L", "s", "d"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert state(tmp_path / "d") == {"a": ("1\n", 1_600_000_000)}
    assert state(tmp_path / "outside") == {"a": ("1\n", 1_500_000_000)}


def test_flags_stand_in_the_original_s_groups(rclone: Path) -> None:
    """Each global flag of the front is one of rclone's, in the same groups; a flag without effect is not listed."""
    answer = subprocess.run([rclone, "help", "flags"], capture_output=True, text=True, check=True)
    theirs = _groups(answer.stdout)
    ours = _groups(flags_help())
    assert len(ours) > 200
    assert ours.pop("s3-sts-endpoint") == ["Backend"], "one that the original takes and does not show"
    assert {flag: theirs.get(flag) for flag in ours} == ours


def _groups(text: str) -> dict[str, list[str]]:
    """The groups of each flag."""
    found: dict[str, list[str]] = {}
    group = ""
    for line in text.splitlines():
        heading = re.search(r"\(flag group (\w+)\)", line)
        flag = re.match(r" +(?:-\w, )?--([a-z0-9-]+)", line)
        if heading is not None:
            group = heading[1]
        elif flag is not None and group:
            found.setdefault(flag[1], []).append(group)
    return found
