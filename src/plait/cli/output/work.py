"""What work on repositories says: lines for people (the original's on its front), or JSON lines."""

from __future__ import annotations

import base64
import sys
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TextIO

from plait.cli.guard import printable, say_lines
from plait.model.items import Kind
from plait.model.values.durations import show_go_duration
from plait.model.values.sizes import show_binary_size
from plait.repository.events import (
    Begun,
    Done,
    Ended,
    Entered,
    Expected,
    Failed,
    Noted,
    Phase,
    Warned,
    Work,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plait.repository.events import Event

_ERASE: Final = "\r\x1b[2K"
_CHECK_MARK: Final = "✓"
_CROSS_MARK: Final = "✘"
_KINDS: Final = {Kind.DIRECTORY: "directory", Kind.SYMLINK: "symlink"}


class Output:
    """Where a command speaks: results on standard output, the rest as its face has it. Safe from several threads.

    `quiet` leaves out information, `silent` also results; without `warns` warnings are left out, too.
    """

    def __init__(self, *, front: bool, quiet: bool = False, silent: bool = False, warns: bool = True) -> None:
        self.front: Final = front
        self.quiet: Final = quiet
        self.silent: Final = silent
        self._warns: Final = warns
        self._lock = Lock()
        self._drawn = ""
        self._aside = False

    def speak_aside(self) -> None:
        """From now on says all on standard error: standard output is for what was asked for alone."""
        self._aside = True

    def draw(self, line: str) -> None:
        """Shows a line at the bottom of a terminal, on standard error, in the place of the one before; "" for none."""
        with self._lock:
            if line != self._drawn:
                self._drawn = line
                self._write(f"{_ERASE}{line}")

    def result(self, text: str) -> None:
        """A line of what was asked for, on standard output; names in it may hold anything."""
        self._print(sanitized(text) if self.front else printable(text).replace("\n", "\\n"), self._out)

    def info(self, text: str) -> None:
        """A line of what was done."""
        if not self.quiet and not self.silent:
            self._print(self._shown(f"info: {text}" if self.front else text), self._out)

    def warn(self, text: str) -> None:
        """A line of what a person should know."""
        if self._warns:
            self._complain("warn" if self.front else "warning", text)

    def error(self, text: str) -> None:
        """A line of what failed."""
        self._complain("error", text)

    def plain(self, text: str, *, error: bool = False) -> None:
        """A line as it is."""
        self._print(self._shown(text), sys.stderr if error else self._out)

    @property
    def _out(self) -> TextIO:
        return sys.stderr if self._aside else sys.stdout

    def _shown(self, text: str) -> str:
        return text if self.front else printable(text)

    def _complain(self, kind: str, text: str) -> None:
        if self.front:
            self._print(f"{kind}: {text}", sys.stderr)
            return
        with self._lock:
            self._erase()
            say_lines(kind, text)

    def _print(self, text: str, stream: TextIO) -> None:
        with self._lock:
            self._erase()
            if text.isascii():
                print(text, file=stream)
                return
            # The names of files are bytes, whatever the encoding of the terminal.
            stream.flush()
            stream.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
            stream.buffer.flush()

    def _erase(self) -> None:
        """Takes the drawn line away: it comes again below what is printed."""
        if self._drawn:
            self._drawn = ""
            self._write(_ERASE)

    @staticmethod
    def _write(text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            # Nobody looks any more; the work goes on.
            return


class EventLines:
    """The listener that writes events as the original's line output has them; on Plait's own face without each item."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def __call__(self, event: Event) -> None:
        """Says an event."""
        output = self._output
        if isinstance(event, Warned):
            output.warn(_warning(event, front=output.front))
        elif output.silent:
            return
        elif isinstance(event, Noted):
            output.info(f"{event.path}: {event.text}")
        elif isinstance(event, Done):
            if output.front and not output.quiet:
                for path in _paths(event):
                    output.plain(f"{_short(event.snapshot)}: OK {_CHECK_MARK} {path}")
        elif isinstance(event, Failed):
            reason = _as_the_original_says(event.error) if output.front else event.error
            lead = f"{subject}: " if (subject := _subject(event)) else ""
            output.plain(f"{_short(event.snapshot)}: KO {_CROSS_MARK} {lead}{reason}", error=True)
        elif isinstance(event, Ended) and not self._is_untold(event.work):
            output.plain(ending(event))

    def _is_untold(self, work: Work) -> bool:
        """Whether nothing is said of how work ended: a sync says it by itself, and the original never of a restore."""
        output = self._output
        return (output.front and work is Work.RESTORE) or (output.quiet and work is Work.SYNC)


class EventRecords:
    """The listener that writes events as JSON lines, in the original's form."""

    def __init__(self, output: Output, repository: str) -> None:
        import uuid

        self._output = output
        self._repository = repository
        self._job = str(uuid.uuid4())
        self._work = ""

    def __call__(self, event: Event) -> None:
        """Writes an event."""
        for level, kind, snapshot, data in self._records(event):
            self.write(level, kind, snapshot, data)

    def _records(self, event: Event) -> Iterator[tuple[str, str, bytes, dict[str, Any]]]:
        match event:
            case Begun():
                self._work = event.work.value
                yield "info", "workflow.start", event.snapshot, {"workflow": self._work}
            case Expected():
                yield "info", "fs.summary", b"", {"items": event.items, "size": event.size}
            case Entered():
                end = "done" if event.phase is Phase.IMPORT else "end"
                yield "info", f"snapshot.{event.phase.value}.{end if event.done else 'start'}", event.snapshot, {}
            case Done():
                for path, kind in zip(_paths(event), event.kinds, strict=True):
                    word = _KINDS.get(Kind(kind), "file")
                    done = "cached" if event.unchanged else "ok"
                    yield "info", f"{word}.{done}", event.snapshot, {"path": path}
                    yield "info", "path.ok", event.snapshot, {"path": path}
            case Failed():
                if event.object is not None:
                    data = {"error": event.error, "mac": event.object.hex()}
                    yield "error", "object.error", event.snapshot, data
                if event.path:
                    yield "error", "path.error", event.snapshot, {"error": event.error, "path": event.path}
            case Warned():
                yield "warning", "warning", b"", {"message": event.text, "path": event.path}
            case Noted():
                yield "info", "note", b"", {"message": event.text, "path": event.path}
            case Ended():
                yield "quiet", "result", event.snapshot, _figures(event)
                yield "info", "workflow.end", event.snapshot, {"workflow": self._work}
            case _:
                return

    def write(self, level: str, kind: str, snapshot: bytes, data: dict[str, Any]) -> None:
        """Writes a record; `snapshot` is its identifier, empty for none."""
        import time

        import msgspec

        from plait.model.values.times import show_rfc3339

        record = {
            "version": 1,
            "timestamp": show_rfc3339(time.time_ns()),
            "repository": self._repository,
            "snapshot": (snapshot or bytes(32)).hex(),
            "level": level,
            "workflow": self._work,
            "job": self._job,
            "type": kind,
        }
        if data:
            record["data"] = encodable(data)
        self._output.plain(msgspec.json.encode(record).decode())


def encodable(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same for JSON: of a text that is no UTF-8, what can be shown, and its bytes beside it (`path_b64`)."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        found[key] = value
        if isinstance(value, str) and any(map(_is_byte, value)):
            raw = value.encode("utf-8", "surrogateescape")
            found[key] = raw.decode("utf-8", "replace")
            found[f"{key}_b64"] = base64.b64encode(raw).decode("ascii")
    return found


def sanitized(text: str) -> str:
    """A line as the original shows it: where anything cannot be printed, `?` for that, U+FFFD for what is no UTF-8."""
    if all(c.isprintable() or _is_byte(c) for c in text):
        return text
    return "".join("\ufffd" if _is_byte(c) else c if c.isprintable() else "?" for c in text)


def _is_byte(character: str) -> bool:
    """True for what stands for a byte that is no UTF-8."""
    return "\udc80" <= character <= "\udcff"


def ending(event: Ended) -> str:
    """The line that ends work on a snapshot."""
    errors = event.errors
    told = f"with {errors} error{'s' * (errors != 1)}" if errors else "without errors"
    read, written = show_binary_size(event.read), show_binary_size(event.written)
    took = show_go_duration(event.duration)
    return f"{_short(event.snapshot)}: {event.work.value} completed {told} in {took} (in: {read}, out: {written})"


def _figures(event: Ended) -> dict[str, Any]:
    return {
        "duration": event.duration // 1_000_000,
        "errors": event.errors,
        "rbytes": event.read,
        "size": event.size,
        "target": event.target,
        "wbytes": event.written,
    }


def _as_the_original_says(error: str) -> str:
    return "file does not exist" if error.startswith("the snapshot has no /") else error


def _short(snapshot: bytes) -> str:
    return snapshot[:4].hex()


def _subject(event: Failed) -> str:
    return event.path or (f"object={event.object.hex()}" if event.object is not None else "")


def _warning(event: Warned, *, front: bool) -> str:
    if not event.path:
        return event.text
    return f"{event.text}: {event.path}" if front else f"{event.path}: {event.text}"


def _paths(event: Done) -> Iterator[str]:
    base = event.directory.rstrip("/")
    for name in event.names:
        yield f"{base}/{name}" if name else event.directory
