"""What the served Google Drive answers, method by method (developers.google.com/drive/api/reference/rest/v3)."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final

from plait.testing.drive_account import EXPORTS, ROOT
from plait.testing.drive_query import matching, parse_query, selected

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.testing.drive_account import Drive, Held

_DEFAULT_FIELDS: Final = "kind,id,name,mimeType"


class Answers(BaseHTTPRequestHandler):
    """A method for each of the API's; it composes the answer to one request, with the account locked."""

    @property
    def drive(self) -> Drive:
        """The account that is asked about."""
        raise NotImplementedError

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

    def fail(self, status: int, reason: str, message: str = "") -> None:
        """Sends an error in the form of the API."""
        words = message or reason
        errors = [{"domain": "global", "reason": reason, "message": words}]
        self.send_json({"error": {"code": status, "message": words, "errors": errors}}, status)

    def _shown(self, held: Held, query: dict[str, str]) -> Any:
        return selected(held.fields, query.get("fields", _DEFAULT_FIELDS))

    def _held(self, identifier: str) -> Held | None:
        drive = self.drive
        held = drive.files.get(ROOT if identifier == "root" else identifier)
        if held is None:
            self.fail(404, "notFound", f"File not found: {identifier}.")
        return held

    def list_files(self, query: dict[str, str], _: bytes) -> None:
        """`files.list`."""
        drive = self.drive
        is_wanted = matching(parse_query(query["q"]), ROOT) if query.get("q") else None
        found = [
            held.fields
            for held in drive.files.values()
            if held.fields["id"] != ROOT
            and held.fields["id"] not in drive.drives
            and (query.get("corpora") != "drive" or held.fields.get("driveId") == query.get("driveId"))
            and (is_wanted is None or is_wanted(held.fields))
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
            self.fail(403, "fileNotDownloadable", "Only files with binary content can be downloaded.")
            return
        if held.fields.get("abusive") and query.get("acknowledgeAbuse") != "true":
            self.fail(403, "cannotDownloadAbusiveFile", "This file has been identified as malware or spam.")
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
        self.send_json(self._shown(self.drive.store(None, json.loads(body or b"{}"), None), query))

    def update_file(self, query: dict[str, str], body: bytes, identifier: str) -> None:
        """`files.update` without content: fields, parents, trash."""
        held = self._held(identifier)
        if held is None:
            return
        fields = json.loads(body or b"{}")
        if "parents" in fields:
            self.fail(403, "fieldNotWritable", "The parents field is not directly writable in update requests.")
            return
        parents = [
            parent for parent in held.fields["parents"] if parent not in query.get("removeParents", "").split(",")
        ]
        held.fields["parents"] = parents + [parent for parent in query.get("addParents", "").split(",") if parent]
        self.send_json(self._shown(self.drive.store(held.fields["id"], fields, None), query))

    def delete_file(self, _: dict[str, str], __: bytes, identifier: str) -> None:
        """`files.delete`: without the trash, a folder with what is in it."""
        held = self._held(identifier)
        if held is None:
            return
        self._drop(held.fields["id"])
        self.send(204)

    def _drop(self, identifier: str) -> None:
        drive = self.drive
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
        self.send_json(self._shown(self.drive.store(None, fields, held.content), query))

    def export_file(self, query: dict[str, str], _: bytes, identifier: str) -> None:
        """`files.export`, and what its links lead to."""
        held = self._held(identifier)
        if held is None:
            return
        kind = query.get("mimeType", "")
        if kind not in EXPORTS.get(held.fields["mimeType"], ()):
            self.fail(400, "badRequest", "The requested conversion is not supported.")
            return
        self.send(200, f"{held.fields['name']} as {kind}\n".encode(), {"Content-Type": kind})

    def empty_trash(self, _: dict[str, str], __: bytes) -> None:
        """`files.emptyTrash`."""
        for identifier in [key for key, held in self.drive.files.items() if held.fields["trashed"]]:
            self.drive.files.pop(identifier, None)
        self.send(204)

    def about(self, query: dict[str, str], _: bytes) -> None:
        """`about.get`."""
        used = sum(len(held.content or b"") for held in self.drive.files.values())
        trashed = sum(len(held.content or b"") for held in self.drive.files.values() if held.fields["trashed"])
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
        name = self.drive.drives.get(identifier)
        if name is None:
            self.fail(404, "notFound", f"Shared drive not found: {identifier}")
            return
        self.send_json({"kind": "drive#drive", "id": identifier, "name": name})

    def list_drives(self, _: dict[str, str], __: bytes) -> None:
        """`drives.list`."""
        found = [{"id": key, "name": name} for key, name in self.drive.drives.items()]
        self.send_json({"kind": "drive#driveList", "drives": found})

    def permit(self, _: dict[str, str], body: bytes, identifier: str) -> None:
        """`permissions.create`."""
        if self._held(identifier) is not None:
            self.drive.permissions.append((identifier, json.loads(body)))
            self.send_json({"kind": "drive#permission", "id": "anyoneWithLink"})

    def forbid(self, _: dict[str, str], __: bytes, identifier: str, permission: str) -> None:
        """`permissions.delete`."""
        permissions = self.drive.permissions
        kept = [found for found in permissions if found[0] != identifier]
        if permission != "anyoneWithLink" or kept == permissions:
            self.fail(404, "notFound", f"Permission not found: {permission}.")
            return
        permissions[:] = kept
        self.send_response(204)
        self.end_headers()

    # Uploads

    def upload(self, query: dict[str, str], body: bytes, identifier: str | None = None) -> None:
        """`files.create` and `files.update` with content."""
        drive = self.drive
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
                self.fail(400, "badRequest", f"uploadType {other}")

    def resume(self, _: dict[str, str], body: bytes, session: str) -> None:
        """A chunk of a resumable upload, or the question how far it has come."""
        drive = self.drive
        upload = drive.uploads.get(session)
        if upload is None:
            self.fail(404, "notFound", "no such upload")
            return
        ranged = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", self.headers.get("content-range", "bytes */*"))
        if ranged is None:
            self.fail(400, "badRequest", "Content-Range")
            return
        if ranged[1] is not None:
            if int(ranged[1]) != len(upload["content"]) or int(ranged[2]) + 1 - int(ranged[1]) != len(body):
                self.fail(400, "badRequest", "the chunk does not follow")
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
ROUTES: Final[tuple[tuple[str, str, Callable[..., None]], ...]] = (
    ("GET", _FILES, Answers.list_files),
    ("POST", _FILES, Answers.create_file),
    ("DELETE", f"{_FILES}/trash", Answers.empty_trash),
    ("GET", f"{_FILES}/([^/]+)", Answers.get_file),
    ("PATCH", f"{_FILES}/([^/]+)", Answers.update_file),
    ("DELETE", f"{_FILES}/([^/]+)", Answers.delete_file),
    ("POST", f"{_FILES}/([^/]+)/copy", Answers.copy_file),
    ("GET", f"{_FILES}/([^/]+)/export", Answers.export_file),
    ("GET", "/export/([^/]+)", Answers.export_file),
    ("POST", f"{_FILES}/([^/]+)/permissions", Answers.permit),
    ("DELETE", f"{_FILES}/([^/]+)/permissions/([^/]+)", Answers.forbid),
    ("GET", "/drive/v3/about", Answers.about),
    ("GET", "/drive/v3/drives", Answers.list_drives),
    ("GET", "/drive/v3/drives/([^/]+)", Answers.get_drive),
    ("POST", f"/upload{_FILES}", Answers.upload),
    ("PATCH", f"/upload{_FILES}/([^/]+)", Answers.upload),
    ("PUT", "/upload/drive/v3/sessions/([^/]+)", Answers.resume),
    ("POST", "/upload/drive/v3/sessions/([^/]+)", Answers.resume),
)
"""The method of HTTP, the path, and what answers; it gets the query, the body and the groups of the path."""
