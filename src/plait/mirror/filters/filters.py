"""The filters of a run: which files and directories of a listing count."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from plait.mirror.filters.decision import Decision
from plait.mirror.names import inside
from plait.model.values.sizes import show_size_unit
from plait.model.values.times import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plait.mirror.filters.partition import Partition
    from plait.mirror.filters.rules import PathRules, RuleList

NO_METADATA = "\0=\0"
"""What rules are asked about for a file without metadata, so that a rule for everything still applies."""


class Window(NamedTuple):
    """Bounds of size (bytes) and modification time (nanoseconds since the epoch), all inclusive; None is no bound.

    `now` is what a file whose time is not known counts as.
    """

    min_size: int | None
    max_size: int | None
    since: int | None
    until: int | None
    now: int

    @property
    def bounds_time(self) -> bool:
        """True where there is a bound of time."""
        return self.since is not None or self.until is not None

    @property
    def active(self) -> bool:
        """True where there is any bound."""
        return self.bounds_time or self.min_size is not None or self.max_size is not None

    def holds(self, size: int | None, modified: int | None) -> bool:
        """True within all bounds. A size that is not known is smaller than any."""
        known = self.now if modified is None else modified
        if (self.since is not None and known < self.since) or (self.until is not None and known > self.until):
            return False
        counted = -1 if size is None else size
        if self.min_size is not None and counted < self.min_size:
            return False
        return self.max_size is None or counted <= self.max_size

    def describe(self) -> Iterable[str]:
        """Its lines in a dump of the filters."""
        if self.since is not None:
            yield f"Last-modified date must be equal or greater than: {_show_time(self.since)}"
        if self.until is not None:
            yield f"Last-modified date must be equal or less than: {_show_time(self.until)}"
        if self.min_size is not None:
            yield f"Minimum size is: {show_size_unit(self.min_size)}"
        if self.max_size is not None:
            yield f"Maximum size is: {show_size_unit(self.max_size)}"


class Filters:
    """Compiled filters; they hold no state and may be asked from several threads.

    `active` is False where every file and directory is included. `max_depth` is how many levels are listed, None for
    all. `exclude_if_present` names files; a directory that holds one of them is left out. `files_from` are the only
    files that count, where it is not None. `warnings` and `remarks` are for the log, at levels ERROR and INFO.

    Tests of a file, in this order: list of names (where it is given, the only test), time, size, metadata, part by
    hash, path.
    """

    def __init__(
        self,
        *,
        window: Window,
        partition: Partition | None,
        paths: PathRules,
        metadata: RuleList,
        exclude_if_present: tuple[str, ...] = (),
        max_depth: int | None = None,
        files_from: frozenset[str] | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.exclude_if_present = exclude_if_present
        self.max_depth = max_depth
        self.files_from = files_from
        self.warnings = warnings
        self.remarks = tuple(paths.remarks())
        self.needs_metadata = bool(metadata)
        self.needs_stat = self.needs_metadata or window.bounds_time
        self._rules = (paths.files, paths.directories, metadata)
        self.active = bool(files_from is not None or window.active or partition or any(self._rules))
        self._window = window if window.active else None
        self._partition = partition
        self._files = Decision(paths.files).includes if paths.files else None
        self._directories = Decision(paths.directories).includes if paths.directories else None
        self._metadata = Decision(metadata, plain=False)
        self._listed_directories = None if files_from is None else _parents(files_from)

    def includes_file(
        self, path: str, size: int | None, modified: int | None, metadata: Mapping[str, str] | None
    ) -> bool:
        """True where the file counts, in a directory that does.

        `path` is relative to the location, `size` in bytes, `modified` in nanoseconds since the epoch; None: not known.
        """
        if self.files_from is not None:
            return inside(path) in self.files_from
        if self._window is not None and not self._window.holds(size, modified):
            return False
        if self.needs_metadata and not self._includes_metadata(metadata):
            return False
        return self.includes_path(path)

    def includes_path(self, path: str) -> bool:
        """True where the rules on names let a file of this path count, whatever else is known of it."""
        if self.files_from is not None:
            return inside(path) in self.files_from
        if self._files is None and self._partition is None:
            return True
        named = inside(path)
        if self._partition is not None and not self._partition.holds(named):
            return False
        return self._files is None or self._files(named)

    def _includes_metadata(self, metadata: Mapping[str, str] | None) -> bool:
        texts = [f"{key}={value}" for key, value in metadata.items()] if metadata else [NO_METADATA]
        return self._metadata.includes_any(texts)

    def includes_directory(self, path: str) -> bool:
        """True where files below the directory may count. `path` has no slash at its end; always True for the root."""
        if not path:
            return True
        if self._listed_directories is not None:
            return inside(path) in self._listed_directories
        return self._directories is None or self._directories(inside(path) + "/")

    def dump(self) -> str:
        """The filters as rclone's `--dump filters` writes them."""
        files, directories, metadata = self._rules
        lines = [] if self._window is None else list(self._window.describe())
        lines += ["--- File filter rules ---", *map(str, files)]
        lines += ["--- Directory filter rules ---", *map(str, directories)]
        if self.needs_metadata:
            lines += ["--- Metadata filter rules ---", *map(str, metadata)]
        return "\n".join(("--- start filters ---", *lines, "--- end filters ---"))


def _parents(files: Iterable[str]) -> frozenset[str]:
    """The directories on the way to the files."""
    directories: set[str] = set()
    for file in files:
        parent = file.rpartition("/")[0]
        while parent and parent not in directories:
            directories.add(parent)
            parent = parent.rpartition("/")[0]
    return frozenset(directories)


def _show_time(moment: int) -> str:
    """A time in the local zone as Go writes it: `2006-01-02 15:04:05.999999999 -0700 MST`."""
    seconds, nanoseconds = divmod(moment, NANOSECONDS)
    fields = time.localtime(seconds)
    fraction = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', fields)}{fraction} {time.strftime('%z %Z', fields)}"
