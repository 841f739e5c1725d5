"""Each safety rule is needed: without it, and with nothing else changed, the checks fail.

Seeds     the first seed that catches a variant is written down and tried first, then its
          neighbours, then up to `SEEDS_MAX` others: the meaning of a seed moves when code changes.
Schedules what seeds meet too rarely is written out in broken.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from atoll.drives.acceptor import AcceptorRules
from atoll.registers.settings import RegisterRules
from fakes.virtual_loop import run_virtual
from sim import broken
from sim.run import Violation, run_seed
from sim.world import JobRules, Rules, Shape, open_world

SEEDS_MAX = 200

#: Rule → the store without it, and a seed that catches it.
BY_SEED = {
    "prepares wait for the sync of an accept": (
        Rules(acceptors=AcceptorRules(prepare_waits_for_sync=False)),
        3,
    ),
    "a read quorum meets every write quorum": (
        Rules(registers=RegisterRules(read_quorum_is_whole=False)),
        0,
    ),
    "a retry looks before it writes again": (
        Rules(registers=RegisterRules(retries_look_first=False)),
        0,
    ),
}

THREE = Shape(sets=((0, 1, 2),), hosts=3)
FIVE = Shape(sets=((0, 1, 2, 3, 4),), hosts=3)

#: Rule → the store without it, and the schedule that shows it.
BY_SCHEDULE = {
    "promises survive a restart (floor)": (
        Rules(acceptors=AcceptorRules(promises_survive_restart=False)),
        broken.floor,
        THREE,
    ),
    "readers write back what is unsettled": (
        Rules(registers=RegisterRules(readers_write_back=False)),
        broken.write_back,
        THREE,
    ),
    "the watermark passes no open ballot": (
        Rules(registers=RegisterRules(watermark_waits_for_open=False)),
        broken.mark_open,
        THREE,
    ),
    "only durable records are shown": (
        Rules(acceptor_type=broken.ShowsUnsynced),
        broken.unsynced,
        Shape(sets=((0, 1, 2),), hosts=3, sync_s=0.5),
    ),
    "a dropped tombstone leaves a horizon": (
        Rules(acceptors=AcceptorRules(tombstones_leave_horizon=False)),
        broken.horizon,
        THREE,
    ),
    "seals hold": (Rules(acceptors=AcceptorRules(seals_hold=False)), broken.seals, THREE),
    "blank drives abstain": (
        Rules(acceptors=AcceptorRules(blank_drives_abstain=False)),
        broken.abstain,
        THREE,
    ),
    "old data is not named for the first time": (
        Rules(acceptors=AcceptorRules(old_data_is_refused=False)),
        broken.old_data,
        THREE,
    ),
    "both rounds run in one epoch": (
        Rules(registers=RegisterRules(rounds_share_epoch=False)),
        broken.epoch,
        THREE,
    ),
    "a watermark is judged only if held before": (
        Rules(registers=RegisterRules(watermark_is_taken_before=False)),
        broken.mark_early,
        THREE,
    ),
    "the orphan scan completes before it removes": (
        Rules(jobs=JobRules(orphan_scan_completes=False)),
        broken.orphans,
        THREE,
    ),
    "freeing is told, never guessed": (
        Rules(jobs=JobRules(frees_are_told=False)),
        broken.frees,
        FIVE,
    ),
    "shards before name": (
        Rules(jobs=JobRules(shards_before_name=False)),
        broken.shards_first,
        THREE,
    ),
}


def _seeds_around(first: int) -> Iterator[int]:
    """Yield a seed, its neighbours, then the others."""
    near = [first, *range(max(0, first - 3), first), *range(first + 1, first + 4)]
    yield from near
    yield from (seed for seed in range(SEEDS_MAX) if seed not in near)


def _is_caught(seed: int, rules: Rules) -> bool:
    try:
        run_seed(seed, rules=rules)
    except Violation:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("rule", BY_SEED)
def test_a_seed_catches_the_missing_rule(rule: str) -> None:
    rules, first = BY_SEED[rule]
    caught = next((seed for seed in _seeds_around(first) if _is_caught(seed, rules)), None)
    assert caught is not None, f"no seed below {SEEDS_MAX} needs the rule"
    run_seed(caught)


async def _play(schedule: broken.Schedule, shape: Shape, rules: Rules) -> None:
    async with open_world(1, shape, rules) as world:
        world.network.weather.delay_s = 0.001
        await schedule(world)


@pytest.mark.parametrize("rule", BY_SCHEDULE)
def test_a_schedule_catches_the_missing_rule(rule: str) -> None:
    rules, schedule, shape = BY_SCHEDULE[rule]
    with pytest.RaisesGroup(AssertionError, flatten_subgroups=True):
        run_virtual(_play(schedule, shape, rules))
    run_virtual(_play(schedule, shape, Rules()))


def test_every_rule_has_a_variant() -> None:
    switched = [rules for rules, *_ in [*BY_SEED.values(), *BY_SCHEDULE.values()]]
    off = {
        name
        for rules in switched
        for part in (rules.acceptors, rules.registers, rules.jobs)
        for name in part.__struct_fields__
        if not getattr(part, name)
    }
    parts = (AcceptorRules, RegisterRules, JobRules)
    every = {name for part in parts for name in part.__struct_fields__}
    # Damage is no fault of the simulation: tests/unit/drives/test_unreadable.py switches it off.
    assert off == every - {"unreadable_records_bind"}
