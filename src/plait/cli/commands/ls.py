"""`ls`: what a location holds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from plait.cli.output.listing import ItemLines
from plait.cli.session import Session, naming
from plait.mirror.listing import Listing

if TYPE_CHECKING:
    from plait.cli.forms import Invocation


def run(invocation: Invocation) -> int:
    """Lists a location, one item a line."""
    with Session(invocation, writes=False) as session:
        (place,) = session.locations()
        values = session.values
        with (
            naming(place, invocation.face),
            Listing(place, values, session.opening(), session.around, recursive=values.recursive) as listing,
        ):
            show = ItemLines(invocation.values, listing)
            for item in listing:
                line = show(item)
                if line is not None:
                    sys.stdout.buffer.write(line)
    return 0
