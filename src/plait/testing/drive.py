"""A small server that speaks the documented Google Drive API v3, for tests: files in memory, folders, shared drives.

What it answers follows the reference of the API (developers.google.com/drive/api/reference/rest/v3): `files.list` with
`q`, `pageToken` and `fields`, `get` with `alt=media` and `Range`, `create` and `update` with simple, multipart and
resumable uploads, `copy`, `delete`, `export`, `emptyTrash`, `about`, `drives`, `permissions`, and OAuth's token
endpoint (RFC 6749, sections 5 and 6). It is no account of Google: what it does not document, it does not know.

Clients reach it as a proxy: it answers `CONNECT` for every host by itself, over TLS, with a certificate of its own
authority. So a program is tested as it is, without another address for the API.
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from plait.testing.drive_query import matches, parse_query, selected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
_DEFAULT_FIELDS: Final = "kind,id,name,mimeType"
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


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: DriveServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base's name)
        """Says nothing."""

    def do_CONNECT(self) -> None:
        """Takes the tunnel for itself, whatever host it is to."""
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.wfile.flush()
        try:
            self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        except (OSError, ssl.SSLError):
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self.close_connection = False

    def finish(self) -> None:
        """Ends the connection, the tunnel's too, which the server does not know of."""
        super().finish()
        self.connection.close()

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        else:
            body = self.rfile.read(length) if length else b""
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        connection, self.wfile = self.wfile, BytesIO()
        composed = self.wfile
        try:
            with self.server.drive.lock:
                self._compose(url.path, query, body)
        finally:
            self.wfile = connection
        # Sent without the lock: a client may read one answer after it has asked for the next on another connection.
        self.wfile.write(composed.getvalue())
        self.wfile.flush()

    def _compose(self, path: str, query: dict[str, str], body: bytes) -> None:
        drive = self.server.drive
        drive.requests.append((self.command, self.path))
        fault = self._fault(path)
        if fault is not None:
            self._fail(fault.status, fault.reason)
            return
        if path.endswith("/token"):
            self._token(body)
            return
        if self.headers.get("authorization", "").removeprefix("Bearer ") not in drive.tokens:
            self._fail(401, "authError", "Invalid Credentials")
            return
        for method, pattern, answer in _ROUTES:
            found = re.fullmatch(pattern, path)
            if method == self.command and found is not None:
                answer(self, query, body, *map(unquote, found.groups()))
                return
        self._fail(404, "notFound", f"no such method: {self.command} {path}")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  (the base's names)

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _fault(self, path: str) -> Fault | None:
        for fault in self.server.drive.faults:
            if fault.times and fault.method in {"", self.command} and fault.path in path:
                fault.times -= 1
                return fault
        return None

    # Answers

    def send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Sends an answer."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status not in {204, 308} or body:
            self.send_header("Content-Length", str(len(body)))
        elif status == 308:
            self.send_header("Content-Length", "0")
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Sends a value as JSON."""
        self.send(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _fail(self, status: int, reason: str, message: str = "") -> None:
        words = message or reason
        errors = [{"domain": "global", "reason": reason, "message": words}]
        self.send_json({"error": {"code": status, "message": words, "errors": errors}}, status)

    def _token(self, body: bytes) -> None:
        drive = self.server.drive
        form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
        identity, secret = form.get("client_id"), form.get("client_secret")
        basic = self.headers.get("authorization", "")
        if basic.startswith("Basic "):
            from base64 import b64decode

            identity, _, secret = b64decode(basic[6:]).decode().partition(":")
        kind = form.get("grant_type")
        if kind == "refresh_token":
            known = (identity, secret, form.get("refresh_token")) == (
                drive.client_id,
                drive.client_secret,
                drive.refresh_token,
            )
            if not known:
                self.send_json({"error": "invalid_grant", "error_description": "Bad Request"}, 400)
                return
        elif kind != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            self.send_json({"error": "unsupported_grant_type"}, 400)
            return
        self.send_json({"access_token": drive.token(), "token_type": "Bearer", "expires_in": 3599})

    def _shown(self, held: Held, query: dict[str, str]) -> Any:
        return selected(held.fields, query.get("fields", _DEFAULT_FIELDS))

    def _held(self, identifier: str) -> Held | None:
        drive = self.server.drive
        held = drive.files.get(ROOT if identifier == "root" else identifier)
        if held is None:
            self._fail(404, "notFound", f"File not found: {identifier}.")
        return held

    def list_files(self, query: dict[str, str], _: bytes) -> None:
        """`files.list`."""
        drive = self.server.drive
        wanted = parse_query(query["q"]) if query.get("q") else None
        found = [
            held.fields
            for held in drive.files.values()
            if held.fields["id"] != ROOT
            and held.fields["id"] not in drive.drives
            and (query.get("corpora") != "drive" or held.fields.get("driveId") == query.get("driveId"))
            and (wanted is None or matches(wanted, held.fields, ROOT))
        ]
        start = int(query.get("pageToken") or 0)
        size = min(int(query.get("pageSize") or 100), drive.page_size)
        answer: dict[str, Any] = {
            "kind": "drive#fileList",
            "incompleteSearch": False,
            "files": found[start : start + size],
        }
        if start + size < len(found):
            answer["nextPageToken"] = str(start + size)
        self.send_json(
            selected(answer, query.get("fields", f"kind,incompleteSearch,nextPageToken,files({_DEFAULT_FIELDS})"))
        )

    def get_file(self, query: dict[str, str], _: bytes, identifier: str) -> None:
        """`files.get`, of what is known or (`alt=media`) of the content."""
        held = self._held(identifier)
        if held is None:
            return
        if query.get("alt") != "media":
            self.send_json(self._shown(held, query))
            return
        if held.content is None:
            self._fail(403, "fileNotDownloadable", "Only files with binary content can be downloaded.")
            return
        if held.fields.get("abusive") and query.get("acknowledgeAbuse") != "true":
            self._fail(403, "cannotDownloadAbusiveFile", "This file has been identified as malware or spam.")
            return
        content, total = held.content, len(held.content)
        ranged = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("range", ""))
        if ranged is None:
            self.send(200, content, {"Content-Type": held.fields["mimeType"]})
            return
        start = int(ranged[1]) if ranged[1] else max(0, total - int(ranged[2]))
        end = min(int(ranged[2]), total - 1) if ranged[1] and ranged[2] else total - 1
        if start >= total:
            self.send(416, b"", {"Content-Range": f"bytes */{total}"})
            return
        self.send(206, content[start : end + 1], {"Content-Range": f"bytes {start}-{end}/{total}"})

    def create_file(self, query: dict[str, str], body: bytes) -> None:
        """`files.create` without content."""
        self.send_json(self._shown(self.server.drive.store(None, json.loads(body or b"{}"), None), query))

    def update_file(self, query: dict[str, str], body: bytes, identifier: str) -> None:
        """`files.update` without content: fields, parents, trash."""
        held = self._held(identifier)
        if held is None:
            return
        fields = json.loads(body or b"{}")
        if "parents" in fields:
            self._fail(403, "fieldNotWritable", "The parents field is not directly writable in update requests.")
            return
        parents = [
            parent for parent in held.fields["parents"] if parent not in query.get("removeParents", "").split(",")
        ]
        held.fields["parents"] = parents + [parent for parent in query.get("addParents", "").split(",") if parent]
        self.send_json(self._shown(self.server.drive.store(held.fields["id"], fields, None), query))

    def delete_file(self, _: dict[str, str], __: bytes, identifier: str) -> None:
        """`files.delete`: without the trash, a folder with what is in it."""
        held = self._held(identifier)
        if held is None:
            return
        self._drop(held.fields["id"])
        self.send(204)

    def _drop(self, identifier: str) -> None:
        drive = self.server.drive
        del drive.files[identifier]
        for below in [key for key, held in drive.files.items() if identifier in held.fields.get("parents", ())]:
            self._drop(below)

    def copy_file(self, query: dict[str, str], body: bytes, identifier: str) -> None:
        """`files.copy`."""
        held = self._held(identifier)
        if held is None:
            return
        inherited = {name: held.fields[name] for name in ("name", "mimeType", "modifiedTime", "parents")}
        fields = inherited | json.loads(body or b"{}")
        self.send_json(self._shown(self.server.drive.store(None, fields, held.content), query))

    def export_file(self, query: dict[str, str], _: bytes, identifier: str) -> None:
        """`files.export`, and what its links lead to."""
        held = self._held(identifier)
        if held is None:
            return
        kind = query.get("mimeType", "")
        if kind not in EXPORTS.get(held.fields["mimeType"], ()):
            self._fail(400, "badRequest", "The requested conversion is not supported.")
            return
        self.send(200, f"{held.fields['name']} as {kind}\n".encode(), {"Content-Type": kind})

    def empty_trash(self, _: dict[str, str], __: bytes) -> None:
        """`files.emptyTrash`."""
        for identifier in [key for key, held in self.server.drive.files.items() if held.fields["trashed"]]:
            self.server.drive.files.pop(identifier, None)
        self.send(204)

    def about(self, query: dict[str, str], _: bytes) -> None:
        """`about.get`."""
        used = sum(len(held.content or b"") for held in self.server.drive.files.values())
        trashed = sum(len(held.content or b"") for held in self.server.drive.files.values() if held.fields["trashed"])
        quota = {"limit": "16106127360", "usage": str(used + 100), "usageInDrive": str(used)}
        quota["usageInDriveTrash"] = str(trashed)
        found = {
            "storageQuota": quota,
            "user": {"emailAddress": "someone@example.com", "displayName": "Someone"},
            "exportFormats": EXPORTS,
            "importFormats": {},
        }
        self.send_json(selected(found, query.get("fields", "storageQuota")))

    def get_drive(self, _: dict[str, str], __: bytes, identifier: str) -> None:
        """`drives.get`."""
        name = self.server.drive.drives.get(identifier)
        if name is None:
            self._fail(404, "notFound", f"Shared drive not found: {identifier}")
            return
        self.send_json({"kind": "drive#drive", "id": identifier, "name": name})

    def list_drives(self, _: dict[str, str], __: bytes) -> None:
        """`drives.list`."""
        found = [{"id": key, "name": name} for key, name in self.server.drive.drives.items()]
        self.send_json({"kind": "drive#driveList", "drives": found})

    def permit(self, _: dict[str, str], body: bytes, identifier: str) -> None:
        """`permissions.create`."""
        if self._held(identifier) is not None:
            self.server.drive.permissions.append((identifier, json.loads(body)))
            self.send_json({"kind": "drive#permission", "id": "anyoneWithLink"})

    def forbid(self, _: dict[str, str], __: bytes, identifier: str, permission: str) -> None:
        """`permissions.delete`."""
        permissions = self.server.drive.permissions
        kept = [found for found in permissions if found[0] != identifier]
        if permission != "anyoneWithLink" or kept == permissions:
            self._fail(404, "notFound", f"Permission not found: {permission}.")
            return
        permissions[:] = kept
        self.send_response(204)
        self.end_headers()

    # Uploads

    def upload(self, query: dict[str, str], body: bytes, identifier: str | None = None) -> None:
        """`files.create` and `files.update` with content."""
        drive = self.server.drive
        if identifier is not None and self._held(identifier) is None:
            return
        match query.get("uploadType"):
            case "multipart":
                fields, content, kind = _parts(body, self.headers["content-type"])
                fields.setdefault("mimeType", kind)
                self.send_json(self._shown(drive.store(identifier, fields, content), query))
            case "media":
                fields = {"mimeType": self.headers.get("content-type", "application/octet-stream")}
                self.send_json(self._shown(drive.store(identifier, fields, body), query))
            case "resumable":
                session = f"session-{len(drive.uploads) + 1}"
                fields = json.loads(body or b"{}")
                fields.setdefault("mimeType", self.headers.get("x-upload-content-type"))
                drive.uploads[session] = {"fields": fields, "id": identifier, "content": b"", "query": query}
                url = f"https://www.googleapis.com/upload/drive/v3/sessions/{session}"
                self.send(200, b"", {"Location": url})
            case other:
                self._fail(400, "badRequest", f"uploadType {other}")

    def resume(self, _: dict[str, str], body: bytes, session: str) -> None:
        """A chunk of a resumable upload, or the question how far it has come."""
        drive = self.server.drive
        upload = drive.uploads.get(session)
        if upload is None:
            self._fail(404, "notFound", "no such upload")
            return
        ranged = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", self.headers.get("content-range", "bytes */*"))
        if ranged is None:
            self._fail(400, "badRequest", "Content-Range")
            return
        if ranged[1] is not None:
            if int(ranged[1]) != len(upload["content"]) or int(ranged[2]) + 1 - int(ranged[1]) != len(body):
                self._fail(400, "badRequest", "the chunk does not follow")
                return
            upload["content"] += body
        elif body:
            upload["content"] += body
        size = len(upload["content"])
        if ranged[3] != "*" and int(ranged[3]) == size:
            del drive.uploads[session]
            held = drive.store(upload["id"], upload["fields"], upload["content"])
            self.send_json(self._shown(held, upload["query"]))
            return
        self.send(308, b"", {"Range": f"bytes=0-{size - 1}"} if size else {})


def _parts(body: bytes, content_type: str) -> tuple[dict[str, Any], bytes, str]:
    """The two parts of a multipart upload, and the type of the second (RFC 2387)."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None:
        raise ValueError(content_type)
    _, first, second, *_ = body.split(b"--" + found[1].encode())
    # Google's own library ends lines with line feeds alone.
    end = b"\r\n" if b"\r\n\r\n" in first else b"\n"
    first_body = first.partition(end + end)[2]
    head, _, content = second.partition(end + end)
    kind = re.search(rb"(?i)content-type: *([^\r\n;]+)", head)
    return json.loads(first_body), content.removesuffix(end), kind[1].decode() if kind else ""


_FILES: Final = "/drive/v3/files"
_ROUTES: Final[tuple[tuple[str, str, Callable[..., None]], ...]] = (
    ("GET", _FILES, Handler.list_files),
    ("POST", _FILES, Handler.create_file),
    ("DELETE", f"{_FILES}/trash", Handler.empty_trash),
    ("GET", f"{_FILES}/([^/]+)", Handler.get_file),
    ("PATCH", f"{_FILES}/([^/]+)", Handler.update_file),
    ("DELETE", f"{_FILES}/([^/]+)", Handler.delete_file),
    ("POST", f"{_FILES}/([^/]+)/copy", Handler.copy_file),
    ("GET", f"{_FILES}/([^/]+)/export", Handler.export_file),
    ("GET", "/export/([^/]+)", Handler.export_file),
    ("POST", f"{_FILES}/([^/]+)/permissions", Handler.permit),
    ("DELETE", f"{_FILES}/([^/]+)/permissions/([^/]+)", Handler.forbid),
    ("GET", "/drive/v3/about", Handler.about),
    ("GET", "/drive/v3/drives", Handler.list_drives),
    ("GET", "/drive/v3/drives/([^/]+)", Handler.get_drive),
    ("POST", f"/upload{_FILES}", Handler.upload),
    ("PATCH", f"/upload{_FILES}/([^/]+)", Handler.upload),
    ("PUT", "/upload/drive/v3/sessions/([^/]+)", Handler.resume),
    ("POST", "/upload/drive/v3/sessions/([^/]+)", Handler.resume),
)


class DriveServer(ThreadingHTTPServer):
    """The server; a proxy to its clients."""

    daemon_threads = True

    def __init__(self, drive: Drive, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.drive = drive
        self.tls = tls


@dataclass(frozen=True)
class Served:
    """A running server: the account, where the proxy listens, and the file of the authority to trust."""

    drive: Drive
    proxy: str
    authority: Path

    def environment(self) -> dict[str, str]:
        """The variables by which programs reach it."""
        return {"HTTPS_PROXY": self.proxy, "https_proxy": self.proxy, "NO_PROXY": "", "no_proxy": ""}

    def section(self, name: str, *, expired: bool = False, **more: str) -> str:
        """A remote of type drive in `rclone.conf` that may come in."""
        token = {
            "access_token": "expired" if expired else self.drive.token(),
            "token_type": "Bearer",
            "refresh_token": self.drive.refresh_token,
            "expiry": "2020-01-01T00:00:00Z" if expired else "2199-01-01T00:00:00Z",
        }
        keys = {
            "type": "drive",
            "client_id": self.drive.client_id,
            "client_secret": self.drive.client_secret,
            "scope": "drive",
            "token": json.dumps(token, separators=(",", ":")),
            **more,
        }
        return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


@contextmanager
def serve_drive(directory: Path, drive: Drive | None = None) -> Iterator[Served]:
    """A server in a thread of its own; `directory` takes its certificates."""
    from plait.testing.certificates import make_authority

    authority, certificate, key = make_authority(directory, "*.googleapis.com", "docs.google.com", "www.googleapis.com")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server = DriveServer(drive or Drive(), tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Served(server.drive, f"http://127.0.0.1:{server.server_address[1]}", authority)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
