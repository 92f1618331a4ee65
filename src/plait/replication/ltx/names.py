"""Transactions, positions and the names of LTX files, as text."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from plait.model.errors import IntegrityError, UsageError

GREATEST_TXID: Final = 2**64 - 1

_NAME: Final = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.ltx", re.ASCII)
_TXID: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_POSITION: Final = re.compile(r"([0-9a-f]{16})/([0-9a-f]{16})", re.ASCII)


class Span(msgspec.Struct, frozen=True, order=True):
    """The transactions of a file, both ends included; ordered as the names of files are."""

    min_txid: int
    max_txid: int


class Position(msgspec.Struct, frozen=True):
    """A state of a database: the last transaction, and the checksum of its pages, which Litestream leaves at 0."""

    txid: int
    checksum: int = 0


def format_txid(txid: int) -> str:
    """A transaction's number as people and file names have it: 16 hexadecimal digits."""
    if not 0 <= txid <= GREATEST_TXID:
        raise ValueError(f"a transaction's number has 64 bits: {txid}")
    return f"{txid:016x}"


def parse_txid(text: str) -> int:
    """The number of a transaction from its 16 hexadecimal digits. Raises UsageError for anything else."""
    if _TXID.fullmatch(text) is None:
        raise UsageError(f"invalid transaction: {text}", hint="a transaction has 16 hexadecimal digits in lower case")
    return int(text, 16)


def format_position(position: Position) -> str:
    """`TXID/CHECKSUM`, both in 16 hexadecimal digits."""
    return f"{format_txid(position.txid)}/{position.checksum:016x}"


def parse_position(text: str) -> Position:
    """A position from its text. Raises UsageError for anything else."""
    match = _POSITION.fullmatch(text)
    if match is None:
        raise UsageError(f"invalid position: {text}", hint="a position is TXID/CHECKSUM in hexadecimal digits")
    return Position(int(match[1], 16), int(match[2], 16))


def file_name(span: Span) -> str:
    """The name of the file that holds these transactions."""
    return f"{format_txid(span.min_txid)}-{format_txid(span.max_txid)}.ltx"


def parse_file_name(name: str) -> Span | None:
    """What a file of this name holds; None for names that are none of LTX files, which readers pass over."""
    match = _NAME.fullmatch(name)
    return None if match is None else Span(int(match[1], 16), int(match[2], 16))


def check_name(name: str, span: Span) -> None:
    """Hold a file's name against the transactions that its header tells.

    Raises IntegrityError where they differ: the file stands in another's place.
    """
    if parse_file_name(name) != span:
        raise IntegrityError(f"the file holds transactions {file_name(span).removesuffix('.ltx')}", key=name)
