"""A sequence of actions that moves to disk when it grows: what waits for the end of a run."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from plait.engine.records import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.model.actions import Action

IN_MEMORY = 10_000
_WRITE_AT = 1 << 20
_READ = 1 << 20
_LENGTH = 4


class Spill:
    """Actions in the order in which they were appended: up to `in_memory` in memory, beyond that all in a file.

    The file has no name and is readable by nobody else; it is gone with the process. One thread at a time.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._actions: list[Action] = []
        self._file: IO[bytes] | None = None
        self._pending = bytearray()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, action: Action) -> None:
        """Adds an action at the end."""
        self._count += 1
        if self._file is None:
            self._actions.append(action)
            if len(self._actions) > self._in_memory:
                import tempfile

                self._file = tempfile.TemporaryFile(prefix="plait-")  # noqa: SIM115  (closed by close)
                for held in self._actions:
                    self._pack(held)
                self._actions = []
        else:
            self._pack(action)

    def __iter__(self) -> Iterator[Action]:
        """The actions from the first on; nothing may be appended meanwhile."""
        if self._file is None:
            yield from self._actions
            return
        self._flush(self._file)
        self._file.seek(0)
        data = b""
        position = 0
        while True:
            end = position + _LENGTH
            if end <= len(data):
                end += int.from_bytes(data[position:end], "little")
            if end > len(data) or end == position + _LENGTH:
                more = self._file.read(max(_READ, end - len(data)))
                if not more:
                    return
                data = data[position:] + more
                position = 0
                continue
            yield unpack(data[position + _LENGTH : end])
            position = end

    def close(self) -> None:
        """Forgets everything and frees the file."""
        self._actions = []
        self._count = 0
        self._pending.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _pack(self, action: Action) -> None:
        record = pack(action)
        self._pending += len(record).to_bytes(_LENGTH, "little")
        self._pending += record
        if len(self._pending) >= _WRITE_AT and self._file is not None:
            self._flush(self._file)

    def _flush(self, file: IO[bytes]) -> None:
        file.seek(0, 2)
        file.write(self._pending)
        self._pending.clear()
