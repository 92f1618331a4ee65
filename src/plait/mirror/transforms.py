"""`--name-transform`: other names for what is copied, made part by part of the path.

A transform is `[file,|dir,|all,]KEY[=VALUE]`; several apply one after the other. Source of the keys and their meaning:
rclone's manual, "convmv" and "--name-transform".
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from plait.model.errors import ConfigurationError, NoRetryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FILE, DIRECTORY, ALL = "file", "dir", "all"
_COMMAND_SECONDS: Final = 60
_CODE_PAGES: Final = ("437", "850", "852", "855", "860", "862", "863", "865", "866")
_CHARMAPS: Final = {
    "IBM-Code-Page-037": "latin-1",
    **{f"IBM-Code-Page-{number}": f"cp{number}" for number in _CODE_PAGES},
    "Windows-Code-Page-858": "cp858",
    "IBM-Code-Page-1047": "latin-1",
    "IBM-Code-Page-1140": "cp1140",
    **{f"ISO-8859-{number}": f"iso8859-{number}" for number in (*range(1, 11), 13, 14, 15, 16)},
    "KOI8-R": "koi8-r",
    "KOI8-U": "koi8-u",
    "Macintosh": "mac-roman",
    "Macintosh-Cyrillic": "mac-cyrillic",
    "Windows-874": "cp874",
    **{f"Windows-{number}": f"cp{number}" for number in range(1250, 1259)},
    "X-User-Defined": "ascii",
}
"""The character sets by rclone's names; those of equal characters stand for each other."""


class Transform(msgspec.Struct, frozen=True):
    """One transform, of the names of files (`file`), of directories (`dir`) or of both (`all`)."""

    scope: str
    apply: Callable[[str], str]


class Transforms:
    """All of them, in order."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self._transforms = transforms

    def __call__(self, name: str, directory: bool) -> str:  # noqa: FBT001  (a plain function for the engine)
        """The new name of one file or directory.

        Raises NoRetryError where it cannot be made, or would be empty or a path.
        """
        left_out = FILE if directory else DIRECTORY
        made = name
        for transform in self._transforms:
            if transform.scope == left_out:
                continue
            try:
                made = transform.apply(made)
            except (ValueError, OSError) as error:
                raise NoRetryError(f"Failed to transform: {error}", key=name) from None
            if not made.strip():
                raise NoRetryError("Failed to transform: transform cannot render path segments empty", key=name)
            if "/" in made or made in {".", ".."} or "\0" in made:
                raise NoRetryError(f"Failed to transform: transform cannot add path separators: {made}", key=name)
        return made

    def path(self, key: str) -> str:
        """The new key of a file."""
        *directories, leaf = key.split("/")
        return "/".join((*(self(name, True) for name in directories), self(leaf, False)))


def parse_transforms(texts: Sequence[str]) -> Transforms | None:
    """The transforms of `--name-transform`; None where there are none. Raises ConfigurationError, in rclone's words."""
    found = [_parse(text) for text in texts if text]
    return Transforms(found) if found else None


def _parse(text: str) -> Transform:
    scope, comma, rest = text.partition(",")
    if not comma or scope not in {FILE, DIRECTORY, ALL}:
        scope, rest = FILE, text
    key, equals, value = rest.partition("=")
    try:
        return Transform(scope, _meaning(key, value if equals else None))
    except ValueError as error:
        raise ConfigurationError(f"Failed to parse transform flags: {error}") from None


def _meaning(key: str, value: str | None) -> Callable[[str], str]:
    if value is not None and "=" in value:
        raise ValueError("too many values")
    if not key:
        raise ValueError("key cannot be blank")
    names = {name.lower(): name for name in (*_PLAIN, *_WITH_VALUE)}
    known = names.get(key.lower())
    if known is None:
        raise ValueError(f'invalid choice "{key}" from: {", ".join(_CHOICES)}')
    if known in _PLAIN:
        return _PLAIN[known]
    if value is None:
        raise ValueError(f"value is required for {known}")
    return _WITH_VALUE[known](value)


def _normal(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> Callable[[str], str]:
    def apply(name: str) -> str:
        from unicodedata import normalize

        return normalize(form, name)

    return apply


def _encode_base64(name: str) -> str:
    import base64

    return base64.urlsafe_b64encode(_bytes(name)).decode()


def _decode_base64(name: str) -> str:
    import base64

    if name == ".DS_Store":
        return name
    return base64.b64decode(name, altchars=b"-_", validate=True).decode("utf-8", "surrogateescape")


def _replace(value: str) -> Callable[[str], str]:
    if value.count(":") != 1:
        raise ValueError(f"wrong number of values: {value}")
    old, _, new = value.partition(":")
    return lambda name: name.replace(old, new)


def _before_extension(value: str) -> Callable[[str], str]:
    def apply(name: str) -> str:
        base, extensions = _extensions(name)
        return base + value + extensions

    return apply


def _extensions(name: str) -> tuple[str, str]:
    from plait.mirror.keeping import split_extensions

    return split_extensions(name)


def _truncate(value: str, *, keep: bool = False) -> Callable[[str], str]:
    most = _number(value)

    def apply(name: str) -> str:
        if most <= 0 or len(name) <= most:
            return name
        base, extensions = _extensions(name) if keep else (name, "")
        left = most - len(extensions)
        if left <= 0:
            raise ValueError("extension is longer than the truncation limit")
        return base[:left] + extensions

    return apply


def _truncate_bytes(value: str, *, keep: bool = False) -> Callable[[str], str]:
    most = _number(value)

    def apply(name: str) -> str:
        if most <= 0 or len(_bytes(name)) <= most:
            return name
        base, extensions = _extensions(name) if keep else (name, "")
        encoded = _bytes(base)
        for left in range(most - len(_bytes(extensions)), 0, -1):
            try:
                return encoded[:left].decode() + extensions
            except UnicodeDecodeError:
                continue
        raise ValueError("could not truncate to valid UTF-8")

    return apply


def _number(value: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
        raise ValueError(f'strconv.Atoi: parsing "{value}": invalid syntax')
    return int(value)


def _charmap(value: str) -> Callable[[str], str]:
    names = {name.lower(): name for name in _CHARMAPS}
    known = names.get(value.lower())
    if known is None:
        raise ValueError(f'invalid choice "{value}" from: {", ".join(_CHARMAPS)}')
    return _only(_CHARMAPS[known], "\uf780-\uf7ff" if known == "X-User-Defined" else "")


def _only(codec: str, more: str = "") -> Callable[[str], str]:
    """Replaces what the character set does not hold by `_`."""
    extra = re.compile(f"[{more}]") if more else None

    @cache
    def holds(character: str) -> bool:
        try:
            character.encode(codec)
        except UnicodeEncodeError:
            return extra is not None and extra.match(character) is not None
        return True

    return lambda name: "".join(character if holds(character) else "_" for character in name)


def _date(value: str) -> Callable[[str], str]:
    def apply(name: str) -> str:
        import time

        from plait.model.values.layouts import NAMED, show_layout

        start, stop = value.find("{"), value.rfind("}")
        if start < 0 or stop < start:
            return name + value
        pattern = value[start : stop + 1]
        layout = pattern.strip("{}")
        return name + value.replace(pattern, show_layout(time.time_ns(), NAMED.get(layout, layout)))

    return apply


def _regular_expression(value: str) -> Callable[[str], str]:
    from plait.mirror.filters.re2 import translate

    parts = value.split("/")
    if len(parts) != 2:
        raise ValueError(f"regex syntax error: {value}")
    compiled = re.compile(translate(parts[0], capturing=True))
    return lambda name: compiled.sub(lambda found: _expanded(found, parts[1]), name)


_REFERENCE: Final = re.compile(r"\$(?:\$|([0-9A-Za-z_]+)|\{([0-9A-Za-z_]+)\})")


def _expanded(found: re.Match[str], template: str) -> str:
    """A template of Go's package regexp: `$1`, `${name}`, `$$`; what there is not is empty."""

    def one(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            return found[int(name) if name.isdigit() else name] or ""
        except IndexError:
            return ""

    return _REFERENCE.sub(one, template)


def _command(value: str) -> Callable[[str], str]:
    def apply(name: str) -> str:
        import subprocess

        try:
            answer = subprocess.run(
                [value, name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ValueError(f'error running command "{value} {name}": no answer in time') from None
        said = answer.stdout.decode("utf-8", "surrogateescape").strip()
        if answer.returncode:
            raise ValueError(f'{said}: error running command "{value} {name}": exit status {answer.returncode}')
        return said

    return apply


def _coded(value: str, *, back: bool = False) -> Callable[[str], str]:
    from plait.mirror.encodings import Encoding

    encoding = Encoding(value)
    return encoding.decode if back else encoding.encode


def _query(name: str) -> str:
    from urllib.parse import quote_plus

    return quote_plus(_bytes(name), safe="~")


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _same(name: str) -> str:
    return name


_PLAIN: Final[dict[str, Callable[[str], str]]] = {
    "none": _same,
    "nfc": _normal("NFC"),
    "nfd": _normal("NFD"),
    "nfkc": _normal("NFKC"),
    "nfkd": _normal("NFKD"),
    "base64encode": _encode_base64,
    "base64decode": _decode_base64,
    "ISO-8859-1": _only("latin-1"),
    "Windows-1252": _only("cp1252"),
    "Macintosh": _only("mac-roman"),
    "lowercase": str.lower,
    "uppercase": str.upper,
    "titlecase": str.upper,
    "ascii": lambda name: "".join(character for character in name if character.isascii()),
    "url": _query,
}
"""What needs no value. Go's title case is that of whole strings: upper case."""
_WITH_VALUE: Final[dict[str, Callable[[str], Callable[[str], str]]]] = {
    "replace": _replace,
    "prefix": lambda value: lambda name: value + name,
    "suffix": lambda value: lambda name: name + value,
    "suffix_keep_extension": _before_extension,
    "trimprefix": lambda value: lambda name: name.removeprefix(value),
    "trimsuffix": lambda value: lambda name: name.removesuffix(value),
    "date": _date,
    "truncate": _truncate,
    "truncate_keep_extension": lambda value: _truncate(value, keep=True),
    "truncate_bytes": _truncate_bytes,
    "truncate_bytes_keep_extension": lambda value: _truncate_bytes(value, keep=True),
    "encoder": _coded,
    "decoder": lambda value: _coded(value, back=True),
    "charmap": _charmap,
    "regex": _regular_expression,
    "command": _command,
}
_CHOICES: Final = (
    *("none", "nfc", "nfd", "nfkc", "nfkd", "replace", "prefix", "suffix", "suffix_keep_extension", "trimprefix"),
    *("trimsuffix", "index", "date", "truncate", "truncate_keep_extension", "truncate_bytes"),
    *("truncate_bytes_keep_extension", "base64encode", "base64decode", "encoder", "decoder", "ISO-8859-1"),
    *(
        "Windows-1252",
        "Macintosh",
        "charmap",
        "lowercase",
        "uppercase",
        "titlecase",
        "ascii",
        "url",
        "regex",
        "command",
    ),
)
"""The keys in rclone's order; it knows `index` by name only."""
