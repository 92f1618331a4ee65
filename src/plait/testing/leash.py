"""Run a command that ends when the process that started it ends, and tidy up after it.

A test run can end without a chance to clean up (killed, timed out, out of memory), and a server that outlives it holds
ports, memory and disk. The leash is the standard input: the starter keeps the other end of that pipe open, and the
system closes it when the starter is gone, however that happened.

    python -m plait.testing.leash [--remove PATH ...] -- COMMAND ...
"""

import argparse
import shutil
import subprocess
import sys
import threading
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run the command until it ends or standard input does, remove the paths, return 0 or the command's exit status."""
    parser = argparse.ArgumentParser(prog="leash")
    parser.add_argument("--remove", nargs="*", default=[], type=Path, help="files and folders to remove at the end")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    released = threading.Event()
    with subprocess.Popen(options.command, stdin=subprocess.DEVNULL) as child:

        def hold() -> None:
            sys.stdin.buffer.read()
            released.set()
            child.kill()

        threading.Thread(target=hold, daemon=True).start()
        status = child.wait()
    if not released.is_set():
        # The starter is there, and will want to read what the command left.
        return status
    for path in options.remove:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
