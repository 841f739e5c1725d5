"""An object store on memory registers and memory bytes, wired for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from atoll.base.ids import DataId
from atoll.base.limits import INLINE_BYTES_MAX
from atoll.base.names import BucketName, ObjectKey
from atoll.base.streams import PromisedDigests, WholeBody
from atoll.objects.contract import BucketChange, OpenObject, PutRequest
from atoll.objects.store import Objects, ObjectSettings
from atoll.objects.values import Attributes, ByteRange, Conditions, ObjectVersion, Versioning
from fakes.entropy import CountingEntropy, StepClock
from fakes.registers import MemoryRegisters
from fakes.shards import MemoryBytes

BUCKET = BucketName("first-bucket")
PART_MIN = 5 * 1024 * 1024


class StreamedBody:
    """A body that comes in chunks."""

    def __init__(
        self,
        chunks: list[bytes],
        *,
        size_bytes: int | None = None,
        algorithms: tuple[str, ...] = (),
        promised: PromisedDigests | None = None,
        failure: Exception | None = None,
    ) -> None:
        self.whole: bytes | None = None
        self.size_bytes = size_bytes
        self.algorithms = algorithms
        self._chunks = chunks
        self._promised = promised or PromisedDigests()
        self._failure = failure
        self.has_ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks, then the failure."""
        for chunk in self._chunks:
            yield chunk
        if self._failure is not None:
            raise self._failure
        self.has_ended = True

    def promised(self) -> PromisedDigests:
        """Return the promises; only behind the last chunk."""
        assert self.has_ended, "asked for promises before the content ended"
        return self._promised


class Rig:
    """A store and everything under it."""

    def __init__(
        self,
        *,
        rows_max: int = 1 << 30,
        yields: Callable[[], int] | None = None,
        inline_bytes_max: int = INLINE_BYTES_MAX,
    ) -> None:
        self._inline_bytes_max = inline_bytes_max
        self.bytes = MemoryBytes()
        self.registers = MemoryRegisters(on_free=self.bytes.free, rows_max=rows_max, yields=yields)
        self.clock = StepClock()
        self.entropy = CountingEntropy()
        self.lease_waits = 0
        self.store = self.open_store()

    def open_store(self) -> Objects:
        """Return another store on the same registers: a node with a cache of its own."""
        settings = ObjectSettings(
            lease_wait=self._wait_for_lease, inline_bytes_max=self._inline_bytes_max
        )
        return Objects(self.registers, self.bytes, self.clock, self.entropy, settings)

    async def _wait_for_lease(self) -> None:
        self.lease_waits += 1

    async def make_bucket(
        self, versioning: Versioning = Versioning.UNSET, name: BucketName = BUCKET
    ) -> BucketName:
        """Create a bucket."""
        await self.store.create_bucket(name, owner="me", region="here")
        if versioning is not Versioning.UNSET:
            await self.store.update_bucket(name, BucketChange(versioning=versioning))
        return name

    async def put(
        self,
        key: bytes,
        content: bytes,
        *,
        conditions: Conditions | None = None,
        attributes: Attributes | None = None,
        bucket: BucketName = BUCKET,
    ) -> ObjectVersion:
        """Store an object."""
        request = PutRequest(
            bucket=bucket,
            key=ObjectKey(key),
            attributes=attributes or Attributes(),
            conditions=conditions or Conditions(),
        )
        return await self.store.put(request, WholeBody(content))

    async def named(self) -> set[DataId]:
        """Return every data id that anything names."""
        owners = set(self.registers.live_keys(b"b/"))
        for letter in (b"u/", b"p/"):
            for key in self.registers.live_keys(letter):
                cut = key.rindex(b"\0") if letter == b"u/" else len(key) - 44
                owners.add(b"b/" + key[2:cut])
        ids: set[DataId] = set()
        for owner in owners:
            ids |= await self.store.named_data(owner)
        return ids


async def read_all(opened: OpenObject, wanted: ByteRange | None = None) -> bytes:
    """Return the content of an open object and close it."""
    try:
        return b"".join([bytes(chunk) async for chunk in opened.stream(wanted)])
    finally:
        await opened.close()
