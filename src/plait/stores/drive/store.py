"""What is below a path of Google Drive as a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from plait.model.errors import (
    AlreadyExistsError,
    DirectoryNotFoundError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    StoreError,
)
from plait.model.items import Item, Kind, Stat, order_bytes
from plait.stores.abilities import Usage
from plait.stores.base import PLAIN, Deleted, Features, Outgoing
from plait.stores.content import BytesReader, blocks, check_expected
from plait.stores.drive.client import API, DriveClient, stream_upload
from plait.stores.drive.credentials import account_of
from plait.stores.drive.duplicates import DuplicateMethods
from plait.stores.drive.files import FIELDS, HASHES, Found, checked, link_content, place_in, show_time, to_name
from plait.stores.drive.listing import Walk
from plait.stores.drive.locks import KeyLocks
from plait.stores.drive.moving import move_batch, move_folder
from plait.stores.drive.reading import DriveReader
from plait.stores.drive.tree import Tree
from plait.stores.hashes import Digests
from plait.stores.objects.content_types import content_type_of
from plait.stores.wrappers.base import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plait.model.items import Page
    from plait.stores.base import Reader, Source, Store
    from plait.stores.copies import CopyRequest, CopyResult

    Moved = list[CopyResult | None]

_UPLOAD: Final = "failed to upload"
_MILLISECOND: Final = 1_000_000


class Outbound(NamedTuple):
    """Content on its way: its size where it is known, and the digests that it must have."""

    content: Source
    size: int | None
    digests: Digests


class DriveStore(DuplicateMethods):
    """Files, folders and documents below one folder; of several with one name, every call means the first."""

    def __init__(self, client: DriveClient, place: str, notice: Callable[[str], None] = lambda _: None) -> None:
        self._client = client
        self._place = place
        self.tree = Tree(client, place, notice)
        self._writing = KeyLocks()
        options = client.options
        self._features = Features(
            scheme="drive",
            identity=f"drive:{account_of(options)}",
            hashes=tuple(HASHES),
            hashes_in_listing=True,
            time_precision=_MILLISECOND,
            times_in_listing=True,
            set_times=not options.use_created_date,
            directories=True,
            directory_times=not options.use_created_date,
            concurrency=8,
            depends_on_network=True,
        )

    @property
    def features(self) -> Features:
        return self._features

    @property
    def description(self) -> str:
        return f"Google drive root '{self._place}'"

    # The core

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        try:
            identifier = self.tree.folder(prefix.removesuffix("/"))
        except ObjectNotFoundError as error:
            raise DirectoryNotFoundError("directory not found", key=error.key) from None
        walk = Walk(self.tree.children, self.tree.remember, descend)
        yield from walk.pages(identifier, prefix, order_bytes(start_after))

    def stat(self, key: str) -> Stat:
        if not key:
            identifier = self._root_or_missing()
            return Stat(Kind.DIRECTORY, identifier=identifier)
        return self.tree.find(key).stat

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        found = self._file(key)
        check_expected(expected, found.stat, key)
        if found.export is not None:
            return self._read_document(found, key, offset, length)
        size = found.stat.size or 0
        wanted = max(0, min(size - offset, size if length is None else length))
        if not wanted:
            return BytesReader(b"", found.stat)
        headers = {}
        if offset or wanted < size:
            headers["Range"] = f"bytes={offset}-{offset + wanted - 1}"
        abuse = "&acknowledgeAbuse=true" if self._client.options.acknowledge_abuse else ""
        url = f"{API}/files/{quote(found.identifier)}?alt=media&supportsAllDrives=true{abuse}"
        answer = self._client.open(url, headers, "failed to download", key)
        if headers and answer.status != 206:
            answer.close()
            raise StoreError("Google Drive ignored the range that was asked for", key=key)
        return DriveReader(answer, found.stat, key, wanted, exact=True)

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        if how.if_absent or how.if_match is not None:
            raise NotSupportedError("Google Drive does not write on a condition", key=key)
        if how.metadata:
            raise NotSupportedError("metadata is not kept on Google Drive", key=key)
        parent = self.tree.make(checked(key).rpartition("/")[0])
        body: dict[str, Any] = {"mimeType": how.content_type or content_type_of(key)}
        if how.modified is not None:
            body["modifiedTime"] = show_time(how.modified)
        # One at a time: two that find nothing under a name would both make it.
        with self._writing.of(key):
            old = self.present(key)
            if old is not None and old.is_folder:
                raise StoreError("a directory has this name", key=key)
            if old is not None and old.export is not None:
                raise NotSupportedError("a Google document is not replaced by a file", key=key)
            # What a shortcut leads to is somebody else's: the file takes the place of the shortcut.
            shortcut = old.shortcut if old is not None else ""
            replaced = None if shortcut else old
            answer = self._sent(body, parent, replaced, Outbound(content, size, Digests(how.hashes)), key)
            if shortcut:
                self.remove(shortcut)
        return self._checked(answer, how, key)

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        for key in keys:
            try:
                found = self.present(key)
                if found is not None and found.is_folder:
                    yield Deleted(key, StoreError("is a directory", key=key))
                    continue
                if found is not None:
                    self.remove(found.place)
            except PlaitError as error:
                if error.fatal:
                    raise
                yield Deleted(key, error)
            else:
                yield Deleted(key)

    def close(self) -> None:
        self._client.close()

    # What Drive can do besides

    def rename(self, origin: str, key: str, *, replace: bool = False, durable: bool = False) -> None:
        """Gives an item another name, another folder, or both."""
        del durable
        found = self.tree.find(origin)
        old = self.present(key)
        if old is not None and old.place == found.place:
            return
        if old is not None and not replace:
            raise AlreadyExistsError("a file has this name already", key=key)
        self.rename_identified(found.place, key)
        if found.is_folder:
            self.tree.forget(origin)
        if old is not None:
            self.remove(old.place)

    def can_copy_from(self, source: Store) -> bool:
        """True for the same account."""
        inner = unwrapped(source)
        return isinstance(inner, DriveStore) and inner.features.identity == self._features.identity

    def copy_from(self, source: Store, item: Item, key: str, how: Outgoing = PLAIN) -> Stat:
        """Lets Drive copy a file; what stood under the name goes once the copy is there."""
        inner = unwrapped(source)
        if not isinstance(inner, DriveStore):
            raise NotSupportedError("only what is on Google Drive is copied there", key=key)
        found = inner.tree.find(item.key)
        check_expected(item.stat, found.stat, item.key)
        if found.export is not None:
            raise NotSupportedError("a Google document is not copied as a file", key=key)
        above, _, name = key.rpartition("/")
        parent, old = self.tree.make(above), self.present(key)
        modified = found.stat.modified if how.modified is None else how.modified
        body: dict[str, Any] = {"name": to_name(name), "parents": [parent]}
        if modified is not None:
            body["modifiedTime"] = show_time(modified)
        request = self._client.service.files().copy(
            fileId=found.identifier, body=body, fields=FIELDS, supportsAllDrives=True
        )
        answer = self._client.execute(request, "failed to copy", key)
        if old is not None:
            self.remove(old.place)
        return self._checked(answer, how, key)

    def can_move_from(self, source: Store) -> bool:
        """True for the same account."""
        return self.can_copy_from(source)

    def move_batch(
        self, source: Store, requests: Sequence[CopyRequest], how: Outgoing, cancelled: Callable[[], bool]
    ) -> Moved:
        """Gives files of the same account another name and folder."""
        del how
        return move_batch(self._same_account(source), self, requests, cancelled)

    def move_directory_from(self, source: Store) -> None:
        """Gives a whole folder of the same account another name and place, where nothing stands."""
        move_folder(self._same_account(source), self)

    def set_attributes(
        self, key: str, *, modified: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Sets the modification time of a file or folder."""
        if metadata:
            raise NotSupportedError("metadata is not kept on Google Drive", key=key)
        if modified is None:
            return
        identifier = self.tree.find(key).identifier if key else self._root_or_missing()
        self._update(identifier, {"modifiedTime": show_time(modified)}, "failed to set the modification time", key)

    def make_directory(self, key: str) -> None:
        """Makes a folder and those above it."""
        self.tree.make(key)

    def remove_directory(self, key: str) -> None:
        """Removes an empty folder."""
        try:
            identifier, place = self.tree.folder(key), self.tree.place_of(key)
        except (ObjectNotFoundError, DirectoryNotFoundError):
            if key and self.present(key) is not None:
                raise StoreError("is no directory", key=key) from None
            return
        if not key and not self._place:
            raise NotSupportedError("the root of a drive is not removed", key=key)
        if place != identifier:
            # What a shortcut leads to stays, whatever is in it.
            self.remove(place)
        elif not self.tree.is_empty(identifier):
            raise StoreError("directory not empty", key=key)
        else:
            self.remove(place, keep=not self.tree.is_empty(identifier, trash=True))
        self.tree.forget(key)

    def purge(self) -> None:
        """Removes the root of this store with all that is in it, at once. Raises DirectoryNotFoundError."""
        if not self._place:
            raise StoreError("can't purge root directory")
        self.tree.root()
        self.remove(self.tree.place_of(""))
        self.tree.forget("")

    def hash(self, key: str, name: str, *, expected: Stat | None = None) -> str | None:
        """A hash that Drive keeps of a file; documents have none."""
        if name not in HASHES:
            raise NotSupportedError(f"Google Drive keeps no {name} of files", key=key)
        found = self._file(key)
        check_expected(expected, found.stat, key)
        return found.stat.hashes.get(name)

    def usage(self) -> Usage:
        """The storage of the account; a shared drive does not tell."""
        if self._client.options.team_drive:
            return Usage()
        request = self._client.service.about().get(fields="storageQuota")
        quota = self._client.execute(request, "failed to get Drive storageQuota")["storageQuota"]
        used, all_used = int(quota.get("usageInDrive", 0)), int(quota.get("usage", 0))
        limit = int(quota.get("limit", 0))
        return Usage(
            total=limit or None,
            used=used,
            free=limit - all_used if limit else None,
            trashed=int(quota.get("usageInDriveTrash", 0)),
            other=all_used - used,
        )

    def share(self, key: str, seconds: float | None = None) -> str:
        """A link by which everyone who has it can read a file or folder. Drive's links do not end by themselves."""
        if seconds is not None:
            raise NotSupportedError("links of Google Drive do not end by themselves", key=key)
        identifier = self.tree.find(key).identifier if key else self._root_or_missing()
        body = {"role": "reader", "type": "anyone", "allowFileDiscovery": False}
        request = self._client.service.permissions().create(
            fileId=identifier, body=body, fields="id", supportsAllDrives=True
        )
        self._client.execute(request, "failed to share", key)
        return f"https://drive.google.com/open?id={identifier}"

    def unshare(self, key: str) -> None:
        """Takes the link of a file or folder back."""
        identifier = self.tree.find(key).identifier if key else self._root_or_missing()
        request = self._client.service.permissions().delete(
            fileId=identifier, permissionId="anyoneWithLink", supportsAllDrives=True
        )
        self._client.execute(request, "failed to end the sharing", key)

    def clean_up(self) -> None:
        """Empties the trash of the account, or of the shared drive."""
        options = self._client.options
        more = {"driveId": options.team_drive} if options.team_drive else {}
        request = self._client.service.files().emptyTrash(**more)
        self._client.execute(request, "failed to empty the trash")

    # Inside

    def remove(self, identifier: str, *, keep: bool = False) -> None:
        """Puts an item into the trash, or deletes it, as the options say; `keep` never deletes."""
        if keep or self._client.options.use_trash:
            self._update(identifier, {"trashed": True}, "failed to delete")
            return
        request = self._client.service.files().delete(fileId=identifier, supportsAllDrives=True)
        try:
            self._client.execute(request, "failed to delete")
        except ObjectNotFoundError:
            # Somebody else deleted it.
            return

    def rename_identified(self, identifier: str, key: str) -> None:
        """Gives one item another name and folder; a shortcut itself, not what it leads to."""
        above, _, name = key.rpartition("/")
        self.place_at(place_in(identifier), {"name": to_name(name)}, self.tree.make(above), "failed to rename")

    def place_at(self, identifier: str, body: Mapping[str, Any], parent: str, what: str) -> None:
        """Changes one item, and puts it into a folder."""
        get = self._client.service.files().get(fileId=identifier, fields="parents", supportsAllDrives=True)
        parents = self._client.execute(get, what).get("parents", [])
        moved = {} if parents == [parent] else {"addParents": parent, "removeParents": ",".join(parents)}
        self._update(identifier, body, what, **moved)

    def _update(self, identifier: str, body: Mapping[str, Any], what: str, key: str | None = None, **more: str) -> None:
        request = self._client.service.files().update(
            fileId=identifier, body=dict(body), fields="id", supportsAllDrives=True, **more
        )
        self._client.execute(request, what, key)

    def _root_or_missing(self) -> str:
        try:
            return self.tree.root()
        except DirectoryNotFoundError as error:
            raise ObjectNotFoundError(error.message) from None

    def _same_account(self, source: Store) -> DriveStore:
        inner = unwrapped(source)
        if not isinstance(inner, DriveStore) or not self.can_copy_from(inner):
            raise NotSupportedError("can't move directory - incompatible remotes")
        return inner

    def present(self, key: str) -> Found | None:
        """What stands under a key; None for nothing."""
        try:
            return self.tree.find(key)
        except (ObjectNotFoundError, DirectoryNotFoundError):
            return None

    def _file(self, key: str) -> Found:
        if not key:
            raise ObjectNotFoundError("object not found", key=key)
        found = self.tree.find(key)
        if found.is_folder:
            raise ObjectNotFoundError("is a directory not a file", key=key)
        return found

    def _read_document(self, found: Found, key: str, offset: int, length: int | None) -> Reader:
        export = found.export
        if export is None:
            raise AssertionError(key)
        if export.template:
            content = link_content(found.fields, export)
            stop = None if length is None else offset + length
            return BytesReader(content[offset:stop], found.stat)
        if not export.extension:
            raise NotSupportedError("a Google document that is shown as it is cannot be read", key=key)
        url = f"{API}/files/{quote(found.identifier)}/export?mimeType={quote(export.mime_type, safe='')}"
        answer = self._client.open(url, {}, "failed to export", key)
        return DriveReader(answer, found.stat, key, length, exact=False, skip=offset)

    def _sent(
        self, body: dict[str, Any], parent: str, old: Found | None, sent: Outbound, key: str
    ) -> Mapping[str, Any]:
        from io import BytesIO

        from googleapiclient.http import MediaIoBaseUpload

        options = self._client.options
        media: Any
        small = sent.size is not None and sent.size < options.upload_cutoff
        if small:
            data = b"".join(blocks(sent.content, sent.size, key))
            sent.digests.update(data)
            sent.digests.check(key)
            media = MediaIoBaseUpload(BytesIO(data), mimetype=body["mimeType"], resumable=False)
        else:
            media = stream_upload(sent.content, sent.size, body["mimeType"], options.chunk_size, sent.digests, key)
        common = {
            "media_body": media,
            "fields": FIELDS,
            "supportsAllDrives": True,
            "keepRevisionForever": options.keep_revision_forever,
        }
        files = self._client.service.files()
        if old is None:
            request = files.create(
                body={**body, "name": to_name(key.rpartition("/")[2]), "parents": [parent]}, **common
            )
        else:
            request = files.update(fileId=old.identifier, body=body, **common)
        answer: Mapping[str, Any]
        answer = self._client.execute(request, _UPLOAD, key) if small else self._client.upload(request, _UPLOAD, key)
        return answer

    def _checked(self, answer: Mapping[str, Any], how: Outgoing, key: str) -> Stat:
        """What was stored; a hash that differs is an error, and what has it goes to the trash."""
        found = self.tree.files.found(answer)
        if found is None:
            raise StoreError("Google Drive did not say what it stored", key=key)
        for name, value in how.hashes.items():
            kept = found.stat.hashes.get(name)
            if kept is not None and kept != value:
                raise IntegrityError(
                    f"corrupted on transfer: {name} hashes differ: expected {value}, got {kept}", key=key
                )
        return found.stat
