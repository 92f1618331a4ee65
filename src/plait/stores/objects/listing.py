"""Listing a bucket: pages of exact keys in the bytewise order, whatever order the server has."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Final, overload

from plait.model.errors import StoreError
from plait.model.items import UNKNOWN_TIME, Kind, Page, Stat, order_bytes
from plait.stores.objects.metadata import md5_of_etag, parse_stamp, plain_etag
from plait.stores.objects.ordering import in_order
from plait.stores.objects.request import Request
from plait.stores.objects.wire import ProtocolError
from plait.stores.objects.xml import Listed, parse_listing, parse_prefixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.stores.objects.ordering import Entry
    from plait.stores.objects.request import Answer, Client

WHAT: Final = "failed to list"
_DISORDER: Final = f"{WHAT}: the server lists keys out of order"
_BY_COMPONENT: Final = ("seaweedfs",)
"""How the `Server` header begins of makes known to list by path component. Of any other server the order is checked."""


class Lister:
    """Lists the keys of a bucket below `root`, a prefix that is "" or ends with `/`."""

    def __init__(
        self, client: Client, root: str, *, version: int, url_encode: bool, chunk: int, etag_is_md5: bool
    ) -> None:
        self._client = client
        self._root = root
        self._version = version
        self._url_encode = url_encode
        self._chunk = min(chunk, 1000)
        self._etag_is_md5 = etag_is_md5
        self._sorts = False

    def pages(self, prefix: str, start_after: str) -> Iterator[Page]:
        """Pages of the keys that begin with `prefix` and stand after `start_after`; both relative to the root.

        Raises StoreError where a server turns out to have another order after pages were given that lack keys: going on
        from the last of them would pass over what they lack. The next listing then sorts from the start.
        """
        if self._sorts:
            yield from self._sorted(prefix, start_after, self._listed(prefix, ""))
            return
        listed = self._listed(prefix, start_after)
        last = b""
        count = 0
        for page in listed:
            keys = [order_bytes(key) for key in page.keys]
            if self._must_sort() or not _ascending(last, keys):
                self._sorts = True
                rest = chain([page], listed) if not count and not start_after else self._listed(prefix, "")
                yield from self._sorted(prefix, start_after, rest, last, count)
                return
            last = keys[-1] if keys else last
            count += len(keys)
            yield from self._shown(prefix, page)

    def level(self, prefix: str) -> Iterator[Page]:
        """Pages of the keys directly below `prefix`, and of directories for what is below those; in order of names."""
        full = self._root + prefix
        cut = len(full)
        following: str | None = None
        while True:
            parameters = [("max-keys", str(self._chunk)), ("delimiter", "/")]
            if following is not None:
                parameters.append(("marker" if self._version == 1 else "continuation-token", following))
            answer = self._client.call(self._request(full, parameters, self._version))
            page = self._parsed(answer, with_prefixes=True)
            stats: Sequence[Stat] = _Stats(page.sizes, page.etags, page.stored, etag_is_md5=self._etag_is_md5)
            named = [(key[cut:], stat) for key, stat in zip(page.keys, stats, strict=True) if key[cut:]]
            found = parse_prefixes(answer.document)
            named += [(name[cut:-1], Stat(Kind.DIRECTORY)) for name in found if name[cut:-1]]
            yield Page.of(prefix, sorted(named, key=lambda item: order_bytes(item[0])))
            if page.next is None or page.next == following:
                return
            following = page.next

    def _must_sort(self) -> bool:
        return self._sorts

    def first(self, key: str) -> str | None:
        """The first full key that begins with this full key, in the server's order."""
        request = self._request(key, [("max-keys", "1")], 1 if self._version == 1 else 2)
        found = self._parsed(self._client.call(request)).keys
        return found[0] if found else None

    def _listed(self, prefix: str, start_after: str) -> Iterator[Listed]:
        full = self._root + prefix
        parameters = [("max-keys", str(self._chunk))]
        start = self._root + start_after if start_after else ""
        if start and order_bytes(start) >= order_bytes(full):
            parameters.append(("marker" if self._version == 1 else "start-after", start))
        following: str | None = None
        while True:
            answer = self._client.call(self._request(full, parameters, self._version))
            page = self._parsed(answer)
            server = answer.headers.get("server", "").lower()
            self._sorts = self._sorts or server.startswith(_BY_COMPONENT)
            yield page
            if page.next is None:
                return
            if page.next == following:
                raise StoreError(f"{WHAT}: the server gives the same page again and again")
            following = page.next
            parameters = [("max-keys", str(self._chunk))]
            parameters.append(("marker" if self._version == 1 else "continuation-token", following))

    def _request(self, full: str, parameters: Sequence[tuple[str, str]], version: int) -> Request:
        query = [*parameters, ("prefix", full)]
        if version == 2:
            query.append(("list-type", "2"))
        if self._url_encode:
            query.append(("encoding-type", "url"))
        return Request(method="GET", what=WHAT, query=query, harmless=True)

    def _parsed(self, answer: Answer, *, with_prefixes: bool = False) -> Listed:
        try:
            return parse_listing(answer.document, version=self._version, with_prefixes=with_prefixes)
        except ProtocolError as error:
            raise StoreError(f"{WHAT}: {error}") from None

    def _sorted(
        self, prefix: str, start_after: str, pages: Iterable[Listed], last: bytes = b"", count: int = 0
    ) -> Iterator[Page]:
        """All pages in order, without the `count` keys up to `last` that were given before."""
        start = order_bytes(self._root + start_after) if start_after else b""
        before = 0
        for batch in in_order(_entries(pages)):
            wanted: list[Entry] = []
            for entry in batch:
                if start and entry[0] <= start:
                    continue
                if count and entry[0] <= last:
                    before += 1
                else:
                    if before != count:
                        raise StoreError(_DISORDER)
                    wanted.append(entry)
            yield from self._shown(prefix, page_of(wanted))
        if before != count:
            raise StoreError(_DISORDER)

    def _shown(self, prefix: str, page: Listed) -> Iterator[Page]:
        full = self._root + prefix
        if page.keys and page.keys[0] == self._root:
            # The marker of the root itself has no key below it.
            page = Listed(page.keys[1:], page.sizes[1:], page.etags[1:], page.stored[1:], page.next)
        if not page.keys:
            return
        if not all(key.startswith(full) for key in page.keys):
            raise StoreError(f"{WHAT}: the server lists keys that were not asked for")
        cut = len(full)
        count = len(page.keys)
        yield Page(
            prefix,
            [key[cut:] for key in page.keys],
            bytes([Kind.FILE]) * count,
            array("q", page.sizes).tobytes(),
            array("q", [UNKNOWN_TIME]).tobytes() * count,
            stats=_Stats(page.sizes, page.etags, page.stored, etag_is_md5=self._etag_is_md5),
        )


class _Stats(Sequence[Stat]):
    """The stats of a page, made when they are asked for."""

    def __init__(self, sizes: Sequence[int], etags: Sequence[str], stored: Sequence[str], *, etag_is_md5: bool) -> None:
        self._sizes = sizes
        self._etags = etags
        self._stored = stored
        self._etag_is_md5 = etag_is_md5

    def __len__(self) -> int:
        return len(self._sizes)

    @overload
    def __getitem__(self, index: int) -> Stat: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Stat]: ...
    def __getitem__(self, index: int | slice) -> Stat | Sequence[Stat]:
        if isinstance(index, slice):
            return _Stats(self._sizes[index], self._etags[index], self._stored[index], etag_is_md5=self._etag_is_md5)
        return listed_stat(self._sizes[index], self._etags[index], self._stored[index], etag_is_md5=self._etag_is_md5)


def listed_stat(size: int, etag: str, stored: str, *, etag_is_md5: bool) -> Stat:
    """What an entry of a listing tells of an object; etag and time as the server wrote them."""
    plain = plain_etag(etag)
    md5 = md5_of_etag(plain) if etag_is_md5 else None
    return Stat(Kind.FILE, size, stored_at=parse_stamp(stored), etag=plain, hashes={} if md5 is None else {"md5": md5})


def _ascending(last: bytes, keys: Sequence[bytes]) -> bool:
    return all(before < after for before, after in pairwise((last, *keys)))


def _entries(pages: Iterable[Listed]) -> Iterator[Entry]:
    for page in pages:
        yield from zip(map(order_bytes, page.keys), page.sizes, page.etags, page.stored, strict=True)


def page_of(entries: Sequence[Entry]) -> Listed:
    """Sorted entries as a page."""
    keys = [entry[0].decode("utf-8", "surrogateescape") for entry in entries]
    return Listed(keys, [e[1] for e in entries], [e[2] for e in entries], [e[3] for e in entries], None)
