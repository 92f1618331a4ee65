"""Syncs of Plait and of the original, between repositories of both: the two agree on what is there afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.plakar.conftest import Programs

KINDS = {
    "plain": ("-plaintext",),
    "encrypted": ("-weak-passphrase",),
    "sha256-bare": ("-plaintext", "-no-compression", "-hashing", "SHA256"),
}
OTHER = {"plain": "encrypted", "encrypted": "sha256-bare", "sha256-bare": "plain"}


def lay_tree(root: Path) -> Path:
    (root / "sub").mkdir(parents=True)
    (root / "sub/text").write_text("some words\n" * 500)
    (root / "sub/again").hardlink_to(root / "sub/text")
    (root / "noise").write_bytes(bytes(range(256)) * 12_000)
    (root / "link").symlink_to("sub/text")
    (root / "empty").touch()
    return root


def restored(programs: Programs, repository: str, snapshot: str, into: str) -> dict[str, bytes]:
    programs.plakar("at", repository, "restore", "-to", into, snapshot)
    root = programs.directory / into
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def listed(programs: Programs, repository: str, cache: str) -> list[str]:
    """The snapshots, as a client of the original sees them that has never seen the repository."""
    out = programs.plakar("-cachedir", cache, "at", repository, "ls", "-uuid").out
    return [line.split()[1] for line in out.splitlines() if line.startswith("20")]


@pytest.mark.parametrize("kind", KINDS)
def test_each_direction(programs: Programs, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.environment["PLAIT_PEER_PASSPHRASE"] = programs.environment["PLAKAR_PASSPHRASE"]
    monkeypatch.chdir(programs.directory)
    tree = lay_tree(programs.directory / "tree")
    programs.plakar("at", "a", "create", *KINDS[kind])
    programs.front("at", "b", "create", *KINDS[OTHER[kind]])
    programs.plakar("at", "a", "backup", str(tree))
    programs.front("at", "b", "backup", str(tree / "sub"))
    programs.front("at", "a", "sync", "with", "b")
    both = sorted(listed(programs, "a", "cache-a"))
    assert len(both) == 2
    assert sorted(listed(programs, "b", "cache-b")) == both
    for repository in ("a", "b"):
        programs.plakar("at", repository, "check")
        programs.plait("at", repository, "check")
    for snapshot in both:
        assert restored(programs, "a", snapshot, f"a-{snapshot}") == restored(programs, "b", snapshot, f"b-{snapshot}")
    # The original goes on from what was copied, and Plait from that.
    (tree / "sub/text").write_text("other words\n")
    programs.plakar("at", "b", "backup", str(tree))
    programs.front("at", "b", "sync", "to", "a")
    assert len(listed(programs, "a", "cache-a")) == 3
    programs.plakar("at", "a", "check")


def test_a_snapshot_brought_back_is_seen_once_by_every_client(programs: Programs) -> None:
    tree = lay_tree(programs.directory / "tree")
    for name in ("a", "b"):
        programs.plakar("at", name, "create", "-plaintext")
    for number in range(4):
        (tree / "noise").write_bytes(bytes([number]) * 70_000)
        programs.plakar("at", "a", "backup", str(tree))
    # The copies are the original's own, so that their headers are not those that Plait would make.
    programs.plakar("at", "a", "sync", "to", "b")
    snapshots = listed(programs, "a", "cache-a")
    for round_, snapshot in enumerate(snapshots[1:3]):
        programs.plakar("at", "b", "rm", "-apply", snapshot)
        assert "1 copied" in programs.front("at", "a", "sync", "to", "b").out
        for client in range(3):
            assert listed(programs, "b", f"cache-{round_}-{client}") == snapshots
    programs.plakar("-cachedir", "cache-last", "at", "b", "check")
    assert "0 snapshots synchronized" in programs.plakar("at", "a", "sync", "to", "b").out
