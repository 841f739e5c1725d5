"""The calculator says what the design's table says."""

import pytest

from atoll.base.units import TIB
from atoll.core.placement.calculator import calculate, calculate_all

#: drives: (k, m, Q2, Q1, writes survive, reads survive), from the design's section on quorums.
DESIGN = {
    1: (1, 0, 1, 1, 0, 0),
    2: (1, 1, 2, 1, 0, 1),
    3: (2, 1, 2, 2, 1, 1),
    4: (2, 2, 3, 2, 1, 2),
    6: (4, 2, 5, 2, 1, 2),
    8: (5, 3, 6, 3, 2, 3),
    16: (12, 4, 13, 4, 3, 4),
}


@pytest.mark.parametrize("drives", DESIGN)
def test_the_designs_table(drives):
    plan = calculate(drives, TIB)
    found = (
        plan.data,
        plan.parity,
        plan.write_quorum,
        plan.read_quorum,
        plan.writes_survive,
        plan.reads_survive,
    )
    assert found == DESIGN[drives]


def test_four_drives():
    plan = calculate(4, TIB, rebuild_bytes_per_s=TIB / 3600)
    assert plan.raw_bytes == 4 * TIB
    assert plan.usable_bytes == 2 * TIB
    assert plan.efficiency == 0.5
    assert (plan.tolerance_written, plan.tolerance_acknowledged) == (2, 1)
    assert plan.rebuild_read_bytes == 2 * TIB
    assert plan.rebuild_s == pytest.approx(3600)


def test_without_parity_nothing_is_rebuilt():
    plan = calculate(1, TIB)
    assert plan.rebuild_s is None
    assert plan.rebuild_read_bytes == 0


def test_overlapping_sets_are_counted():
    assert calculate(20, TIB, set_drives=16).sets == 5


def test_all_layouts_hold_the_invariants():
    plans = calculate_all(16, TIB)
    assert len({(plan.set_drives, plan.parity) for plan in plans}) == len(plans)
    for plan in plans:
        assert plan.data + plan.parity == plan.set_drives
        assert plan.write_quorum + plan.read_quorum == plan.set_drives + 1
        assert 0 <= plan.tolerance_acknowledged <= plan.tolerance_written
        assert plan.writes_survive <= plan.tolerance_written or plan.parity == 0


@pytest.mark.parametrize(
    "arguments", [{"set_drives": 5}, {"parity": 3}, {"rebuild_bytes_per_s": 0}, {"set_drives": 0}]
)
def test_what_does_not_fit_is_refused(arguments):
    with pytest.raises(ValueError, match="found|above"):
        calculate(4, TIB, **arguments)
