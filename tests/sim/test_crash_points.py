"""Power goes at every durable step of every act, and nothing acknowledged is lost.

`ATOLL_SIM_SEEDS` says how often: `make sim` takes more than 10⁴ crash points, `make test` a part.
"""

from __future__ import annotations

from collections import Counter

import pytest

from fakes.virtual_loop import run_virtual
from sim.crash_points import ACTS, CUTS, Striker
from sim.seeds import MAKE_SIM_SEEDS, SEEDS
from sim.world import Shape, open_world

#: Drives of the set → crash points that one pass takes at least.
POINTS_MIN = {1: 160, 2: 300, 3: 620, 4: 800, 6: 1150}
SEEDS_PER_PASS = 50
#: Acts that small sets have no part in: without a drive to spare nothing is chosen that one lacks.
NEED_MORE = {1: {"complete on read", "repair", "rebuild"}, 2: {"repair"}}


def passes(seeds: int) -> int:
    """Return how many passes a number of seeds is worth."""
    return max(1, seeds // SEEDS_PER_PASS)


async def _walk(seed: int, drives: int, counts: Counter[str]) -> None:
    shape = Shape(sets=(tuple(range(drives)),), hosts=2)
    for name in ACTS:
        for cut in CUTS:
            async with open_world(seed, shape) as world:
                counts[name] += await Striker(world, cut).walk(name)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(passes(SEEDS)))
@pytest.mark.parametrize("drives", POINTS_MIN)
def test_power_may_go_at_every_durable_step(drives: int, seed: int) -> None:
    counts: Counter[str] = Counter()
    run_virtual(_walk(seed, drives, counts))
    print(f"{drives} drives: {counts.total()} crash points {dict(counts)}")
    assert counts.total() >= POINTS_MIN[drives]
    untouched = {name for name in ACTS if not counts[name]}
    assert untouched == NEED_MORE.get(drives, set())


def test_make_sim_takes_ten_thousand_crash_points() -> None:
    assert passes(MAKE_SIM_SEEDS) * sum(POINTS_MIN.values()) >= 10_000
