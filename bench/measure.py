"""Runs programs as whole processes, in turn, and says what each cost.

Wall time, CPU time of the process tree and peak memory of the largest process come from the operating system's own
accounting (`wait4`). Competitors run in turn, A B C C B A, so that a drift of the machine, and what one leaves behind
for the next, meets all of them; each begins once everything is on the disk. The median is what to quote.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment, in which Python keeps its bytecode: that of an installed program is there."""
KIBIBYTES = 1 if sys.platform == "darwin" else 1024
"""Bytes in one unit of `ru_maxrss`."""


@dataclass(frozen=True)
class Sample:
    """One run: seconds of wall and CPU time, peak memory in bytes."""

    wall: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class Competitor:
    """A program in a case: `command(round)` is its argument list, `before(round)` lays the ground, unmeasured."""

    name: str
    command: Callable[[int], Sequence[str | Path]]
    before: Callable[[int], None] = lambda _: None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """The medians of one competitor's runs."""

    name: str
    samples: tuple[Sample, ...]

    @property
    def wall(self) -> float:
        """Median seconds from start to end."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> float:
        """Median seconds of processor time."""
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def memory(self) -> int:
        """The largest peak, in bytes."""
        return max(sample.memory for sample in self.samples)

    @property
    def spread(self) -> str:
        """The fastest and the slowest run."""
        walls = [sample.wall for sample in self.samples]
        return f"{min(walls):.2f}-{max(walls):.2f}"


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> Sample:
    """Runs a command to its end. Raises RuntimeError with what it printed where it fails."""
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(environment)
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        words = " ".join(map(str, command))
        message = f"{words}: exit {process.returncode}\n{output.decode(errors='replace')[-2000:]}"
        raise RuntimeError(message)
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * KIBIBYTES)


def compete(competitors: Sequence[Competitor], rounds: int) -> list[Figures]:
    """Runs all competitors in turn, `rounds` times, every other time the last one first."""
    samples: dict[str, list[Sample]] = {competitor.name: [] for competitor in competitors}
    for number in range(rounds):
        for competitor in competitors if number % 2 == 0 else reversed(competitors):
            competitor.before(number)
            os.sync()
            environment = {**_INSTALLED, **competitor.environment}
            samples[competitor.name].append(run(competitor.command(number), environment))
    return [Figures(name, tuple(taken)) for name, taken in samples.items()]


def table(title: str, figures: Sequence[Figures]) -> str:
    """A Markdown table; the last column is each competitor's wall time divided by the first one's."""
    lines = [
        f"**{title}**",
        "",
        "| program | wall s (min-max) | CPU s | peak MB | times Plait's wall |",
        "|---|---|---|---|---|",
    ]
    first = figures[0]
    lines += [
        f"| {one.name} | {one.wall:.2f} ({one.spread}) | {one.cpu:.2f} | {one.memory / 1e6:.0f} "
        f"| {one.wall / first.wall:.2f} |"
        for one in figures
    ]
    return "\n".join(lines) + "\n"
