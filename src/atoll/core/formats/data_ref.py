"""Data references: how a record names erasure-coded bytes.

Owns      the reference as the layers pass it (`DataRef`) and as records store it (`StoredRef`).
Does not  say where the shards lie: that follows from the set, the owner key and the data id.
Invariant a stored reference has no owner key: the record that holds it belongs to that key, and a
          key of 1,034 bytes repeated in every reference would fill a register value.
Source    docs/formats/data-ref.md
"""

from __future__ import annotations

import msgspec

from atoll.base.ids import DataId


class DataRef(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Erasure-coded bytes: identity, owner register key, geometry and size.

    `xxh` is the XXH3-128 of the whole content, empty where the writer did not compute it.
    """

    data_id: DataId
    set_index: int
    key: bytes
    data: int
    parity: int
    stripe_bytes: int
    size_bytes: int
    packed: bool
    xxh: bytes = b""


class StoredRef(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A `DataRef` without its owner key."""

    data_id: DataId
    set_index: int
    data: int
    parity: int
    stripe_bytes: int
    size_bytes: int
    packed: bool
    xxh: bytes = b""


def strip_owner(ref: DataRef) -> StoredRef:
    """Return the form of a reference that is stored in a record of its owner."""
    return StoredRef(
        ref.data_id,
        ref.set_index,
        ref.data,
        ref.parity,
        ref.stripe_bytes,
        ref.size_bytes,
        ref.packed,
        ref.xxh,
    )


def with_owner(ref: StoredRef, key: bytes) -> DataRef:
    """Return a stored reference with the owner key of the record that holds it."""
    return DataRef(
        ref.data_id,
        ref.set_index,
        key,
        ref.data,
        ref.parity,
        ref.stripe_bytes,
        ref.size_bytes,
        ref.packed,
        ref.xxh,
    )
