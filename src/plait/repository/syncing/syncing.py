"""A sync from end to end: what is missing on either side is found, and brought there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.workers import Cancellation
from plait.model.errors import CancelledError, PlaitError, TemporaryError
from plait.repository.events import silent
from plait.repository.syncing.expecting import Expectations
from plait.repository.syncing.lost import whole_reader
from plait.repository.syncing.one_way import OneWay
from plait.repository.syncing.places import refuse_same
from plait.repository.syncing.selecting import refuse_vague, selected
from plait.repository.syncing.settings import Direction, NothingFound, Outcome, SyncResult, SyncSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plait.repository.events import Listener
    from plait.repository.format.headers import Header
    from plait.repository.repository import Repository
    from plait.repository.selection import Query
    from plait.repository.syncing.planned import PlannedCopy
    from plait.repository.syncing.settings import SyncListener


class Sync:
    """A sync of the local repository with a peer. `told` hears of snapshots, `listener` of what is in them.

    `names` are what the two are called in events. Nothing is written to a repository that snapshots only come from.
    """

    def __init__(  # noqa: PLR0917  (each is another thing that the work needs)
        self,
        local: Repository,
        peer: Repository,
        names: tuple[str, str],
        settings: SyncSettings,
        told: SyncListener,
        listener: Listener = silent,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._local = local
        self._peer = peer
        self._names = names
        self._settings = settings
        self._told = told
        self._expectations = Expectations(listener)
        self._listener = listener if listener is silent else self._expectations
        self._cancellation = cancellation or Cancellation()
        self._outcomes: dict[bytes, Outcome] = {}

    def run(self, direction: Direction, query: Query, prefix: str = "") -> SyncResult:
        """Copies what a query selects and the other side lacks; `prefix` is of one snapshot that was named.

        A snapshot that cannot be copied is told, and the others go on. Raises UsageError for two that are one
        repository and for a prefix that says too little, DirectoryNotFoundError for one that says nothing,
        NotSupportedError where a destination cannot be written to, BusyError, CancelledError, and the stores' errors.
        """
        refuse_same(self._local, self._peer)
        local, peer = self._local, self._peer
        if direction is not Direction.FROM:
            _ = peer.writable_files
        if direction is not Direction.TO:
            _ = local.writable_files
        readers = {Direction.TO: (local,), Direction.FROM: (peer,), Direction.WITH: (local, peer)}[direction]
        if prefix:
            refuse_vague(prefix, [whole_reader(one) for one in readers], query)
        if direction is Direction.TO:
            self._half(local, peer, query, backwards=False)
            return self.result()
        trouble = self._tried(local, peer, query) if direction is Direction.WITH else None
        self._half(peer, local, query, backwards=True)
        if trouble is not None:
            raise trouble
        return self.result()

    def _tried(self, local: Repository, peer: Repository, query: Query) -> PlaitError | None:
        """Does the first half of two; what keeps a repository from being written to keeps nothing from the other."""
        try:
            self._half(local, peer, query, backwards=False)
        except (CancelledError, TemporaryError):
            raise
        except PlaitError as error:
            return error
        return None

    def apply(self, copies: Sequence[PlannedCopy]) -> SyncResult:
        """Copies the snapshots of a plan, each only where both repositories are still as planned.

        What is not as planned is told as a snapshot that could not be copied, and the others go on. Raises as `run`.
        """
        refuse_same(self._local, self._peer)
        directions = ((self._local, self._peer, False), (self._peer, self._local, True))
        halves = [
            (source, peer, own)
            for source, peer, backwards in directions
            if (own := [copy for copy in copies if copy.backwards is backwards])
        ]
        for _, peer, _ in halves:
            _ = peer.writable_files
        for source, peer, own in halves:
            names = self._names[::-1] if peer is self._local else self._names
            half = OneWay(self, source, whole_reader(source), peer, names, backwards=peer is self._local)
            half.apply(own)
        return self.result()

    def result(self) -> SyncResult:
        """What has become of the snapshots so far."""
        return SyncResult(self._outcomes)

    def _half(self, source: Repository, peer: Repository, query: Query, *, backwards: bool) -> None:
        names = self._names[::-1] if backwards else self._names
        if source is self._peer and not self._settings.dry_run:
            source.refresh()
        reader = whole_reader(source)
        found = selected(reader, query, frozenset(peer.index.snapshots()))
        if not found:
            self._told(NothingFound(names[0]))
            return
        half = OneWay(self, source, reader, peer, names, backwards=backwards)
        half.run(found)

    def note(self, snapshot: bytes, outcome: Outcome) -> None:
        """Notes what became of a snapshot; of two directions, the one that did more counts."""
        order = list(Outcome)
        before = self._outcomes.get(snapshot, Outcome.PRESENT)
        self._outcomes[snapshot] = max(before, outcome, key=order.index)

    @property
    def settings(self) -> SyncSettings:
        """How it is done."""
        return self._settings

    @property
    def told(self) -> SyncListener:
        """Who hears of snapshots."""
        return self._told

    @property
    def listener(self) -> Listener:
        """Who hears of what is in them."""
        return self._listener

    def expect(self, following: Iterable[Header]) -> None:
        """Says how much is to be done, snapshots of this direction that follow included."""
        self._expectations.expect(following)

    @property
    def cancellation(self) -> Cancellation:
        """What ends the work early."""
        return self._cancellation
