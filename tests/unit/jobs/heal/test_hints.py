"""The queue of hints: each key once, retried with pauses, never in each other's way."""

import asyncio

import pytest

from atoll.base.errors import DriveFull, QuorumLost
from atoll.base.names import ObjectKey
from atoll.base.streams import WholeBody
from atoll.core.formats.data_ref import strip_owner
from atoll.core.formats.object_record import (
    NOT_INLINE,
    NULL_VERSION,
    ObjectHead,
    VersionRecord,
    encode_head,
)
from atoll.jobs.heal.healer import Depth, Healed
from atoll.jobs.heal.hints import ATTEMPTS_MAX, HintWorker
from atoll.jobs.worker import Budget, State
from atoll.objects.contract import PutRequest
from atoll.objects.keys import object_cell
from atoll.objects.stripes import Watchers
from atoll.registers.contract import Change
from fakes.shard_cluster import content, make_map
from fakes.world import BUCKET, World

BUDGET = Budget()


class ScriptedHealer:
    """Answers with what a script says, per key; then with `Healed()`."""

    def __init__(self, script=None) -> None:
        self.script = script or {}
        self.healed = []

    async def heal_owner(self, on, key, depth):
        assert depth is Depth.BYTES
        self.healed.append(key)
        answers = self.script.get(key)
        answer = answers.pop(0) if answers else Healed()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Account:
    """Takes notes."""

    def __init__(self, covered=()) -> None:
        self.noted = []
        self.covered = set(covered)

    def note(self, drives):
        self.noted += drives

    def covers(self, drives):
        return set(drives) <= self.covered


def hint_while_healing(healer, worker):
    """Have the first heal meet another hint at its key."""
    heal = healer.heal_owner

    async def heal_and_hint(on, key, depth):
        if not healer.healed:
            worker.add(0, key)
        return await heal(on, key, depth)

    healer.heal_owner = heal_and_hint


def make(healer, account=None):
    made = make_map(4)
    return HintWorker(healer, lambda: made, account or Account())


def version_of(ref):
    return VersionRecord(
        NULL_VERSION, False, 0, ref.size_bytes, "etag", NOT_INLINE, strip_owner(ref)
    )


async def advance(worker):
    """Bring the next attempt forward."""
    worker._due = [(0.0, where) for _, where in worker._due]
    return await worker.step(BUDGET)


def test_a_key_is_queued_once_and_healed_once():
    async def main():
        healer = ScriptedHealer()
        worker = make(healer)
        for key in (b"a", b"b", b"a"):
            worker.add(0, key)
        assert worker.status().queued == 2
        assert await worker.step(BUDGET) is State.IDLE
        assert healer.healed == [b"a", b"b"]
        assert worker.status().done == 2

    asyncio.run(main())


def test_a_key_without_its_quorum_does_not_hold_up_the_others():
    async def main():
        healer = ScriptedHealer({b"a": [QuorumLost(), QuorumLost()]})
        worker = make(healer)
        worker.add(0, b"a")
        worker.add(0, b"b")
        assert await worker.step(BUDGET) is State.IDLE
        assert worker.status().done == 1
        assert worker.status().queued == 1
        assert await worker.step(BUDGET) is State.IDLE
        assert healer.healed == [b"a", b"b"]
        await advance(worker)
        await advance(worker)
        assert healer.healed == [b"a", b"b", b"a", b"a"]
        assert (worker.status().done, worker.status().queued) == (2, 0)

    asyncio.run(main())


def test_what_can_never_be_given_to_a_drive_is_noted_in_the_end():
    async def main():
        left = Healed(left=frozenset({"d3"}))
        healer = ScriptedHealer({b"a": [left] * ATTEMPTS_MAX})
        account = Account()
        worker = make(healer, account)
        worker.add(0, b"a")
        await worker.step(BUDGET)
        for _ in range(ATTEMPTS_MAX - 1):
            assert account.noted == []
            await advance(worker)
        assert account.noted == ["d3"]
        assert worker.status().queued == 0

    asyncio.run(main())


def test_a_hint_at_the_key_that_is_being_healed_is_looked_at_again():
    async def main():
        healer = ScriptedHealer()
        worker = make(healer)
        hint_while_healing(healer, worker)
        worker.add(0, b"a")
        await worker.step(BUDGET)
        assert (healer.healed, worker.depth) == ([b"a"], 1)
        await advance(worker)
        assert (healer.healed, worker.depth) == ([b"a", b"a"], 0)

    asyncio.run(main())


def test_a_key_that_fails_and_is_hinted_at_meanwhile_waits_once():
    async def main():
        healer = ScriptedHealer({b"a": [QuorumLost()]})
        worker = make(healer)
        hint_while_healing(healer, worker)
        worker.add(0, b"a")
        await worker.step(BUDGET)
        assert (worker.depth, len(worker._due)) == (1, 1)
        await advance(worker)
        assert (healer.healed, worker.depth) == ([b"a", b"a"], 0)

    asyncio.run(main())


def test_bytes_written_without_a_drive_are_healed_once_a_register_names_them():
    async def main():
        async with World() as world:
            worker = HintWorker(world.healer, world.current, Account())
            lacking = world.drives[world.on.drives[3]]
            told = []
            world.stripes._watchers = Watchers(
                lambda _, ref, drives: told.append(ref), lambda *_: None
            )

            def refuse(shards):
                raise DriveFull

            put_shards, lacking.put_shards = lacking.put_shards, refuse
            cell = object_cell((await world.objects.head_bucket(BUCKET)).incarnation, b"k")
            ref = await world.stripes.write_whole(cell, content(100_000))
            assert told == [ref]
            worker.add(ref.set_index, ref.key, after_s=60.0)
            lacking.put_shards = put_shards
            # The register does not name the bytes yet; healing now would find nothing to do.
            assert await worker.step(BUDGET) is State.IDLE
            assert worker.depth == 1
            change = Change(
                True,
                b"",
                encode_head(ObjectHead([version_of(ref)], [], [])),
                b"",
                (ref.data_id,),
            )
            await world.registers.write(cell, lambda _: change)
            await world.settle()
            await advance(worker)
            assert (worker.status().repaired, worker.depth) == (1, 0)
            assert len(lacking.shards.bodies) == 1

    asyncio.run(main())


def test_a_drive_that_will_be_swept_needs_no_retries():
    async def main():
        healer = ScriptedHealer({b"a": [Healed(left=frozenset({"d3"}))]})
        worker = make(healer, Account(covered={"d3"}))
        worker.add(0, b"a")
        await worker.step(BUDGET)
        assert worker.status().queued == 0

    asyncio.run(main())


def test_a_cancelled_step_keeps_its_key():
    async def main():
        class Hanging(ScriptedHealer):
            async def heal_owner(self, on, key, depth):
                await asyncio.Event().wait()

        worker = make(Hanging())
        worker.add(0, b"a")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await worker.step(BUDGET)
        assert worker.status().queued == 1

    asyncio.run(main())


def test_the_queue_is_bounded():
    made = make_map(4)
    worker = HintWorker(ScriptedHealer(), lambda: made, Account(), hints_max=2)
    for key in (b"a", b"b", b"c"):
        worker.add(0, key)
    assert (worker.status().queued, worker.status().failed) == (2, 1)


def test_waiting_ends_with_a_hint_or_when_a_retry_is_due():
    async def main():
        healer = ScriptedHealer({b"a": [QuorumLost()]})
        worker = make(healer)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(worker.wait())
            await asyncio.sleep(0)
            assert not waiting.done()
            worker.add(0, b"a")
        await worker.step(BUDGET)
        worker._due = [(asyncio.get_running_loop().time() + 0.001, worker._due[0][1])]
        await worker.wait()
        await worker.step(BUDGET)
        assert worker.status().done == 1

    asyncio.run(main())


def test_a_hint_about_an_owner_heals_parts_of_its_uploads():
    async def main():
        async with World() as world:
            key = ObjectKey(b"k")
            upload = await world.objects.create_upload(
                PutRequest(bucket=BUCKET, key=key), checksum_algorithm="", composite=False
            )
            body = WholeBody(content(200_000))
            await world.objects.put_part(BUCKET, key, upload.upload_id, 1, body)
            await world.settle()
            lost = world.drives[world.on.drives[0]].shards.bodies
            assert lost
            lost.clear()
            worker = HintWorker(world.healer, world.current, Account())
            worker.add(0, await world.register_key(b"k"))
            await worker.step(BUDGET)
            assert len(lost) == 1
            assert worker.status().repaired == 1

    asyncio.run(main())
