"""Both implementations of plait.native, under the same tests."""

import gc
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from plait import native
from plait.native import pure

IMPLEMENTATIONS: list[ModuleType] = [pure]
if native.IMPLEMENTATION == "c":
    from plait.native import _native

    IMPLEMENTATIONS.append(_native)


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda module: module.__name__.rpartition(".")[2])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


@pytest.fixture(autouse=True)
def _no_descriptor_is_left_open() -> Iterator[None]:
    # What tests of other modules left to the collector is closed before, not meanwhile.
    gc.collect()
    before = set(Path("/dev/fd").iterdir())
    yield
    # The listing's own descriptor takes the lowest free number, the same each time.
    assert set(Path("/dev/fd").iterdir()) == before
