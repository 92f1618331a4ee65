"""The forms that the mirror registers: SOURCE DEST of sync, copy and move, and the tree forms of the shared verbs."""

from __future__ import annotations

from typing import Final

from plait.cli.forms import Example, Form
from plait.cli.options import KIND, STORES
from plait.cli.sync_forms import MIRROR
from plait.mirror import options
from plait.mirror.option_types import FILE, SWITCH
from plait.model.options import Option, OptionSet, Section

TREE: Final = "tree"
_TWO = ("remote", "remote")
_SHARED = STORES | OptionSet((KIND,))

OUTPUT_FILE = Option("output", FILE, default="", help="Write the plan to FILE", section=Section.MAIN, short="o")
LONG = Option("long", SWITCH, default=False, help="Show sizes and times", section=Section.MAIN)

SYNC: Final = Form(
    MIRROR,
    "SOURCE DEST",
    (2, 2),
    "plait.cli.commands.transfer:run",
    STORES | options.SYNC,
    purpose="""\
Makes DEST identical to SOURCE and changes DEST only: what differs is replaced, what SOURCE does not have is deleted,
and files that are equal by size and modification time are left alone. It is always the contents of SOURCE that are
synced, with or without a slash at its end; a DEST that does not exist is created.

Nothing is deleted if there were any errors. What a filter excludes is left alone on both sides, unless
--delete-excluded is given. Modification times of files and directories are kept where DEST can keep them; those of the
root itself are not touched.

Because a sync deletes, look first: --dry-run shows what would be done, --interactive asks, and `plait plan sync`
writes a plan that `plait apply` then executes exactly.

A location is a path, REMOTE:PATH with the remotes of rclone.conf, or a URL such as s3://BUCKET/PREFIX.""",
    examples=(
        Example("plait sync ~/photos /media/disk/photos", "mirror a directory to a disk"),
        Example("plait sync --dry-run ~/photos s3:bucket/photos", "show what would be done"),
        Example("plait sync --exclude '*.tmp' --max-delete 100 src dst", "leave files out, bound the deletions"),
        Example("plait sync --backup-dir old src dst", "keep what is replaced or deleted"),
    ),
    completes=_TWO,
)
COPY: Final = Form(
    MIRROR,
    "SOURCE DEST",
    (2, 2),
    "plait.cli.commands.transfer:run",
    STORES | options.COPY,
    purpose="""\
Copies the contents of SOURCE to DEST, leaving alone what is already equal. Nothing is deleted. Where SOURCE is a file,
that file is copied into DEST.""",
    examples=(Example("plait copy ~/photos /media/disk/photos", "add and update, delete nothing"),),
    completes=_TWO,
)
MOVE: Final = Form(
    MIRROR,
    "SOURCE DEST",
    (2, 2),
    "plait.cli.commands.transfer:run",
    STORES | options.MOVE,
    purpose="""\
Copies the contents of SOURCE to DEST, and deletes each file from SOURCE once it has safely arrived. Directories stay
unless --delete-empty-src-dirs is given.""",
    examples=(Example("plait move --delete-empty-src-dirs inbox archive", "move everything"),),
    completes=_TWO,
)
CHECK: Final = Form(
    TREE,
    "SOURCE DEST",
    (2, 2),
    "plait.cli.commands.check:run",
    _SHARED | options.CHECK,
    purpose="""\
Compares the files of SOURCE and DEST by size and hash (or byte by byte with --download) and changes nothing.
Modification times are not compared. It exits with 1 where they differ; --combined and its relatives report file by
file.""",
    examples=(
        Example("plait check src dst", "is everything there, and right?"),
        Example("plait check --one-way --combined - src dst", "report every file of SRC"),
    ),
    completes=_TWO,
)
LS: Final = Form(
    TREE,
    "LOCATION",
    (1, 1),
    "plait.cli.commands.ls:run",
    _SHARED | OptionSet((LONG,)) | options.LS,
    purpose="Lists the files and directories of LOCATION, one a line; below the first level with --recursive.",
    examples=(
        Example("plait ls --long s3:bucket/photos", "sizes, times and names"),
        Example("plait ls --recursive --json src", "one JSON object a line"),
    ),
    completes=("remote",),
)
SIZE: Final = Form(
    TREE,
    "LOCATION",
    (1, 1),
    "plait.cli.commands.size:run",
    _SHARED | options.SIZE_VERB,
    purpose="Counts the files below LOCATION, and their bytes.",
    examples=(Example("plait size --max-age 7d ~/photos", "what has come in a week"),),
    completes=("remote",),
)
PLAN_SYNC: Final = Form(
    MIRROR,
    "SOURCE DEST -o FILE",
    (2, 2),
    "plait.cli.commands.plan:write",
    STORES | options.SYNC | OptionSet((OUTPUT_FILE,)),
    purpose="""\
Writes to FILE exactly what `plait sync SOURCE DEST` with the same options would do, and does nothing. `plait plan show`
prints it, `plait apply` executes it where both sides are still as they were.""",
    examples=(
        Example("plait plan sync -o photos.plan ~/photos s3:bucket/photos", "write a plan"),
        Example("plait plan show photos.plan", "look at it"),
        Example("plait apply photos.plan", "do exactly that"),
    ),
    completes=_TWO,
)
