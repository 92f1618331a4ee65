"""Locks: who is at work on a repository (format, section 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.repository.format import wire
from plait.repository.format.resources import VERSION_1_0_0, Resource
from plait.repository.format.wire import U32, Bool, Text, Time

if TYPE_CHECKING:
    from plait.repository.format.codec import Codec

REFRESH_SECONDS: Final = 300
STALE_SECONDS: Final = 600
_LIMIT: Final = 64 << 10


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """A lock. `timestamp`: when it was written or refreshed, in nanoseconds since the epoch."""

    version: U32 = VERSION_1_0_0
    timestamp: Time
    host: Text = msgspec.field(name="hostname")
    exclusive: Bool


def read(data: bytes, codec: Codec) -> Lock:
    """A stored lock. Raises IntegrityError where it is damaged, NotSupportedError for a newer version."""
    _, payload = codec.unwrap(data, Resource.LOCK, VERSION_1_0_0)
    return wire.decode(codec.decode(payload, _LIMIT), Lock)


def write(lock: Lock, codec: Codec) -> bytes:
    """The stored file of a lock."""
    return codec.wrap(Resource.LOCK, VERSION_1_0_0, codec.encode(wire.encode(lock)))
