"""`plan sync`, `plan show` and `apply`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from plait.cli.plans import kept_options, lasting, planned_values
from plait.cli.session import Session, naming
from plait.engine.accounting import Errors
from plait.engine.planfile import Header, PlanReader, PlanWriter
from plait.mirror.mirroring import Mirror
from plait.mirror.settings import Mode
from plait.mirror.status import exit_code
from plait.model.errors import ConfigurationError, ExitCode, PlaitError, UsageError

if TYPE_CHECKING:
    from plait.cli.forms import Invocation

_MODES: Final = {str(mode): mode for mode in Mode}


class IncompletePlanError(PlaitError):
    """Something could not be listed or compared, so that a plan would not be whole."""


def write(invocation: Invocation) -> int:
    """Plans a sync and writes the plan; nothing is changed. A plan that would not be whole is not written."""
    values = invocation.values
    if not values.output:
        raise UsageError(
            "plan sync needs a file to write the plan to", hint="usage: plait plan sync -o FILE SOURCE DEST"
        )
    command = invocation.command.rpartition(" ")[2]
    with Session(invocation, writes=True) as session:
        source, destination = session.locations()
        header = Header(
            command=command, locations=[lasting(source), lasting(destination)], options=kept_options(values)
        )
        errors = Errors()
        with (
            naming(source, invocation.face),
            Mirror(_MODES[command], source, destination, values, session.opening(), session.around) as mirror,
            PlanWriter(Path(values.output), header) as writer,
        ):
            for action in mirror.actions(errors):
                session.cancellation.raise_if_cancelled()
                writer.add(action)
            _refuse_incomplete(errors)
        session.planned(writer.totals)
    return ExitCode.DONE


def show(invocation: Invocation) -> int:
    """Prints a plan."""
    from plait.cli.output.plan import plan_lines, plan_records

    with PlanReader(Path(invocation.words[0])) as plan:
        for line in plan_records(plan) if invocation.values.json else plan_lines(plan):
            print(line)
    return ExitCode.DONE


def apply(invocation: Invocation) -> int:
    """Executes a plan, each action only where both sides are still as planned."""
    with PlanReader(Path(invocation.words[0])) as plan:
        mode = _MODES.get(plan.header.command)
        if mode is None or len(plan.header.locations) != 2:
            raise ConfigurationError(f"this version cannot apply a plan of {plan.header.command!r}")
        planned = replace(
            invocation,
            words=tuple(plan.header.locations),
            values=planned_values(plan.header.options, invocation.values),
        )
        with Session(planned, writes=True) as session:
            source, destination = session.locations()
            with (
                Mirror(mode, source, destination, session.values, session.opening(), session.around) as mirror,
                session.recorded(plan.header.locations) as recording,
            ):
                result = mirror.apply(plan.actions())
                error = session.deciding(result)
                code = exit_code(error)
                recording.finish(result, error, code)
            session.finish(result, error, source)
            return code


def _refuse_incomplete(errors: Errors) -> None:
    """Raises what ended the planning, or IncompletePlanError."""
    if errors.deciding is None:
        return
    if errors.fatal is not None:
        raise errors.fatal
    raise IncompletePlanError(
        f"the plan would not be whole, {errors.count} errors: {errors.deciding.message}", hint="nothing was written"
    )
