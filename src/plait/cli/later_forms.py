"""Forms that are recognised and not yet there: the repository's and the database's.

Each strand replaces its own by registering its forms in the table of verbs.
"""

from __future__ import annotations

from typing import Final

from plait.cli.forms import Form
from plait.cli.kinds import REPLICA
from plait.cli.options import COMMON, KIND, STORES
from plait.cli.sync_forms import DATABASE, REPOSITORY
from plait.model.options import OptionSet

_RUN = "plait.cli.commands.later:run"
_SHARED = STORES | OptionSet((KIND,))

SYNC_REPOSITORY: Final = Form(
    REPOSITORY,
    "[SNAPSHOT] to|from|with PEER",
    (2, 3),
    _RUN,
    COMMON,
    purpose="Exchanges snapshots between the local repository (or the one that `at` names) and a peer. Not yet there.",
)
SYNC_DATABASE: Final = Form(
    DATABASE,
    "DATABASE",
    (1, 1),
    _RUN,
    COMMON,
    purpose="Replicates, now, a database that a running service watches. Not yet there.",
)


def _of_replica(purpose: str) -> Form:
    return Form(REPLICA, "REPLICA", (1, 1), _RUN, _SHARED, purpose=f"{purpose} Not yet there.")


CHECK: Final = _of_replica("Verifies what a replica holds.")
LS: Final = _of_replica("Lists the files of a replica.")
SIZE: Final = _of_replica("Measures a replica.")
