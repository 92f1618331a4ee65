"""Many small blobs opened at once: decrypted, decompressed and verified, one beside the other in lasting memory."""

from __future__ import annotations

from array import array
from threading import local
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.repository.format.codec import Codec

_ROOM: Final = 4 << 20
"""Bytes that are open at once, in each thread."""


class Sealed(NamedTuple):
    """A blob among others that were read together: where it begins there, and how long it is.

    `mac`: its identifier. `limit`: how long it may be inside.
    """

    start: int
    length: int
    mac: bytes
    limit: int


class Opened(NamedTuple):
    """The next blobs that fitted in: where each begins in `room` and ends; None for one that is damaged or too long.

    Good until the next are asked for.
    """

    room: memoryview
    spans: list[tuple[int, int] | None]


class Opener:
    """Opens the blobs of one repository. Threads may share it."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._threads = local()

    def open(self, stored: bytes, blobs: Sequence[Sealed]) -> Iterator[Opened]:
        """Opens blobs of `stored`, in their order, as many at a time as fit."""
        room = self._room()
        mac_of, verified = self._codec.authenticator.mac, self._codec.verified_size
        begun = 0
        while begun < len(blobs):
            waiting = blobs[begun:] if begun else blobs
            numbers = array("Q")
            for blob in waiting:
                numbers.extend((blob.start, blob.length, blob.limit))
            macs = b"".join([blob.mac for blob in waiting])
            spans: list[tuple[int, int] | None] = []
            at = 0
            lengths = self._codec.decode_all(stored, numbers.tobytes(), room, macs)
            for blob, length in zip(waiting, lengths, strict=True):
                if length < 0:
                    if length < -1 and spans:
                        break
                    spans.append(None)
                    continue
                end = at + length
                whole = length <= verified or mac_of(room[at:end]) == blob.mac
                spans.append((at, end) if whole else None)
                at = end
            begun += len(spans)
            yield Opened(room, spans)

    def _room(self) -> memoryview:
        room: memoryview | None = getattr(self._threads, "room", None)
        if room is None:
            room = self._threads.room = memoryview(bytearray(_ROOM))
        return room
