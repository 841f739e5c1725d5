"""The byte store over sets of drives: what is durable, what is read, who is told."""

import asyncio

import pytest

from atoll.base.errors import Bitrot, DriveSlow, IncompleteBody, QuorumLost, StorageFull
from atoll.base.ids import DriveId
from atoll.core.erasure.geometry import shard_order
from atoll.drives.faulty import Fault, FaultyDrive, ScriptedPlan, SeededPlan
from atoll.drives.shards.memory import MemoryShards
from atoll.objects.digests import ContentDigests
from atoll.objects.stripes import Limits
from atoll.registers.contract import Cell
from fakes.shard_cluster import Told, content, make_map, make_store

CELL = Cell(b"place", b"b/12345678/key")
MIB = 1 << 20
LARGE = content(3 * MIB + 12_345)
SMALL = content(200_001)
#: Short waits: these tests use real time where a drive never answers.
QUICK = Limits(write_patience_s=0.02, commit_patience_s=0.01, hang_s=0.04, hedge_s=0.01)


class Cluster:
    """Drives in memory, each behind its own plan of faults."""

    def __init__(self, drives=4, parity=None, faults=(), limits=QUICK, delay_s=30.0):
        self.map = make_map(drives, parity)
        self.names = self.map.sets[0].drives
        self.memory = {name: MemoryShards() for name in self.names}
        plans = dict(faults)
        self.drives = {
            name: FaultyDrive(
                shards,
                ScriptedPlan(plans.get(name, {}), repeats=True),
                delay_s=delay_s,
            )
            for name, shards in self.memory.items()
        }
        self.told = Told()
        self.store = make_store(self.map, self.drives, self.told, limits)

    async def put(self, data, chunk=100_000, hint=True, digests=None):
        async def chunks():
            for start in range(0, len(data), chunk):
                yield data[start : start + chunk]

        hinted = len(data) if hint is True else hint or None
        return await self.store.write(CELL, chunks(), size_hint=hinted, digests=digests)

    async def get(self, ref, first=0, last=None):
        last = ref.size_bytes - 1 if last is None else last
        return b"".join([bytes(piece) async for piece in self.store.read(ref, first, last)])

    def holder(self, ref, index):
        return self.names[shard_order(ref.data_id, len(self.names))[index]]

    def lose(self, ref, *indexes):
        for index in indexes:
            self.memory[self.holder(ref, index)].bodies.clear()

    def damage(self, ref, index, at=-1):
        bodies = self.memory[self.holder(ref, index)].bodies
        ((key, body),) = bodies.items()
        damaged = bytearray(body)
        damaged[at] ^= 4
        bodies[key] = bytes(damaged)

    def shard_count(self):
        return sum(len(memory.bodies) for memory in self.memory.values())


def every(verb, fault, *drives):
    return [(DriveId(f"d{number}"), {verb: [fault]}) for number in drives]


@pytest.mark.parametrize("drives", [1, 2, 3, 4, 6, 16])
@pytest.mark.parametrize("data", [LARGE, SMALL], ids=["large", "small"])
def test_what_was_written_is_read(drives, data):
    async def main():
        cluster = Cluster(drives)
        ref = await cluster.put(data)
        assert (ref.size_bytes, ref.packed) == (len(data), data is SMALL)
        assert (ref.key, ref.set_index) == (CELL.key, 0)
        assert await cluster.get(ref) == data
        assert cluster.shard_count() == drives
        assert (cluster.told.degraded, cluster.told.damage) == ([], [])

    asyncio.run(main())


@pytest.mark.parametrize("size", [MIB, MIB + 1, 2 * MIB, 2 * MIB + 1, 4 * MIB])
@pytest.mark.parametrize("hint", [True, False])
@pytest.mark.parametrize("chunk", [65_537, MIB, 5 * MIB])
def test_sizes_at_the_edges_of_stripes_and_batches(size, hint, chunk):
    async def main():
        cluster = Cluster()
        data = content(size)
        ref = await cluster.put(data, chunk, hint)
        assert ref.packed == (size <= MIB)
        assert await cluster.get(ref) == data

    asyncio.run(main())


@pytest.mark.parametrize("size", [1, 2, 65_536, 65_537, MIB])
def test_small_content_is_written_whole(size):
    async def main():
        cluster = Cluster()
        data = content(size)
        ref = await cluster.store.write_whole(CELL, data)
        assert ref.packed
        assert await cluster.get(ref) == data

    asyncio.run(main())


def test_an_empty_stream_is_stored_too():
    async def main():
        cluster = Cluster()
        ref = await cluster.put(b"", hint=False)
        assert (ref.size_bytes, ref.packed) == (0, True)
        assert cluster.shard_count() == 4

    asyncio.run(main())


@pytest.mark.parametrize("data", [LARGE, SMALL], ids=["large", "small"])
def test_digests_see_all_content_in_order(data):
    async def main():
        digests = ContentDigests(["SHA256"])
        whole = ContentDigests(["SHA256"])
        whole.update(data)
        ref = await Cluster().put(data, chunk=70_000, digests=digests)
        assert digests.md5() == whole.md5()
        assert digests.checksum("SHA256") == whole.checksum("SHA256")
        assert digests.size_bytes == ref.size_bytes

    asyncio.run(main())


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (0, 0),
        (len(LARGE) - 1, len(LARGE) - 1),
        (MIB // 2 - 1, MIB // 2),
        (MIB - 1, MIB),
        (MIB + 5, 3 * MIB + 5),
        (600_000, 700_000),
        (3 * MIB, len(LARGE) - 1),
    ],
)
@pytest.mark.parametrize("lost", [(), (0,), (0, 1)])
def test_ranges_are_cut_exactly(first, last, lost):
    async def main():
        cluster = Cluster()
        ref = await cluster.put(LARGE)
        cluster.lose(ref, *lost)
        assert await cluster.get(ref, first, last) == LARGE[first : last + 1]

    asyncio.run(main())


def test_a_small_range_asks_only_the_drive_that_holds_it():
    async def main():
        cluster = Cluster()
        ref = await cluster.put(LARGE)
        cluster.lose(ref, 1, 2, 3)
        assert await cluster.get(ref, 10, 20) == LARGE[10:21]
        assert cluster.told.damage == []

    asyncio.run(main())


@pytest.mark.parametrize("drives", [2, 3, 4, 6, 16])
@pytest.mark.parametrize("data", [LARGE, SMALL], ids=["large", "small"])
def test_as_many_shards_as_parity_may_be_lost(drives, data):
    async def main():
        cluster = Cluster(drives)
        ref = await cluster.put(data)
        lost = range(ref.parity)
        cluster.lose(ref, *lost)
        assert await cluster.get(ref) == data
        assert {told[1] for told in cluster.told.damage} == {
            index for index in lost if index < ref.data
        }

    asyncio.run(main())


@pytest.mark.parametrize("data", [LARGE, SMALL], ids=["large", "small"])
def test_one_lost_shard_more_is_bitrot(data):
    async def main():
        cluster = Cluster()
        ref = await cluster.put(data)
        cluster.lose(ref, 0, 1, 2)
        with pytest.raises(Bitrot) as caught:
            await cluster.get(ref)
        assert caught.value.fields["needed"] == 2
        assert caught.value.fields["held"] == 1

    asyncio.run(main())


@pytest.mark.parametrize("data", [LARGE, SMALL], ids=["large", "small"])
def test_a_flipped_bit_is_rebuilt_and_told_once(data):
    async def main():
        cluster = Cluster()
        ref = await cluster.put(data)
        cluster.damage(ref, 1)
        assert await cluster.get(ref) == data
        assert [(told[0], told[1]) for told in cluster.told.damage] == [(ref, 1)]

    asyncio.run(main())


def test_damage_in_different_blocks_of_all_shards_is_survived():
    async def main():
        cluster = Cluster(3)
        data = content(3 * MIB)
        ref = await cluster.put(data)
        frame = 16 + MIB // 2
        for index in range(3):
            cluster.damage(ref, index, at=-1 - index * frame)
        assert await cluster.get(ref) == data

    asyncio.run(main())


def test_damage_beyond_parity_in_one_stripe_is_bitrot_and_earlier_bytes_are_right():
    async def main():
        cluster = Cluster(limits=Limits(read_stripes=1))
        data = content(3 * MIB)
        ref = await cluster.put(data)
        for index in (0, 1, 2):
            cluster.damage(ref, index)
        got = bytearray()
        with pytest.raises(Bitrot):
            await drain(cluster.store.read(ref, 0, len(data) - 1), got)
        assert bytes(got) == data[: 2 * MIB]

    asyncio.run(main())


async def drain(pieces, into):
    async for piece in pieces:
        into += piece


@pytest.mark.parametrize("fault", [Fault.GONE, Fault.IO_ERROR, Fault.SLOW, Fault.LOST_ANSWER])
@pytest.mark.parametrize("data", [LARGE, SMALL], ids=["large", "small"])
def test_reads_go_on_without_parity_many_drives(fault, data):
    async def main():
        cluster = Cluster(faults=every("read_blocks", fault, 0, 2))
        ref = await cluster.put(data)
        assert await cluster.get(ref) == data
        assert cluster.told.damage == []

    asyncio.run(main())


@pytest.mark.parametrize("fault", [Fault.GONE, Fault.SLOW])
def test_too_few_drives_that_answer_is_no_bitrot(fault):
    async def main():
        cluster = Cluster(faults=every("read_blocks", fault, 0, 1, 2))
        ref = await cluster.put(LARGE)
        with pytest.raises(QuorumLost):
            await cluster.get(ref)

    asyncio.run(main())


def test_a_drive_that_is_not_there_is_written_around():
    async def main():
        cluster = Cluster()
        del cluster.drives[DriveId("d1")]
        for data in (LARGE, SMALL):
            ref = await cluster.put(data)
            assert await cluster.get(ref) == data
            assert cluster.told.degraded.pop() == (CELL, ref, [DriveId("d1")])

    asyncio.run(main())


@pytest.mark.parametrize("fault", [Fault.IO_ERROR, Fault.FULL, Fault.GONE, Fault.SLOW])
@pytest.mark.parametrize("verb", ["open_sink", "write", "commit"])
def test_one_failing_drive_does_not_fail_an_upload(verb, fault):
    async def main():
        cluster = Cluster(faults=every(verb, fault, 2))
        ref = await cluster.put(LARGE)
        assert await cluster.get(ref) == LARGE
        assert cluster.told.degraded == [(CELL, ref, [DriveId("d2")])]

    asyncio.run(main())


@pytest.mark.parametrize("verb", ["open_sink", "write", "commit"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.IO_ERROR, QuorumLost),
        (Fault.FULL, StorageFull),
        (Fault.SLOW, QuorumLost),
        (Fault.LOST_ANSWER, QuorumLost),
    ],
)
def test_below_the_write_quorum_the_upload_fails_and_leaves_nothing(verb, fault, error):
    async def main():
        cluster = Cluster(faults=every(verb, fault, 1, 3))
        with pytest.raises(error):
            await cluster.put(LARGE)
        await asyncio.sleep(0)
        assert cluster.shard_count() == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.IO_ERROR, QuorumLost), (Fault.FULL, StorageFull), (Fault.LOST_ANSWER, QuorumLost)],
)
def test_below_the_write_quorum_small_content_fails_and_leaves_nothing(fault, error):
    async def main():
        cluster = Cluster(faults=every("put_shards", fault, 1, 3))
        with pytest.raises(error):
            await cluster.put(SMALL)
        assert cluster.shard_count() == 0

    asyncio.run(main())


def test_one_full_and_one_failing_drive_is_full_storage():
    async def main():
        faults = every("put_shards", Fault.FULL, 1) + every("put_shards", Fault.GONE, 3)
        with pytest.raises(StorageFull):
            await Cluster(faults=faults).put(SMALL)

    asyncio.run(main())


@pytest.mark.parametrize("data", [LARGE, SMALL], ids=["large", "small"])
def test_an_upload_that_breaks_off_leaves_nothing(data):
    async def main():
        cluster = Cluster()

        async def chunks():
            for start in range(0, len(data), 100_000):
                yield data[start : start + 100_000]
            raise IncompleteBody

        with pytest.raises(IncompleteBody):
            await cluster.store.write(CELL, chunks(), size_hint=len(data), digests=None)
        assert cluster.shard_count() == 0

    asyncio.run(main())


def test_a_cancelled_upload_leaves_nothing():
    async def main():
        cluster = Cluster()
        arrived = asyncio.Event()

        async def chunks():
            yield LARGE
            arrived.set()
            await asyncio.Event().wait()

        async def put():
            await cluster.store.write(CELL, chunks(), size_hint=9 * MIB, digests=None)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(put())
            await arrived.wait()
            task.cancel()
        assert cluster.shard_count() == 0

    asyncio.run(main())


def test_an_error_of_the_digests_passes_through():
    class Refusing:
        def update(self, chunk):
            raise DriveSlow("no")

    async def main():
        cluster = Cluster()
        with pytest.raises(DriveSlow):
            await cluster.put(LARGE, digests=Refusing())
        assert cluster.shard_count() == 0

    asyncio.run(main())


def test_discarded_bytes_are_gone_also_where_a_drive_does_not_answer():
    async def main():
        cluster = Cluster(faults=every("delete_shard", Fault.IO_ERROR, 0))
        ref = await cluster.put(LARGE)
        await cluster.store.discard(ref)
        assert cluster.shard_count() == 1
        await cluster.store.discard(ref)

    asyncio.run(main())


def test_a_late_drive_is_not_waited_for_and_its_shard_still_arrives():
    async def main():
        cluster = Cluster(faults=every("commit", Fault.SLOW, 3), delay_s=0.05)
        ref = await cluster.put(LARGE)
        assert cluster.told.degraded == [(CELL, ref, [DriveId("d3")])]
        assert cluster.shard_count() == 4

    asyncio.run(main())


def test_a_slow_shard_is_replaced_by_parity():
    async def main():
        cluster = Cluster(faults=every("read_blocks", Fault.SLOW, 0, 1), limits=QUICK)
        ref = await cluster.put(content(9 * MIB))
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await cluster.get(ref) == content(9 * MIB)
        assert loop.time() - began < 5

    asyncio.run(main())


def test_data_shards_move_around_the_set():
    async def main():
        cluster = Cluster()
        refs = [await cluster.store.write_whole(CELL, b"x" * 20_000) for _ in range(40)]
        assert len({ref.data_id for ref in refs}) == 40
        assert {cluster.holder(ref, 0) for ref in refs} == set(cluster.names)

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(20))
def test_any_mix_of_faults_gives_right_bytes_or_an_error(seed):
    async def main():
        cluster = Cluster(6)
        rates = {
            verb: {Fault.IO_ERROR: 0.05, Fault.FULL: 0.05, Fault.LOST_ANSWER: 0.03}
            for verb in ("open_sink", "write", "commit", "put_shards")
        }
        rates["read_blocks"] = dict.fromkeys(
            (Fault.BIT_FLIP, Fault.TRUNCATED, Fault.SHARD_STALE, Fault.SHARD_MISSING), 0.04
        )
        for number, name in enumerate(cluster.names):
            plan = SeededPlan(seed * 100 + number, rates)
            cluster.drives[name] = FaultyDrive(cluster.memory[name], plan)
        for data in (LARGE, SMALL):
            try:
                ref = await cluster.put(data)
            except (QuorumLost, StorageFull):
                continue
            try:
                assert await cluster.get(ref) == data
            except (Bitrot, QuorumLost):
                continue

    asyncio.run(main())
