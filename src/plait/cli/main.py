"""The entry of the command: finds the face, runs it, and turns what happened into an exit code.

Nothing is imported at the top but `sys`: `plait --version` answers before anything else is loaded.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FRONTS = ("rclone", "plakar", "litestream")
"""Programs as which Plait can be started, or that it plays as `plait FRONT …`."""
_COLLECTED_AFTER = 50_000
_VERSION_WORDS = ("--version", "-version", "-V")


def main(arguments: Sequence[str] | None = None, program: str | None = None) -> int:
    """Runs a command line and returns the exit code.

    `arguments` are those after the program's name, `program` is that name; both default to how this process was
    started. Nothing escapes as a traceback, except under `--debug`.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    name = (sys.argv[0] if program is None else program).rpartition("/")[2]
    if name not in FRONTS and len(words) == 1 and words[0] in _VERSION_WORDS:
        from plait import __version__

        return _say(f"plait {__version__}")
    if name not in FRONTS and words and words[0] in FRONTS:
        name = words.pop(0)
    face = name if name in FRONTS else "plait"
    if words[:1] == ["sync"]:
        from plait.cli.quick import sync

        code = sync(face, words[1:])
        if code is not None:
            return code
    import gc

    from plait.cli.guard import guarded

    # Work is long lists of small things that live on: looking through them all the time costs one part in fifteen.
    gc.set_threshold(_COLLECTED_AFTER)
    code = guarded(face, words)
    if arguments is None:
        # The process ends: there is nothing to collect before the system takes it all back.
        gc.freeze()
    return code


def _say(line: str) -> int:
    try:
        print(line, flush=True)
    except BrokenPipeError:
        return 141
    return 0
