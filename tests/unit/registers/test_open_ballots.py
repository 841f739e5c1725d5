"""Ballots of unknown outcome pile up to a limit, and go when the drives are back."""

import asyncio

import msgspec
import pytest

from atoll.base.errors import ObjectNotFound, StoreError, Throttled
from atoll.registers.members import Spot
from fakes.virtual_loop import run_virtual
from fakes.world import World

LIMIT = 3


def test_writes_are_refused_at_the_limit_and_served_again_behind_it() -> None:
    async def main() -> None:
        async with World() as world:
            proposer = world.registers.proposer
            proposer.settings = msgspec.structs.replace(
                proposer.settings, open_ballots_max=LIMIT, write_s=1.0
            )
            away = {drive_id: world.drives.pop(drive_id) for drive_id in world.on.drives[:2]}
            # Two of four drives accept: nobody can say whether the key is written.
            with pytest.raises(StoreError):
                await world.put(b"key0", b"x")
            # The resolver's attempts to find out count as well.
            await asyncio.sleep(60.0)
            assert proposer.ballots.open_count(0) >= LIMIT
            with pytest.raises(Throttled):
                await world.put(b"one more", b"x")
            # A read that would have to complete what it met is refused as well, in bounded time.
            with pytest.raises(Throttled):
                await world.get(b"key0")
            # So is heal, which sees many keys: each would leave a ballot open.
            open_count = proposer.ballots.open_count(0)
            with pytest.raises(Throttled):
                await world.repairer.confirm(Spot(world.on, b"b/12345678other"))
            assert proposer.ballots.open_count(0) == open_count
            # What is settled, and what is not there, is read as ever.
            with pytest.raises(ObjectNotFound):
                await world.get(b"nothing")
            world.drives.update(away)
            await asyncio.sleep(60.0)
            assert not proposer.unresolved
            assert proposer.ballots.open_count(0) == 0
            await world.put(b"one more", b"y")
            assert await world.get(b"one more") == b"y"

    run_virtual(main())
