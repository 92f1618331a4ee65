"""`make bench`: Plait and its peers in turn, as a Markdown table.

    python -m bench [CASE ...] [--rounds N] [--scale F] [--directory DIR] [--tree DIR]

Cases: start, small, big, unchanged, upload-small, download-small, upload-big, download-big, renames, buckets,
unchanged-bucket, check, backup, backup-unchanged, backup-changed, backup-restore, backup-check, million. `--scale 0.1`
makes everything ten times smaller, to try the harness; `--tree DIR` takes a tree of yours for the backups.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import cases, more, snapshots
from bench.measure import Competitor, compete, table
from plait.testing.servers import seaweedfs

if TYPE_CHECKING:
    from collections.abc import Callable

GIBIBYTE = 1 << 30
S3_CASES = {"upload-small", "download-small", "upload-big", "download-big", "buckets", "unchanged-bucket"}
ALL = (
    *("start", "small", "big", "unchanged", "upload-small", "download-small", "upload-big", "download-big", "renames"),
    *("buckets", "unchanged-bucket", "check", "backup", "backup-unchanged", "backup-changed", "backup-restore"),
    *("backup-check", "million"),
)


def main() -> None:
    """Runs the chosen cases and prints one table each."""
    parser = argparse.ArgumentParser(description="Plait and its peers in turn")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=" ".join(ALL))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--directory", type=Path, default=None)
    parser.add_argument("--tree", type=Path, default=None)
    arguments = parser.parse_args()
    chosen = arguments.cases or list(ALL)
    print(
        f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}; "
        f"median of {arguments.rounds} runs in turn\n"
    )
    with contextlib.ExitStack() as stack:
        directory = arguments.directory
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plait-bench-")))
        s3 = stack.enter_context(seaweedfs()) if S3_CASES & set(chosen) else None
        bench = Bench(cases.ground(directory, s3), arguments.rounds, arguments.scale, arguments.tree)
        for case in chosen:
            title, competitors = bench.case(case)
            print(table(title, compete(competitors, arguments.rounds)), flush=True)


class Bench:
    """Lays the ground of each case once."""

    def __init__(self, ground: cases.Ground, rounds: int, scale: float, tree: Path | None = None) -> None:
        self._ground = ground
        self._rounds = rounds
        self._scale = scale
        self._tree = tree

    def case(self, name: str) -> tuple[str, list[Competitor]]:
        """The title and the competitors of a case."""
        lay: Callable[[], tuple[str, list[Competitor]]] = getattr(self, "_" + name.replace("-", "_"))
        return lay()

    def _count(self, full: int) -> int:
        return max(int(full * self._scale), 1)

    def _small_files(self, count: int) -> Path:
        return cases.lay_files(self._ground.root / f"small-{count}", count, 4096)

    def _big_file(self, size: int) -> Path:
        return cases.lay_big_file(self._ground.root / f"big-{size}", size)

    def _start(self) -> tuple[str, list[Competitor]]:
        return "start-up", cases.start_up(self._ground)

    def _small(self) -> tuple[str, list[Competitor]]:
        count = self._count(20_000)
        title = f"local to local, {count:,} files of 4 KiB, first sync"
        return title, cases.first_copy(self._ground, "small", self._small_files(count))

    def _big(self) -> tuple[str, list[Competitor]]:
        size = self._count(2 * GIBIBYTE)
        return f"local to local, one file of {size >> 20} MiB", cases.first_copy(
            self._ground, "big", self._big_file(size)
        )

    def _unchanged(self) -> tuple[str, list[Competitor]]:
        return self._equal_trees(self._count(200_000))

    def _million(self) -> tuple[str, list[Competitor]]:
        return self._equal_trees(self._count(1_000_000))

    def _equal_trees(self, count: int) -> tuple[str, list[Competitor]]:
        source = cases.lay_files(self._ground.root / f"tree-{count}", count, 16)
        mirror = self._ground.root / f"mirror-{count}"
        return f"local to local, {count:,} files, nothing to do", cases.unchanged(self._ground, source, mirror)

    def _upload_small(self) -> tuple[str, list[Competitor]]:
        count = self._count(5_000)
        return f"local to S3, {count:,} files of 4 KiB", cases.upload(self._ground, "upsmall", self._small_files(count))

    def _upload_big(self) -> tuple[str, list[Competitor]]:
        size = self._count(GIBIBYTE)
        return f"local to S3, one file of {size >> 20} MiB", cases.upload(self._ground, "upbig", self._big_file(size))

    def _download_small(self) -> tuple[str, list[Competitor]]:
        count = self._count(5_000)
        bucket = self._filled("downsmall", self._small_files(count))
        return f"S3 to local, {count:,} files of 4 KiB", cases.download(self._ground, "downsmall", bucket)

    def _download_big(self) -> tuple[str, list[Competitor]]:
        size = self._count(GIBIBYTE)
        bucket = self._filled("downbig", self._big_file(size))
        return f"S3 to local, one file of {size >> 20} MiB", cases.download(self._ground, "downbig", bucket)

    def _filled(self, bucket: str, source: Path) -> str:
        return more.fill(self._ground, bucket, source)

    def _renames(self) -> tuple[str, list[Competitor]]:
        count = self._count(20_000)
        title = f"local to local, {count:,} renamed files of 4 KiB, --track-renames"
        return title, more.renamed(self._ground, self._small_files(count))

    def _buckets(self) -> tuple[str, list[Competitor]]:
        count = self._count(5_000)
        title = f"bucket to bucket on one service, {count:,} objects of 4 KiB"
        return title, more.between_buckets(self._ground, self._small_files(count))

    def _unchanged_bucket(self) -> tuple[str, list[Competitor]]:
        count = self._count(50_000)
        source = cases.lay_files(self._ground.root / f"keys-{count}", count, 16)
        return f"local to S3, {count:,} objects, nothing to do", more.unchanged_bucket(self._ground, source)

    def _check(self) -> tuple[str, list[Competitor]]:
        count = self._count(20_000)
        source = self._small_files(count)
        title = f"check --download, {count:,} files of 4 KiB"
        return title, more.checked(self._ground, source, self._ground.root / f"checked-{count}")

    def _saved(self) -> tuple[str, Path]:
        """What is backed up, and what to call it."""
        if self._tree is not None:
            return str(self._tree), self._tree
        count = self._count(40_000)
        return f"{count:,} files of 4 KiB", self._small_files(count)

    def _backup(self) -> tuple[str, list[Competitor]]:
        what, tree = self._saved()
        return f"first backup, {what}", snapshots.first_backup(self._ground, tree)

    def _backup_unchanged(self) -> tuple[str, list[Competitor]]:
        what, tree = self._saved()
        return f"backup of {what}, nothing changed", snapshots.next_backup(self._ground, tree, changes=False)

    def _backup_changed(self) -> tuple[str, list[Competitor]]:
        what, tree = self._saved()
        title = f"backup of {what}, one file in a hundred changed"
        return title, snapshots.next_backup(self._ground, tree, changes=True)

    def _backup_restore(self) -> tuple[str, list[Competitor]]:
        what, tree = self._saved()
        return f"restore of {what}", snapshots.read_back(self._ground, tree, restore=True)

    def _backup_check(self) -> tuple[str, list[Competitor]]:
        what, tree = self._saved()
        return f"check of {what}, all data read", snapshots.read_back(self._ground, tree, restore=False)


if __name__ == "__main__":
    main()
