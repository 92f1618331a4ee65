"""Forms of the repository strand for upkeep: what is kept, what is swept, rewritten and repaired."""

from __future__ import annotations

from typing import Final

from plait.cli import repository_options as options
from plait.cli import upkeep_options
from plait.cli.forms import Example, Form
from plait.cli.options import COMMON
from plait.cli.repository_forms import MANY, form
from plait.model.options import OptionSet

PRUNE: Final = form(
    "[SNAPSHOT…]",
    (0, MANY),
    options.APPLY | upkeep_options.PRUNE | options.LOCATION,
    """\
Removes the snapshots that no period keeps: --days 7 keeps everything of the last seven days, --per-week 1 the newest of
every week, and several periods keep what any of them keeps. Filters say which snapshots are looked at, and a SNAPSHOT
too; named without any period, it is removed. A --policy (see `plait policy`) is taken first, and each option given
beside it stands in place of its own.

The plan, with a reason for each snapshot, is always shown; it is done with --apply only. Space comes back later, with
`plait maintenance`.""",
    Example("plait at /backup prune --days 7 --weeks 8 --per-week 1", "show what would be kept and deleted, and why"),
    Example("plait at /backup prune --policy weekly --tag daily --apply", "by a policy, daily snapshots only"),
    Example("plait at /backup prune --group-by root --per-month 1 --apply", "each directory by itself"),
)
POLICY: Final = Form(
    "policy",
    "ACTION [NAME] [KEY=VALUE…]",
    (1, MANY),
    "plait.cli.repositories:run",
    COMMON | OptionSet((options.CONFIGURATION_DIRECTORY, options.QUIET, options.SILENT)) | options.SHOW_POLICY,
    purpose="""\
Keeps policies.yml, which plakar shares: names for what `plait prune` keeps. ACTION is one of

add NAME [KEY=VALUE…], set NAME KEY=VALUE…, unset NAME KEY…, rm NAME: change policies.

show [NAME…]: print them.

A KEY is the name of an option of `plait prune`, in the plural for lists (tags, roots, ids, types, origins). A `since`
or `before` that is a duration is counted from the moment at which the policy is used.""",
    examples=(
        Example("plait policy add weekly weeks=8 per-week=1", "the newest snapshot of each of eight weeks"),
        Example("plait policy set weekly since='3 months'", "and look at nothing older"),
    ),
)
