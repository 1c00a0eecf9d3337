"""How long a product lasts, counted by hand and by a slow recount."""

from itertools import pairwise

import numpy as np
from hypothesis import given, strategies as st

from segmentation.intervals import LEAST_SPELLS, spells

TEA, SOAP = 0, 1


def test_spells_are_of_the_same_product_and_the_same_customer() -> None:
    """Ann: tea on days 0, 10, 25, and soap between; Bob: tea on day 3 only; the day of the count is 30."""
    who = np.array([1, 1, 1, 1, 2, 2])
    day = np.array([0, 5, 10, 25, 3, 3])
    what = np.array([TEA, SOAP, TEA, TEA, TEA, TEA])
    found = spells(who, day, what, size=2, until=30)
    assert found.wait(TEA).days.tolist() == [10, 15]
    assert found.wait(SOAP).n == 0
    assert (found.buyers.tolist(), found.once.tolist()) == ([2, 1], [1, 1])
    assert found.open.wait(TEA).days.tolist() == [5, 27]
    assert found.open.wait(SOAP).days.tolist() == [25]


def test_too_few_spells_say_so_and_one_more_tells() -> None:
    """Every buyer comes back after as many days as their number."""
    few, enough = (refills(buyers) for buyers in (LEAST_SPELLS - 1, LEAST_SPELLS))
    assert (few.spells, few.median, few.p90, few.due) == (LEAST_SPELLS - 1, None, None, None)
    assert (enough.p30, enough.median, enough.p60, enough.p90) == (6, 10, 12, 18)
    assert enough.again == 1


def test_a_refill_is_due_from_p30_to_p90_of_the_spells() -> None:
    """Twenty buyers wait since day 1 … 20; the count is on day 26, so 25 … 6 days ago: 6 … 18 are due."""
    assert refills(20, until=26).due == 13


def refills(buyers: int, until: int = 40):
    numbers = np.arange(1, buyers + 1)
    return spells(
        np.concatenate([numbers, numbers]), np.concatenate([numbers * 0, numbers]), np.zeros(2 * buyers, np.int64),
        size=1, until=until,
    ).repeat(0)  # fmt: skip


bought = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 60), st.integers(-1, 2)), max_size=60)


@given(bought)
def test_a_slow_recount_agrees(drawn: list[tuple[int, int, int]]) -> None:
    found = spells(*np.array(drawn, np.int64).reshape(-1, 3).T, size=3, until=60)
    for thing in range(3):
        days = {who: sorted({d for w, d, t in drawn if (w, t) == (who, thing)}) for who, _d, _t in drawn}
        held = [one for one in days.values() if one]
        gaps = sorted(b - a for one in held for a, b in pairwise(one))
        wait = found.wait(thing)
        assert np.repeat(wait.days, wait.counts).tolist() == gaps
        assert found.buyers[thing] == len(held)
        assert found.once[thing] == sum(len(one) == 1 for one in held)
        open_wait = found.open.wait(thing)
        assert np.repeat(open_wait.days, open_wait.counts).tolist() == sorted(60 - one[-1] for one in held)


@given(bought, bought)
def test_customer_ranges_add_up(some: list[tuple[int, int, int]], more: list[tuple[int, int, int]]) -> None:
    others = [(who + 10, day, thing) for who, day, thing in more]
    parts = [spells(*np.array(one, np.int64).reshape(-1, 3).T, size=3, until=60) for one in (some, others)]
    whole = spells(*np.array(some + others, np.int64).reshape(-1, 3).T, size=3, until=60)
    joined = parts[0].plus(parts[1])
    assert [joined.repeat(thing) for thing in range(3)] == [whole.repeat(thing) for thing in range(3)]
