"""A daemon by its protocol, and the endpoints before it."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from plait.replication.configuration.places import parse_replica_url
from plait.replication.configuration.settings import DatabaseSettings, ReplicaSettings
from plait.replication.control.controlled import (
    Changed,
    DatabaseClosedError,
    DatabaseStatus,
    DatabaseUnknownError,
    Information,
    ReplicaStatus,
    State,
    Synced,
)
from plait.replication.control.endpoints import Endpoints

if TYPE_CHECKING:
    import threading

    from plait.model.errors import PlaitError

START = 1_795_226_531_870_991_641
HUGE = 10**20 - 1
STEP = 1_795_226_594_874_415_141


class Fake:
    """A daemon by its protocol; the real one is on the other side of the tests with peers."""

    def __init__(self) -> None:
        self.states = {"/d/a.db": State.REPLICATING}
        self.changed = True
        self.error: PlaitError | None = None
        self.timeouts: list[float | None] = []
        self.hang: threading.Event | None = None
        self.step = STEP

    def info(self) -> Information:
        return Information(pid=7, started_at=START, database_count=len(self.states))

    def list(self) -> Sequence[DatabaseStatus]:
        return [self.status(path) for path in sorted(self.states)]

    def status(self, path: str) -> DatabaseStatus:
        if path not in self.states:
            raise DatabaseUnknownError(path)
        replica = ReplicaStatus(type="file", description="/rep", txid=4, last_sync_at=STEP)
        return DatabaseStatus(path=path, state=self.states[path], txid=5, last_sync_at=self.step, replicas=(replica,))

    def sync(self, path: str, *, wait: bool, timeout: float | None) -> Synced:
        self.timeouts.append(timeout)
        if self.status(path).state is State.STOPPED:
            raise DatabaseClosedError(path)
        if self.hang is not None:
            self.hang.wait(60)
        if self.error is not None:
            raise self.error
        return Synced(5, 5 if wait else 4, self.changed)

    def start(self, path: str, timeout: float | None) -> Changed:
        return self._turn(path, State.REPLICATING, timeout)

    def stop(self, path: str, timeout: float | None) -> Changed:
        return self._turn(path, State.STOPPED, timeout)

    def _turn(self, path: str, state: State, timeout: float | None) -> Changed:
        self.timeouts.append(timeout)
        before = self.status(path).state
        self.states[path] = state
        return Changed(before is not state, 5)

    def register(self, settings: DatabaseSettings) -> bool:
        is_new = settings.path not in self.states
        self.states[settings.path] = State.REPLICATING
        return is_new

    def unregister(self, path: str, timeout: float | None) -> Changed:
        self.timeouts.append(timeout)
        return Changed(self.states.pop(path, None) is not None, 5)


def settings_of(path: str, url: str) -> DatabaseSettings:
    return DatabaseSettings(path=path, replicas=(ReplicaSettings(place=parse_replica_url(url, {})),))


@pytest.fixture
def daemon() -> Fake:
    return Fake()


@pytest.fixture
def endpoints(daemon: Fake) -> Endpoints:
    return Endpoints(daemon, settings_of, lambda path: os.path.join("/d", path))
