"""`ls`: what a location holds; Plait's listing, and rclone's on its front."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from plait.cli.session import Session, naming
from plait.mirror.listing import Listing
from plait.mirror.names import inside
from plait.model.items import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.cli.forms import Invocation
    from plait.model.items import Item


def run(invocation: Invocation) -> int:
    """Lists a location, one item a line."""
    with Session(invocation, writes=False) as session:
        (place,) = session.locations()
        values = session.values
        rclone = invocation.face == "rclone"
        recursive = rclone or values.recursive
        with (
            naming(place, invocation.face),
            Listing(place, values, session.opening(), session.around, recursive=recursive) as listing,
        ):
            show = rclone_line if rclone else _shower(listing, invocation)
            for item in listing:
                line = show(item)
                if line is not None:
                    sys.stdout.buffer.write(line)
    return 0


def rclone_line(item: Item) -> bytes | None:
    """Size and path of a file, as `rclone ls` prints them."""
    if item.kind is Kind.DIRECTORY:
        return None
    size = -1 if item.size is None else item.size
    return b"%9d %s\n" % (size, inside(item.key).encode("utf-8", "surrogateescape"))


def _shower(listing: Listing, invocation: Invocation) -> Callable[[Item], bytes | None]:
    from plait.cli.output.listing import ItemLines

    return ItemLines(invocation.values, listing)
