"""`repair`: what is damaged in a repository, made whole as far as the same is still somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.commands.repository.maintenance import refused_lock
from plait.cli.peers import open_peer
from plait.model.errors import BusyError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.upkeep.damage import Hit
    from plait.repository.upkeep.repairing import Repaired


def repair(command: RepositoryCommand) -> int:
    """Shows what is damaged, and with `--apply` repairs it."""
    from plait.repository.upkeep.repairing import RepairSettings
    from plait.repository.upkeep.repairing import repair as repair_now

    values = command.values
    repository = command.repository
    peers = [open_peer(command, word)[0] for word in getattr(values, "from")]
    settings = RepairSettings(apply=values.apply, from_files=not values.no_files)
    try:
        result = repair_now(repository, settings, peers, listener=command.listener, cancellation=command.cancellation)
    except BusyError as error:
        raise refused_lock(command, error) from None
    if values.json:
        command.record(_record(result))
    elif command.is_front:
        _show_front(command, result)
    else:
        _show(command, result)
    if not result.left:
        return ExitCode.DONE
    return ExitCode.FAILED if command.is_front else ExitCode.PARTLY


def _show(command: RepositoryCommand, result: Repaired) -> None:
    output = command.output
    applied = result.left is not None
    for key, reason in sorted(result.states.items()):
        output.result(f"{key}: damaged: {reason}")
    if result.named:
        verb = "were" if applied else "would be"
        output.result(f"{len(result.named)} packfiles of lost states {verb} named again by a new one")
    for packfile in result.packfiles:
        lost, whole = len(packfile.lost), len(packfile.whole)
        output.result(f"packfile {packfile.name.hex()}: {packfile.reason} ({lost} blobs lost, {whole} whole)")
    for snapshot in result.hidden:
        verb = "is removed" if applied else "would be removed, unless it can be repaired"
        output.result(f"snapshot {snapshot.hex()} comes back with a lost state and is not whole: it {verb}")
    if result.unstored:
        verb = "was stored" if applied else "would be stored"
        output.result(f"{result.unstored} paths: the entry {verb} that was in the directory's list only")
    _list_hits(command, result.hit, "is hit")
    if result.left:
        _list_hits(command, result.left, "is still damaged")
        output.error(f"{len(result.left)} of {max(len(result.hit), len(result.left))} paths could not be repaired")
    elif not result.is_needed:
        output.result("repair: nothing is damaged")
    elif result.left is None:
        output.result(f"repair: {len(result.hit)} paths are hit; run with -apply to repair what can be")
    else:
        output.result(f"repair: everything is whole again; {len(result.hit)} paths were hit")


def _list_hits(command: RepositoryCommand, hits: Sequence[Hit], what: str) -> None:
    for hit in hits:
        command.output.result(f"{hit.snapshot[:4].hex()}:{hit.path or '/'} {what}: {hit.reason}")


def _show_front(command: RepositoryCommand, result: Repaired) -> None:
    """In the words of the original, as far as it has any."""
    output = command.output
    if result.left is not None:
        for hit in result.left:
            output.error(f"{hit.snapshot[:4].hex()}: {hit.path or '/'}: {hit.reason}")
        return
    if not result.is_needed:
        output.info("no repairs needed")
        return
    for key in sorted(result.states):
        output.info(f"found missing state {key[-64:]}")
    for packfile in result.packfiles:
        output.info(f"found damaged packfile {packfile.name.hex()}")
    output.info("to apply these repairs, run `plakar repair -apply`")


def _record(result: Repaired) -> dict[str, object]:
    def listed(hits: Sequence[Hit]) -> list[dict[str, str]]:
        return [{"snapshot": hit.snapshot.hex(), "path": hit.path, "reason": hit.reason} for hit in hits]

    return {
        "applied": result.left is not None,
        "states": [{"key": key, "reason": reason} for key, reason in sorted(result.states.items())],
        "named": [name.hex() for name in result.named],
        "packfiles": [
            {
                "packfile": packfile.name.hex(),
                "reason": packfile.reason,
                "lost": len(packfile.lost),
                "whole": len(packfile.whole),
            }
            for packfile in result.packfiles
        ],
        "unstored": result.unstored,
        "hidden": [snapshot.hex() for snapshot in result.hidden],
        "hit": listed(result.hit),
        "left": None if result.left is None else listed(result.left),
    }
