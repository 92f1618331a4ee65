"""Run a command that ends when the process that started it ends: ``python -m plait.testing.leash COMMAND...``.

A test run can end without a chance to clean up (killed, timed out, out of memory), and a server that outlives it holds
ports and memory. The leash is the standard input: the starter keeps the other end of that pipe open, and the system
closes it when the starter is gone, however that happened.
"""

import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run `command` until it ends or standard input reaches its end; return its exit status, as a shell does."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as child:

        def hold() -> None:
            sys.stdin.buffer.read()
            child.kill()

        threading.Thread(target=hold, daemon=True).start()
        status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
