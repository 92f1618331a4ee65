"""The forms of the commands that belong to no strand."""

from __future__ import annotations

from typing import Final

from plait.cli.forms import Example, Form
from plait.cli.options import COMMON, STORES
from plait.mirror import options
from plait.mirror.option_types import INTEGER, SWITCH
from plait.model.options import Option, OptionSet, Section

JSON = Option("json", SWITCH, default=False, help="Print JSON, one object a line", section=Section.OUTPUT)
_VERBOSE = Option("verbose", SWITCH, default=False, help="Show which parts run", section=Section.MAIN, short="v")
_LIMIT = Option("limit", INTEGER, default=20, help="Show so many runs, the newest", section=Section.MAIN)
_WORDS = Option(
    "words", SWITCH, default=False, help="Print what fits a command line", section=Section.MAIN, hidden=True
)
_MAN = Option("man", SWITCH, default=False, help="Print the page in the format of man", section=Section.MAIN)

PLAN_SHOW: Final = Form(
    "plan",
    "FILE",
    (1, 1),
    "plait.cli.commands.plan:show",
    COMMON | OptionSet((JSON,)),
    purpose="Prints what a plan will create, replace, rename and delete, and how many bytes that is.",
    completes=("file",),
)
APPLY: Final = Form(
    "plan",
    "FILE",
    (1, 1),
    "plait.cli.commands.plan:apply",
    STORES | options.GLOBAL | options.PREVIEW,
    purpose="""\
Executes a plan that `plait plan sync` wrote: nothing else, and each item only where both sides are still as they were
when the plan was made. What has changed since is reported and left alone.""",
    examples=(Example("plait apply photos.plan", "do what was planned"),),
    completes=("file",),
)
_OF_A_CALL = ("verbose", "quiet", "progress", "log-level", "log-file", "json")
RUN: Final = Form(
    "job",
    "NAME",
    (1, 1),
    "plait.cli.commands.jobs:run",
    COMMON | options.PREVIEW | OptionSet(option for option in options.OUTPUT.options if option.name in _OF_A_CALL),
    purpose="""\
Runs a job of plait.toml: a sync, copy, move or check with its locations and options under a name. The options of this
command line come on top of the job's.

    [jobs.photos]
    command = "sync"
    source = "~/photos"
    destination = "s3:bucket/photos"
    max-delete = 100
    exclude = ["*.tmp"]

An option goes by its long name, as elsewhere in plait.toml; `plait jobs` lists what there is.""",
    examples=(
        Example("plait run photos", "do what the job says"),
        Example("plait run --dry-run photos", "show what it would do"),
    ),
)
JOBS: Final = Form(
    "job",
    "",
    (0, 0),
    "plait.cli.commands.jobs:listing",
    COMMON | OptionSet((JSON,)),
    purpose="Lists the jobs of plait.toml, each with the command line that it stands for.",
)
RUNS: Final = Form(
    "runs",
    "",
    (0, 0),
    "plait.cli.commands.runs:listing",
    COMMON | OptionSet((JSON, _LIMIT)),
    purpose="Lists recorded runs, the newest first. A run given --no-record is not among them.",
)
RUNS_SHOW: Final = Form(
    "runs",
    "ID",
    (1, 1),
    "plait.cli.commands.runs:show",
    COMMON | OptionSet((JSON,)),
    purpose="Shows one run: what was created, replaced and deleted, and where the old is kept.",
)
COMPLETION: Final = Form(
    "completion",
    "SHELL",
    (1, 1000),
    "plait.cli.commands.completion:run",
    COMMON | OptionSet((_WORDS,)),
    purpose="Prints a completion script for bash, zsh or fish.",
    examples=(
        Example("plait completion bash > ~/.local/share/bash-completion/completions/plait", "for bash"),
        Example("plait completion zsh > ~/.zfunc/_plait", "for zsh"),
        Example("plait completion fish > ~/.config/fish/completions/plait.fish", "for fish"),
    ),
    completes=("shell",),
)
VERSION: Final = Form(
    "version",
    "",
    (0, 0),
    "plait.cli.commands.version:run",
    COMMON | OptionSet((_VERBOSE, JSON)),
    purpose="Prints the version; with --verbose also which native code and which libraries run.",
)
HELP: Final = Form(
    "help",
    "[COMMAND]",
    (0, 2),
    "plait.cli.commands.help:run",
    COMMON | OptionSet((_MAN,)),
    purpose="Shows what Plait does, or how one command is used.",
    completes=("command",),
)
