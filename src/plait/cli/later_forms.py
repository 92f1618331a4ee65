"""Forms that are recognised and not yet there."""

from __future__ import annotations

from typing import Final

from plait.cli.forms import Form
from plait.cli.options import COMMON
from plait.cli.sync_forms import REPOSITORY

_RUN = "plait.cli.commands.later:run"

SYNC_REPOSITORY: Final = Form(
    REPOSITORY,
    "[SNAPSHOT] to|from|with PEER",
    (2, 3),
    _RUN,
    COMMON,
    purpose="Exchanges snapshots between the local repository (or the one that `at` names) and a peer. Not yet there.",
)
