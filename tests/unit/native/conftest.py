"""Both implementations of plait.native, under the same tests."""

import gc
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from plait import native
from plait.native import Outcome, pure, stages
from plait.testing.expectations import expectation

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


class Folders:
    """A source and a destination, and a copy between them."""

    def __init__(self, implementation: ModuleType, base: Path) -> None:
        self.implementation = implementation
        self.source = base / "source"
        self.destination = base / "destination"
        self.source.mkdir()
        self.destination.mkdir()

    def put(self, name: str, content: bytes | int, modified: int = 1_234_567_890_123_456_789) -> Path:
        path = self.source / name
        path.write_bytes(content if isinstance(content, bytes) else os.urandom(content))
        os.utime(path, ns=(modified, modified))
        return path

    def expectation(self, names: Sequence[str]) -> bytes:
        """What a listing would tell of files of the source."""
        return expectation(*(self.source / name for name in names)).tobytes()

    def copy(
        self,
        *names: str,
        options: int = 0,
        mode: int = -1,
        expected: bytes | None = None,
        cancel: bytearray | None = None,
        user: int | None = None,
    ) -> list[Outcome]:
        source = os.open(self.source, os.O_RDONLY)
        destination = os.open(self.destination, os.O_RDONLY)
        plain = [os.fsencode(name) for name in names]
        partials = [] if options & (stages.IN_PLACE | stages.UNNAMED) else [name + b".partial" for name in plain]
        expected = self.expectation(names) if expected is None else expected
        try:
            if user is not None:
                os.seteuid(user)
            outcomes: list[Outcome] = self.implementation.copy_files(
                source,
                destination,
                plain,
                partials,
                expected,
                options,
                mode,
                cancel,
            )
        finally:
            if user is not None:
                os.seteuid(os.getuid())
            os.close(source)
            os.close(destination)
        return outcomes

    def present(self) -> list[str]:
        return sorted(path.name for path in self.destination.iterdir())


@pytest.fixture
def folders(implementation: ModuleType, tmp_path: Path) -> Folders:
    return Folders(implementation, tmp_path)
