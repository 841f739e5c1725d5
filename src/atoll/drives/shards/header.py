"""Between the Drive contract's addresses and shapes and the headers that are stored.

Owns      the translation, and the decision whether a stored header belongs to what was asked for.
"""

from __future__ import annotations

from atoll.base.errors import Damaged, ShardCorrupt
from atoll.core.erasure.geometry import Geometry
from atoll.core.formats.shard_file import CHECKSUM_BYTES, ShardHeader, decode_header
from atoll.drives.contract import ShardAddress, ShardShape


def make_geometry(shape: ShardShape) -> Geometry:
    """Return the geometry of a shape."""
    return Geometry(shape.data, shape.parity, shape.stripe_bytes, shape.data_bytes)


def framed_bytes(shape: ShardShape) -> int:
    """Return the bytes of all frames of a shard."""
    geometry = make_geometry(shape)
    return geometry.shard_bytes + CHECKSUM_BYTES * geometry.stripes


def make_header(address: ShardAddress, shape: ShardShape) -> ShardHeader:
    """Return the header of a shard."""
    return ShardHeader(
        address.set_index,
        address.key,
        address.data_id,
        address.index,
        shape.data,
        shape.parity,
        shape.stripe_bytes,
        shape.data_bytes,
    )


def split_header(header: ShardHeader) -> tuple[ShardAddress, ShardShape]:
    """Return address and shape that a header names."""
    return (
        ShardAddress(header.set_index, header.key, header.data_id, header.index),
        ShardShape(header.data, header.parity, header.stripe_bytes, header.data_bytes),
    )


def check_header(raw: bytes, address: ShardAddress, shape: ShardShape) -> int:
    """Return the length of the header that `raw` begins with, if it belongs to what was asked for.

    Raises
        ShardCorrupt: it is damaged, or belongs to other data.
    """
    try:
        found, size = decode_header(raw)
    except Damaged as exc:
        raise ShardCorrupt(data_id=address.data_id, index=address.index, reason=str(exc)) from exc
    if found != make_header(address, shape):
        raise ShardCorrupt(
            "The shard belongs to other data.",
            data_id=address.data_id,
            index=address.index,
            found=found,
        )
    return size
