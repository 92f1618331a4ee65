"""The forms of plans of syncs of repositories."""

from __future__ import annotations

from typing import Final

from plait.cli import repository_options as options
from plait.cli.forms import Example, Form
from plait.cli.kinds import REPOSITORY
from plait.cli.mirror_forms import OUTPUT_FILE
from plait.cli.options import COMMON
from plait.model.options import OptionSet

_OWN: Final = COMMON | options.REPOSITORY

PLAN_SYNC: Final = Form(
    REPOSITORY,
    "[SNAPSHOT] to|from|with PEER -o FILE",
    (2, 3),
    "plait.cli.commands.repository.plan:write",
    _OWN | options.SYNC | options.LOCATION | OptionSet((OUTPUT_FILE,)),
    purpose="""\
Writes to FILE which snapshots a sync of two repositories with the same options would copy, and how much the repository
that each goes to would grow. `plait plan show` prints it, `plait apply` copies these snapshots and no others, each
where both repositories are still as they were.""",
    examples=(
        Example("plait at @home plan sync -o away.plan to @away", "write a plan"),
        Example("plait apply away.plan", "do exactly that"),
    ),
)
APPLY: Final = Form(
    REPOSITORY,
    "FILE",
    (1, 1),
    "plait.cli.commands.repository.plan:apply",
    _OWN | options.SYNC_OF_PLAN | OptionSet((options.PROGRESS,)),
    purpose="""\
Executes a plan of a sync of repositories: the snapshots that it names are copied, each only where its source still has
it and the other side still lacks it, as planned. What has changed since is reported and left alone.""",
    completes=("file",),
)
