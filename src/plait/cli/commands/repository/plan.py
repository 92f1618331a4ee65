"""`plan sync` and `apply` for repositories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from plait.cli.commands.repository.sync import Syncing
from plait.cli.output.plan import totals_line
from plait.cli.plans import kept_options, planned_values
from plait.cli.repositories import AT, RepositoryCommand
from plait.cli.repository_options import LOCATION, SYNC
from plait.engine.planfile import Header, PlanReader, write_plan
from plait.model.errors import ConfigurationError, ExitCode, PlaitError, UsageError
from plait.repository.syncing.planned import action_of, copy_of
from plait.repository.syncing.settings import Direction, Outcome, Planned

if TYPE_CHECKING:
    from plait.cli.forms import Invocation

_VERB: Final = "sync "
_PATHS: Final = ("keyfile", "configdir", "cachedir")
"""Options whose value is a path, which a plan keeps from the root on."""
_LEFT_OUT: Final = frozenset({"peer-passphrase-cmd", "bwlimit"})
"""A command may hold a secret; the bandwidth is a matter of when the plan is executed."""


class IncompletePlanError(PlaitError):
    """A snapshot could not be read, so that a plan would not be whole."""


def write(invocation: Invocation) -> int:
    """Plans a sync of repositories and writes the plan, unless it would not be whole; nothing is changed."""
    values = invocation.values
    if not values.output:
        raise UsageError(
            "plan sync needs a file to write the plan to",
            hint="usage: plait [at REPOSITORY] plan sync -o FILE [SNAPSHOT] to|from|with PEER",
        )
    with RepositoryCommand(invocation) as command:
        planned: list[Planned] = []
        direction, peer = Direction(invocation.parts["direction"]), invocation.parts["peer"]
        syncing = Syncing(command, direction, peer, planned)
        result = syncing.run(invocation.parts.get("snapshot", ""))
        if result.count(Outcome.FAILED):
            raise IncompletePlanError("the plan would not be whole", hint="nothing was written")
        header = Header(
            command=f"{_VERB}{direction}",
            locations=[_lasting(command.location, syncing.local_name), _lasting(peer, syncing.peer_name)],
            options=_kept(invocation),
            identities=syncing.identities,
        )
        totals = write_plan(Path(values.output), header, map(action_of, planned))
        if values.json:
            command.record({"event": "planned", "totals": totals})
        else:
            command.output.info(f"plan sync: {totals_line(totals)}")
    return ExitCode.DONE


def apply(invocation: Invocation) -> int:
    """Executes a plan of a sync of repositories, each snapshot only where both sides are still as planned."""
    with PlanReader(Path(invocation.words[0])) as plan:
        header = plan.header
        direction = header.command.removeprefix(_VERB)
        if direction not in set(Direction) or len(header.locations) != 2:
            raise ConfigurationError(f"this version cannot apply a plan of {header.command!r}")
        copies = [copy_of(action) for action in plan.actions()]
    local, peer = header.locations
    planned = replace(
        invocation,
        command="sync",
        parts={AT: local},
        values=planned_values(header.options, invocation.values, SYNC | LOCATION),
    )
    with RepositoryCommand(planned) as command:
        syncing = Syncing(command, Direction(direction), peer)
        if syncing.identities != header.identities:
            raise ConfigurationError(
                "a location of the plan holds another repository now", hint="make the plan again; nothing was done"
            )
        return syncing.status(lambda: syncing.apply(copies))


def _lasting(word: str, shown: str) -> str:
    """The word by which a repository is found again from any directory: an entry's name, or the whole location."""
    return word if word.startswith("@") else shown


def _kept(invocation: Invocation) -> dict[str, Any]:
    kept = kept_options(invocation.values)
    for name in _PATHS:
        if name in kept:
            kept[name] = str(Path(kept[name]).absolute())
    return {name: value for name, value in kept.items() if name not in _LEFT_OUT}
