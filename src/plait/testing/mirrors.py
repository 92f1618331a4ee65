"""The same mirror by the real rclone and by Plait: for tests that compare what both leave behind.

Each of the two programs gets its own copy of the same trees; what differs afterwards is a finding.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plait.engine.events import AttemptEnded, Compared, Failed, Finished, Message
from plait.mirror import check, mirroring, options, settings
from plait.mirror.reports import VERDICTS, Reports
from plait.mirror.status import check_transferred, exit_code
from plait.model.errors import PlaitError
from plait.model.options import OptionSet, Repeat, Values
from plait.stores.location import parse_rclone_location
from plait.stores.registry import Opening

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.engine.events import Event

EPOCH = 1_600_000_000_000_000_000
"""The time of files for which a tree gives none, in nanoseconds."""
VERB_OPTIONS = {"sync": options.SYNC, "copy": options.COPY, "move": options.MOVE, "check": options.CHECK}
_DROP_FROM_BOUNDING_SET = 24  # PR_CAPBSET_DROP of prctl(2)
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2  # capabilities(7)
REPORTS = ("combined", *(name.replace("_", "-") for name in VERDICTS))


@dataclass(frozen=True)
class File:
    """A file of a tree: its content, modification time in nanoseconds, and, for a link, what it leads to instead."""

    content: bytes = b""
    modified: int = EPOCH
    link: str | None = None


Tree = dict[str, File | None]
"""Files by path; None is a directory."""


@dataclass(frozen=True)
class Outcome:
    """What a program left behind: exit code, both trees, its report files (lines sorted), and what it said."""

    code: int
    source: Tree
    destination: Tree
    reports: Mapping[str, list[str]] = field(default_factory=dict)
    log: tuple[str, ...] = ()

    def logged(self, text: str) -> bool:
        """True where a line of the log holds `text`."""
        return any(text in line for line in self.log)


def plant(root: Path, tree: Mapping[str, File | None]) -> None:
    """Makes the tree in the directory `root`, directory times last."""
    root.mkdir(parents=True, exist_ok=True)
    for path, entry in tree.items():
        place = root / path
        if entry is None:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if entry.link is not None:
            place.symlink_to(entry.link)
        else:
            place.write_bytes(entry.content)
        os.utime(place, ns=(entry.modified, entry.modified), follow_symlinks=False)
    for directory, _, _ in os.walk(root, topdown=False):
        os.utime(directory, ns=(EPOCH, EPOCH))


def harvest(root: Path) -> Tree:
    """The tree in the directory `root`; nothing where there is no such directory."""
    tree: Tree = {}
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            place = Path(directory, name)
            path = str(place.relative_to(root))
            if place.is_symlink():
                tree[path] = File(b"", place.lstat().st_mtime_ns, str(place.readlink()))
            elif place.is_dir():
                tree[path] = None
            else:
                tree[path] = File(place.read_bytes(), place.stat().st_mtime_ns)
    return tree


@dataclass(frozen=True)
class Twins:
    """Runs the same command with both programs, each in a directory of its own below `base`.

    The words `SOURCE`, `DEST` and `BASE` in flags stand for the paths there. Plait runs in this process, or with
    `front` as `plait rclone` in one of its own, where permissions hold for root as well.
    """

    base: Path
    rclone: Path
    front: bool = False
    unreadable: tuple[str, ...] = ()
    """Paths below the program's directory (`source/a`) that nobody may read, also root (only with `front`)."""

    def run(
        self,
        verb: str,
        source: Tree,
        destination: Tree | None,
        flags: Sequence[str] = (),
        others: Mapping[str, Tree] | None = None,
    ) -> tuple[Outcome, Outcome]:
        """What rclone did, and what Plait did. `destination` None: it does not exist beforehand.

        `others`: further trees below the program's directory, by name.
        """
        trees = {"source": source} | ({} if destination is None else {"dest": destination}) | dict(others or {})
        return (
            self._run("rclone", self._rclone, verb, trees, flags),
            self._run("plait", self._plait, verb, trees, flags),
        )

    def _run(self, name: str, execute: Any, verb: str, trees: Mapping[str, Tree], flags: Sequence[str]) -> Outcome:
        base = self.base / name
        shutil.rmtree(base, ignore_errors=True)
        for place, tree in trees.items():
            plant(base / place, tree)
        for path in self.unreadable:
            if (base / path).exists():
                (base / path).chmod(0)
        places = {"SOURCE": str(base / "source"), "DEST": str(base / "dest"), "BASE": str(base)}
        words = [_replaced(flag, places) for flag in flags]
        words += [f"--{report}={base}/report-{report}" for report in REPORTS]
        code, log = execute(verb, [places["SOURCE"], places["DEST"]], words)
        reports = {
            report: sorted(path.read_text(errors="surrogateescape").splitlines() if path.exists() else [])
            for report, path in ((report, base / f"report-{report}") for report in REPORTS)
        }
        return Outcome(code, harvest(base / "source"), harvest(base / "dest"), reports, tuple(log))

    def _rclone(self, verb: str, places: list[str], flags: list[str]) -> tuple[int, list[str]]:
        return _program([str(self.rclone)], verb, places, flags)

    def _plait(self, verb: str, places: list[str], flags: list[str]) -> tuple[int, list[str]]:
        if self.front:
            return _program([sys.executable, "-m", "plait", "rclone"], verb, places, flags)
        return run_plait(verb, places, flags)


def _program(program: list[str], verb: str, places: list[str], flags: list[str]) -> tuple[int, list[str]]:
    command = [*program, "--config", "", "-vv", verb, *places, *flags]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, errors="surrogateescape", preexec_fn=obey_permissions
    )
    return answer.returncode, answer.stderr.splitlines()


def obey_permissions() -> None:
    """Makes the programs that this process starts from now on mind the permissions of files, even for root (Linux)."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        libc.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)


def run_plait(verb: str, places: Sequence[str], flags: Sequence[str] = ()) -> tuple[int, list[str]]:
    """Runs a verb of the mirror in this process, and returns its exit code and what it told the event stream."""
    values = read_flags(VERB_OPTIONS[verb], flags)
    log: list[str] = []

    def listen(event: Event) -> None:
        line = _line(event)
        if line is not None:
            log.append(line)

    around = mirroring.Surroundings(parse=parse_rclone_location)
    around.events.subscribe(listen)
    source, destination = map(parse_rclone_location, places)
    try:
        opening = Opening(
            NoRemotes(),
            local=settings.local_options(values, writes=verb != "check"),
            notice=lambda key, text: log.append(f"{key}: {text}"),
        )
        with open(os.devnull, "wb") as nowhere:
            reports = Reports.open(values, nowhere)
        if reports is not None:
            around.events.subscribe(reports)
        try:
            if verb == "check":
                error = check.check(source, destination, values, opening, around).error
            else:
                mode = settings.Mode(verb)
                with mirroring.Mirror(mode, source, destination, values, opening, around) as mirror:
                    result = mirror.run()
                error = result.error
                if values.error_on_no_transfer:
                    check_transferred(result)
        finally:
            if reports is not None:
                reports.close()
    except PlaitError as raised:
        log.append(str(raised))
        error = raised
    return int(exit_code(error)), log


def read_flags(known: OptionSet, flags: Sequence[str]) -> Values:
    """The values of flags written as `--name` or `--name=value`."""
    parsed: dict[str, Any] = {}
    for flag in flags:
        name, _, text = flag.removeprefix("--").partition("=")
        option = known.named(name)
        if option is None:
            raise ValueError(f"unknown flag: {flag}")
        value = option.type.parse(text or "true") if option.type.is_switch else option.type.parse(text)
        if option.repeat is Repeat.APPEND:
            value = (*parsed.get(option.destination, ()), value)
        parsed[option.destination] = value
    return Values(known, parsed, dict.fromkeys(parsed, "command line"))


class NoRemotes:
    """A configuration without remotes."""

    def backend(self, name: str) -> str:
        raise ValueError(name)

    def options(self, name: str, backend: str, overrides: Mapping[str, str]) -> Mapping[str, str]:
        del name, backend
        return overrides

    def save(self, name: str, key: str, value: str) -> None:
        raise ValueError(name, key, value)


def _replaced(flag: str, places: Mapping[str, str]) -> str:
    for word, place in places.items():
        flag = flag.replace(word, place)
    return flag


def _line(event: Event) -> str | None:
    match event:
        case Message():
            return f"{event.subject}: {event.text}"
        case Finished():
            outcome = event.outcome
            return f"{outcome.action.key}: {outcome.error or outcome.detail or outcome.status}"
        case Failed():
            return f"{event.subject}: {event.error}"
        case AttemptEnded():
            return f"attempt {event.number}/{event.attempts}: {event.errors} errors: {event.last}"
        case Compared() if event.error is not None:
            return f"{event.error}"
    return None
