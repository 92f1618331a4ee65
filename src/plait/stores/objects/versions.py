"""Old versions of a bucket's objects, under names that tell when each was written: `notes-v2024-01-02-030405-678.txt`.

Source: rclone 1.75, backend s3 (`versions`, `version_at`, `version_deleted`) and lib/version; Amazon S3 API Reference,
"ListObjectVersions".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import ObjectNotFoundError, StoreError
from plait.model.items import Kind, Page, Stat, order_bytes
from plait.stores.objects.listing import WHAT, Lister, listed_stat, page_of
from plait.stores.objects.metadata import parse_stamp
from plait.stores.objects.ordering import in_order
from plait.stores.objects.versioning import READ_ONLY
from plait.stores.objects.wire import ProtocolError
from plait.stores.objects.xml import parse_prefixes, parse_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from plait.stores.objects.options import Quirks, S3Options
    from plait.stores.objects.ordering import Entry
    from plait.stores.objects.request import Client
    from plait.stores.objects.xml import Version

REMEMBERED: Final = 100_000
"""Versions that a listing leaves in memory, so that they are read without being looked for again."""
_LENGTH: Final = len("-v2006-01-02-150405-000")
_MARK: Final = re.compile(r"-v(\d{4}-\d{2}-\d{2}-\d{6})-(\d{3})\Z", re.ASCII)
_MILLION: Final = 10**6


class Shown(msgspec.Struct, frozen=True):
    """Which versions are shown: all, or (`at`, nanoseconds since the epoch) those that were the newest then.

    `deleted`: what marks a deletion is shown as well, as an empty file.
    """

    at: int | None
    deleted: bool


def with_version(key: str, moment: int) -> str:
    """The name of the version of `key` that was written at `moment` (nanoseconds since the epoch)."""
    base, extension = _divided(key)
    seconds, fraction = divmod(moment, 10**9)
    shown = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d-%H%M%S}"
    return f"{base}-v{shown}-{fraction // _MILLION:03d}{extension}"


def without_version(name: str) -> str | None:
    """The key of which `name` is a version's name; None where it is no such name."""
    base, extension = _divided(name)
    found = _MARK.search(base)
    if found is None:
        return None
    try:
        datetime.strptime(found[1], "%Y-%m-%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return base[:-_LENGTH] + extension


def _divided(key: str) -> tuple[str, str]:
    """The key without its extension, and that; a key that begins with its only dot has none."""
    place = key.rfind(".")
    if place <= key.rfind("/") or not place:
        return key, ""
    return key[:place], key[place:]


def lister_of(client: Client, root: str, options: S3Options, quirks: Quirks) -> Lister:
    """What lists the objects, or the versions that the options want shown."""
    kind: Callable[..., Lister] = Lister
    if options.versions or options.version_at is not None:
        kind = partial(VersionLister, shown=Shown(options.version_at, options.version_deleted))
    return kind(
        client,
        root,
        version=quirks.list_version,
        url_encode=quirks.url_encode,
        chunk=options.list_chunk,
        etag_is_md5=quirks.etag_is_md5,
    )


class VersionLister(Lister):
    """Lists versions of objects, and finds out which version a name stands for. Thread-safe."""

    def __init__(
        self,
        client: Client,
        root: str,
        *,
        shown: Shown,
        version: int,
        url_encode: bool,
        chunk: int,
        etag_is_md5: bool,
    ) -> None:
        super().__init__(client, root, version=version, url_encode=url_encode, chunk=chunk, etag_is_md5=etag_is_md5)
        self._versions = shown
        self._remembered: dict[str, Version] = {}

    def refuse_the_past(self, key: str) -> None:
        """Raises StoreError where what is shown is the past, which nobody changes."""
        if self._versions.at is not None:
            raise StoreError(READ_ONLY, key=key)

    def pages(self, prefix: str, start_after: str) -> Iterator[Page]:
        """Pages of the names that begin with `prefix` and stand after `start_after`; both relative to the root."""
        start = order_bytes(self._root + start_after) if start_after else b""
        # What begins the name of a version may begin no key.
        directory, wanted = prefix[: prefix.rfind("/") + 1], order_bytes(self._root + prefix)
        for batch in in_order(self._entries(self._root + directory)):
            found = [entry for entry in batch if entry[0] > start and entry[0].startswith(wanted)]
            yield from self._shown(prefix, page_of(found))

    def level(self, prefix: str) -> Iterator[Page]:
        """One page of the names directly below `prefix`, and of directories for what is below those."""
        full = self._root + prefix
        cut = len(full)
        named: dict[str, Stat] = {}
        for versions, directories in self._answers(full, (("delimiter", "/"),)):
            named.update((name[cut:], self.stat_of(version)) for name, version in self._named(versions) if name[cut:])
            named.update((name[cut:-1], Stat(Kind.DIRECTORY)) for name in directories if name[cut:-1])
        yield Page.of(prefix, sorted(named.items(), key=lambda item: order_bytes(item[0])))

    def version_of(self, name: str, shown: str) -> Version | None:
        """The version that a full name stands for; None for the newest one where that was not listed.

        Raises ObjectNotFoundError where there is none of this name; `shown` is the name as the caller knows it.
        """
        known = self._remembered.get(name)
        if known is not None:
            return known
        key = without_version(name) if self._versions.at is None else name
        if key is None:
            return None
        for versions, _ in self._answers(key):
            for found, version in self._named(versions):
                if found == name:
                    return version
            if versions and order_bytes(versions[0].key) > order_bytes(key):
                break
        raise ObjectNotFoundError("object not found", key=shown)

    def forget(self, name: str) -> None:
        """Forgets which version a full name stood for: another one is about to be written."""
        self._remembered.pop(name, None)

    def hidden(self) -> Iterator[tuple[str, Version]]:
        """The versions that a plain listing does not show, and their names relative to the root."""
        cut = len(self._root)
        for versions, _ in self._answers(self._root):
            for name, version in self._named(versions):
                if version.deletion or not version.newest:
                    yield name[cut:], version

    def stat_of(self, version: Version) -> Stat:
        """What the listing tells of a version; of what marks a deletion there is no more."""
        stat = listed_stat(version.size, version.etag, version.stored, etag_is_md5=self._etag_is_md5)
        return msgspec.structs.replace(stat, modified=stat.stored_at) if version.deletion else stat

    def _entries(self, full: str) -> Iterator[Entry]:
        for versions, _ in self._answers(full):
            for name, version in self._named(versions):
                yield order_bytes(name), version.size, version.etag, version.stored

    def _named(self, versions: Iterable[Version]) -> Iterator[tuple[str, Version]]:
        """The versions that are shown, under the names that they are shown under."""
        for version in versions:
            if version.deletion and not self._versions.deleted:
                continue
            name = version.key
            if self._versions.at is None and (version.deletion or not version.newest):
                name = with_version(version.key, _moment(version))
            if len(self._remembered) < REMEMBERED:
                self._remembered[name] = version
            yield name, version

    def _answers(
        self, full: str, more: Sequence[tuple[str, str]] = ()
    ) -> Iterator[tuple[Sequence[Version], Sequence[str]]]:
        """Pages of the versions that count, those of one key from the newest on, and of common prefixes."""
        following: tuple[str, str] | None = None
        given: set[str] = set()
        while True:
            parameters = [("max-keys", str(self._chunk)), ("versions", ""), *more]
            if following is not None:
                parameters += [("key-marker", following[0]), ("version-id-marker", following[1])]
            answer = self._client.call(self._request(full, parameters, 1))
            try:
                found, after = parse_versions(answer.document)
                directories = parse_prefixes(answer.document) if more else []
            except ProtocolError as error:
                raise StoreError(f"{WHAT}: {error}") from None
            wanted = [version for version in self._wanted(found) if version.key not in given]
            yield wanted, directories
            if after is None:
                return
            if after == following:
                raise StoreError(f"{WHAT}: the server gives the same page again and again")
            following = after
            if self._versions.at is not None:
                # The versions of one key may go on in the next page.
                given = {version.key for version in wanted} | (given & {version.key for version in found})

    def _wanted(self, found: Iterable[Version]) -> Iterator[Version]:
        """The versions in order; of the past, the one of each key that was the newest then."""
        ordered = sorted(found, key=lambda version: (_moment(version), version.newest), reverse=True)
        ordered.sort(key=lambda version: order_bytes(version.key))
        at = self._versions.at
        if at is None:
            yield from ordered
            return
        for _, group in groupby(ordered, key=lambda version: version.key):
            yield from islice((version for version in group if _moment(version) <= at), 1)


def _moment(version: Version) -> int:
    return parse_stamp(version.stored) or 0
