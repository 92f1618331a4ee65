"""`sync [-wait] [-timeout SECONDS] [-socket PATH] DATABASE`, which comes back before anything else is loaded.

Scripts wait for it after every commit, and to load what understands any command line takes longer than the sync. So
that one line is understood here, if it is plain; every other word, setting, socket or answer goes the ordinary way.
"""

from __future__ import annotations

import os
import sys
import time

from plait.cli.databases.synced import original_lines, own_lines
from plait.replication.control.exchange import UnreachableError, exchange, head
from plait.replication.control.paths import DEFAULT_SOCKET, socket_to_ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.replication.control.client import Reply

_OWN = "plait"
_ORIGINAL = "litestream"
_TIMEOUT = 30
_GRACE = 1
_LONGEST_TIMEOUT = 6
_ESCAPED = frozenset('"\\<>&')
"""Characters that JSON, or Go's encoder, writes in another way."""


class _Line:
    """A plain command line."""

    def __init__(self) -> None:
        self.wait = False
        self.timeout = _TIMEOUT
        self.socket = ""
        self.database = ""


def sync(face: str, words: Sequence[str]) -> int | None:
    """Runs `sync` with the words behind it, and returns the exit code; None where nothing was done: it is not plain."""
    if face not in {_OWN, _ORIGINAL} or (face == _OWN and _is_configured()):
        return None
    line = _understood(words, anywhere=face == _OWN)
    if line is None or sys.stdout is None:
        return None
    if face == _OWN:
        if _is_odd(line.database):
            return None
        line.database = os.path.abspath(line.database)
        line.socket = line.socket or socket_to_ask(os.environ)
    line.socket = line.socket or DEFAULT_SOCKET
    began = time.monotonic_ns()
    try:
        raw = _send(line, line.timeout + (_GRACE if face == _OWN else 0))
    except UnreachableError:
        return None
    except (OSError, KeyboardInterrupt) as error:
        return _finish(face, line, began, _raising(error))
    fields = _fields(raw)
    if fields is None:
        return _finish(face, line, began, lambda: raw)
    status, path, txid, replica_txid = fields
    if face == _OWN:
        shown = own_lines(status, path, txid, replica_txid, wait=line.wait)
    else:
        shown = original_lines(path, txid, replica_txid, (time.monotonic_ns() - began) // 10**6, wait=line.wait)
    try:
        sys.stdout.write(shown)
        sys.stdout.flush()
    except OSError:
        return _finish(face, line, began, lambda: raw)
    return 0


def _understood(words: Sequence[str], *, anywhere: bool) -> _Line | None:
    """The line; None where it is not plain. `anywhere`: options may stand behind the database."""
    line = _Line()
    left = list(words)
    while left:
        word = left.pop(0)
        name = word.removeprefix("-").removeprefix("-")
        if not word.startswith("-"):
            if line.database or not _is_plain(word):
                return None
            line.database = word
        elif line.database and not anywhere:
            return None
        elif name == "wait":
            line.wait = True
        elif name == "timeout" and left and _is_count(left[0]):
            line.timeout = int(left.pop(0))
        elif name == "socket" and left and left[0]:
            line.socket = left.pop(0)
        else:
            return None
    return line if line.database else None


def _is_plain(word: str) -> bool:
    return word != "" and word.isascii() and word.isprintable() and not _ESCAPED.intersection(word)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_TIMEOUT and int(text) > 0


def _is_odd(word: str) -> bool:
    """Whether a word may be no database, or one that is found in another way than by its path."""
    return word in {"to", "from", "with"} or word[:1] in {"~", "@"} or ":" in word or os.path.isdir(word)


def _is_configured() -> bool:
    """Whether anything but the command line may say how it is to run; also on systems with other places for files."""
    if sys.platform != "linux" or any(name.startswith("PLAIT_") for name in os.environ):
        return True
    directory = os.environ.get("XDG_CONFIG_HOME", "").strip() or os.path.expanduser("~/.config")
    return os.path.lexists(f"{directory}/plait/plait.toml")


def _send(line: _Line, timeout: float) -> bytes:
    wait = "true" if line.wait else "false"
    body = f'{{"path":"{line.database}","wait":{wait},"timeout":{line.timeout}}}'.encode()
    return exchange(line.socket, head("POST", "/sync", len(body)) + body, timeout)


def _fields(raw: bytes) -> tuple[str, str, int, int] | None:
    """Status, path, transaction and the replica's; None for any other answer than a plain success."""
    first, _, body = raw.partition(b"\r\n\r\n")
    if not first.startswith(b"HTTP/1.1 200 ") or not body.isascii():
        return None
    text = body.decode()
    status, _, rest = text.removeprefix('{"status":"').partition('","path":"')
    path, _, rest = rest.rpartition('","txid":')
    txid, _, rest = rest.partition(',"replicated_txid":')
    replica_txid = rest.partition("}")[0]
    if not (txid.isdecimal() and replica_txid.isdecimal() and _is_plain(status) and _is_plain(path)):
        return None
    same = f'{{"status":"{status}","path":"{path}","txid":{txid},"replicated_txid":{replica_txid}}}\n'
    return (status, path, int(txid), int(replica_txid)) if text == same else None


def _finish(face: str, line: _Line, began: int, outcome: Callable[[], bytes]) -> int:
    """Shows what came of the request in the ordinary way; it is not made again."""
    from plait.cli.guard import guard
    from plait.replication.control.client import reply_of

    def reply() -> Reply:
        return reply_of(line.socket, outcome)

    def show_own() -> int:
        from plait.cli.commands.databases.daemon import show_synced
        from plait.cli.databases.asking import answer_of

        return show_synced(answer_of(reply), wait=line.wait)

    def show_original() -> int:
        from plait.cli.fronts.litestream_control import answer_of, show_synced

        answered = answer_of(line.socket, "sync", "POST", line.timeout, reply)
        return show_synced(answered, (time.monotonic_ns() - began) // 10**6, wait=line.wait)

    if face == _OWN:
        return guard(show_own)
    from plait.cli.fronts.litestream import said

    return guard(lambda: said(show_original))


def _raising(error: BaseException) -> Callable[[], bytes]:
    def outcome() -> bytes:
        raise error

    return outcome
