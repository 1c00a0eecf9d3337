import numpy as np
import pytest
from hypothesis import given, strategies as st

from segmentation import lifecycle
from segmentation.lifecycle import Bounds
from segmentation.rfm import Ints

days = st.lists(st.integers(1, 40), min_size=1, max_size=80)


def histogram(numbers: list[int]) -> Ints:
    return np.bincount(numbers, minlength=1).astype(np.int64)


def slow_survival(spells: list[int], open_spells: list[int], until: int) -> list[float]:
    """Kaplan–Meier by its definition, one day after the other."""
    share, curve = 1.0, []
    for day in range(until + 1):
        at_risk = sum(spell >= day for spell in spells) + sum(spell >= day for spell in open_spells)
        share *= 1 - (spells.count(day) / at_risk if at_risk else 0)
        curve.append(share)
    return curve


def test_bounds_are_the_30_60_90_percent_quantiles_of_the_spells() -> None:
    found = lifecycle.bounds(histogram(list(range(1, 101))))
    assert found == Bounds(30, 60, 90, spells=100, own=True)


@given(st.lists(st.integers(1, 400), min_size=50, max_size=200))
def test_bounds_agree_with_a_sorted_list(spells: list[int]) -> None:
    ordered = sorted(spells)
    expected = [next(d for n, d in enumerate(ordered, 1) if n / len(ordered) >= share) for share in (0.3, 0.6, 0.9)]
    assert list(lifecycle.bounds(histogram(spells)).days) == expected


def test_49_spells_are_too_few_and_50_are_enough() -> None:
    assert lifecycle.bounds(histogram([7] * 49)) == Bounds(30, 90, 180, spells=49, own=False)
    assert lifecycle.bounds(histogram([7] * 50)) == Bounds(7, 7, 7, spells=50, own=True)


@pytest.mark.parametrize(
    ("recency", "orders", "stage"),
    [
        (0, 1, "new"), (14, 1, "new"), (15, 1, "silent"),
        (14, 2, "active"), (15, 2, "silent"), (37, 2, "silent"), (38, 2, "dormant"),
        (110, 9, "dormant"), (111, 9, "lost"), (111, 1, "lost"),
    ],
)  # fmt: skip
def test_the_day_of_a_bound_still_belongs_to_the_better_stage(recency: int, orders: int, stage: str) -> None:
    found = lifecycle.stages(np.array([recency]), np.array([orders]), Bounds(14, 37, 110, 999, own=True))
    assert lifecycle.STAGES[found[0]] == stage


@given(days, st.lists(st.integers(0, 60), max_size=40))
def test_survival_agrees_with_kaplan_and_meier(spells: list[int], waiting: list[int]) -> None:
    found = lifecycle.survival(histogram(spells), histogram(waiting))
    assert found == pytest.approx(slow_survival(spells, waiting, len(found) - 1))


def test_survival_of_a_textbook_case() -> None:
    # Returns on days 1 and 3, one customer waiting since 2 days: S = 1, 2/3, 2/3, 0.
    assert lifecycle.survival(histogram([1, 3]), histogram([2])).tolist() == pytest.approx([1, 2 / 3, 2 / 3, 0])


def test_a_histogram_of_ranges_adds_up() -> None:
    assert lifecycle.add(histogram([1, 5]), histogram([1, 2])).tolist() == histogram([1, 5, 1, 2]).tolist()


def test_half_life_by_hand() -> None:
    # S: 1, .8, .6, .5, .5 → C(t) = 1 − .5/S: .5, .375, .1667 ≤ .25 on day 2.
    assert lifecycle.half_life(np.array([1.0, 0.8, 0.6, 0.5, 0.5])) == 2


def test_the_horizon_ends_the_half_life() -> None:
    curve = np.array([1.0, 0.9, 0.8, 0.7, 0.1])
    assert lifecycle.half_life(curve, horizon=2) == 2
    assert lifecycle.half_life(curve) == 4


def test_where_nobody_came_back_there_is_no_half_life() -> None:
    assert lifecycle.half_life(lifecycle.survival(histogram([]), histogram([3, 9]))) is None


@given(days, st.lists(st.integers(0, 60), max_size=40))
def test_half_life_is_the_first_day_with_half_the_chance(spells: list[int], waiting: list[int]) -> None:
    curve = slow_survival(spells, waiting, max(spells + waiting))
    rest = curve[-1]

    def chance(day: int) -> float:
        return 1 - rest / curve[day] if curve[day] > 1e-12 else 0.0

    found = lifecycle.half_life(np.array(curve))
    assert found is not None
    assert chance(found) <= chance(0) / 2
    assert all(chance(day) > chance(0) / 2 for day in range(found))


def test_the_win_back_day_is_where_the_smoothed_chance_has_halved() -> None:
    # 10 % a day until day 20, then nothing: the mean of days 14–27 (7 of 14 days) is exactly half, that of 15–28 below.
    daily = np.array([0.0] + [0.1] * 20 + [0.0] * 40)
    assert lifecycle.win_back_day(daily, p30=10) == 21


def test_a_chance_that_never_falls_has_no_win_back_day() -> None:
    assert lifecycle.win_back_day(np.full(60, 0.1), p30=10) is None


def test_who_crosses_a_bound_within_a_week() -> None:
    # Bound 14: day 14 crosses tomorrow, day 8 on the seventh day; day 7 not yet, day 15 already has.
    assert lifecycle.crossing(np.array([7, 8, 14, 15]), 14) == 2
