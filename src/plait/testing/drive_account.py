"""The account behind the served Google Drive: files in memory, folders, shared drives, and who may come in."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, field
from typing import Any, Final

FOLDER: Final = "application/vnd.google-apps.folder"
DOCUMENT: Final = "application/vnd.google-apps.document"
SHORTCUT: Final = "application/vnd.google-apps.shortcut"
ROOT: Final = "root-of-my-drive"
EXPORTS: Final = {
    DOCUMENT: [
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/pdf",
        "text/plain",
    ],
    "application/vnd.google-apps.spreadsheet": [
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "text/csv",
    ],
}
_WRITABLE: Final = frozenset(
    {"name", "mimeType", "parents", "modifiedTime", "createdTime", "description", "starred", "trashed", "id"}
    | {"shortcutDetails", "appProperties", "properties", "keepRevisionForever", "writersCanShare", "viewedByMeTime"}
)


@dataclass
class Held:
    """A file as the server keeps it."""

    fields: dict[str, Any]
    content: bytes | None = None


@dataclass
class Fault:
    """An answer that is given in place of the right one, `times` times."""

    status: int
    reason: str
    times: int = 1
    method: str = ""
    path: str = ""


@dataclass
class Drive:
    """The account behind the server: what it holds, who may come in, and what was asked."""

    client_id: str = "client-id"
    client_secret: str = "client-secret"  # noqa: S105  (of a server that lives in a test)
    refresh_token: str = "refresh-token"  # noqa: S105  (as above)
    page_size: int = 1000
    files: dict[str, Held] = field(default_factory=dict)
    drives: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)
    permissions: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _number: int = 0

    def __post_init__(self) -> None:
        self.files[ROOT] = Held({"id": ROOT, "name": "My Drive", "mimeType": FOLDER, "parents": [], "trashed": False})

    def identifier(self) -> str:
        """An identifier that no file has yet."""
        self._number += 1
        return f"file-{self._number:06d}-abcdefghijklmnop"

    def token(self) -> str:
        """A new access token."""
        self._number += 1
        token = f"access-{self._number}"
        self.tokens.add(token)
        return token

    def add(
        self,
        name: str,
        content: bytes | None = b"",
        *,
        parent: str = ROOT,
        mime_type: str = "text/plain",
        modified: str = "2020-01-02T03:04:05.123Z",
        **more: Any,
    ) -> str:
        """Puts a file, or with `mime_type` a folder or a document, into the account; returns its identifier."""
        with self.lock:
            identifier = self.identifier()
            fields = {
                "id": identifier,
                "kind": "drive#file",
                "name": name,
                "mimeType": mime_type,
                "parents": [parent],
                "modifiedTime": modified,
                "createdTime": modified,
                "trashed": False,
                "explicitlyTrashed": False,
                "ownedByMe": True,
                "capabilities": {"canDownload": True},
                **more,
            }
            if mime_type != FOLDER:
                fields.setdefault("webViewLink", f"https://drive.google.com/file/d/{identifier}/view?usp=drivesdk")
            native = mime_type.startswith("application/vnd.google-apps.")
            self.files[identifier] = Held(fields, None if native else content)
            self._measure(self.files[identifier])
            return identifier

    def folder(self, name: str, parent: str = ROOT, **more: Any) -> str:
        """Puts a folder into the account."""
        return self.add(name, parent=parent, mime_type=FOLDER, **more)

    def tree(self, parent: str = ROOT) -> dict[str, bytes | None]:
        """What is below a folder, by path; folders are None. Of equal names one is shown."""
        found: dict[str, bytes | None] = {}
        for held in list(self.files.values()):
            if parent in held.fields.get("parents", ()) and not held.fields.get("trashed"):
                name = held.fields["name"]
                found[name] = held.content
                if held.fields["mimeType"] == FOLDER:
                    found |= {f"{name}/{below}": what for below, what in self.tree(held.fields["id"]).items()}
        return found

    def named(self, name: str) -> list[Held]:
        """The files of a name, in no trash."""
        return [held for held in self.files.values() if held.fields["name"] == name and not held.fields["trashed"]]

    def _measure(self, held: Held) -> None:
        if held.content is None:
            links = EXPORTS.get(held.fields["mimeType"])
            if links:
                base = f"https://docs.google.com/export/{held.fields['id']}"
                held.fields["exportLinks"] = {kind: f"{base}?mimeType={kind}" for kind in links}
            return
        held.fields["size"] = str(len(held.content))
        held.fields["md5Checksum"] = hashlib.md5(held.content, usedforsecurity=False).hexdigest()
        held.fields["sha1Checksum"] = hashlib.sha1(held.content, usedforsecurity=False).hexdigest()
        held.fields["sha256Checksum"] = hashlib.sha256(held.content).hexdigest()

    def store(self, identifier: str | None, fields: dict[str, Any], content: bytes | None) -> Held:
        """Creates a file, or changes one."""
        changes = {name: value for name, value in fields.items() if name in _WRITABLE}
        if identifier is None:
            changes.setdefault("name", "Untitled")
            parents = [ROOT if parent == "root" else parent for parent in changes.pop("parents", None) or [ROOT]]
            kind = changes.pop("mimeType", None) or "application/octet-stream"
            modified = changes.pop("modifiedTime", "2026-01-01T00:00:00.000Z")
            wanted = changes.pop("id", None)
            identifier = self.add(
                changes.pop("name"),
                b"" if content is None else content,
                parent=parents[0],
                mime_type=kind,
                modified=_milliseconds(modified),
                **changes,
            )
            if wanted:
                held = self.files.pop(identifier)
                held.fields["id"] = wanted
                self.files[wanted] = held
                return held
            return self.files[identifier]
        held = self.files[identifier]
        if "modifiedTime" in changes:
            changes["modifiedTime"] = _milliseconds(changes["modifiedTime"])
        elif content is not None:
            held.fields["modifiedTime"] = "2026-01-01T00:00:00.000Z"
        held.fields.update(changes)
        if content is not None:
            held.content = content
        self._measure(held)
        return held


def _milliseconds(text: str) -> str:
    """A time as the server keeps it: in milliseconds, UTC."""
    found = re.fullmatch(r"(.*?)(?:\.([0-9]+))?(Z|[+-]\d\d:\d\d)", text)
    if found is None:
        raise ValueError(text)
    return f"{found[1]}.{(found[2] or '').ljust(3, '0')[:3]}Z"
