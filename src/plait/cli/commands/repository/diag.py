"""`diag`, on the plakar front: a look at the parts that a repository is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plait.cli.commands.repository.listing import open_path
from plait.cli.output.information import Moment, Size, lines, repository_facts, snapshot_facts
from plait.cli.output.snapshots import show_mode, size_of
from plait.cli.repositories import RefusedError
from plait.model.errors import ObjectNotFoundError, UsageError
from plait.model.values.times import show_rfc3339
from plait.repository.format import btrees
from plait.repository.format.headers import CONTENT_TYPE_INDEX
from plait.repository.format.resources import MAC_SIZE, Resource
from plait.repository.layout import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.format.entries import Entry
    from plait.repository.format.summaries import Below, Directory, Summary

_SECOND: Final = 1_000_000_000
_HEX_DIGITS: Final = 2 * MAC_SIZE
_COUNTED: Final = (
    *("directories", "files", "symlinks", "devices", "pipes", "sockets", "setuid", "setgid", "sticky", "objects"),
    *("chunks", "min_size", "max_size", "size", "min_mod_time", "max_mod_time", "min_entropy", "max_entropy"),
    *("avg_entropy", "hi_entropy", "lo_entropy"),
)
_TYPES: Final = ("audio", "video", "image", "text", "application", "other")
_NAMES: Final = {
    **{name: name.title().replace("_", "") for name in _COUNTED},
    **{name: f"MIME{name.title()}" for name in _TYPES},
    **{name: name.title() for name in ("errors", "children")},
}
"""The fields of summaries, in the order and by the names in which the original shows them."""


def repository(command: RepositoryCommand) -> int:
    """Shows what the repository is."""
    found = command.repository
    snapshots = found.snapshots()
    logical = sum(size_of(snapshot.header) for snapshot in snapshots)
    facts = dict(repository_facts(found.configuration, len(snapshots), 0, logical))
    facts.pop("Storage size")
    facts["Size"] = facts.pop("Logical size")
    encryption = facts.get("Encryption")
    if encryption is not None:
        facts["Encryption"] = {
            "Data Algorithm": encryption["DataAlgorithm"],
            "Subkey Algorithm": encryption["SubkeyAlgorithm"],
            "Canary": encryption["Canary"],
            "KDF": encryption["KDF"],
        }
    for line in lines(facts):
        command.output.result(line)
    return 0


def locks(command: RepositoryCommand) -> int:
    """Lists who says to be at work."""
    from plait.repository.format import locks as format_of_locks

    files = command.repository.files
    for name, key in sorted(files.keys(Folder.LOCKS).items()):
        lock = format_of_locks.read(files.read(key), command.repository.codec)
        kind = "exclusive" if lock.exclusive else "shared"
        moment = show_rfc3339(lock.timestamp // _SECOND * _SECOND)
        command.output.result(f"[{name.hex()}] Got {kind} access on {moment} owner {lock.host}")
    return 0


def state(command: RepositoryCommand) -> int:
    """Lists the states, or what is in some of them."""
    files = command.repository.files
    keys = files.keys(Folder.STATES)
    if not command.invocation.words:
        for name in sorted(keys):
            command.output.result(name.hex())
    for word in command.invocation.words:
        key = keys.get(identifier(word, "packfile"))
        if key is None:
            raise ObjectNotFoundError(f"state not found: {word}")
        for line in _state_lines(command, files.read(key)):
            command.output.result(line)
    return 0


def _state_lines(command: RepositoryCommand, data: bytes) -> Iterator[str]:
    from uuid import UUID

    from plait.repository.format import states
    from plait.repository.format.resources import version_text

    by_resource: dict[int, list[str]] = {}
    for record in states.read(data, command.repository.codec)[1]:
        if isinstance(record, states.End):
            yield f"Version: v{version_text(record.version)}"
            yield f"Creation: {Moment(record.timestamp)}"
            yield f"State serial: {UUID(bytes=record.serial)}"
        elif isinstance(record, states.Location):
            where = f"packfile {record.packfile.hex()}, offset {record.offset}, length {record.length}"
            text = f"{resource_word(record.resource)} {record.mac.hex()} : {where}"
            by_resource.setdefault(record.resource, []).append(text)
        elif isinstance(record, states.Coloured):
            text = f"deleted {resource_word(record.resource)}: {record.mac.hex()}, when={Moment(record.when)}"
            by_resource.setdefault(record.resource, []).append(text)
    for resource in sorted(by_resource):
        yield from sorted(by_resource[resource], key=lambda text: (not text.startswith("deleted "), text))


def packfile(command: RepositoryCommand) -> int:
    """Lists the packfiles, or what is in some of them."""
    from plait.repository.format import packfiles
    from plait.repository.format.packfiles import pack_records
    from plait.repository.format.resources import VERSION_1_0_0, version_text

    files, codec = command.repository.files, command.repository.codec
    sizes = files.packfile_sizes()
    if not command.invocation.words:
        for name in sorted(sizes):
            command.output.result(name.hex())
    for word in command.invocation.words:
        name = identifier(word, "packfile")
        if name not in sizes:
            raise ObjectNotFoundError(f"packfile not found: {word}")
        body = files.read_packfile(name, packfiles.file_offset(0), sizes[name])[:-MAC_SIZE]
        index = packfiles.read_index(body, codec)
        command.output.result(f"Version: v{version_text(VERSION_1_0_0)}")
        command.output.result(f"Timestamp: {Moment(index.timestamp)}")
        command.output.result(f"Index MAC: {codec.mac(pack_records(index.blobs)).hex()}")
        command.output.result("")
        for number, blob in enumerate(index.blobs):
            place = f"{blob.offset} {blob.length} {blob.flags:x}"
            command.output.result(f"blob[{number}]: {blob.mac.hex()} {place} {resource_word(blob.resource)}")
    return 0


def content(command: RepositoryCommand) -> int:
    """Shows an object: the content of a file."""
    word = command.invocation.words[0]
    mac = identifier(word, "object")
    found = command.repository.reader.blobs.object(mac)
    command.output.result(f"object: {found.content_mac.hex()}")
    command.output.result(f"  type: {found.content_type}")
    command.output.result("  chunks:")
    for chunk in found.chunks or ():
        command.output.result(f"    MAC: {chunk.content_mac.hex()}")
    return 0


def chunks(command: RepositoryCommand) -> int:
    """Shows where the content of a file was cut."""
    snapshot, path = open_path(command, command.invocation.words[0])
    entry = snapshot.entry(path)
    if not entry.has_content:
        raise ObjectNotFoundError(f"no object for path: {path}")
    offset = 0
    for number, chunk in enumerate(command.repository.reader.blobs.object(entry.object).chunks or ()):
        place = f"offset={offset} length={chunk.length}"
        command.output.result(f"Chunk[{number}]: {place} mac={chunk.content_mac.hex()} entropy={chunk.entropy:f}")
        offset += chunk.length
    return 0


def search(command: RepositoryCommand) -> int:
    """Finds what is no directory in a snapshot, all of it or what is of some types of content."""
    word, *types = command.invocation.words
    snapshot, path = open_path(command, word)
    below = snapshot.walk(path) if snapshot.entry(path).file_info.is_directory else iter((snapshot.entry(path),))
    for entry in below:
        command.cancellation.raise_if_cancelled()
        kind = entry.content_type.partition(";")[0]
        if not entry.file_info.is_directory and (not types or kind in types):
            command.output.result(f"{snapshot.identifier[:4].hex()}:{entry.path}")
    return 0


def contenttype(command: RepositoryCommand) -> int:
    """Lists the index of content types, of one type or all: `SNAPSHOT:/text` begins at texts."""
    word = command.invocation.words[0]
    snapshot, path = open_path(command, word)
    prefix = (path or "/").rstrip("/") + "/"
    index = snapshot.source.index(CONTENT_TYPE_INDEX)
    if index is None:
        raise ObjectNotFoundError("no content-type index available in the snapshot")
    for key, _ in command.repository.reader.items(btrees.CONTENT_TYPES, index, prefix):
        if not key.startswith(prefix):
            break
        command.output.result(key)
    return 0


def xattr(command: RepositoryCommand) -> int:
    """Lists the extended attributes below a path, with their values."""
    snapshot, path = open_path(command, command.invocation.words[0])
    prefix = path.rstrip("/") + "/"
    for found in snapshot.xattrs():
        if found.path.startswith(prefix):
            value = b"".join(command.repository.reader.content(found.object))
            command.output.plain(f"{found.path} {found.name} {value.decode('utf-8', 'surrogateescape')}")
    return 0


def snapshot(command: RepositoryCommand) -> int:
    """Shows the header of a snapshot."""
    found, _ = open_path(command, command.invocation.words[0])
    facts = dict(snapshot_facts(found.header))
    if "VFS" in facts:
        facts["VFS"] = f"{{{' '.join(facts['VFS'].values())}}}"
    for line in lines(facts):
        command.output.result(line)
    return 0


def vfs(command: RepositoryCommand) -> int:
    """Shows the entry of a path, its summary and what is in it."""
    found, path = open_path(command, command.invocation.words[0])
    entry = found.entry(path)
    for line in _entry_lines(entry):
        command.output.result(line)
    if entry.file_info.is_directory:
        summary = entry.summary or found.summary(path)
        for line in () if summary is None else _summary_lines(summary):
            command.output.result(line)
        for number, child in enumerate(found.children(path)):
            for line in _child_lines(child):
                command.output.result(f"Child[{number}].{line}")
    prefix = path.rstrip("/") + "/"
    failed = [error for error in found.errors() if error.path.startswith(prefix)]
    for number, error in enumerate(failed):
        command.output.result(f"Error[{number}]: {error.path}: {error.error}")
    return 0


def _entry_lines(entry: Entry) -> Iterator[str]:
    info = entry.file_info
    names = f"[{' '.join(entry.extended_attributes)}]"
    yield "[DirEntry]" if info.is_directory else "[FileEntry]"
    yield f"Version: {entry.version}"
    yield f"ParentPath: {entry.parent_path}"
    yield f"Name: {info.name}"
    yield f"Size: {Size(info.size)}"
    yield f"Permissions: {show_mode(info.mode)}"
    yield f"ModTime: {Moment(info.mod_time)}"
    yield f"DeviceID: {info.device}"
    yield f"InodeID: {info.inode}"
    yield f"UserID: {info.uid}"
    yield f"GroupID: {info.gid}"
    yield f"Username: {info.user}"
    yield f"Groupname: {info.group}"
    yield f"NumLinks: {info.links}"
    yield f"ExtendedAttributes: {names}"
    yield f"FileAttributes: {entry.file_attributes}"
    if entry.symlink_target:
        yield f"SymlinkTarget: {entry.symlink_target}"
    yield "Classification:"
    for classification in entry.classifications:
        yield f" - {classification.analyzer}:"
        yield from (f"   - {one}" for one in classification.classes or ())
    yield f"CustomMetadata: {[pair.key for pair in entry.custom_metadata]}"
    yield f"Tags: [{' '.join(entry.tags)}]"
    yield f"ExtendedAttributes: {names}"


def _summary_lines(summary: Summary) -> Iterator[str]:
    yield from (f"Below.{line}" for line in _part_lines(summary.below) if not line.startswith("Children"))
    yield from (f"Directory.{line}" for line in _part_lines(summary.directory))


def _part_lines(part: Below | Directory) -> Iterator[str]:
    for name, shown in _NAMES.items():
        value: Any = getattr(part, name, None)
        if value is None:
            continue
        if name.endswith("size"):
            value = Size(value)
        elif name.endswith("mod_time"):
            value = Moment(value * _SECOND)
        elif isinstance(value, float):
            value = f"{value:f}"
        yield f"{shown}: {value}"


def _child_lines(child: Entry) -> Iterator[str]:
    info = child.file_info
    yield f"FileInfo.Name(): {info.name}"
    yield f"FileInfo.Size(): {info.size}"
    yield f"FileInfo.Mode(): {show_mode(info.mode)}"
    yield f"FileInfo.Dev(): {info.device}"
    yield f"FileInfo.Ino(): {info.inode}"
    yield f"FileInfo.Uid(): {info.uid}"
    yield f"FileInfo.Gid(): {info.gid}"
    yield f"FileInfo.Username(): {info.user}"
    yield f"FileInfo.Groupname(): {info.group}"
    yield f"FileInfo.Nlink(): {info.links}"
    yield f"ExtendedAttributes(): [{' '.join(child.extended_attributes)}]"


def refused(command: RepositoryCommand) -> int:
    """Says which of the original's there is not."""
    raise RefusedError(f"{command.invocation.command} is not in this version")


def identifier(word: str, what: str) -> bytes:
    """The identifier that 64 hexadecimal digits are. Raises UsageError."""
    try:
        found = bytes.fromhex(word) if len(word) == _HEX_DIGITS else b""
    except ValueError:
        found = b""
    if len(found) != MAC_SIZE:
        raise UsageError(f"invalid {what} hash: {word}")
    return found


def resource_word(resource: int) -> str:
    """A resource as the original calls it."""
    try:
        return Resource(resource).name.lower().replace("_", "-")
    except ValueError:
        return "unknown"
