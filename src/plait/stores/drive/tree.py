"""Finding files by their path: Drive knows identifiers, so each folder on the way is asked for once and remembered."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from plait.model.errors import AlreadyExistsError, DirectoryNotFoundError, ObjectNotFoundError, StoreError
from plait.stores.drive.files import FIELDS, FOLDER, SHORTCUT, Files, Found, below, checked, named, to_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plait.stores.drive.client import DriveClient

WHAT: Final = "couldn't list directory"
_MOST_REMEMBERED: Final = 100_000


class Tree:
    """The folders and files below one path of a remote."""

    def __init__(self, client: DriveClient, place: str, notice: Callable[[str], None]) -> None:
        self.client = client
        self.files = Files(client.options)
        self.place = place
        self._notice = notice
        self._lock = Lock()
        self._making = Lock()
        self._folders: dict[str, str] = {}
        self._told = False
        self._root_place = ""
        options = client.options
        self._top = options.root_folder_id or options.team_drive or "root"

    # Paths

    def remember(self, key: str, identifier: str) -> None:
        """Notes which folder a key is; the first of several stays."""
        with self._lock:
            if len(self._folders) >= _MOST_REMEMBERED:
                root = self._folders.get("")
                self._folders = {} if root is None else {"": root}
            self._folders.setdefault(key, identifier)

    def forget(self, key: str) -> None:
        """Forgets a folder and what is below it."""
        with self._lock:
            gone = [known for known in self._folders if not key or known == key or known.startswith(key + "/")]
            for known in gone:
                del self._folders[known]

    def root(self) -> str:
        """The identifier of the folder that the store is rooted at. Raises DirectoryNotFoundError."""
        known = self._folders.get("")
        if known is None:
            known = self._top
            for part in self.place.split("/") if self.place else ():
                found = self._child(known, part, folders=True)
                if found is None:
                    raise DirectoryNotFoundError("directory not found")
                known, self._root_place = found.identifier, found.place
            if not self.place and self._top == "root":
                known = str(self._fields_of("root", "id")["id"])
            self.remember("", known)
        return known

    def folder(self, key: str) -> str:
        """The identifier of a folder. Raises DirectoryNotFoundError where the root is missing, ObjectNotFoundError."""
        known = self.root() if not key else self._folders.get(key)
        if known is not None:
            return known
        above, _, name = checked(key).rpartition("/")
        found = self._child(self.folder(above), name, folders=True)
        if found is None:
            raise ObjectNotFoundError("directory not found", key=key)
        self.remember(key, found.identifier)
        return found.identifier

    def place_of(self, key: str) -> str:
        """What has the name of a folder: the folder, or the shortcut to it. Raises as `folder` does."""
        identifier = self.folder(key)
        if not key:
            return self._root_place or identifier
        above, _, name = key.rpartition("/")
        found = self._child(self.folder(above), name, folders=True)
        if found is None:
            raise ObjectNotFoundError("directory not found", key=key)
        return found.place

    def find(self, key: str) -> Found:
        """The file, folder or document of a key. Raises ObjectNotFoundError, DirectoryNotFoundError."""
        above, _, name = checked(key).rpartition("/")
        found = self._child(self.folder(above), name, folders=False)
        if found is None:
            raise ObjectNotFoundError("object not found", key=key)
        return found

    def make(self, key: str) -> str:
        """The identifier of a folder that is made, with those above it, where it is missing."""
        known = self._folders.get(key)
        if known is not None:
            return known
        if key:
            checked(key)
        # One at a time: two that miss a folder would both make it, and it would be there twice.
        with self._making:
            return self._make(key)

    def _make(self, key: str) -> str:
        try:
            return self.folder(key)
        except (ObjectNotFoundError, DirectoryNotFoundError):
            pass
        if not key:
            identifier = self._top
            for part in self.place.split("/") if self.place else ():
                found = self._child(identifier, part, folders=True)
                identifier = self._made(identifier, part) if found is None else found.identifier
                self._root_place = identifier if found is None else found.place
        else:
            above, _, name = key.rpartition("/")
            identifier = self._made(self._make(above), name)
        self.remember(key, identifier)
        return identifier

    def _made(self, parent: str, name: str) -> str:
        if self._child(parent, name, folders=False) is not None:
            raise StoreError("a file has the name of the directory")
        body = {"name": to_name(name), "mimeType": FOLDER, "parents": [parent]}
        request = self.client.service.files().create(body=body, fields="id", supportsAllDrives=True)
        return str(self.client.execute(request, "failed to make the directory")["id"])

    def make_above_root(self) -> tuple[str, str]:
        """The folder that the root lies in, made where it is missing, and the name of the root in it."""
        above, _, name = self.place.rpartition("/")
        identifier = self._top
        with self._making:
            for part in above.split("/") if above else ():
                found = self._child(identifier, part, folders=True)
                identifier = self._made(identifier, part) if found is None else found.identifier
            if self._child(identifier, name, folders=False) is not None:
                raise AlreadyExistsError("something has the name of the directory")
        return identifier, name

    # Listing

    def children(self, identifier: str, path: str = "") -> Sequence[Found]:
        """Everything in a folder, whose key is `path` without its slash."""
        found = list(self._listed(below(identifier, self.client.options, root=identifier == self._folders.get(""))))
        if self.files.skipped is not None and not self._told:
            self._told = True
            name, kind = self.files.skipped
            self._notice(
                f'{path}{name}: Skipping unexportable google document "{kind}". '
                "Use --drive-show-all-gdocs to include them in server side copy and move"
            )
        return found

    def is_empty(self, identifier: str, *, trash: bool = False) -> bool:
        """True where nothing is in a folder, whatever the options leave out; `trash` asks for what is thrown away."""
        request = self._request(f"'{identifier}' in parents and trashed={str(trash).lower()}", page=1)
        return not self.client.execute(request, WHAT).get("files")

    def _child(self, parent: str, name: str, *, folders: bool) -> Found | None:
        """The first of the items with a name in a folder; names are compared here, as the API minds no case."""
        names = [to_name(name), *([] if folders else map(to_name, self.files.stems(name)))]
        root = parent == self._folders.get("") or (not self.place and parent == self._top)
        query = below(parent, self.client.options, root=root) + named(names, folders=folders)
        matching = (found for found in self._listed(query) if found.name == name and (found.is_folder or not folders))
        return next(matching, None)

    def _listed(self, query: str) -> Iterator[Found]:
        request = self._request(query)
        while request is not None:
            answer = self.client.execute(request, WHAT)
            for fields in answer.get("files", ()):
                found = self._resolved(fields)
                if found is not None:
                    yield found
            if answer.get("incompleteSearch"):
                raise ObjectNotFoundError(f"{WHAT}: the answer is incomplete")
            request = self.client.service.files().list_next(request, answer)

    def _request(self, query: str, page: int = 0) -> Any:
        options = self.client.options
        more: dict[str, Any] = {}
        if options.team_drive and not options.shared_with_me:
            more = {"driveId": options.team_drive, "corpora": "drive"}
        if options.root_folder_id == "appDataFolder":
            more["spaces"] = "appDataFolder"
        size = page or options.list_chunk
        return self.client.service.files().list(
            q=query,
            fields=f"files({FIELDS}),nextPageToken,incompleteSearch",
            supportsAllDrives=True,
            includeItemsFromAllDrives=True,
            **({"pageSize": size} if size > 0 else {}),
            **more,
        )

    def _resolved(self, fields: Mapping[str, Any]) -> Found | None:
        """The item of an answer; of a shortcut what it leads to, under the shortcut's name."""
        if fields.get("mimeType") != SHORTCUT:
            return self.files.found(fields)
        if self.client.options.skip_shortcuts:
            return None
        target = (fields.get("shortcutDetails") or {}).get("targetId", "")
        try:
            led = self._fields_of(str(target), FIELDS)
        except ObjectNotFoundError:
            if not self.client.options.skip_dangling_shortcuts:
                self._notice(f"Dangling shortcut {fields.get('name')!r} is left out: what it leads to is not there")
            return None
        found = self.files.found({**led, "name": fields.get("name", "")})
        return None if found is None else found.through(str(fields["id"]))

    def _fields_of(self, identifier: str, fields: str) -> Mapping[str, Any]:
        request = self.client.service.files().get(fileId=identifier, fields=fields, supportsAllDrives=True)
        found: Mapping[str, Any] = self.client.execute(request, "couldn't find root directory ID")
        return found
