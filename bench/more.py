"""Further cases of the mirror: renamed trees, copies between buckets, unchanged buckets, checks by content."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from bench.cases import Ground, endpoint, environment, plait, rclone
from bench.measure import Competitor, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def renamed(ground: Ground, source: Path) -> list[Competitor]:
    """A tree that moved into another directory, with `--track-renames`; its mirror still has the old names."""
    tree = ground.root / "renamed"
    if not tree.exists():
        tree.mkdir()
        shutil.copytree(source, tree / "new", copy_function=os.link)

    def lay(name: str) -> Competitor:
        def before(number: int) -> None:
            mirror = ground.fresh(f"renames-{name.replace(' ', '_')}-{number}")
            mirror.mkdir(parents=True)
            run(("cp", "-a", source, mirror / "old"), os.environ)

        def command(number: int) -> Sequence[str | Path]:
            mirror = ground.fresh(f"renames-{name.replace(' ', '_')}-{number}")
            words = ("sync", "--track-renames", tree, mirror)
            if name == "plait":
                return plait(ground, *words)
            return rclone(ground, *words, *(("--checkers=16", "--transfers=16") if name == "rclone tuned" else ()))

        return Competitor(name, command, before)

    return [lay(name) for name in ("plait", "rclone", "rclone tuned")]


def between_buckets(ground: Ground, source: Path) -> list[Competitor]:
    """A first mirror of one bucket in another of the same service, copied there."""
    bucket = fill(ground, "origin", source)
    tuned = ("--transfers=64", "--checkers=64", "--fast-list", "--s3-no-check-bucket", "--s3-no-head")

    def made(name: str, number: int) -> str:
        return f"copy-{name.replace(' ', '-')}-{number}"

    def lay(name: str, *flags: str) -> Competitor:
        def before(number: int) -> None:
            endpoint(ground).make_bucket(made(name, number))

        def command(number: int) -> Sequence[str | Path]:
            words = ("sync", f"s3:{bucket}", f"s3:{made(name, number)}", *flags)
            return plait(ground, *words) if name == "plait" else rclone(ground, *words)

        return Competitor(name, command, before, environment(endpoint(ground)))

    return [lay("plait"), lay("rclone"), lay("rclone tuned", *tuned)]


def unchanged_bucket(ground: Ground, source: Path) -> list[Competitor]:
    """A bucket that holds the source already; times and hashes in turn."""
    bucket = fill(ground, "unchanged", source)
    around = environment(endpoint(ground))
    words = ("sync", source, f"s3:{bucket}")
    tuned = ("--checkers=64", "--fast-list")
    return [
        Competitor("plait", lambda _: plait(ground, *words), environment=around),
        Competitor("rclone", lambda _: rclone(ground, *words), environment=around),
        Competitor("rclone tuned", lambda _: rclone(ground, *words, *tuned), environment=around),
        Competitor("plait --checksum", lambda _: plait(ground, *words, "--checksum"), environment=around),
        Competitor("rclone --checksum", lambda _: rclone(ground, *words, "--checksum", *tuned), environment=around),
    ]


def checked(ground: Ground, source: Path, mirror: Path) -> list[Competitor]:
    """`check --download` of two equal local trees."""
    if not mirror.exists():
        run(("cp", "-a", source, mirror), os.environ)
    words = ("check", "--download", source, mirror)
    return [
        Competitor("plait", lambda _: plait(ground, *words)),
        Competitor("rclone", lambda _: rclone(ground, *words)),
        Competitor("rclone tuned", lambda _: rclone(ground, *words, "--checkers=16")),
    ]


def fill(ground: Ground, bucket: str, source: Path) -> str:
    """The name of a bucket that holds the source."""
    s3 = endpoint(ground)
    s3.make_bucket(bucket)
    run(rclone(ground, "sync", "--transfers=32", source, f"s3:{bucket}"), {**os.environ, **s3.rclone_environment()})
    return bucket
