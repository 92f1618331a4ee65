"""Which form of `plait sync` is meant: decided by words and their number, never by what exists on disk.

What exists is asked only to word a hint.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from plait.cli.forms import Choice
from plait.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.cli.forms import Situation
    from plait.cli.grammar import Word

MIRROR: Final = "mirror"
REPOSITORY: Final = "repository"
DATABASE: Final = "database"

DIRECTIONS: Final = ("to", "from", "with")
THREE_FORMS: Final = (
    "plait sync SOURCE DEST",
    "plait [at REPOSITORY] sync [SNAPSHOT] to|from|with PEER",
    "plait sync [-wait] DATABASE",
)
_SNAPSHOT = re.compile(r"[0-9a-fA-F]{1,64}")
_TREE_WITH_SNAPSHOT = re.compile(r"(@[^:/]+):([0-9a-f]{1,64})")
_BUCKET_FIRST = re.compile(r"s3://([^/]+)(?:/.*)?")


def decide_sync(situation: Situation) -> Choice:
    """The form of a `sync` command line, and its parts. Raises UsageError."""
    words = situation.line.words
    if situation.at is not None:
        return _repository(words, situation.at)
    if not words or len(words) > 3:
        raise _usage(f"sync takes one to three words, not {len(words)}")
    if len(words) == 1:
        return _database(words[0], situation.is_directory)
    if len(words) == 2:
        return _two(words[0], words[1])
    return _three(words)


def decide_plan_sync(situation: Situation) -> Choice:
    """The form of a `plan sync` command line, as of a `sync`. Raises UsageError; there are no plans of databases."""
    choice = decide_sync(situation)
    if choice.form == DATABASE:
        raise UsageError(
            "a plan needs two places",
            hint="usage: plait plan sync -o FILE SOURCE DEST\n"
            "       plait [at REPOSITORY] plan sync -o FILE [SNAPSHOT] to|from|with PEER",
        )
    return choice


def refuse_bare_repository_name(word: str) -> None:
    """Raises UsageError where SOURCE or DEST is a bare `@name`, which is neither a tree nor a file."""
    if word.startswith("@") and ":" not in word and "/" not in word:
        raise UsageError(
            f"{word} is a repository, not a tree",
            hint=f"write {word}: for the tree in it, ./{word} for a file of that name",
        )


def missing_snapshot_hint(snapshot: str, peer: str, is_directory: Callable[[str], bool]) -> str | None:
    """The hint where no snapshot begins with `snapshot` but a directory of that name exists."""
    return f"to mirror that directory: plait sync {snapshot} {peer}" if is_directory(snapshot) else None


def _is_direction(word: Word) -> bool:
    return not word.literal and word.text in DIRECTIONS


def _database(word: Word, is_directory: Callable[[str], bool]) -> Choice:
    text = word.text
    if _is_direction(word):
        raise _usage(f"sync {text} names no peer")
    if _is_remote(text) or text.endswith("/") or text in {".", ".."} or is_directory(text):
        raise UsageError(
            "sync needs a destination", hint=f"to mirror {text}: plait sync {text} DEST; a single word is a database"
        )
    return Choice(DATABASE, {"database": text})


def _two(first: Word, second: Word) -> Choice:
    if _is_direction(first):
        if _is_direction(second):
            raise _two_directions(first.text, second.text)
        return _peer(first.text, second.text)
    if _is_direction(second):
        raise UsageError(
            f"sync {first.text} {second.text} names no peer",
            hint=f"name the peer, or write ./{second.text} for a directory",
        )
    _refuse_bare_names(first.text, second.text)
    return Choice(MIRROR, {"source": first.text, "destination": second.text})


def _three(words: Sequence[Word]) -> Choice:
    first, middle, last = words
    if not _is_direction(middle):
        raise _usage(f"sync {' '.join(word.text for word in words)}: the middle word is not to, from or with")
    if _is_direction(first):
        raise _two_directions(first.text, middle.text)
    if _is_direction(last):
        raise _two_directions(middle.text, last.text)
    if not _SNAPSHOT.fullmatch(first.text):
        raise _no_snapshot(first.text, middle.text, last.text)
    return _peer(middle.text, last.text, snapshot=first.text)


def _repository(words: Sequence[Word], at: str) -> Choice:
    texts = [word.text for word in words]
    synopsis = f"plait at {at} sync [SNAPSHOT] to|from|with PEER"
    if len(words) not in {2, 3} or not _is_direction(words[-2]):
        raise UsageError(f"at {at}: sync needs a direction and a peer", hint=f"usage: {synopsis}")
    if _is_direction(words[-1]):
        raise _two_directions(texts[-2], texts[-1])
    if len(words) == 3 and _is_direction(words[0]):
        raise _two_directions(texts[0], texts[1])
    snapshot = texts[0] if len(words) == 3 else ""
    if snapshot and not _SNAPSHOT.fullmatch(snapshot):
        raise UsageError(f"{snapshot} is no snapshot ID", hint="an ID is up to 64 hexadecimal digits")
    return _peer(texts[-2], texts[-1], snapshot=snapshot, at=at)


def _peer(direction: str, peer: str, *, snapshot: str = "", at: str = "") -> Choice:
    bucket = _BUCKET_FIRST.fullmatch(peer)
    if bucket and not set(".:") & set(bucket[1]):
        raise UsageError(
            f"{peer}: {bucket[1]} is no endpoint",
            hint="endpoint first: a repository on S3 is s3://ENDPOINT/BUCKET, as in stores.yml",
        )
    parts = {"direction": direction, "peer": peer, "snapshot": snapshot, "at": at}
    return Choice(REPOSITORY, {name: text for name, text in parts.items() if text})


def _no_snapshot(first: str, direction: str, peer: str) -> UsageError:
    tree = _TREE_WITH_SNAPSHOT.fullmatch(first)
    if tree:
        hint = f"write: plait at {tree[1]} sync {tree[2]} {direction} {peer}"
    elif direction == "from":
        hint = f"to mirror: plait sync {peer} {first}"
    else:
        hint = f"to mirror: plait sync {first} {peer}"
    return UsageError(f"{first} is no snapshot ID", hint=hint)


def _refuse_bare_names(source: str, destination: str) -> None:
    both = [word for word in (source, destination) if word.startswith("@") and ":" not in word and "/" not in word]
    if len(both) == 2:
        raise UsageError(
            f"{source} and {destination} are repositories, not trees",
            hint=f"write: plait at {source} sync to {destination}",
        )
    for word in (source, destination):
        refuse_bare_repository_name(word)


def _is_remote(word: str) -> bool:
    head, colon, _ = word.partition(":")
    return bool(colon) and "/" not in head


def _two_directions(first: str, second: str) -> UsageError:
    return UsageError(
        f"sync {first} {second} names no peer", hint=f"name the peer, or write ./{second} for a directory"
    )


def _usage(message: str) -> UsageError:
    return UsageError(message, hint="usage: " + "\n       ".join(THREE_FORMS))
