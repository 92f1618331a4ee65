"""What kind of thing a location holds (tree, repository, replica), and so which form of a shared verb is meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from plait.cli.forms import Choice
from plait.model.errors import DirectoryNotFoundError, ObjectNotFoundError, PlaitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.cli.forms import Situation
    from plait.stores.base import Store

TREE: Final = "tree"
REPOSITORY: Final = "repository"
REPLICA: Final = "replica"
DATABASE: Final = "database"

_MAGIC: Final = b"_KLOSET_"
"""How the file `CONFIG` of a Kloset repository begins."""
_LTX_PLACES: Final = ("ltx/0/", "0000/")
"""Where the first level of a replica lies: on files, and on an object store."""
_RANGE: Final = frozenset({"offset", "count", "head", "tail"})
"""The options that ask for a range of a file."""
_GENERATION: Final = re.compile(r"[0-9a-f]{16}(/.*)?")
"""What lies below `generations/` in a replica of Litestream 0.3."""
_SNAPSHOT_WORD: Final = re.compile(r"(@[^:/,]+):(.*)", re.DOTALL)
_LTX_NAME: Final = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}\.ltx")


def decide_one(situation: Situation) -> Choice:
    """The form of a verb that takes one location, named by its kind. Raises UsageError.

    Of a repository that a word names, the words that are left say what in it is meant: `[SNAPSHOT[:PATH]]`.
    """
    words = situation.line.texts
    if situation.at is not None:
        return Choice(REPOSITORY, {"at": situation.at})
    if not words:
        # Only of a repository there is one by default.
        return Choice(REPOSITORY)
    snapshot = in_snapshot(words)
    if snapshot is not None:
        return snapshot
    if len(words) != 1:
        return Choice(TREE)
    kind = asked_kind(situation) or (REPLICA if _has_parameters(words[0]) else _kind_of(words[0], situation))
    return Choice(kind, {"at": words[0]}, ()) if kind == REPOSITORY else Choice(kind)


def decide_check(situation: Situation) -> Choice:
    """The form of `check`: two locations are compared, one is verified. Raises UsageError."""
    words = situation.line.texts
    if situation.at is None and len(words) == 2 and in_snapshot(words) is None:
        return Choice(TREE)
    choice = decide_one(situation)
    if choice.form == TREE and len(words) == 1:
        raise UsageError(
            f"{words[0]} is a tree: check compares it with another one", hint=f"usage: plait check {words[0]} DEST"
        )
    return choice


def decide_kept(situation: Situation) -> Choice:
    """The form of a verb that takes one location, and without one the default repository.

    A local file, also one that is no longer there, can only be meant as a database. Raises UsageError, and
    DirectoryNotFoundError for a tree.
    """
    if situation.at is None and not situation.line.words:
        return Choice(REPOSITORY)
    choice = decide_one(situation)
    words = situation.line.texts
    if choice.form == TREE and len(words) == 1:
        if ":" in words[0].partition("/")[0] or words[0].endswith("/") or situation.is_directory(words[0]):
            if any(given.name == "if-replica-exists" for given in situation.line.given):
                return Choice(REPLICA)
            raise DirectoryNotFoundError(
                f"{words[0]} holds neither a repository nor a replica", hint="to copy a tree: plait copy SOURCE DEST"
            )
        return Choice(DATABASE)
    return choice


def decide_repository(situation: Situation) -> Choice:
    """The form of a verb that works on repositories alone: `at` names it, or `@NAME:SNAPSHOT`, else the default one."""
    if situation.at is not None:
        return Choice(REPOSITORY, {"at": situation.at})
    return in_snapshot(situation.line.texts) or Choice(REPOSITORY)


def decide_size(situation: Situation) -> Choice:
    """The form of `size`: as `decide_one`, but what is in a snapshot is a tree."""
    words = situation.line.texts
    if situation.at is None and (not words or in_snapshot(words) is not None):
        return Choice(TREE)
    return decide_one(situation)


def decide_cat(situation: Situation) -> Choice:
    """The form of `cat`: as `decide_one`, but a range of a file in a snapshot is read from it as a tree."""
    asked = {given.name for given in situation.line.given}
    words = situation.line.texts
    if situation.at is None and (not words or (asked & _RANGE and in_snapshot(words) is not None)):
        return Choice(TREE)
    return decide_one(situation)


def decide_diff(situation: Situation) -> Choice:
    """The form of `diff`: as `decide_repository`, but its second word may be a path of this machine."""
    words = situation.line.texts
    if situation.at is None and len(words) == 2 and words[1].startswith(("/", ".")):
        first = in_snapshot(words[:1])
        if first is not None:
            return Choice(REPOSITORY, first.parts, (*(first.words or ("",)), words[1]))
    return decide_repository(situation)


def in_snapshot(words: Sequence[str]) -> Choice | None:
    """What words in the form `@NAME:[SNAPSHOT[:PATH]]` mean, where all name the same repository. Raises UsageError."""
    found = [_SNAPSHOT_WORD.fullmatch(word) for word in words]
    names = {match[1] for match in found if match is not None}
    if not names or None in found:
        return None
    if len(names) > 1:
        raise UsageError(f"{' and '.join(sorted(names))} are different repositories", hint="name one of them")
    inside = tuple(match[2] for match in found if match is not None and match[2])
    return Choice(REPOSITORY, {"at": names.pop()}, inside)


def _has_parameters(word: str) -> bool:
    """Whether a URL has parameters (`?endpoint=…`), as only those of replicas do."""
    scheme, separator, rest = word.partition("://")
    return bool(separator) and scheme.isalnum() and "?" in rest and "=" in rest.partition("?")[2]


def asked_kind(situation: Situation) -> str:
    """The value of `--as`, "" where it was not given."""
    asked = [given.text or "" for given in situation.line.given if given.name == "as"]
    return asked[-1].lower() if asked else ""


def find_kind(store: Store) -> str:
    """What an opened location holds. A location that is missing, or is a file, counts as a tree.

    Raises UsageError where it looks like two kinds at once.
    """
    found = [kind for kind, holds in ((REPOSITORY, _is_repository), (REPLICA, _is_replica)) if holds(store)]
    if len(found) == 2:
        raise UsageError(
            f"{store.description} looks like a repository and like a replica", hint="say which: --as repository|replica"
        )
    return found[0] if found else TREE


def _kind_of(word: str, situation: Situation) -> str:
    from plait.cli.opening import open_store

    with open_store(word, situation.environment, situation.values()) as store:
        return find_kind(store)


def _is_repository(store: Store) -> bool:
    from plait.model.items import Kind

    try:
        if store.stat("CONFIG").kind is not Kind.FILE:
            return False
        with store.read("CONFIG", 0, len(_MAGIC)) as reader:
            return reader.read() == _MAGIC
    except (ObjectNotFoundError, DirectoryNotFoundError):
        return False


def _is_replica(store: Store) -> bool:
    if any(_LTX_NAME.fullmatch(name) for place in _LTX_PLACES for name in _first_names(store, place)):
        return True
    return any(_GENERATION.fullmatch(name) for name in _first_names(store, "generations/"))


def _first_names(store: Store, place: str) -> Sequence[str]:
    try:
        page = next(iter(store.list(place)), None)
    except PlaitError:
        # Not there, or not to be read as a directory: then it is no replica.
        return ()
    return [] if page is None else list(page.names)
