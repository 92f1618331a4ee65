"""Reading a file, a range of it, or a document in the form that it is exported in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.closing import Closing
from plait.model.errors import TemporaryError

if TYPE_CHECKING:
    import urllib3

    from plait.model.items import Stat

BLOCK: Final = 1 << 20


class DriveReader(Closing):
    """Content from an answer; `length` bytes of it after the first `skip`, or all."""

    def __init__(
        self, answer: urllib3.BaseHTTPResponse, stat: Stat, key: str, length: int | None, *, exact: bool, skip: int = 0
    ) -> None:
        self.stat = stat
        self._answer = answer
        self._key = key
        self._left = length
        self._exact = exact
        self._skip = skip

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes. Raises TemporaryError where the connection breaks or the content ends early."""
        if size < 0:
            parts = []
            while block := self.read(BLOCK):
                parts.append(block)
            return b"".join(parts)
        while self._skip:
            self._skip -= len(self._block(min(self._skip, BLOCK))) or self._skip
        wanted = size if self._left is None else min(size, self._left)
        block = self._block(wanted) if wanted else b""
        if self._left is not None:
            self._left -= len(block)
            if not block and self._left and self._exact:
                raise TemporaryError(f"the content ended {self._left} bytes early", key=self._key)
        return block

    def _block(self, size: int) -> bytes:
        import urllib3

        try:
            return self._answer.read(size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TemporaryError(f"the connection to Google Drive broke: {error}", key=self._key) from None

    def close(self) -> None:
        """Gives the connection back, or closes it where more was to come."""
        self._answer.close()
        self._answer.release_conn()
