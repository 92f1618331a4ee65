"""`size`: how much a location holds, on both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.session import Session, naming
from plait.engine.events import Level, Message
from plait.mirror.listing import Listing, Size, measure
from plait.model.values.sizes import show_count, show_size_unit

if TYPE_CHECKING:
    from plait.cli.forms import Invocation


def run(invocation: Invocation) -> int:
    """Counts the files of a location and their bytes."""
    with Session(invocation, writes=False) as session:
        (place,) = session.locations()
        with (
            naming(place, invocation.face),
            Listing(place, session.values, session.opening(), session.around) as listing,
        ):
            found, failed = measure(listing)
            if found.unknown:
                text = f"Size may be underestimated due to {found.unknown} objects with unknown size"
                session.around.events.emit(Message(Level.NOTICE, text, listing.text))
        print(json_text(found) if invocation.values.json else "\n".join(text_lines(found)))
        if failed is not None:
            raise failed
    return 0


def text_lines(found: Size) -> list[str]:
    """Lines as `rclone size` prints them."""
    exact = f" ({found.count})" if found.count >= 1000 else ""
    lines = [
        f"Total objects: {show_count(found.count)}{exact}",
        f"Total size: {show_size_unit(found.size)} ({found.size} Byte)",
    ]
    if found.unknown:
        lines.append(f"Total objects with unknown size: {show_count(found.unknown)} ({found.unknown})")
    return lines


def json_text(found: Size) -> str:
    """The object that `rclone size --json` prints."""
    import msgspec

    return msgspec.json.encode({"count": found.count, "bytes": found.size, "sizeless": found.unknown}).decode()
