"""What is bought together and what next, counted by hand and by a slow recount."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from segmentation.affinity import Pair, following, overfull, share_within, together
from segmentation.waits import Waits

TEA, CUP, CAKE, SOAP = range(4)
ANN, BOB, CY, DEE, EVE = range(1, 6)

#: A dozen orders: number, customer, day, what was in it.
DOZEN = [
    (1, ANN, 0, [TEA, CUP]),
    (2, ANN, 10, [TEA]),
    (3, ANN, 30, [CAKE]),
    (4, BOB, 0, [TEA]),
    (5, BOB, 20, [CUP]),
    (6, CY, 5, [TEA, CUP, CAKE]),
    (7, CY, 6, [TEA]),
    (8, DEE, 7, [SOAP]),
    (9, DEE, 9, [SOAP]),
    (10, EVE, 1, [CAKE]),
    (11, EVE, 1, [CUP]),
    (12, EVE, 4, [SOAP]),
]
LINES = np.array([(order, who, day, what) for order, who, day, basket in DOZEN for what in basket])
ORDER, WHO, DAY, WHAT = LINES.T


def test_pairs_in_the_same_order_as_counted_by_hand() -> None:
    """Tea in orders 1, 2, 4, 6, 7; a cup in 1, 5, 6, 11; both in 1 and 6, of twelve orders."""
    pair = together(ORDER, WHAT, size=4).pair(TEA, CUP)
    assert (pair.together, pair.first_n, pair.second_n, pair.baskets) == (2, 5, 4, 12)
    assert pair.support == pytest.approx(2 / 12)
    assert pair.confidence == pytest.approx(2 / 5)
    assert pair.reverse == pytest.approx(2 / 4)
    assert pair.lift == pytest.approx((2 / 12) / (5 / 12 * 4 / 12))


def test_pairs_of_the_same_customer_as_counted_by_hand() -> None:
    """Ann, Bob and Cy had tea; Ann, Bob, Cy and Eve a cup; all three of tea had both, of five customers."""
    pair = together(WHO, WHAT, size=4).pair(TEA, CUP)
    assert (pair.together, pair.first_n, pair.second_n, pair.baskets) == (3, 3, 4, 5)
    assert pair.confidence == 1
    assert pair.reverse == pytest.approx(3 / 4)
    assert pair.lift == pytest.approx(5 / 4)


def test_each_pair_is_told_once_and_only_where_enough_baskets_hold_it() -> None:
    found = together(WHO, WHAT, size=4)
    n, pairs = found.best(least=2)
    told = {frozenset((pair.first, pair.second)): pair.together for pair in pairs}
    assert n == 3
    # Cake: Ann, Cy and Eve. Soap with a cup: Eve alone, one is too few.
    assert told == {frozenset((TEA, CUP)): 3, frozenset((TEA, CAKE)): 2, frozenset((CUP, CAKE)): 3}
    assert {pair.second for pair in found.best(of=SOAP, least=1)[1]} == {CUP, CAKE}
    assert all(pair.first == SOAP for pair in found.best(of=SOAP, least=1)[1])
    assert all(pair.first_n <= pair.second_n for pair in found.best(least=1)[1])


MEASURED = {
    "lift": lambda pair: pair.lift_interval[0],
    "confidence": lambda pair: pair.interval[0],
    "together": lambda pair: pair.together,
}


@pytest.mark.parametrize("by", MEASURED)
def test_the_greatest_stand_first(by: str) -> None:
    n, pairs = together(WHO, WHAT, size=4).best(by=by, least=1)
    values = [MEASURED[by](pair) for pair in pairs]
    assert values == sorted(values, reverse=True)
    assert (n, len(values)) == (5, 5)
    assert together(WHO, WHAT, size=4).best(by=by, least=1, most=2) == (5, pairs[:2])


def test_other_products_make_baskets_but_no_pairs() -> None:
    found = together(np.array([1, 1, 2, 3]), np.array([TEA, -1, -1, TEA]), size=4)
    assert found.baskets == 3
    assert found.counts.diagonal().tolist() == [2, 0, 0, 0]
    assert found.best(least=1) == (0, [])


def test_overfull_baskets_are_known_by_their_different_products() -> None:
    baskets, products = np.array([1, 1, 1, 2, 2, 2]), np.array([7, 8, 9, 7, 7, 8])
    assert overfull(baskets, products, most=2).tolist() == [True, True, True, False, False, False]


def test_everything_is_possible_where_nobody_came_back() -> None:
    assert share_within(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe (1998), table I
    assert share_within(0, 0) == (0, 1)


def test_only_what_chance_does_not_explain_is_called_more_or_less() -> None:
    assert Pair(0, 1, together=60, first_n=100, second_n=300, baskets=1000).verdict == "more"
    assert Pair(0, 1, together=10, first_n=100, second_n=300, baskets=1000).verdict == "less"
    low, high = Pair(0, 1, together=60, first_n=100, second_n=300, baskets=1000).lift_interval
    assert (low, high) == pytest.approx((0.5020 / 0.3, 0.6906 / 0.3), abs=2e-3)
    # 35 % of the buyers against 30 % of everybody: chance does that.
    assert Pair(0, 1, together=35, first_n=100, second_n=300, baskets=1000).verdict == "unclear"


def test_what_is_bought_next_as_followed_by_hand() -> None:
    """After their first tea, Ann bought tea again (10 days), Bob a cup (20 days), Cy tea again (1 day)."""
    found = following(WHO, DAY, WHAT, size=4)
    assert (found.buyers[TEA], found.back[TEA]) == (3, 3)
    after = found.after(TEA)
    assert {what: wait.n for what, wait in after.items()} == {TEA: 2, CUP: 1}
    assert after[TEA].days.tolist() == [1, 10]
    # A cup: Ann (then tea), Bob (nothing since), Cy (then tea), Eve (then soap).
    assert (found.buyers[CUP], found.back[CUP]) == (4, 3)
    assert {what: wait.n for what, wait in found.after(CUP).items()} == {TEA: 2, SOAP: 1}
    # Two orders of one day are one visit: Eve's cup did not follow her cake.
    assert {what: wait.n for what, wait in found.after(CAKE).items()} == {TEA: 1, SOAP: 1}


def test_nobody_bought_anything() -> None:
    nothing = np.zeros(0, np.int64)
    assert together(nothing, nothing, size=2).baskets == 0
    found = following(nothing, nothing, nothing, size=2)
    assert found.back.tolist() == [0, 0]
    assert found.after(0) == {}
    assert overfull(nothing, nothing, most=1).tolist() == []


rows = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 8), st.integers(-1, 4)), max_size=40)


def columns(given_rows: list[tuple[int, int, int]]) -> Any:
    return np.array(given_rows, np.int64).reshape(-1, 3).T


@given(rows)
@settings(max_examples=150)
def test_a_slow_recount_of_pairs_agrees(drawn: list[tuple[int, int, int]]) -> None:
    who, _day, what = columns(drawn)
    found = together(who, what, size=5)
    held = {one: {w for o, _d, w in drawn if o == one and w >= 0} for one, _d, _w in drawn}
    assert found.baskets == len(held)
    for a in range(5):
        for b in range(5):
            assert found.counts[a, b] == sum({a, b} <= basket for basket in held.values())


@given(rows)
@settings(max_examples=150)
def test_a_slow_recount_of_what_follows_agrees(drawn: list[tuple[int, int, int]]) -> None:
    found = following(*columns(drawn), size=5)
    for a in range(5):
        back, waits = slowly_followed(drawn, a)
        assert found.back[a] == back
        assert {
            (b, int(day)): int(n)
            for b, wait in found.after(a).items()
            for day, n in zip(wait.days, wait.counts, strict=True)
        } == {pair: waits.count(pair) for pair in waits}


def slowly_followed(drawn: list[tuple[int, int, int]], a: int) -> tuple[int, list[tuple[int, int]]]:
    back, waits = 0, []
    for one in {who for who, _day, _what in drawn}:
        visits = sorted({day for who, day, _what in drawn if who == one})
        with_a = {day for who, day, what in drawn if (who, what) == (one, a)}
        for day, later in pairwise(visits):
            if with_a and day == min(with_a):
                back += 1
                waits += [(b, later - day) for b in {w for o, d, w in drawn if (o, d) == (one, later)} if b >= 0]
    return back, waits


@given(rows, rows)
def test_customer_ranges_add_up_to_the_whole(
    some: list[tuple[int, int, int]], more: list[tuple[int, int, int]]
) -> None:
    others = [(who + 10, day, what) for who, day, what in more]
    parts = [following(*columns(part), size=5) for part in (some, others)]
    whole = following(*columns(some + others), size=5)
    joined = parts[0].plus(parts[1])
    assert joined.back.tolist() == whole.back.tolist()
    assert joined.waits.keys.tolist() == whole.waits.keys.tolist()
    assert joined.waits.counts.tolist() == whole.waits.counts.tolist()


def test_quantiles_are_days_that_occurred() -> None:
    wait = Waits.of(np.zeros(10, np.int64), np.arange(1, 11)).wait(0)
    assert [wait.quantile(share) for share in (0.3, 0.5, 0.6, 0.9)] == [3, 5, 6, 9]
    assert Waits.of(np.zeros(0, np.int64), np.zeros(0, np.int64)).wait(0).quantile(0.5) is None
