"""The mirror's benchmark cases: what is laid out, and who competes with which command."""

from __future__ import annotations

import os
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Competitor, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.testing.servers import S3Endpoint

FILES_IN_A_DIRECTORY = 100


@dataclass(frozen=True)
class Ground:
    """Where a benchmark works, and with which programs; `s5cmd` and `rsync` compete where they are installed."""

    root: Path
    plait: Path
    rclone: Path
    rsync: str | None
    s5cmd: str | None
    s3: S3Endpoint | None = None

    def fresh(self, name: str) -> Path:
        """A directory name that was never used: removing a tree just before a run makes every copier slower."""
        return self.root / "fresh" / name


def ground(root: Path, s3: S3Endpoint | None) -> Ground:
    """The programs beside this interpreter and on the path."""
    scripts = Path(sysconfig.get_path("scripts"))
    return Ground(root, scripts / "plait", scripts / "rclone", shutil.which("rsync"), shutil.which("s5cmd"), s3)


def lay_files(root: Path, count: int, size: int) -> Path:
    """`count` files of `size` random bytes, 100 in a directory."""
    if root.exists():
        return root
    for number in range(count):
        directory = root / f"d{number // FILES_IN_A_DIRECTORY:05}"
        if number % FILES_IN_A_DIRECTORY == 0:
            directory.mkdir(parents=True)
        (directory / f"f{number:07}").write_bytes(os.urandom(size))
    return root


def lay_big_file(root: Path, size: int) -> Path:
    """One file of `size` random bytes."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / "big"
    if not path.exists():
        with path.open("wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))
    return root


def plait(ground: Ground, *words: str | Path) -> Sequence[str | Path]:
    """A command line of Plait."""
    return (ground.plait, *words)


def rclone(ground: Ground, *words: str | Path) -> Sequence[str | Path]:
    """A command line of the real rclone, without a configuration file."""
    return (ground.rclone, "--config", "", *words)


def _each_fresh(ground: Ground, case: str, name: str, command: Callable[[Path], Sequence[str | Path]]) -> Competitor:
    return Competitor(name, lambda number: command(ground.fresh(f"{case}-{name.replace(' ', '_')}-{number}")))


def first_copy(ground: Ground, case: str, source: Path) -> list[Competitor]:
    """A first local mirror of `source`, into a fresh directory each time."""
    (ground.root / "fresh").mkdir(exist_ok=True)
    competitors = [
        _each_fresh(ground, case, "plait", lambda to: plait(ground, "sync", source, to)),
        _each_fresh(ground, case, "rclone", lambda to: rclone(ground, "sync", source, to)),
        _each_fresh(
            ground,
            case,
            "rclone tuned",
            lambda to: rclone(ground, "sync", "--ignore-checksum", "--inplace", "--transfers=8", source, to),
        ),
        _each_fresh(ground, case, "cp -a", lambda to: ("cp", "-a", "--reflink=never", source, to)),
    ]
    rsync = ground.rsync
    if rsync:
        competitors.append(_each_fresh(ground, case, "rsync -a", lambda to: (rsync, "-a", f"{source}/", to)))
    return competitors


def unchanged(ground: Ground, source: Path, mirror: Path) -> list[Competitor]:
    """Nothing to do: both trees are equal."""
    if not mirror.exists():
        run(("cp", "-a", source, mirror), os.environ)
    competitors = [
        Competitor("plait", lambda _: plait(ground, "sync", source, mirror)),
        Competitor("rclone", lambda _: rclone(ground, "sync", source, mirror)),
    ]
    rsync = ground.rsync
    if rsync:
        competitors.append(Competitor("rsync -a", lambda _: (rsync, "-a", "--delete", f"{source}/", mirror)))
    return competitors


def _tuned(ground: Ground, *words: str | Path) -> Sequence[str | Path]:
    return rclone(
        ground,
        "sync",
        "--transfers=32",
        "--checkers=32",
        "--fast-list",
        "--s3-no-head",
        "--s3-no-check-bucket",
        "--s3-upload-concurrency=8",
        "--s3-chunk-size=32M",
        "--s3-disable-checksum",
        *words,
    )


def upload(ground: Ground, case: str, source: Path) -> list[Competitor]:
    """A first mirror of `source` into a fresh bucket each time."""
    s3 = endpoint(ground)

    def bucket(name: str, number: int) -> str:
        return f"{case}-{name}-{number}"

    def competitor(name: str, command: Callable[[str], Sequence[str | Path]]) -> Competitor:
        return Competitor(
            name.replace("-", " "),
            lambda number: command(bucket(name, number)),
            before=lambda number: s3.make_bucket(bucket(name, number)),
            environment=environment(s3),
        )

    competitors = [
        competitor("plait", lambda name: plait(ground, "sync", source, f"s3:{name}")),
        competitor("rclone", lambda name: rclone(ground, "sync", source, f"s3:{name}")),
        competitor("rclone-tuned", lambda name: _tuned(ground, source, f"s3:{name}")),
    ]
    s5cmd = ground.s5cmd
    if s5cmd:
        words = (s5cmd, "--endpoint-url", s3.url, "--numworkers", "32")
        competitors.append(competitor("s5cmd", lambda name: (*words, "cp", f"{source}/", f"s3://{name}/")))
    return competitors


def download(ground: Ground, case: str, bucket: str) -> list[Competitor]:
    """A first mirror of a bucket into a fresh directory each time."""
    s3 = endpoint(ground)
    (ground.root / "fresh").mkdir(exist_ok=True)

    def competitor(name: str, command: Callable[[Path], Sequence[str | Path]]) -> Competitor:
        return Competitor(
            name.replace("-", " "),
            lambda number: command(ground.fresh(f"{case}-{name}-{number}")),
            environment=environment(s3),
        )

    competitors = [
        competitor("plait", lambda to: plait(ground, "sync", f"s3:{bucket}", to)),
        competitor("rclone", lambda to: rclone(ground, "sync", f"s3:{bucket}", to)),
        competitor("rclone-tuned", lambda to: _tuned(ground, f"s3:{bucket}", to)),
    ]
    s5cmd = ground.s5cmd
    if s5cmd:
        words = (s5cmd, "--endpoint-url", s3.url, "--numworkers", "32")
        competitors.append(competitor("s5cmd", lambda to: (*words, "cp", f"s3://{bucket}/*", f"{to}/")))
    return competitors


def start_up(ground: Ground) -> list[Competitor]:
    """What a person waits for before anything happens."""
    python = ground.plait.with_name("python")
    return [
        Competitor("plait --version", lambda _: plait(ground, "--version")),
        Competitor("plait sync --help", lambda _: plait(ground, "sync", "--help")),
        Competitor("python -c pass", lambda _: (python, "-c", "pass")),
        Competitor("rclone version", lambda _: rclone(ground, "version")),
    ]


def endpoint(ground: Ground) -> S3Endpoint:
    """The S3 server of a case that needs one. Raises RuntimeError where there is none."""
    if ground.s3 is None:
        message = "this case needs an S3 server"
        raise RuntimeError(message)
    return ground.s3


def environment(s3: S3Endpoint) -> dict[str, str]:
    """What all programs find the server by."""
    return {**s3.rclone_environment(), **s3.environment()}
