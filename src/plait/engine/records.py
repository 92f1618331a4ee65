"""Actions as records: what plan files hold as JSON and spilled sequences as MessagePack.

Keys are text where they are UTF-8 and Base64 of their bytes where not (`key`, `key_b64`); so nothing is lost and every
JSON reader can read them. The other names and meanings are those of `docs/formats/plan.md`.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING

import msgspec

from plait.model.actions import Action, Verb
from plait.model.items import Item, Kind, Posix, Stat, order_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping


class PosixRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Posix`, times in nanoseconds."""

    inode: int
    device: int
    changed: int
    mode: int
    uid: int
    gid: int
    links: int = 1
    special_device: int = 0
    accessed: int = 0


class SideRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One side of an action as it is expected: the fields of `Stat`, and the key where it is not the action's."""

    kind: str
    key: str | None = None
    key_b64: str | None = None
    size: int | None = None
    modified: int | None = None
    stored_at: int | None = None
    etag: str | None = None
    hashes: dict[str, str] = {}
    metadata: dict[str, str] | None = None
    metadata_b64: dict[str, str] | None = None
    content_type: str | None = None
    posix: PosixRecord | None = None


class ActionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One action; a side that is left out is expected to be absent."""

    verb: Verb
    key: str | None = None
    key_b64: str | None = None
    source: SideRecord | None = None
    destination: SideRecord | None = None
    reason: str = ""
    origin: str | None = None
    origin_b64: str | None = None


def to_record(action: Action) -> ActionRecord:
    """The record of an action."""
    key, key_b64 = key_fields(action.key)
    origin, origin_b64 = (None, None) if action.origin is None else key_fields(action.origin)
    return ActionRecord(
        action.verb,
        key,
        key_b64,
        _side_record(action.source, action.key),
        _side_record(action.destination, action.key),
        action.reason,
        origin,
        origin_b64,
    )


def from_record(record: ActionRecord) -> Action:
    """The action of a record. Raises ValueError where it has no key, or one that is no Base64."""
    key = key_of(record.key, record.key_b64)
    if key is None:
        raise ValueError("a record without a key")
    return Action(
        record.verb,
        key,
        _item(record.source, key),
        _item(record.destination, key),
        record.reason,
        key_of(record.origin, record.origin_b64),
    )


def key_fields(key: str) -> tuple[str | None, str | None]:
    """A key as `(text, None)`, or `(None, Base64 of its bytes)` where it is not UTF-8."""
    return (key, None) if _is_utf8(key) else (None, _to_base64(key))


def key_of(text: str | None, encoded: str | None) -> str | None:
    """The inverse of `key_fields`; None where both are."""
    return text if encoded is None else _from_base64(encoded)


def pack(action: Action) -> bytes:
    """An action as MessagePack."""
    return _ENCODER.encode(to_record(action))


def unpack(data: bytes) -> Action:
    """The inverse of `pack`."""
    return from_record(_DECODER.decode(data))


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(ActionRecord)


def _side_record(item: Item | None, key: str) -> SideRecord | None:
    if item is None:
        return None
    stat = item.stat
    own_key, own_b64 = (None, None) if item.key == key else key_fields(item.key)
    metadata, metadata_b64 = _metadata_fields(stat.metadata)
    posix = stat.posix
    return SideRecord(
        stat.kind.name.lower(),
        own_key,
        own_b64,
        stat.size,
        stat.modified,
        stat.stored_at,
        stat.etag,
        dict(stat.hashes),
        metadata,
        metadata_b64,
        stat.content_type,
        None
        if posix is None
        else PosixRecord(**{name: getattr(posix, name) for name in PosixRecord.__struct_fields__}),
    )


def _item(record: SideRecord | None, key: str) -> Item | None:
    if record is None:
        return None
    posix = record.posix
    own = key_of(record.key, record.key_b64)
    return Item(
        key if own is None else own,
        Stat(
            Kind[record.kind.upper()],
            record.size,
            record.modified,
            record.stored_at,
            record.etag,
            record.hashes,
            _metadata(record),
            record.content_type,
            None if posix is None else Posix(**msgspec.structs.asdict(posix)),
        ),
    )


def _metadata_fields(metadata: Mapping[str, str] | None) -> tuple[dict[str, str] | None, dict[str, str] | None]:
    """Metadata as text, and what of it is not UTF-8 with names and values in Base64."""
    if metadata is None:
        return None, None
    text: dict[str, str] = {}
    encoded: dict[str, str] = {}
    for name, value in metadata.items():
        if _is_utf8(name) and _is_utf8(value):
            text[name] = value
        else:
            encoded[_to_base64(name)] = _to_base64(value)
    return text, encoded or None


def _metadata(record: SideRecord) -> dict[str, str] | None:
    if not record.metadata_b64:
        return record.metadata
    decoded = {_from_base64(name): _from_base64(value) for name, value in record.metadata_b64.items()}
    return {**(record.metadata or {}), **decoded}


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\udc80" <= character <= "\udcff" for character in text)


def _to_base64(text: str) -> str:
    return b2a_base64(order_bytes(text), newline=False).decode("ascii")


def _from_base64(encoded: str) -> str:
    return a2b_base64(encoded, strict_mode=True).decode("utf-8", "surrogateescape")
