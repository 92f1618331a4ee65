"""From option values and the stores' features to the settings of a mirror's parts."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from plait.engine.limits import Limits
from plait.engine.names import Names
from plait.engine.settings import Cutoff, DeleteWhen, ExecutionSettings
from plait.engine.transfer import TransferSettings
from plait.mirror.carrier import CarrierSettings
from plait.mirror.comparison import ComparisonSettings, common_hash, modify_window
from plait.mirror.planner import PlannerSettings
from plait.model.errors import ConfigurationError
from plait.stores.abilities import SetsAttributes
from plait.stores.base import Deadlines
from plait.stores.local.options import Links, LocalOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.model.actions import Action
    from plait.model.options import Values
    from plait.stores.base import Features, Store

SECOND = 1_000_000_000
LONGEST_PARTIAL_SUFFIX = 16
METADATA_FILTERS = tuple(
    f"metadata_{rules}{origin}" for rules in ("include", "exclude", "filter") for origin in ("", "_from")
)
"""The options whose rules look at the metadata of files, which are then read without `--metadata` too."""


class Mode(StrEnum):
    """What a mirror does with its two trees."""

    SYNC = "sync"
    """Makes the destination identical to the source."""
    COPY = "copy"
    """Copies what is new or different, deletes nothing."""
    MOVE = "move"
    """Copies, and deletes at the source what has arrived."""


FEATURES = (
    *("CaseInsensitive", "DuplicateFiles", "ReadMimeType", "WriteMimeType", "CanHaveEmptyDirectories", "BucketBased"),
    *("BucketBasedRootOK", "SetTier", "GetTier", "ServerSideAcrossConfigs", "IsLocal", "SlowModTime", "SlowHash"),
    *("ReadMetadata", "WriteMetadata", "UserMetadata", "ReadDirMetadata", "WriteDirMetadata", "WriteDirSetModTime"),
    *("UserDirMetadata", "DirModTimeUpdatesOnWrite", "FilterAware", "PartialUploads", "NoMultiThreading", "Overlay"),
    *("ChunkWriterDoesntSeek", "DoubleSlash", "Purge", "Copy", "Move", "DirMove", "MkdirMetadata", "ChangeNotify"),
    *("UnWrap", "WrapFs", "SetWrapper", "DirCacheFlush", "PublicLink", "PutUnchecked", "PutStream", "MergeDirs"),
    *("DirSetModTime", "CleanUp", "ListR", "ListP", "About", "OpenWriterAt", "OpenChunkWriter", "UserInfo"),
    *("Disconnect", "Command", "Shutdown"),
)
"""What `--disable` may name, as rclone lists it."""


def check_values(mode: Mode, values: Values) -> None:
    """Raises ConfigurationError where options contradict each other or hold what cannot be."""
    if mode is Mode.SYNC and sum((values.delete_before, values.delete_during, values.delete_after)) > 1:
        raise ConfigurationError("Only one of --delete-before, --delete-during or --delete-after can be used.")
    length = len(values.partial_suffix.encode("utf-8", "surrogateescape"))
    if length > LONGEST_PARTIAL_SUFFIX:
        raise ConfigurationError(
            f"--partial-suffix: Expecting suffix length not greater than {LONGEST_PARTIAL_SUFFIX} but got {length}"
        )


def local_options(values: Values, *, writes: bool = True) -> LocalOptions:
    """How local stores are opened for a verb; `writes`: one that has the options of carrying."""
    if values.links and values.copy_links:
        raise ConfigurationError("can't use -l/--links with -L/--copy-links")
    links = Links.TRANSLATE if values.links else Links.FOLLOW if values.copy_links else Links.SKIP
    options = {
        "links": links,
        "skip_links": values.skip_links,
        "skip_specials": values.skip_specials,
        "one_file_system": values.one_file_system,
    }
    if writes:
        options |= {
            "partial_suffix": values.partial_suffix,
            "durable": values.durable,
            "metadata": values.metadata,
        }
    shown = not writes and values.options.named("metadata") is not None and values.metadata
    options["show_metadata"] = shown or any(getattr(values, name) for name in METADATA_FILTERS)
    return LocalOptions(**options)


def disabled(values: Values) -> frozenset[str]:
    """The abilities of stores that are not to be used, in lower case. Raises ConfigurationError for `help`."""
    names = frozenset(name.strip().lower() for name in values.disable.split(","))
    if "help" in names:
        raise ConfigurationError(f"Possible backend features are: {', '.join(FEATURES)}")
    return names - {""}


def deadlines(values: Values) -> Deadlines:
    """How long stores wait; 0 and `off` are for ever."""
    return Deadlines(connect=_seconds(values.contimeout), idle=_seconds(values.timeout))


def matching_names(values: Values, destination: Features) -> Names:
    """Which names match."""
    fold = values.ignore_case_sync or not destination.case_sensitive
    return Names(unicode=not values.no_unicode_normalization, fold=fold)


def comparison_settings(values: Values, source: Store, destination: Store) -> ComparisonSettings:
    """How files are compared by sync, copy and move."""
    return ComparisonSettings(
        checksum=values.checksum,
        size_only=values.size_only,
        ignore_existing=values.ignore_existing,
        ignore_times=values.ignore_times,
        ignore_size=values.ignore_size,
        update=values.update,
        immutable=values.immutable,
        refresh_times=values.refresh_times,
        update_times=not values.no_update_modtime,
        window=modify_window(values.modify_window, source.features, destination.features),
        common_hash=common_hash(source.features, destination.features),
        can_set_time=destination.features.set_times and isinstance(destination, SetsAttributes),
        dry_run=values.dry_run,
    )


def planner_settings(mode: Mode, values: Values, source: Store, destination: Store) -> PlannerSettings:
    """How a mirror is planned."""
    ours, theirs = source.features, destination.features
    return PlannerSettings(
        comparison=comparison_settings(values, source, destination),
        deletes=mode is Mode.SYNC,
        moves=mode is Mode.MOVE,
        empties_source=mode is Mode.MOVE and values.delete_empty_src_dirs and ours.makes_directories,
        directories=theirs.makes_directories,
        create_empty=values.create_empty_src_dirs,
        directory_times=ours.directories and theirs.directory_times and not values.no_update_dir_modtime,
        compare_directory_times=not (values.size_only or values.immutable or values.ignore_existing),
        times_in_listing=ours.times_in_listing and theirs.times_in_listing,
    )


def carrier_settings(mode: Mode, values: Values, *, hidden: bool) -> CarrierSettings:
    """How a mirror's actions are carried out; `hidden`: filters may hide files of the destination."""
    return CarrierSettings(
        moves=mode is Mode.MOVE,
        durable=values.durable,
        in_place=values.inplace,
        partial_suffix=values.partial_suffix,
        transfers=_transfers(values),
        hidden=hidden,
        server_times=values.use_server_modtime,
        limits=_source_limits(values) if mode is Mode.MOVE else None,
    )


def _source_limits(values: Values) -> Limits | None:
    """What a move may delete at its source; only rclone's face has a limit for it."""
    if values.options.named("max-delete") is None:
        return None
    return Limits(ExecutionSettings(**_deletions(values)))


def _deletions(values: Values) -> dict[str, Any]:
    """How much may be deleted."""
    return {
        "max_delete": values.max_delete if values.max_delete >= 0 else None,
        "max_delete_size": values.max_delete_size,
    }


def transfer_settings(values: Values, *, moves: bool = False) -> TransferSettings:
    """How content is carried; `moves`: the source is not wanted any more."""
    return TransferSettings(
        streams=values.multi_thread_streams,
        parts_from=values.multi_thread_cutoff if values.was_given("multi_thread_cutoff") else None,
        verify=values.verify,
        ignore_size=values.ignore_size,
        ignore_hash=values.ignore_checksum,
        tries=values.low_level_retries,
        moves=moves,
    )


def execution_settings(
    mode: Mode, values: Values, confirm: Callable[[Action], bool] | None, subject: str
) -> ExecutionSettings:
    """How a plan is executed; `subject` names the destination in messages."""
    limits = {}
    if mode is Mode.SYNC:
        limits = {**_deletions(values), "ignore_errors": values.ignore_errors}
    return ExecutionSettings(
        delete_when=_delete_when(mode, values),
        dry_run=values.dry_run,
        confirm=confirm,
        transfers=_transfers(values),
        check_first=values.check_first,
        max_transfer=values.max_transfer,
        max_duration=values.max_duration / SECOND if values.max_duration > 0 else None,
        cutoff=Cutoff(values.cutoff_mode.lower()),
        subject=subject,
        **limits,
    )


def checkers(values: Values, source: Store, destination: Store) -> int:
    """How many comparisons ask the stores at once."""
    if values.was_given("checkers"):
        return max(1, int(values.checkers))
    return max(source.features.concurrency, destination.features.concurrency)


def _transfers(values: Values) -> int | None:
    return max(1, int(values.transfers)) if values.was_given("transfers") else None


def _delete_when(mode: Mode, values: Values) -> DeleteWhen:
    if mode is not Mode.SYNC:
        return DeleteWhen.NEVER
    if values.delete_before:
        return DeleteWhen.BEFORE
    return DeleteWhen.DURING if values.delete_during else DeleteWhen.AFTER


def _seconds(nanoseconds: int | None) -> float | None:
    return nanoseconds / SECOND if nanoseconds else None
