"""The Google Drive store keeps the stores' contract, on a server that speaks the documented API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.stores.drive.opening import open_drive
from plait.stores.network import Network
from plait.stores.proxies import Proxies, parse_proxy
from plait.stores.rclone_config import parse_configuration
from plait.stores.registry import Opening
from plait.testing.conformance import StoreConformance
from plait.testing.drive import serve_drive
from plait.testing.drive_account import Drive
from plait.testing.mirrors import NoRemotes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.stores.drive.store import DriveStore
    from plait.testing.drive import Served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_drive(tmp_path_factory.mktemp("drive")) as served:
        yield served


@pytest.fixture
def account(server: Served) -> Served:
    """The server with an empty account."""
    fresh = Drive(page_size=3)
    server.drive.__dict__.update(fresh.__dict__)
    return server


def open_path(served: Served, path: str, **options: str) -> DriveStore:
    section = parse_configuration(served.section("gd", expired=False, **options))["gd"]
    proxies = Proxies(https=parse_proxy(served.proxy), loopback=True)
    network = Network(proxies=proxies, certificates=[str(served.authority)])
    store, _ = open_drive(path, section, Opening(NoRemotes(), network=network))
    return store


class TestDriveStore(StoreConformance):
    @pytest.fixture
    def store(self, account: Served) -> Iterator[DriveStore]:
        account.drive.add("beside", b"not below the root")
        account.drive.folder("b", account.drive.folder("a"))
        store = open_path(account, "a/b", chunk_size="256Ki", upload_cutoff="256Ki", use_trash="false")
        yield store
        store.close()
