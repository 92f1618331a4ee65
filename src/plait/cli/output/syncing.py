"""What a sync of repositories says: lines for people, the original's on its front, or JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from plait.model.values.sizes import show_binary_size
from plait.repository.syncing.settings import (
    Copied,
    Copying,
    Direction,
    LeftOut,
    NotCopied,
    NothingFound,
    Outcome,
    Planned,
)

if TYPE_CHECKING:
    from plait.cli.output.work import EventRecords, Output
    from plait.cli.repositories import RepositoryCommand
    from plait.model.errors import PlaitError
    from plait.repository.places import Place
    from plait.repository.syncing.settings import SyncEvent, SyncResult

_ORDER = (Outcome.COPIED, Outcome.PRESENT, Outcome.SKIPPED, Outcome.FAILED)


def shown_name(place: Place, *, front: bool) -> str:
    """What a repository is called: its location, on the front what the original's connectors answer."""
    if not front:
        return place.location
    match place.kind:
        case "fs":
            return "localhost"
        case "ptar":
            return "hostname"
        case _:
            return place.location.partition("://")[2].partition("/")[0] or place.location


def counts(result: SyncResult) -> dict[str, int]:
    """The five figures, by their words."""
    return {"selected": len(result.outcomes), **{outcome.value: result.count(outcome) for outcome in _ORDER}}


def _figures(result: SyncResult) -> str:
    return ", ".join(f"{number} {word}" for word, number in counts(result).items())


class SyncLines:
    """Says a sync in lines."""

    def __init__(self, output: Output, direction: Direction, names: tuple[str, str], *, dry_run: bool) -> None:
        self._output = output
        self._direction = direction
        self._names = names
        self._silent_end = False
        self._dry_run = dry_run

    def __call__(self, event: SyncEvent) -> None:
        """Says an event."""
        output = self._output
        match event:
            case Copying():
                again = ", which was removed there" if event.restored else ""
                between = f"from {event.source} to {event.peer}"
                output.info(f"Synchronizing snapshot {event.snapshot.hex()} {between}{again}")
            case Copied():
                output.info(f"Synchronization of {event.snapshot.hex()} finished")
            case Planned():
                again = "  (it was removed there, and is brought back)" if event.restored else ""
                size = f"{event.size} B ({show_binary_size(event.size)})"
                where = f"{event.directory} from {event.source} to {event.peer}"
                if not output.silent:
                    output.result(f"{event.snapshot.hex()}  {size}  {where}{again}")
            case NotCopied():
                self._say_failure(event)
            case LeftOut(reason=""):
                output.info(f"Snapshot {event.snapshot.hex()} was removed from {event.peer}, and stays removed")
            case LeftOut():
                said = f"would not be kept at {event.peer}, and stays away"
                output.info(f"Snapshot {event.snapshot.hex()} {said}: {event.reason}")
            case NothingFound():
                self._silent_end = self._direction is not Direction.WITH
                output.info(f"No matching snapshot found in store {event.source}")
            case _:
                assert_never(event)

    def _say_failure(self, event: NotCopied) -> None:
        output = self._output
        if output.silent:
            return
        peer = "peer " if event.backwards and self._direction is Direction.WITH else ""
        short = event.snapshot[:4].hex() if output.front else event.snapshot.hex()
        output.error(f"failed to synchronize snapshot {short} from {peer}store {event.source}: {event.error}")

    def broken(self, error: PlaitError, result: SyncResult) -> None:
        """Says what came of it where it ends early; whoever called it says why."""
        del error
        if result.outcomes:
            self._output.info("sync: " + _figures(result))

    def end(self, result: SyncResult) -> None:
        """Says what came of it all."""
        output = self._output
        found = counts(result)
        first, second = self._names[::-1] if self._direction is Direction.FROM else self._names
        words = ("between", "and") if self._direction is Direction.WITH else ("from", "to")
        if not self._silent_end and not self._dry_run:
            output.info(
                f"sync: synchronization {words[0]} {first} {words[1]} {second} completed: "
                f"{found['copied']} snapshots synchronized"
            )
        output.info("sync: " + _figures(result))


class SyncRecords:
    """Writes a sync as JSON lines."""

    def __init__(self, command: RepositoryCommand, records: EventRecords) -> None:
        self._records = records
        self._quiet = command.values.quiet
        self._silent = command.values.silent

    def __call__(self, event: SyncEvent) -> None:
        """Writes an event."""
        match event:
            case Copying():
                data = {"source": event.source, "target": event.peer, "restored": event.restored}
                self._write("info", "sync.start", event.snapshot, data)
            case Copied():
                self._write("info", "sync.ok", event.snapshot, {"written": event.written})
            case Planned():
                data = {
                    "size": event.size,
                    "directory": event.directory,
                    "source": event.source,
                    "target": event.peer,
                    "restored": event.restored,
                }
                self._write("info", "sync.planned", event.snapshot, data)
            case NotCopied():
                data = {"error": event.error, "snapshot": event.snapshot.hex(), "source": event.source}
                self._write("error", "sync.error", event.snapshot, data)
            case LeftOut():
                self._write("info", "sync.skipped", event.snapshot, {"target": event.peer, "reason": event.reason})
            case NothingFound():
                self._write("info", "sync.nothing", b"", {"source": event.source})
            case _:
                assert_never(event)

    def broken(self, error: PlaitError, result: SyncResult) -> None:
        """Writes why the sync ends early, and what came of it."""
        self._write("error", "error", b"", {"error": error.message})
        self.end(result)

    def end(self, result: SyncResult) -> None:
        """Writes what came of it all."""
        ids = {
            outcome.value: [snapshot.hex() for snapshot, found in result.outcomes.items() if found is outcome]
            for outcome in _ORDER
        }
        if not self._silent:
            self._records.write("quiet", "result", b"", {**counts(result), "ids": ids})

    def _write(self, level: str, kind: str, snapshot: bytes, data: dict[str, Any]) -> None:
        if not self._silent and (level == "error" or not self._quiet):
            self._records.write(level, kind, snapshot, data)
