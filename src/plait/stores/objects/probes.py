"""What a server really does, found out before something depends on it.

Some servers ignore the conditions of a write, and some store `a//b` as `a/b` without a word. Each question is asked
once, when the first caller needs the answer, with objects under a fresh random name that are deleted again.
"""

from __future__ import annotations

import re
import secrets
from enum import Enum
from threading import Lock
from typing import TYPE_CHECKING, Final

from plait.model.errors import NotSupportedError, ObjectNotFoundError, PlaitError, PreconditionError, TemporaryError
from plait.stores.objects.request import Request
from plait.stores.objects.xml import completion, parse, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.stores.objects.listing import Lister
    from plait.stores.objects.request import Client

WHAT: Final = "failed to find out what the server supports"
CONDITION: Final = "if-none-match"
_MATCH: Final = "if-match"
_CONTENT: Final = b"probe"
_NO_ETAG: Final = f'"{"0" * 32}"'


class Oddity(Enum):
    """What a server may not keep of a key, and the end of a key that shows whether it does."""

    EMPTY = "//x"
    LEADING = "x"
    """A slash at the beginning; the probe's key begins with one."""
    DOTS = "/./x/../y"
    TRAILING = "/"
    BACKSLASH = "\\x"
    CONTROL = "\x01\n\r\x7fx"
    NUL = "\0x"


_ODD = re.compile(r"//|^/|/$|\\|(?:^|/)\.\.?(?:/|$)|[\x00-\x1f\x7f]")


def oddities(key: str) -> list[Oddity]:
    """What is odd about a full key."""
    if _ODD.search(key) is None:
        return []
    parts = key.split("/")
    control = set(key) & {chr(code) for code in (*range(1, 32), 127)}
    signs = {
        Oddity.EMPTY: "//" in key,
        Oddity.LEADING: key.startswith("/"),
        Oddity.DOTS: "." in parts or ".." in parts,
        Oddity.TRAILING: key.endswith("/"),
        Oddity.BACKSLASH: "\\" in key,
        Oddity.CONTROL: bool(control),
        Oddity.NUL: "\0" in key,
    }
    return [oddity for oddity, present in signs.items() if present]


class Probes:
    """The questions and the answers so far. Thread-safe; a question that could not be asked is asked again."""

    def __init__(self, client: Client, lister: Lister, root: str) -> None:
        self._client = client
        self._lister = lister
        self._root = root
        self._lock = Lock()
        self._answers: dict[object, bool] = {}

    def keeps(self, key: str) -> bool:
        """True where the server keeps a full key of this kind exactly."""
        return all(self._answer(oddity, lambda odd=oddity: self._keeps(odd)) for oddity in oddities(key))  # type: ignore[misc]  # mypy infers no type of a lambda with a default

    def holds_exactly(self, key: str) -> bool:
        """True where exactly this odd full key is listed: the server may show another object under it."""
        return self._lister.first(key) == key

    def conditions(self) -> bool:
        """True where a write with `If-None-Match` or `If-Match` obeys them."""
        return self._answer("conditions", self._obeys)

    def multipart_conditions(self) -> bool:
        """True where the completion of an upload in parts obeys `If-None-Match`."""
        return self._answer("multipart conditions", self._obeys_in_parts)

    def _answer(self, question: object, ask: Callable[[], bool]) -> bool:
        with self._lock:
            if question not in self._answers:
                self._answers[question] = ask()
            return self._answers[question]

    def _name(self) -> str:
        return f"{self._root}.plait-probe-{secrets.token_hex(8)}"

    def _keeps(self, oddity: Oddity) -> bool:
        name = self._name()
        key = f"/{name}" if oddity is Oddity.LEADING else name
        wanted = key + oddity.value
        try:
            self._put(wanted, {})
            return self._lister.first(key) == wanted and self._content(wanted) == _CONTENT
        except TemporaryError:
            raise
        except PlaitError:
            return False
        finally:
            self._remove(wanted)

    def _obeys(self) -> bool:
        key = self._name()
        try:
            self._put(key, {CONDITION: "*"})
            return self._refuses(key, {CONDITION: "*"}) and self._refuses(key, {_MATCH: _NO_ETAG})
        except NotSupportedError:
            return False
        finally:
            self._remove(key)

    def _obeys_in_parts(self) -> bool:
        key = self._name()
        upload = ""
        try:
            self._put(key, {})
            begun = Request(method="POST", what=WHAT, key=key, query=(("uploads", ""),), repeatable=False)
            upload = text(parse(self._client.call(begun).document), "UploadId")
            of_part = (("partNumber", "1"), ("uploadId", upload))
            part = self._client.call(Request(method="PUT", what=WHAT, key=key, query=of_part, body=(b"y",)))
            end = Request(
                method="POST",
                what=WHAT,
                key=key,
                query=(("uploadId", upload),),
                headers={CONDITION: "*"},
                body=(completion([(1, part.headers.get("etag", ""))]),),
                repeatable=False,
            )
            try:
                answer = self._client.call(end)
            except PreconditionError:
                return True
            return text(parse(answer.document), "Code") == "PreconditionFailed"
        except NotSupportedError:
            return False
        finally:
            if upload:
                self._abort(key, upload)
            self._remove(key)

    def _put(self, key: str, headers: dict[str, str]) -> None:
        self._client.call(Request(method="PUT", what=WHAT, key=key, headers=headers, body=(_CONTENT,)))

    def _content(self, key: str) -> bytes:
        return self._client.call(Request(method="GET", what=WHAT, key=key, harmless=True)).document

    def _refuses(self, key: str, headers: dict[str, str]) -> bool:
        try:
            self._put(key, headers)
        except (PreconditionError, ObjectNotFoundError):
            return True
        return False

    def _remove(self, key: str) -> None:
        try:
            self._client.call(Request(method="DELETE", what=WHAT, key=key))
        except PlaitError:
            # A key that the server refuses was not written either.
            return

    def _abort(self, key: str, upload: str) -> None:
        try:
            self._client.call(Request(method="DELETE", what=WHAT, key=key, query=(("uploadId", upload),)))
        except PlaitError:
            # Completed or forgotten already: nothing is left to abort.
            return
