"""The erasure calculator: what a layout of drives gives and what it survives.

Pure arithmetic over core/quorum/sizes.py; the same numbers that a running cluster uses.
Tolerance is the number of drives of one set that may be lost: `written` once all n shards are
stored, `acknowledged` at the moment of the answer, when only Q2 are certain.
"""

from __future__ import annotations

import msgspec

from atoll.core.placement.sets import count_sets, plan_set_drives
from atoll.core.quorum.sizes import SET_DRIVES_MAX, plan_quorums


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What one layout gives. Sizes are bytes before the file system and the reserve."""

    drives: int
    drive_bytes: int
    sets: int
    set_drives: int
    data: int
    parity: int
    write_quorum: int
    read_quorum: int
    raw_bytes: int
    usable_bytes: int
    #: Usable per raw byte.
    efficiency: float
    #: Drives of a set whose loss loses nothing that is fully written.
    tolerance_written: int
    #: The same at the moment a write is acknowledged.
    tolerance_acknowledged: int
    #: Drives of a set that may be away while writes go on.
    writes_survive: int
    #: Drives of a set that may be away while reads of fully written keys go on.
    reads_survive: int
    #: Bytes read from other drives to rebuild one full drive; 0 where nothing can be rebuilt.
    rebuild_read_bytes: int
    #: Time to rebuild one full drive at the given rate; None without parity.
    rebuild_s: float | None


def calculate(
    drives: int,
    drive_bytes: int,
    *,
    set_drives: int | None = None,
    parity: int | None = None,
    rebuild_bytes_per_s: float = 100e6,
) -> Plan:
    """Return what `drives` drives of `drive_bytes` each give.

    Raises
        ValueError: the set size or the parity does not fit, or a size is not positive.
    """
    if drive_bytes < 1 or rebuild_bytes_per_s <= 0:
        raise ValueError("expected a drive size and a rebuild rate above 0")
    size = plan_set_drives(drives, set_drives)
    quorums = plan_quorums(size, parity)
    raw = drives * drive_bytes
    return Plan(
        drives=drives,
        drive_bytes=drive_bytes,
        sets=count_sets(drives, size),
        set_drives=size,
        data=quorums.data,
        parity=quorums.parity,
        write_quorum=quorums.write,
        read_quorum=quorums.read,
        raw_bytes=raw,
        usable_bytes=raw * quorums.data // size,
        efficiency=quorums.data / size,
        tolerance_written=quorums.parity,
        tolerance_acknowledged=quorums.write - quorums.data,
        writes_survive=size - quorums.write,
        reads_survive=min(quorums.parity, size - quorums.read),
        rebuild_read_bytes=quorums.data * drive_bytes if quorums.parity else 0,
        rebuild_s=drive_bytes / rebuild_bytes_per_s if quorums.parity else None,
    )


def calculate_all(
    drives: int, drive_bytes: int, *, rebuild_bytes_per_s: float = 100e6
) -> tuple[Plan, ...]:
    """Return one plan for each set size and each parity that the drives allow, in that order."""
    return tuple(
        calculate(
            drives,
            drive_bytes,
            set_drives=size,
            parity=parity,
            rebuild_bytes_per_s=rebuild_bytes_per_s,
        )
        for size in range(1, min(drives, SET_DRIVES_MAX) + 1)
        for parity in range(size // 2 + 1)
    )
