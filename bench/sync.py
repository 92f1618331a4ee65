"""Three snapshots to a peer with another key, then nothing new: Plait and restic in turn, and plakar where it is.

    python -m bench.sync [--rounds N] [--files N]

restic is taken from PATH, plakar from PLAIT_PEER_PLAKAR. Each program has a repository of its own of the same tree, of
which a twentieth changes from one snapshot to the next.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from bench.measure import Competitor, compete, table

PLAIT = str(Path(sysconfig.get_path("scripts")) / "plait")
PLAKAR = os.environ.get("PLAIT_PEER_PLAKAR", "")
SNAPSHOTS = 3
CHANGED = 0.05
WORDS = [bytes(random.Random(number).choices(range(97, 123), k=2 + number % 8)) for number in range(3000)]


def change(tree: Path, files: int, number: int) -> None:
    """Lays the tree, or changes a part of it: words and noise, mostly short files and some long ones."""
    noise = random.Random(number)
    for index in range(files):
        if number and noise.random() > CHANGED:
            continue
        path = tree / f"{index % 300}/{index}"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = min(int(noise.lognormvariate(9, 1.3)), 4 << 20)
        words = b" ".join(noise.choices(WORDS, k=size // 6 + 1))
        path.write_bytes(words if noise.random() < 0.6 else noise.randbytes(size))


def main() -> None:
    """Lays the repositories, syncs with each program in turn, and prints medians."""
    parser = argparse.ArgumentParser(description="Plait, restic and plakar copy snapshots in turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=12_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plait-bench-") as name:
        folder = Path(name)
        secrets = {"PLAKAR_PASSPHRASE": "of the one", "PLAIT_PEER_PASSPHRASE": "of the other"}
        environment = os.environ | {"HOME": name, "RESTIC_CACHE_DIR": f"{name}/cache"} | secrets
        peer = environment | {"PLAKAR_PASSPHRASE": secrets["PLAIT_PEER_PASSPHRASE"]}
        for path, text in (("one", secrets["PLAKAR_PASSPHRASE"]), ("other", secrets["PLAIT_PEER_PASSPHRASE"])):
            (folder / path).write_text(text)

        def run(*words: str, surroundings: dict[str, str] = environment) -> None:
            subprocess.run(words, env=surroundings, cwd=folder, check=True, capture_output=True)

        restic = ("restic", "-q", "-r", "restic", "--password-file", "one")
        copies = ("--repo2", "restic-peer", "--password-file2", "other")
        run(PLAIT, "at", "plait", "create", "--weak-passphrase")
        run(*restic, "init")
        for number in range(SNAPSHOTS):
            change(folder / "tree", arguments.files, number)
            run(PLAIT, "at", "plait", "backup", "tree")
            run(*restic, "backup", "tree")

        def fresh(path: str, *create: str) -> None:
            shutil.rmtree(folder / path, ignore_errors=True)
            run(*create, surroundings=peer)

        def competitors(*, again: bool) -> list[Competitor]:
            new_restic = ("restic", "-q", "-r", "restic-peer", "--password-file", "other", "init")
            chunker = ("--copy-chunker-params", "--repo2", "restic", "--password-file2", "one")
            cases = {
                "plait": ((PLAIT, "at", "plait"), (PLAIT, "at", "plait-peer", "create", "--weak-passphrase")),
                "restic": (restic, (*new_restic, *chunker)),
            }
            sync = {"plait": ("sync", "to", "plait-peer"), "restic": ("copy", *copies)}
            if PLAKAR:
                entry = ("store", "add", "peer", str(folder / "plakar-peer"), f"passphrase={peer['PLAKAR_PASSPHRASE']}")
                run(PLAKAR, "-disable-security-check")
                run(PLAKAR, *entry) if not again else None
                cases["plakar"] = ((PLAKAR, "at", "plait"), (PLAKAR, "at", "plakar-peer", "create", "-weak-passphrase"))
                sync["plakar"] = ("sync", "to", "@peer")

            def competitor(name: str, program: tuple[str, ...], create: tuple[str, ...]) -> Competitor:
                def before(_: int) -> None:
                    if not again:
                        fresh(f"{name}-peer", *create)

                return Competitor(name, lambda _: [*program, *sync[name]], before, environment)

            return [competitor(name, *case) for name, case in cases.items()]

        os.chdir(folder)
        what = f"{SNAPSHOTS} snapshots of {arguments.files} files to a peer with another key"
        print(table(what, compete(competitors(again=False), arguments.rounds)))
        print(table("nothing new, key derivation included", compete(competitors(again=True), arguments.rounds)))
        os.chdir("/")


if __name__ == "__main__":
    main()
