"""A server under the tests' control, and a store that speaks with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.stores.objects import open_s3
from plait.testing.s3_stub import QUICK, Stub, options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.stores.objects.store import S3Store


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    stub.close()


@pytest.fixture
def store(stub: Stub) -> Iterator[S3Store]:
    store = open_s3(options(stub), "bucket", deadlines=QUICK)
    yield store
    store.close()
