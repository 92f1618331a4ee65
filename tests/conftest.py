"""What every test can use: a clean environment, Hypothesis profiles, and the real peers."""

import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from plait.repository.format.derivation import derive_key
from plait.testing import servers

# A failed assertion of a shipped suite shows its values, as those of the tests do.
pytest.register_assert_rewrite(
    "plait.testing.conformance",
    "plait.testing.conformance_optional",
    "plait.testing.conformance_reading",
    "plait.testing.conformance_writing",
    "plait.testing.store_tools",
)

RCLONE_VERSION = "rclone v1.75.2"

# No deadlines: a test machine may be busy, and no test judges by the clock.
settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=50,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# One round; `make soak` runs many.
settings.register_profile(
    "soak", deadline=None, max_examples=100, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))

# Variables by which a person's own settings would reach a test.
PEER = "PLAIT_PEER_PLAKAR"
"""Names a real plakar, which tests are then held to."""
FOREIGN_PREFIXES = ("PLAIT_", "RCLONE_", "PLAKAR_", "LITESTREAM_", "AWS_", "AZURE_", "GOOGLE_", "XDG_")


def pytest_configure(config: pytest.Config) -> None:
    """Give the tests a home of their own: remotes, credentials and state of the person who runs them stay out."""
    home = Path(tempfile.mkdtemp(prefix="plait-home-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    for name in list(os.environ):
        if name.startswith(FOREIGN_PREFIXES) and name != PEER:
            del os.environ[name]
    os.environ["HOME"] = str(home)
    # Without it a missing credential is looked for on the network.
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["NO_COLOR"] = "1"
    os.environ["TZ"] = "UTC"
    time.tzset()


@pytest.fixture(scope="session", autouse=True)
def _keys_are_derived_once() -> Iterator[None]:
    """The same passphrase and costs give the same key, and each takes a second by intention."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plait.repository.format.configuration.derive_key", cache(derive_key))
        yield


@pytest.fixture(scope="session")
def rclone() -> Path:
    """The real rclone, of the version that the reference and the tests are about."""
    path = servers.rclone_binary()
    answer = subprocess.run([path, "version"], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[0] == RCLONE_VERSION
    return path


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[servers.S3Endpoint]:
    """A running SeaweedFS, one for each test process."""
    with servers.seaweedfs() as endpoint:
        yield endpoint


_bucket_numbers = itertools.count(1)


@pytest.fixture
def bucket(seaweedfs: servers.S3Endpoint) -> str:
    """The name of a new, empty bucket on `seaweedfs`."""
    name = f"bucket-{next(_bucket_numbers)}"
    seaweedfs.make_bucket(name)
    return name
