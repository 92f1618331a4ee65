"""The metrics of a daemon, as the text that Prometheus reads.

Names, labels and types are those of Litestream 0.5.17; what Plait adds begins with `plait_`.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from plait.model.values.times import NANOSECONDS
from plait.replication.control.controlled import State
from plait.replication.control.endpoints import Answer
from plait.replication.reporting import BUCKETS, Figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from plait.replication.control.controlled import Controlled, DatabaseStatus
    from plait.replication.reporting import Operations, Reporter

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

_Sample = tuple[dict[str, str], float]


class Metrics:
    """Answers requests for `/metrics`."""

    def __init__(self, daemon: Controlled, reporter: Reporter) -> None:
        self._daemon = daemon
        self._reporter = reporter

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:  # noqa: ARG002  (the signature of what a server asks)
        """The metrics of this moment."""
        if path != "/metrics" or method not in {"GET", "HEAD"}:
            return Answer(404, b"404 page not found\n", "text/plain; charset=utf-8")
        return Answer(200, self.text().encode(), CONTENT_TYPE)

    def text(self) -> str:
        """All metrics."""
        figures, operations = self._reporter.snapshot()
        databases = self._daemon.list()
        lines: list[str] = []
        for name, kind, says, samples in (*_of_databases(databases, figures), *_of_process()):
            lines += [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]
            lines += [_line(name, labels, value) for labels, value in samples]
        lines += _of_operations(operations)
        return "\n".join(lines) + "\n"


_Family = tuple[str, str, str, list[_Sample]]


def _of_databases(databases: Iterable[DatabaseStatus], counted: Mapping[str, Figures]) -> Iterator[_Family]:
    of = {status.path: (status, counted.get(status.path, Figures())) for status in databases}

    def each(value: float | None, path: str) -> list[_Sample]:
        return [] if value is None else [({"db": path}, value)]

    def family(name: str, kind: str, says: str, values: Mapping[str, float | None]) -> _Family:
        return name, kind, says, [sample for path, value in values.items() for sample in each(value, path)]

    status = {path: found for path, (found, _) in of.items()}
    figures = {path: found for path, (_, found) in of.items()}
    yield family("litestream_db_size", "gauge", "The current size of the real DB", {p: _size(p) for p in of})
    yield family("litestream_wal_size", "gauge", "The current size of the real WAL", _map(status, "wal_end"))
    yield family("litestream_total_wal_bytes", "counter", "Total bytes of WAL captured", _map(figures, "log_bytes"))
    yield family("litestream_txid", "gauge", "The current transaction ID", _map(status, "txid"))
    yield family("litestream_sync_count", "counter", "Number of sync operations performed", _map(figures, "syncs"))
    yield family(
        "litestream_sync_error_count",
        "counter",
        "Number of sync errors that have occurred",
        _map(figures, "sync_errors"),
    )
    yield family(
        "litestream_sync_seconds", "counter", "Time spent syncing the WAL, in seconds", _map(figures, "sync_seconds")
    )
    yield family(
        "litestream_disk_full",
        "gauge",
        "1 while local files cannot be written because the disk is full",
        _map(figures, "is_disk_full"),
    )
    yield family(
        "litestream_compaction_verify_error_count",
        "counter",
        "Number of gaps found between the files of a level",
        _map(figures, "gaps"),
    )
    for name, field, says in (
        ("litestream_checkpoint_count", "count", "Number of checkpoint operations performed"),
        ("litestream_checkpoint_error_count", "errors", "Number of checkpoint errors that have occurred"),
        ("litestream_checkpoint_seconds", "seconds", "Time spent checkpointing the WAL, in seconds"),
    ):
        samples = [
            ({"db": path, "mode": mode}, float(getattr(found, field)))
            for path, one in figures.items()
            for mode, found in sorted(one.checkpoints.items())
        ]
        yield name, "counter", says, samples
    yield (
        "litestream_l0_retention_files_total",
        "gauge",
        "Number of files of level 0 by what retention does with them",
        [
            ({"db": os.path.basename(path), "status": name}, float(getattr(one, name)))
            for path, one in figures.items()
            for name in ("eligible", "not_compacted", "too_recent")
        ],
    )
    yield from _of_replicas(status)


def _of_replicas(databases: Mapping[str, DatabaseStatus]) -> Iterator[_Family]:
    now = time.time_ns()
    replicas = [(path, one) for path, status in databases.items() for one in status.replicas]

    def labels(path: str, description: str) -> dict[str, str]:
        return {"db": path, "replica": description}

    yield (
        "plait_replica_txid",
        "gauge",
        "The last transaction that a replica has",
        [(labels(path, one.description), float(one.txid)) for path, one in replicas],
    )
    yield (
        "plait_replica_lag_seconds",
        "gauge",
        "Seconds since a replica was last found in step",
        [
            (labels(path, one.description), max(0.0, (now - one.last_sync_at) / NANOSECONDS))
            for path, one in replicas
            if one.last_sync_at is not None
        ],
    )
    yield (
        "plait_database_replicating",
        "gauge",
        "1 while a database is replicated, 0 while it is stopped",
        [({"db": path}, float(status.state is not State.STOPPED)) for path, status in databases.items()],
    )


def _of_process() -> Iterator[_Family]:
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    says = "Total user and system CPU time spent in seconds"
    yield "process_cpu_seconds_total", "counter", says, [({}, used.ru_utime + used.ru_stime)]
    says = "Greatest resident memory size in bytes"
    yield "process_resident_memory_max_bytes", "gauge", says, [({}, used.ru_maxrss * 1024.0)]


def _of_operations(operations: Mapping[tuple[str, str], Operations]) -> list[str]:
    if not operations:
        return []
    found = sorted(operations.items())
    lines: list[str] = []
    for name, kind, says in (
        ("litestream_replica_operation_total", "count", "The number of replica operations performed"),
        ("litestream_replica_operation_bytes", "bytes", "The number of bytes used by replica operations"),
    ):
        lines += [f"# HELP {name} {says}", f"# TYPE {name} counter"]
        lines += [_line(name, _operation(key), float(getattr(one, kind))) for key, one in found]
    name = "litestream_replica_operation_duration_seconds"
    lines += [f"# HELP {name} Duration of replica operations by type and operation", f"# TYPE {name} histogram"]
    for key, one in found:
        bounds = zip((*map(_number, BUCKETS), "+Inf"), (*one.buckets, one.count), strict=True)
        lines += [_line(f"{name}_bucket", _operation(key) | {"le": bound}, count) for bound, count in bounds]
        lines += [
            _line(f"{name}_sum", _operation(key), one.seconds),
            _line(f"{name}_count", _operation(key), one.count),
        ]
    return lines


def _operation(key: tuple[str, str]) -> dict[str, str]:
    return {"replica_type": key[0], "operation": key[1]}


def _map(of: Mapping[str, object], field: str) -> dict[str, float | None]:
    return {path: float(getattr(one, field)) for path, one in of.items()}


def _size(path: str) -> float | None:
    try:
        return float(os.stat(path).st_size)
    except OSError:
        return None


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    shown = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in labels.items())
    return f"{name}{{{shown}}} {_number(value)}" if shown else f"{name} {_number(value)}"


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")
