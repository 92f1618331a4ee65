"""Plan files: a plan that can be read, kept, and executed exactly (`docs/formats/plan.md`).

JSON lines: a header, one record an action, and a last line with totals and the BLAKE3 of everything before its digits.
A plan without its last line, or with another content than that hash says, is refused before anything is done.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

import msgspec

from plait.engine.records import ActionRecord, from_record, to_record
from plait.model.actions import Verb
from plait.model.closing import Closing
from plait.model.errors import ConfigurationError, IntegrityError, from_os_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from blake3 import blake3

    from plait.model.actions import Action

FORMAT = "plait plan"
MAJOR, MINOR = 1, 0
_DIGITS = 64
_TAIL = _DIGITS + len(b'"}\n')
_LONGEST_LAST_LINE = 1 << 16
_BLOCK = 1 << 20
_DELETIONS = frozenset({Verb.DELETE, Verb.DELETE_SOURCE})
_WITH_CONTENT = frozenset({Verb.CREATE, Verb.REPLACE})


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line. `locations` and `options` hold no secret; `created` is RFC 3339.

    `identities`: of each location what tells it from another one in its place, where there is such a thing.
    """

    format: str = FORMAT
    version: str = f"{MAJOR}.{MINOR}"
    command: str
    locations: list[str]
    options: dict[str, Any] = {}
    created: str = ""
    identities: list[str] | msgspec.UnsetType = msgspec.UNSET


class Totals(msgspec.Struct):
    """What a plan amounts to: actions in all and by verb, bytes to carry and bytes that deletions free."""

    actions: int = 0
    verbs: dict[str, int] = {}
    carried: int = 0
    deleted: int = 0

    def add(self, action: Action) -> None:
        """Counts one more action."""
        verb = action.verb
        self.actions += 1
        self.verbs[verb.value] = self.verbs.get(verb.value, 0) + 1
        if verb in _WITH_CONTENT:
            self.carried += action.size
        elif verb in _DELETIONS:
            self.deleted += action.size


class PlanWriter:
    """Writes a plan that is under `path` once it is whole (`NewFile`).

    Used as a context manager: an exception inside leaves no file, and what stood under `path` stays.

    Raises the catalogue's error for an `OSError`.
    """

    def __init__(self, path: Path, header: Header) -> None:
        from blake3 import blake3

        from plait.stores.outputs import NewFile

        self.totals = Totals()
        self._path = path
        self._hash = blake3()
        self._buffer = bytearray()
        self._encoder = msgspec.json.Encoder()
        if not header.created:
            now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            header = msgspec.structs.replace(header, created=now)
        try:
            self._new = NewFile(str(path))
        except OSError as error:
            raise from_os_error(error, f"failed to write the plan {path}") from error
        self._line(header)

    def add(self, action: Action) -> None:
        """Writes the next action."""
        self.totals.add(action)
        self._line(to_record(action))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._finish()
        else:
            self._new.drop()

    def _line(self, record: Header | ActionRecord) -> None:
        self._buffer += self._encoder.encode(record)
        self._buffer += b"\n"
        if len(self._buffer) >= _BLOCK:
            self._flush()

    def _flush(self) -> None:
        self._hash.update(self._buffer)
        try:
            self._new.file.write(self._buffer)
        except OSError as error:
            self._new.drop()
            raise from_os_error(error, f"failed to write the plan {self._path}") from error
        self._buffer = bytearray()

    def _finish(self) -> None:
        self._buffer += b'{"totals":' + self._encoder.encode(self.totals) + b',"blake3":"'
        self._flush()
        try:
            self._new.file.write(self._hash.hexdigest().encode("ascii") + b'"}\n')
            self._new.keep()
        except OSError as error:
            self._new.drop()
            raise from_os_error(error, f"failed to write the plan {self._path}") from error


def write_plan(path: Path, header: Header, actions: Iterable[Action]) -> Totals:
    """Writes the plan of these actions to `path`."""
    with PlanWriter(path, header) as writer:
        for action in actions:
            writer.add(action)
    return writer.totals


class _LastLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    totals: Totals
    blake3: str


class PlanReader(Closing):
    """A plan that was read to its end and found whole.

    Raises ConfigurationError where the file is no plan or one of a newer format, IntegrityError where it is truncated
    or altered, and the catalogue's error for an `OSError`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ConfigurationError(
                f"the plan {path} is a pipe or a device: a plan is verified to its last line before it is executed",
                hint="write it to a file first",
            )
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise from_os_error(error, f"failed to read the plan {path}") from error
        try:
            first = self._file.readline(_BLOCK)
            self.header = _header(first, path)
            self._begin = len(first)
            self._end, self.totals = self._check(self._file)
        except BaseException:
            self._file.close()
            raise

    def actions(self) -> Iterator[Action]:
        """The actions in order, read as they are asked for; may be called again once the last iteration ended."""
        decoder = msgspec.json.Decoder(ActionRecord)
        self._file.seek(self._begin)
        position, number = self._begin, 1
        while position < self._end:
            line = self._file.readline()
            position, number = position + len(line), number + 1
            try:
                action = from_record(decoder.decode(line))
            except (msgspec.MsgspecError, ValueError) as error:
                raise IntegrityError(f"line {number} of the plan {self.path} is no action: {error}") from error
            yield action

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _check(self, file: IO[bytes]) -> tuple[int, Totals]:
        """Checks the hash and returns where the last line begins, and its totals."""
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST_LAST_LINE))
        tail = file.read()
        last = tail[tail.rfind(b"\n", 0, -1) + 1 :]
        try:
            line = msgspec.json.decode(last, type=_LastLine)
        except msgspec.MsgspecError as error:
            raise self._broken("its last line is missing") from error
        if not last.endswith(b'"}\n') or self._hash(file, size - _TAIL).hexdigest() != line.blake3:
            raise self._broken("its content does not agree with its hash")
        return size - len(last), line.totals

    def _broken(self, what: str) -> IntegrityError:
        return IntegrityError(
            f"the plan {self.path} was truncated or altered: {what}", hint="make the plan again; nothing was done"
        )

    @staticmethod
    def _hash(file: IO[bytes], length: int) -> blake3:
        from blake3 import blake3

        hasher = blake3()
        file.seek(0)
        while length > 0 and (block := file.read(min(_BLOCK, length))):
            hasher.update(block)
            length -= len(block)
        return hasher


def _header(line: bytes, path: Path) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
        major = int(header.version.partition(".")[0])
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigurationError(f"{path} is no plan") from error
    if header.format != FORMAT:
        raise ConfigurationError(f"{path} is no plan")
    if major > MAJOR:
        raise ConfigurationError(
            f"the plan {path} has format {header.version}, this program reads {MAJOR}.x",
            hint="apply it with the version that made it, or a newer one",
        )
    return header
