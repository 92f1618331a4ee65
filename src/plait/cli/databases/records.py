"""When replicas were last verified and restored: one small file in Plait's state directory."""

from __future__ import annotations

import os
import secrets
import time
from typing import TYPE_CHECKING, Final

import msgspec

from plait.cli.directories import state_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FILE: Final = "replicas.json"


class Record(msgspec.Struct, frozen=True):
    """The last success of a kind: when (nanoseconds since the epoch, 0 for never), and of which transaction."""

    verified_at: int = 0
    verified_txid: int = 0
    restored_at: int = 0
    restored_txid: int = 0


def read_records(environment: Mapping[str, str]) -> dict[str, Record]:
    """The records by replica, as it describes itself; none where the file is missing or is no longer readable."""
    try:
        return msgspec.json.decode(_path(environment).read_bytes(), type=dict[str, Record])
    except (OSError, msgspec.DecodeError):
        return {}


def note(environment: Mapping[str, str], replica: str, txid: int, *, verified: bool = False) -> None:
    """Notes that a replica was restored just now, or `verified`."""
    records = read_records(environment)
    record = records.get(replica, Record())
    now = time.time_ns()
    changes = {"verified_at": now, "verified_txid": txid} if verified else {"restored_at": now, "restored_txid": txid}
    records[replica] = msgspec.structs.replace(record, **changes)
    path = _path(environment)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(records))
        beside.replace(path)
    except OSError:
        # What was done is done; that it is not remembered is no reason to fail.
        beside.unlink(missing_ok=True)


def _path(environment: Mapping[str, str]) -> Path:
    return state_directory(environment) / _FILE
