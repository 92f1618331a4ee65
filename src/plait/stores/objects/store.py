"""A bucket, or what is below a prefix of it, as a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import (
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
)
from plait.model.items import Kind, Page, Stat
from plait.stores.abilities import unheard
from plait.stores.base import PLAIN, Deleted, Features, Outgoing
from plait.stores.content import blocks, check_expected
from plait.stores.objects.bucket import Bucket
from plait.stores.objects.buckets import BucketMethods
from plait.stores.objects.combined import combined_hash
from plait.stores.objects.content_types import content_type_of
from plait.stores.objects.copying import Copying, Original, copy_in_parts, copy_object, refuse_archived
from plait.stores.objects.deleting import Deletions
from plait.stores.objects.manner import access_of, features_of, manner_of
from plait.stores.objects.metadata import (
    MD5,
    MTIME,
    PREFIX,
    metadata_headers,
    parse_time,
    upload_headers,
    without_system,
)
from plait.stores.objects.multipart import PartialUpload, part_size_for, put_in_parts, uploads_under_way
from plait.stores.objects.notes import take
from plait.stores.objects.probes import Probes, oddities
from plait.stores.objects.reading import (
    ObjectReader,
    Wanted,
    head,
    head_of,
    open_reader,
    stat_of_head,
)
from plait.stores.objects.upload import (
    HELD,
    Target,
    condition_headers,
    put_small,
    put_streamed,
)
from plait.stores.objects.versions import VersionLister, lister_of
from plait.stores.wrappers.base import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from plait.model.items import Item
    from plait.stores.abilities import Allows
    from plait.stores.base import Source, Store
    from plait.stores.hashing import CombinedHash
    from plait.stores.objects.notes import HeldNote
    from plait.stores.objects.options import Quirks, S3Options
    from plait.stores.objects.request import Answer, Client
    from plait.stores.objects.xml import Upload, Version

DELETE_BATCH: Final = 1000
LARGEST_PUT: Final = 5 << 30
_UNSUPPORTED: Final = "the server does not keep this key exactly"


class S3Store(BucketMethods):
    """The objects of a bucket whose key begins with `root` ("" or a prefix that ends with `/`)."""

    def __init__(  # noqa: PLR0913  (what a remote's options make of it)
        self,
        client: Client,
        options: S3Options,
        quirks: Quirks,
        root: str,
        *,
        identity: str,
        description: str,
        notes: Path | None = None,
        notice: Callable[[str, str], None] | None = None,
        inform: Callable[[str, str], None] = unheard,
        warn: Callable[[str, str], None] = unheard,
        downloads: Client | None = None,
    ) -> None:
        self._client = client
        self._downloads = downloads
        self._options = options
        self._quirks = quirks
        self._root = root
        self._description = description
        self._notes = notes
        self._notice = notice
        self._inform = inform
        self._warn = warn
        self._lister = lister_of(client, root, options, quirks)
        self._probes = Probes(client, self._lister, root)
        self._manner = manner_of(options, quirks)
        self._features = features_of(options, quirks, identity, self._manner)
        self._bucket = Bucket(client, options, quirks, inform, warn)
        self._deletions = Deletions(client, options, root, self._lister, self._probes)

    @property
    def client(self) -> Client:
        """What sends the requests to the bucket."""
        return self._client

    @property
    def features(self) -> Features:
        return self._features

    @property
    def description(self) -> str:
        return self._description

    # The core

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,  # noqa: ARG002  (no directories to ask about)
    ) -> Iterator[Page]:
        return self._lister.pages(prefix, start_after)

    def stat(self, key: str) -> Stat:
        if not key:
            if not self._bucket.exists():
                raise ObjectNotFoundError(f"the bucket {self._client.bucket} does not exist")
            return Stat(Kind.DIRECTORY)
        full, version = self._located(key)
        if version is not None and version.deletion and isinstance(self._lister, VersionLister):
            return self._lister.stat_of(version)
        return self._seen(
            head(
                self._client,
                full,
                key,
                self._manner.secrets,
                etag_is_md5=self._quirks.etag_is_md5,
                version=None if version is None else version.identifier,
            )
        )

    def read(
        self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None
    ) -> ObjectReader:
        full, version = self._located(key)
        wanted = Wanted(full, key, offset, length, expected, None if version is None else version.identifier)
        if self._downloads is None:
            reader = open_reader(self._client, wanted, self._manner.secrets, etag_is_md5=self._quirks.etag_is_md5)
        else:
            # What stands between has etags and times of its own.
            wanted = msgspec.structs.replace(wanted, expected=_size_of(expected))
            reader = open_reader(self._downloads, wanted, {}, etag_is_md5=self._quirks.etag_is_md5)
        reader.stat = self._seen(reader.stat)
        return reader

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        conditional = how.if_absent or how.if_match is not None
        cutoff = LARGEST_PUT if conditional else self._features.part_cutoff
        in_parts = size is None or size >= cutoff
        target = self._target(key, how, in_parts=in_parts)
        if conditional:
            self._require_conditions(how, key, in_parts=in_parts)
        if size is not None and size <= min(HELD, cutoff):
            return put_small(self._client, self._manner, target, list(blocks(content, size, key)))
        if size is not None and not in_parts:
            return put_streamed(self._client, self._manner, target, content, size)
        if not self._quirks.multipart:
            raise NotSupportedError("this server takes no uploads in parts, so the size must be known", key=key)
        return put_in_parts(self._client, self._manner, target, content, size)

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        return self._deletions.delete(keys)

    def close(self) -> None:
        self._client.close()
        if self._downloads is not None:
            self._downloads.close()

    def interrupt(self) -> None:
        self._client.interrupt()
        if self._downloads is not None:
            self._downloads.interrupt()

    # What it can do beside

    def can_copy_from(self, source: Store) -> bool:
        inner = unwrapped(source)
        return (
            self._quirks.copies
            and isinstance(inner, S3Store)
            and inner.features.identity == self.features.identity
            and access_of(inner._options) == access_of(self._options)  # noqa: SLF001  (the same class)
        )

    def copy_from(self, source: Store, item: Item, key: str, how: Outgoing = PLAIN) -> Stat:
        inner = unwrapped(source)
        if not isinstance(inner, S3Store) or not self.can_copy_from(source):
            raise NotSupportedError("an S3 store copies from another one of the same server only", key=key)
        if how.if_absent or how.if_match is not None:
            return self._copy_through_here(inner, item, key, how)
        full = self._writable(key)
        place, found = inner._located(item.key)  # noqa: SLF001  (another store of this class)
        version = None if found is None else found.identifier
        answer = head_of(inner._client, place, item.key, self._manner.secrets, version)  # noqa: SLF001  (another store of this class)
        stat = stat_of_head(answer, etag_is_md5=self._quirks.etag_is_md5)
        check_expected(item.stat, stat, item.key)
        for name, value in how.hashes.items():
            if stat.hashes.get(name, value) != value:
                raise IntegrityError(f"corrupted on transfer: {name} hashes differ", key=key)
        self._bucket.ensure()
        original = Original(inner._client.bucket, place, stat.size or 0, stat.etag, item.key, version)  # noqa: SLF001  (another store of this class)
        return self._copied(original, answer, stat, full, key, how)

    def set_attributes(
        self, key: str, *, modified: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        if not self._quirks.copies:
            raise NotSupportedError("this server cannot change metadata without a new upload", key=key)
        self._refuse_the_past(key)
        full, found = self._located(key)
        version = None if found is None else found.identifier
        answer = head_of(self._client, full, key, self._manner.secrets, version)
        refuse_archived(answer.headers, key)
        stat = stat_of_head(answer, etag_is_md5=self._quirks.etag_is_md5)
        original = Original(self._client.bucket, full, stat.size or 0, stat.etag, key, version)
        # A copy onto itself must replace something; what is not given stays as it was.
        self._copied(original, answer, stat, full, key, Outgoing(modified=modified, metadata=metadata), replaces=True)

    def hash(self, key: str, name: str, *, expected: Stat | None = None) -> str | None:
        """The MD5, from the etag or from the metadata of an object that was written in parts."""
        if name not in self._features.hashes:
            raise NotSupportedError(f"S3 has no hash {name}", key=key)
        stat = self.stat(key)
        check_expected(expected, stat, key)
        return stat.hashes.get(name)

    def combined_hash(self, key: str, stat: Stat) -> CombinedHash | None:
        """The hash of the parts' MD5s, from the etag of an object that was written in parts."""
        if not self._quirks.etag_is_md5 or isinstance(self._lister, VersionLister):
            return None
        return combined_hash(self._client, self._readable(key), key, stat, self._manner.secrets)

    def begin(self, key: str, size: int, how: Outgoing = PLAIN) -> PartialUpload:
        if not self._quirks.multipart:
            raise NotSupportedError("this server takes no uploads in parts", key=key)
        target = self._target(key, how, in_parts=True)
        if how.if_absent or how.if_match is not None:
            self._require_conditions(how, key, in_parts=True)
        step = part_size_for(self._manner, size)
        return PartialUpload.begin_or_go_on(self._client, self._manner, target, size, step, self._note_on(target))

    def _note_on(self, target: Target) -> HeldNote | None:
        """The note on an upload that may be gone on with; one that has conditions is not."""
        if self._notes is None or target.how.part_hashes is None or condition_headers(target.how):
            return None
        return take(self._notes, f"{self.features.identity}\n{self._client.bucket}\n{target.key}")

    def uploads(self, prefix: str = "") -> Iterator[Upload]:
        """The uploads in parts that were begun below `prefix`, here or elsewhere, and neither completed nor aborted."""
        for upload in uploads_under_way(self._client, self._root + prefix):
            yield msgspec.structs.replace(upload, key=upload.key[len(self._root) :])

    def resume(
        self, upload: Upload, size: int, how: Outgoing = PLAIN
    ) -> tuple[PartialUpload, Sequence[tuple[int, int]]]:
        """Goes on with an upload of `size` bytes; beside it, offsets and lengths of the parts that need not be sent.

        What goes with the object is what was given when the upload began. Raises ObjectNotFoundError where it is over.
        """
        full = self._writable(upload.key)
        target = Target(full, upload.key, {}, how)
        step = part_size_for(self._manner, size)
        partial = PartialUpload(self._client, self._manner, target, size, step, upload.identifier)
        return partial, partial.remember()

    # Keys

    def _full(self, key: str) -> str:
        if not key:
            raise NotSupportedError("an object needs a name", key=key)
        return self._root + key

    def _located(self, key: str) -> tuple[str, Version | None]:
        """The full key, and the version of it that is meant."""
        if isinstance(self._lister, VersionLister):
            version = self._lister.version_of(self._full(key), key)
            if version is not None:
                return version.key, version
        return self._readable(key), None

    def _readable(self, key: str) -> str:
        full = self._full(key)
        if oddities(full) and not self._probes.holds_exactly(full):
            raise ObjectNotFoundError("object not found", key=key)
        return full

    def _writable(self, key: str) -> str:
        full = self._full(key)
        if isinstance(self._lister, VersionLister):
            self._lister.refuse_the_past(key)
            self._lister.forget(full)
        if oddities(full):
            self._bucket.ensure()
            if not self._probes.keeps(full):
                raise NotSupportedError(_UNSUPPORTED, key=key)
        return full

    def _with_versions(self) -> S3Store:
        return S3Store(
            self._client,
            msgspec.structs.replace(self._options, versions=True, version_deleted=True),
            self._quirks,
            self._root,
            identity=self._features.identity,
            description=self._description,
            inform=self._inform,
            warn=self._warn,
        )

    def _remove_hidden(self, allows: Allows) -> None:
        """Deletes old versions, and what marks deletions, for good; where the bucket keeps none, there is nothing.

        What marks a deletion goes after what it hides, which would be there again without it.
        """
        if not self._bucket.is_versioned():
            self._inform("", "bucket is not versioned so not removing old versions")
            return
        every = lister_of(
            self._client,
            self._root,
            msgspec.structs.replace(self._options, versions=True, version_at=None, version_deleted=True),
            self._quirks,
        )
        if not isinstance(every, VersionLister):
            raise TypeError("what lists versions was asked for")
        marks: list[tuple[str, Version]] = []
        for name, version in every.hidden():
            if not allows("delete", name, version.size):
                continue
            if version.deletion and version.newest:
                marks.append((name, version))
            else:
                self._delete_version(name, version)
        for name, version in marks:
            self._delete_version(name, version)

    def _delete_version(self, name: str, version: Version) -> None:
        error = self._deletions.one(name, version).error
        if error is not None:
            raise error
        self._inform(name, "Deleted")

    def _refuse_the_past(self, key: str) -> None:
        if isinstance(self._lister, VersionLister):
            self._lister.refuse_the_past(key)

    def _seen(self, stat: Stat) -> Stat:
        """The stat as the options want it shown."""
        return without_system(stat) if self._options.no_system_metadata else stat

    # Writing

    def make_marker(self, key: str, modified: int) -> None:
        """Writes the empty object that stands for a directory; `key` ends with `/`, "" is the root's own."""
        self._refuse_the_past(key)
        headers = metadata_headers(None, modified=modified, md5=None, content_type=content_type_of(key), key=key)
        self._bucket.ensure()
        target = Target(self._root + key, key, {**self._manner.headers, **headers}, PLAIN)
        put_small(self._client, self._manner, target, [])

    def has_marker(self, key: str) -> bool:
        """True where there is an object for a directory; `key` as above."""
        try:
            head_of(self._client, self._root + key, key, self._manner.secrets)
        except ObjectNotFoundError:
            return False
        return True

    def remove_marker(self, key: str) -> None:
        """Deletes the object for a directory; one that is missing is a success."""
        self._refuse_the_past(key)
        if (error := self._deletions.one(key).error) is not None:
            raise error

    def _target(self, key: str, how: Outgoing, *, in_parts: bool) -> Target:
        full = self._writable(key)
        keeps_md5 = self._manner.keeps_md5 and (in_parts or not self._quirks.etag_is_md5)
        headers = metadata_headers(
            how.metadata,
            modified=how.modified,
            md5=how.hashes.get("md5") if keeps_md5 else None,
            content_type=how.content_type or content_type_of(key),
            key=key,
            dropped=self._notice,
            system=not self._options.no_system_metadata,
        )
        headers |= upload_headers(self._client.network.upload_headers)
        self._bucket.ensure()
        return Target(full, key, {**self._manner.headers, **headers}, how)

    def _require_conditions(self, how: Outgoing, key: str, *, in_parts: bool) -> None:
        obeyed = self._probes.conditions() and (not in_parts or self._probes.multipart_conditions())
        if not obeyed:
            condition = "if absent" if how.if_absent else "if unchanged"
            raise NotSupportedError(f"this server does not write on a condition ({condition})", key=key)

    def _copied(
        self,
        original: Original,
        answer: Answer,
        stat: Stat,
        full: str,
        key: str,
        how: Outgoing,
        *,
        replaces: bool = False,
    ) -> Stat:
        """Copies an object whose HEAD was `answer`, with what `how` changes."""
        user = {name[len(PREFIX) :]: value for name, value in answer.headers.items() if name.startswith(PREFIX)}
        kept_time = parse_time(user.get(MTIME, ""))
        modified = stat.modified if how.modified is None else how.modified
        large = original.size > self._options.copy_cutoff and self._quirks.multipart_copy
        replaces = (
            replaces or large or modified != kept_time or how.metadata is not None or how.content_type is not None
        )
        headers = dict(self._manner.headers)
        storage = answer.headers.get("x-amz-storage-class")
        if storage and "x-amz-storage-class" not in headers:
            headers["x-amz-storage-class"] = storage
        if replaces:
            headers |= metadata_headers(
                stat.metadata if how.metadata is None else how.metadata,
                modified=modified,
                md5=stat.hashes.get("md5") if MD5 in user or large else None,
                content_type=how.content_type or stat.content_type or content_type_of(key),
                key=key,
                dropped=self._notice,
            )
        copying = Copying(original, full, key, headers, replaces, self._manner.secrets)
        etag = (
            copy_in_parts(self._client, copying, self._options.copy_cutoff)
            if large
            else copy_object(self._client, copying)
        )
        return Stat(Kind.FILE, stat.size, modified=modified, etag=etag, hashes=stat.hashes)

    def _copy_through_here(self, inner: S3Store, item: Item, key: str, how: Outgoing) -> Stat:
        """Servers' own copies know no conditions, so the content takes the way through this machine."""
        with inner.read(item.key, expected=item.stat) as reader:
            found = reader.stat
            complete = msgspec.structs.replace(
                how,
                modified=found.modified if how.modified is None else how.modified,
                metadata=found.metadata if how.metadata is None else how.metadata,
                content_type=found.content_type if how.content_type is None else how.content_type,
                hashes={**found.hashes, **how.hashes},
            )
            return self.write(key, reader, found.size, complete)


def _size_of(expected: Stat | None) -> Stat | None:
    return None if expected is None else Stat(expected.kind, expected.size)
