"""How hard a passphrase is to guess: bits of its alphabet and length, where runs and repetitions count little. Pure.

The measure is that of the original (github.com/wagslane/go-password-validator), so that both take the same passphrases.
"""

from __future__ import annotations

import math
import string
from itertools import pairwise
from typing import Final

ENOUGH_BITS: Final = 80.0
"""Less is weak."""
_REPLACING: Final = "!@$&*"
_SEPARATING: Final = "_-., "
_SPECIAL: Final = "\"#%'()+/:;<=>?[\\]^{|}~"
_ALPHABETS: Final = (
    _REPLACING,
    _SEPARATING,
    _SPECIAL,
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.digits,
)
_FORWARD: Final = (string.digits, "qwertyuiop", "asdfghjkl", "zxcvbnm", string.ascii_lowercase)
_RUNS: Final = (*_FORWARD, *(run[::-1] for run in _FORWARD))
_COUNTED: Final = 2
"""So many characters of a run or of a repetition count."""


def strength(passphrase: str) -> float:
    """Bits of entropy, estimated."""
    size = sum(len(alphabet) for alphabet in _ALPHABETS if set(alphabet) & set(passphrase))
    size += len(set(passphrase) - set("".join(_ALPHABETS)))
    return _length(passphrase) * math.log2(size) if size else 0.0


def advice(passphrase: str) -> str:
    """What would make a weak passphrase stronger."""
    found = set(passphrase)
    wanted = []
    if not all(found & set(alphabet) for alphabet in (_REPLACING, _SEPARATING, _SPECIAL)):
        wanted.append("including more special characters")
    for alphabet, words in (
        (string.ascii_lowercase, "using lowercase letters"),
        (string.ascii_uppercase, "using uppercase letters"),
        (string.digits, "using numbers"),
    ):
        if not found & set(alphabet):
            wanted.append(words)
    if not wanted:
        return "insecure password, try using a longer password"
    return f"insecure password, try {', '.join(wanted)} or using a longer password"


def _length(passphrase: str) -> int:
    text = _without_repetitions(passphrase)
    for run in _RUNS:
        text = _without_run(text, run)
    return len(text.encode("utf-8", "surrogateescape"))


def _without_repetitions(text: str) -> str:
    kept: list[str] = []
    for character in text:
        if kept[-_COUNTED:] != [character] * _COUNTED:
            kept.append(character)
    return "".join(kept)


def _without_run(text: str, run: str) -> str:
    """The text, of each stretch that follows `run` only the beginning."""
    following = dict(pairwise(run))
    kept: list[str] = []
    previous = ""
    stretch = 0
    for character in text:
        if character not in run:
            stretch = 0
        elif stretch and following.get(previous) == character:
            stretch += 1
        else:
            stretch = 1
        if stretch <= _COUNTED:
            kept.append(character)
        previous = character
    return "".join(kept)
