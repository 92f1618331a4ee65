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
    options.APPLY | upkeep_options.PRUNE | options.LOCATION | upkeep_options.AFTERWARDS,
    """\
Removes the snapshots that no period keeps: --days 7 keeps everything of the last seven days, --per-week 1 the newest of
every week, and several periods keep what any of them keeps. Filters say which snapshots are looked at, and a SNAPSHOT
too; named without any period, it is removed. A --policy (see `plait policy`) is taken first, and each option given
beside it stands in place of its own.

The plan, with a reason for each snapshot, is always shown; it is done with --apply only. Space comes back later, with
`plait maintenance`, or right away with --maintenance --repack --no-grace; without --apply these show how much.""",
    Example("plait at /backup prune --days 7 --weeks 8 --per-week 1", "show what would be kept and deleted, and why"),
    Example("plait at /backup prune --policy weekly --tag daily --apply", "by a policy, daily snapshots only"),
    Example("plait at /backup prune --group-by root --per-month 1 --apply", "each directory by itself"),
    Example("plait at /backup prune --days 7 --apply --maintenance --repack", "and all upkeep in the same run"),
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
MAINTENANCE: Final = form(
    "",
    (0, 0),
    upkeep_options.OWN_MAINTENANCE,
    """\
Gives space back, in two steps that are plakar's, too. What no snapshot needs is coloured: nothing is read from it any
more, and nothing new refers to it. What has been coloured for the grace period is deleted. So space comes back with the
first run that is a grace period later.

Packfiles, temporary files and locks that dead runs left are found and named; locks are ignored ten minutes after they
were last refreshed, the rest goes when it is older than the grace period. While maintenance runs, nobody can write.
--repack first brings back what is lost in packfiles of which only a part is needed, as `plait repack` does, in the same
run. With --no-grace everything is deleted at once; a restore that runs meanwhile may miss something.""",
    Example("plait at /backup maintenance --dry-run", "show what would go, and how many bytes that is"),
    Example("plait at /backup maintenance --grace 2d", "delete what was coloured two days ago"),
    Example("plait at /backup maintenance --repack --no-grace", "all the space there is, now"),
)
REPACK: Final = form(
    "",
    (0, 0),
    upkeep_options.REPACK,
    """\
Writes anew what is needed of packfiles that hold little else, and colours them, so that `plait maintenance` deletes
them when their grace is over. Many small packfiles are put together, too. Until then both copies are there: the
repository grows by what is moved. It is whole at every instant, for plakar as well, and an interrupted run is finished
by the next.""",
    Example("plait at /backup repack --dry-run", "show how much would be moved, and how much comes back"),
    Example("plait at /backup repack --threshold 80% --limit 10G", "more thorough, but at most 10 GiB at once"),
)
REPAIR: Final = form(
    "",
    (0, 0),
    options.APPLY | upkeep_options.REPAIR | OptionSet((options.PROGRESS,)),
    """\
Reads everything in the repository, and names what is damaged and which paths of which snapshots that hits. With --apply
it is repaired, as far as the same is still somewhere: states are made again from what packfiles say of themselves, what
is whole in a damaged packfile is written anew, and what is lost is taken from other copies, from a repository that has
the same snapshots (--from), or from the files that were saved, where they still have it.

What cannot be repaired is listed. Nothing refers to the damage any more then: the next backup that meets a content
that was lost stores it again, which mends the old snapshots, too. Damaged packfiles are coloured, and go with
maintenance.""",
    Example("plait at /backup repair", "show what is damaged, and what it hits"),
    Example("plait at /backup repair --apply --from @offsite", "repair it, with the help of another repository"),
)
