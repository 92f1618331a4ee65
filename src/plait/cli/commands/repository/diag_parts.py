"""`diag dirpack` and `diag blobsearch`, on the plakar front: lists of directories, and where in packfiles a blob is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.cli.commands.repository.diag import identifier, resource_word
from plait.cli.commands.repository.listing import open_path
from plait.model.errors import ObjectNotFoundError
from plait.repository.format import btrees, dirpacks, packfiles
from plait.repository.format.headers import DIRPACK_INDEX
from plait.repository.format.resources import MAC_SIZE, Resource

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand

_LINE: Final = "=" * 47
_KINDS: Final = {True: 1, False: 2}
"""How a list marks directories, and all else."""


def dirpack(command: RepositoryCommand) -> int:
    """Lists the directories below a path, each with the entries in it."""
    snapshot, path = open_path(command, command.invocation.words[0])
    prefix = path.rstrip("/") + "/"
    index = snapshot.source.index(DIRPACK_INDEX)
    if index is None:
        raise ObjectNotFoundError("no dirpack index available in the snapshot")
    reader = command.repository.reader
    for directory, mac in reader.items(btrees.INDEX, index, prefix):
        command.cancellation.raise_if_cancelled()
        command.output.result(_LINE)
        if not directory.startswith(prefix):
            break
        command.output.result(f"{directory} {mac.hex()}")
        for record in dirpacks.unpack(reader.content(mac), directory):
            info = record.entry.file_info
            facts = f"{len(record.plain) + MAC_SIZE} {_KINDS[info.is_directory]} {info.name}"
            command.output.result(f"vfs-entry {record.mac.hex()} {directory} {facts}")
    return 0


def blobsearch(command: RepositoryCommand) -> int:
    """Finds a blob in the indexes of all packfiles, whatever the states say."""
    mac = identifier(command.invocation.words[0], "object")
    files, codec = command.repository.files, command.repository.codec
    sizes = files.packfile_sizes()
    for name in sorted(sizes):
        command.cancellation.raise_if_cancelled()
        body_size = sizes[name] - packfiles.file_offset(0) - MAC_SIZE

        def read(offset: int, length: int, name: bytes = name) -> bytes:
            return files.read_packfile(name, packfiles.file_offset(offset), length)

        for blob in packfiles.read_index_in(read, body_size, codec).blobs:
            if blob.mac != mac:
                continue
            place = f"{blob.offset} {blob.length} {resource_word(blob.resource)}"
            command.output.result(f"Found candidate [{mac.hex()}] in packfile [{name.hex()}] at : {place}")
            if blob.resource == Resource.OBJECT:
                found = command.repository.reader.blobs.object(mac)
                command.output.result(f"object: {found.content_mac.hex()}")
                command.output.result(f"  type: {found.content_type}")
    return 0
