"""Shards of one drive: whole files, packed rows, and the same in memory.

`ShardStore` and `MemoryShards` implement the shard verbs of the Drive contract.
"""

from atoll.drives.shards.memory import MemoryShards
from atoll.drives.shards.sink import FileSink
from atoll.drives.shards.store import ShardStore

__all__ = ["FileSink", "MemoryShards", "ShardStore"]
