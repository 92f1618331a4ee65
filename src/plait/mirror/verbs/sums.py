"""`hashsum` and its family: the hashes of files, as md5sum and its relatives write them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Final

from plait.engine.parallel import run_together
from plait.mirror.lookups import hash_of
from plait.mirror.names import inside
from plait.model.errors import CancelledError, PlaitError, StoreError
from plait.model.items import Item, Kind
from plait.stores.hashes import new_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.mirror.verbs.task import Chosen, Task
    from plait.stores.base import Source, Store

AT_ONCE: Final = 1000
BLOCK: Final = 1 << 20
WIDTHS: Final = {
    "md5": 32,
    "sha1": 40,
    "whirlpool": 128,
    "crc32": 8,
    "sha256": 64,
    "sha512": 128,
    "blake3": 64,
    "xxh3": 16,
    "xxh128": 32,
    "dropbox": 64,
    "hidrive": 40,
    "mailru": 40,
    "quickxor": 40,
}
"""Hex digits by rclone's name of a hash, in rclone's order."""


def supported() -> str:
    """The hashes there are, as rclone lists them."""
    return "Supported hashes are:\n" + "".join(f"- {name}\n" for name in WIDTHS)


def hash_lines(
    task: Task, chosen: Chosen, name: str, *, download: bool, show: Callable[[str, str, str], str]
) -> Iterator[str]:
    """A line a file, without its newline, in the order of the listing; what has no hash is told and counted.

    `show` makes the line, of the value ("" for none), the name of the hash and the path.
    """
    store = chosen.store
    # A local store computes any hash, also one that options keep out of comparisons.
    if not download and name not in store.features.hashes and store.features.scheme != "local":
        for item in task.items(chosen):
            if item.kind is Kind.FILE:
                _fail(task, StoreError(_UNSUPPORTED), _UNSUPPORTED, item.key)
        return
    held: list[Item] = []
    for item in task.items(chosen):
        if item.kind is not Kind.FILE:
            continue
        held.append(item)
        if len(held) == AT_ONCE:
            yield from _lines(task, store, held, name, download=download, show=show)
            held = []
    yield from _lines(task, store, held, name, download=download, show=show)


_UNSUPPORTED: Final = "hash unsupported: hash type not supported"


def _lines(
    task: Task, store: Store, items: Sequence[Item], name: str, *, download: bool, show: Callable[[str, str, str], str]
) -> Iterator[str]:
    found: dict[int, str] = {}

    def look_up(position: int, _: Callable[[], bool]) -> None:
        item = items[position]
        try:
            value = read_hash(task, store, item, name) if download else hash_of(store, item, name)
        except CancelledError:
            raise
        except PlaitError as error:
            told = f"failed to get hash {name} from backend: {error.message}"
            _fail(task, error, f"failed to open file {item.key}: {error.message}" if download else told, item.key)
            return
        found[position] = show(value or "", name, inside(item.key))

    workers = min(store.features.concurrency, len(items)) if store.features.depends_on_network else 2
    run_together(look_up, range(len(items)), workers, task.around.cancellation.cancelled)
    yield from (found[position] for position in range(len(items)) if position in found)


def _fail(task: Task, error: PlaitError, text: str, key: str) -> None:
    """Tells an error; rclone counts it for the file and for its hash."""
    task.fail(error, text, key)
    if task.original:
        task.errors.add(error)


def line(value: str, name: str, path: str, *, base64: bool) -> str:
    """A hash and a path, the hash right-aligned in its width."""
    width = WIDTHS[name]
    if base64:
        value = urlsafe_b64encode(bytes.fromhex(value)).decode()
        width = (width // 2 + 2) // 3 * 4
    return f"{value:>{width}}  {path}"


def read_hash(task: Task, store: Store, item: Item, name: str) -> str:
    """The hash of a file, by reading it."""
    with store.read(item.key, expected=item.stat) as reader:
        return stream_hash(reader, name, task.around.cancellation.raise_if_cancelled)


def stream_hash(content: Source, name: str, look: Callable[[], None] = lambda: None) -> str:
    """The hash of what a stream holds; `look` is called between its blocks."""
    digest = new_digest(name)
    while block := content.read(BLOCK):
        look()
        digest.update(block)
    return digest.hexdigest()
