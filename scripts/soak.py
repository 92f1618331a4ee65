"""`make soak`: the property tests again and again, each round with examples of its own, for as long as was asked for.

python scripts/soak.py [--minutes M] [--first SEED] [--workers N] [TESTS...]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ROUND_SECONDS: Final = 3600
"""After so long, a round hangs: it is ended, and counts as failed."""
SHOWN: Final = 60
"""How many lines of a round that failed are shown; the whole output is kept."""


def main() -> int:
    """Ends when the time is over; 1 where a round failed, each of which is named with its seed."""
    parser = argparse.ArgumentParser(description="the property tests, again and again")
    parser.add_argument("--minutes", type=float, default=60, help="no round begins after so long")
    parser.add_argument("--first", type=int, default=int(time.time()), help="the seed of the first round")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("tests", nargs="*", default=["tests/properties"])
    arguments = parser.parse_args()
    until = time.monotonic() + arguments.minutes * 60
    seed = arguments.first
    failed: list[int] = []
    while seed == arguments.first or time.monotonic() < until:
        began = time.monotonic()
        output = Path(tempfile.gettempdir(), f"plait-soak-{seed}.log")
        code = one_round(seed, arguments.workers, arguments.tests, output)
        lines = output.read_text("utf-8", "replace").splitlines()
        print(f"seed {seed}: {lines[-1] if lines else code} after {time.monotonic() - began:.0f} s", flush=True)
        if code == 0:
            output.unlink()
        else:
            failed.append(seed)
            print("\n".join(lines[-SHOWN:]), f"all of it: {output}", sep="\n", flush=True)
        seed += 1
    print(f"{seed - arguments.first} rounds, {len(failed)} failed{''.join(f' {each}' for each in failed)}")
    return 1 if failed else 0


def one_round(seed: int, workers: int, tests: list[str], output: Path) -> int:
    """Runs the tests once; the exit code, 124 where they did not end."""
    hypothesis = ["--hypothesis-profile=soak", f"--hypothesis-seed={seed}"]
    limits = ["--timeout=0", "-o", f"faulthandler_timeout={ROUND_SECONDS}"]
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), "-p", "no:cacheprovider"]
    with output.open("wb") as file:
        try:
            return subprocess.run(
                [*command, *limits, *hypothesis, *tests],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=ROUND_SECONDS,
            ).returncode
        except subprocess.TimeoutExpired:
            return 124


if __name__ == "__main__":
    sys.exit(main())
