"""`run` and `jobs`: the named jobs of `plait.toml`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from plait.cli.binding import COMMAND_LINE
from plait.cli.configuration import configuration_file, configured_jobs
from plait.cli.grammar import did_you_mean
from plait.model.errors import ConfigurationError, ExitCode

if TYPE_CHECKING:
    from plait.cli.forms import Invocation


def run(invocation: Invocation) -> int:
    """Runs one job, with the options of this command line as well."""
    from plait.cli import face

    jobs = configured_jobs(invocation.environment)
    name = invocation.words[0]
    if name not in jobs:
        hint = did_you_mean(name, jobs) or f"[jobs.{name}] in {configuration_file(invocation.environment)} would be it"
        raise ConfigurationError(f"there is no job {name!r}", hint=hint)
    values = invocation.values
    more = [
        f"--{option.name}={option.type.show(getattr(values, option.destination))}"
        for option in invocation.form.options.options
        if values.given.get(option.destination) == COMMAND_LINE
    ]
    return face.run(jobs[name].arguments(tuple(more)), invocation.environment)


def listing(invocation: Invocation) -> int:
    """Prints the jobs."""
    jobs = configured_jobs(invocation.environment)
    if invocation.values.json:
        for job in jobs.values():
            found = {
                "name": job.name,
                "command": job.command,
                "source": job.source,
                "destination": job.destination,
                "options": list(job.options),
            }
            print(json.dumps(found, ensure_ascii=False))
        return ExitCode.DONE
    width = max(map(len, jobs), default=0)
    for job in jobs.values():
        words = " ".join((job.command, *job.options, job.source, job.destination))
        print(f"{job.name:<{width}}  plait {words}")
    if not jobs:
        print(f"no job is configured in {configuration_file(invocation.environment)}")
    return ExitCode.DONE
