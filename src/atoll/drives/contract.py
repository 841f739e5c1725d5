"""The Drive contract: what every drive answers, in this process, another process or another node.

Replies are awaitables, not coroutines: a call starts its work at once, so a caller can start n of
them and fold the answers as they come. A drive that holds the answer in memory may return a future
that is done. Every verb may be called twice with the same arguments and has the same effect once
(idempotent); a caller that lost an answer simply asks again. Calls on one key are applied in the
order they were made; calls on different keys have no order.

Errors    a drive raises only DriveFault; a refusal is an answer (`Refused`), not an error.
Durable   `accept`, `seal`, `drop`, `put_shards` and `ShardSink.commit` answer when the bytes are on
          stable storage.
Tasks     may be called from the event loop's thread only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from atoll.base.ids import DataId, DriveId
from atoll.core.quorum.messages import (
    Accept,
    Accepted,
    Drop,
    Free,
    Page,
    Prepare,
    Promise,
    Read,
    Refused,
    Restore,
    Scan,
    Seal,
    Shown,
)

#: The first key of a rebuild: before all keys, which begin with a letter.
NOTHING_COPIED: Final = b"\0"


class DriveState(StrEnum):
    """What a drive can do."""

    #: Votes on every key.
    OK = "ok"
    #: Being rebuilt: takes accepts, votes only on keys it holds again.
    BLANK = "blank"
    #: An I/O error made its memory and its medium differ; it answers no register verb and stores
    #: nothing until it is reopened.
    POISONED = "poisoned"
    #: Not there.
    MISSING = "missing"


class DriveStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a drive for people and for placement."""

    drive_id: DriveId
    state: DriveState
    path: str
    metadata_path: str
    total_bytes: int
    free_bytes: int
    is_full: bool
    records: int
    reason: str = ""


class ShardAddress(msgspec.Struct, frozen=True, array_like=True):
    """Where one shard belongs.

    Its set, its owner key, its data id and its index in the stripe (0-based).
    """

    set_index: int
    key: bytes
    data_id: DataId
    index: int


class ShardShape(msgspec.Struct, frozen=True, array_like=True):
    """Geometry of the data a shard belongs to; stored in every shard header.

    data_bytes of content are cut into stripes of `stripe_bytes`; each stripe gives one block to
    each of data + parity shards. All blocks are ceil(stripe_bytes / data) long but those of the
    last stripe.
    """

    data: int
    parity: int
    stripe_bytes: int
    data_bytes: int


class ShardInfo(msgspec.Struct, frozen=True, array_like=True):
    """What a drive says of a shard it holds."""

    address: ShardAddress
    shape: ShardShape
    size_bytes: int
    is_packed: bool


class PackedShard(msgspec.Struct, frozen=True, array_like=True):
    """A whole small shard: all its blocks, in order, without checksums (the drive adds them)."""

    address: ShardAddress
    shape: ShardShape
    blocks: tuple[bytes | memoryview, ...]


class ShardSink(Protocol):
    """One shard file being written.

    Exactly one of `commit` or `abort` ends it; both may be called twice.
    """

    def write(self, blocks: Sequence[bytes | memoryview]) -> Awaitable[None]:
        """Append blocks in stripe order.

        The buffers belong to the sink until the answer arrives.
        """
        ...

    def commit(self, data_bytes: int) -> Awaitable[None]:
        """Make the shard and its name durable and visible.

        `data_bytes` is the content's final size.
        """
        ...

    def abort(self) -> Awaitable[None]:
        """Forget the shard. Never raises."""
        ...


class RegisterDrive(Protocol):
    """The register verbs: acceptor of one replica of every key in the drive's sets."""

    def prepare(self, request: Prepare) -> Awaitable[Promise | Refused]:
        """Promise a ballot.

        Volatile but for the floor, which is durable before the promise counts.
        """
        ...

    def accept(self, request: Accept) -> Awaitable[Accepted | Refused]:
        """Store a value at a ballot; durable when answered."""
        ...

    def read(self, request: Read) -> Awaitable[Shown]:
        """Show the newest durable record of a key."""
        ...

    def scan(self, request: Scan) -> Awaitable[Page]:
        """Show durable records in key order."""
        ...

    def seal(self, request: Seal) -> Awaitable[None]:
        """Store a seal; durable when answered."""
        ...

    def free(self, request: Free) -> Awaitable[bool]:
        """Remove shards of a data id that a chosen value no longer names; False: kept."""
        ...

    def restore(self, request: Restore) -> Awaitable[None]:
        """Take records during a rebuild and vote on their keys from then on; durable when
        answered."""
        ...

    def drop(self, request: Drop) -> Awaitable[bool]:
        """Raise the horizon, then forget a tombstone; False: the record is another one."""
        ...


class ShardDrive(Protocol):
    """The shard verbs: erasure-coded bytes, written before a register names them."""

    def put_shards(self, shards: Sequence[PackedShard]) -> Awaitable[None]:
        """Store small shards; durable when answered. Raises DriveFull beyond the reserve."""
        ...

    def open_sink(self, address: ShardAddress, shape: ShardShape) -> Awaitable[ShardSink]:
        """Start a shard file; `shape.data_bytes` is a hint for preallocation (0: not known)."""
        ...

    def read_blocks(
        self, address: ShardAddress, shape: ShardShape, blocks: range
    ) -> Awaitable[list[bytes | memoryview | None]]:
        """Read and verify the blocks with the indices `blocks`, which are consecutive.

        A block that is damaged, stale or misplaced is None.

        Raises
            ShardMissing: there is no such shard here.
            ShardCorrupt: its header is damaged or belongs to other data.
        """
        ...

    def list_shards(self, after: bytes, limit: int) -> Awaitable[tuple[list[ShardInfo], bytes]]:
        """List shards in a stable order behind cursor `after`.

        An empty cursor back means the end.
        """
        ...

    def delete_shard(self, address: ShardAddress) -> Awaitable[None]:
        """Remove a shard that the caller has proven to be named by no chosen value.

        Absent is success.
        """
        ...


class Drive(RegisterDrive, ShardDrive, Protocol):
    """One drive."""

    @property
    def drive_id(self) -> DriveId:
        """Return the drive's identity."""
        ...

    def status(self) -> Awaitable[DriveStatus]:
        """Return facts about the drive. Never raises."""
        ...

    async def close(self) -> None:
        """Finish queued writes, persist watermarks, release the lock."""
        ...
