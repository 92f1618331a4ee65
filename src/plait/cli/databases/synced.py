"""What a sync came to, as lines: on Plait's own face, and as the original prints it. Loads nothing."""

from __future__ import annotations

_IN_STEP = "in step: the replica has everything"
_CAPTURED = {"synced_local": "captured; the replica follows", "no_change": "nothing new"}


def own_lines(status: str, path: str, txid: int, replica_txid: int, *, wait: bool) -> str:
    """The lines for a person."""
    lines = [
        f"status: {_IN_STEP if wait else _CAPTURED.get(status, status)}",
        f"database: {path}",
        f"txid: {txid_text(txid)}",
    ]
    if wait:
        lines.append(f"replica txid: {txid_text(replica_txid)}")
    return "\n".join([*lines, ""])


def original_lines(path: str, txid: int, replica_txid: int, milliseconds: int, *, wait: bool) -> str:
    """The lines of `litestream sync`."""
    replica = f"replica_txid: {replica_txid}\n" if wait else ""
    return f"db_path: {path}\ntxid: {txid}\n{replica}duration_ms: {milliseconds}\n"


def txid_text(txid: int) -> str:
    """A transaction for a person, and `-` for none."""
    return f"{txid:016x}" if txid else "-"
