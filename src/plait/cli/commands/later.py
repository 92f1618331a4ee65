"""Forms that a later version brings: they say so and touch nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from plait.cli.sync_forms import missing_snapshot_hint
from plait.model.errors import NotSupportedError

if TYPE_CHECKING:
    from plait.cli.forms import Invocation


def run(invocation: Invocation) -> NoReturn:
    """Refuses the form. Raises NotSupportedError."""
    parts = invocation.parts
    hint = None
    if "snapshot" in parts:
        hint = missing_snapshot_hint(parts["snapshot"], parts["peer"], lambda path: Path(path).is_dir())
    what = f"syncing snapshots {parts['direction']} a repository is"
    raise NotSupportedError(f"{what} not in this version yet", hint=hint)
