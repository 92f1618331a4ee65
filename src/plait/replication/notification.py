"""Hearing of changes to files: inotify, through the system's C library.

A wait costs nothing, and a change is heard of at once; libraries that poll inside are either slow to tell or never
quite idle. Where there is no inotify, or no further watch can be had, callers poll instead.
"""

from __future__ import annotations

import ctypes
import os
import struct
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MODIFY: Final = 0x00000002
_MOVED: Final = 0x00000040 | 0x00000080
_CREATE: Final = 0x00000100
_DELETE: Final = 0x00000200
_CLOSE_WRITE: Final = 0x00000008
_OVERFLOW: Final = 0x00004000
_IGNORED: Final = 0x00008000
_ONLY_DIRECTORY: Final = 0x01000000
_ONCE: Final = 0x80000000

_EVENT: Final = struct.Struct("iIII")
_BUFFER: Final = 64 * 1024


class Notifications:
    """Watches on files and directories. `descriptor` is readable when there is something to tell; None: no inotify.

    Watches may be set by any thread; `deliver` is called by one.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._listeners: dict[int, tuple[Callable[[str], None], bool]] = {}
        self._library = _library()
        self.descriptor: int | None = None
        if self._library is not None:
            descriptor = self._library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            self.descriptor = descriptor if descriptor >= 0 else None

    def once(self, path: Path, listener: Callable[[str], None]) -> bool:
        """Call `listener` with "" at the next change of the file's content; False where it cannot be watched.

        A file that is watched already is so once, by the newest listener.
        """
        return self._add(path, _MODIFY | _ONCE, listener, lasting=False)

    def directory(self, path: Path, listener: Callable[[str], None]) -> bool:
        """Call `listener` with the name of each entry that comes, goes or is rewritten.

        The name is "" where some changes were not told. False where the directory cannot be watched.
        """
        return self._add(path, _MOVED | _CREATE | _DELETE | _CLOSE_WRITE | _ONLY_DIRECTORY, listener, lasting=True)

    def deliver(self) -> None:
        """Call the listeners of what happened since the last time."""
        if self.descriptor is None:
            return
        try:
            data = os.read(self.descriptor, _BUFFER)
        except BlockingIOError:
            return
        position = 0
        while position < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, position)
            name = data[position + _EVENT.size : position + _EVENT.size + length].rstrip(b"\0")
            position += _EVENT.size + length
            if mask & _OVERFLOW:
                self._tell_all()
            else:
                self._tell(watch, mask, os.fsdecode(name))

    def close(self) -> None:
        """Forget all watches."""
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _add(self, path: Path, mask: int, listener: Callable[[str], None], *, lasting: bool) -> bool:
        if self.descriptor is None or self._library is None:
            return False
        name = os.fsencode(path)
        with self._lock:
            watch = self._library.inotify_add_watch(self.descriptor, name, mask)
            if watch < 0:
                return False
            self._listeners[watch] = (listener, lasting)
        return True

    def _tell(self, watch: int, mask: int, name: str) -> None:
        with self._lock:
            listener, lasting = self._listeners.get(watch, (None, True))
            if listener is not None and (not lasting or mask & _IGNORED):
                del self._listeners[watch]
        if listener is not None:
            listener(name)

    def _tell_all(self) -> None:
        with self._lock:
            listeners = [listener for listener, _ in self._listeners.values()]
        for listener in listeners:
            listener("")


def _library() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None, use_errno=True)
    return library if hasattr(library, "inotify_init1") else None
