"""S3 stores keep the stores' contracts, on a real SeaweedFS."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from plait.stores.objects import open_s3
from plait.testing.conformance import StoreConformance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.stores.objects.store import S3Store
    from plait.testing.servers import S3Endpoint


def options(endpoint: S3Endpoint, **more: str) -> dict[str, str]:
    return {
        "type": "s3",
        "provider": "SeaweedFS",
        "endpoint": endpoint.url,
        "access_key_id": endpoint.access_key,
        "secret_access_key": endpoint.secret_key,
        "region": endpoint.region,
        **more,
    }


class TestS3Store(StoreConformance):
    @pytest.fixture
    def store(self, seaweedfs: S3Endpoint, bucket: str) -> Iterator[S3Store]:
        store = open_s3(options(seaweedfs), bucket)
        yield store
        store.close()


class TestS3StoreBelowAPrefix(StoreConformance):
    @pytest.fixture
    def store(self, seaweedfs: S3Endpoint, bucket: str) -> Iterator[S3Store]:
        whole = open_s3(options(seaweedfs), bucket)
        for key in ("path0/x", "path/tox", "path-x"):
            whole.write(key, io.BytesIO(b"not below the root"), 18)
        whole.close()
        store = open_s3(options(seaweedfs), bucket, "path/to")
        yield store
        store.close()
