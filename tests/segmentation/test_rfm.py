from collections import Counter

import numpy as np
from hypothesis import given, strategies as st

from segmentation import rfm

values = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=60)
few_values = st.lists(st.integers(1, 6), min_size=1, max_size=60)


def ints(*numbers: int) -> rfm.Ints:
    return np.array(numbers, dtype=np.int64)


def slow_cut(numbers: list[int], share: float) -> int:
    """percentile_disc by its definition: the first value whose cumulative share reaches `share`."""
    ordered = sorted(numbers)
    return next(value for place, value in enumerate(ordered, 1) if place / len(ordered) >= share)


def test_cuts_are_values_that_exist() -> None:
    assert rfm.quantile_cuts(ints(10, 1, 2, 3, 4, 5, 6, 7, 8, 9)) == (2, 4, 6, 8)
    assert rfm.quantile_cuts(ints(7)) == (7, 7, 7, 7)
    assert rfm.quantile_cuts(ints()) == ()


@given(values)
def test_cuts_agree_with_the_definition_of_percentile_disc(numbers: list[int]) -> None:
    assert rfm.quantile_cuts(ints(*numbers)) == tuple(slow_cut(numbers, share) for share in rfm.QUINTILES)


def test_a_score_is_one_more_than_the_cuts_below_the_value() -> None:
    assert rfm.scores(ints(1, 2, 3, 8, 9), (2, 4, 6, 8)).tolist() == [1, 1, 2, 4, 5]


def test_the_most_recent_buyer_has_the_best_recency_score() -> None:
    assert rfm.recency_scores(ints(0, 2, 3, 8, 900), (2, 4, 6, 8)).tolist() == [5, 5, 4, 2, 1]


@given(few_values)
def test_equal_values_get_equal_scores_and_more_is_never_worse(numbers: list[int]) -> None:
    found = rfm.scores(ints(*numbers), rfm.quantile_cuts(ints(*numbers))).tolist()
    pairs = sorted(zip(numbers, found, strict=True))
    assert len(set(pairs)) == len(set(numbers))
    assert [score for _value, score in pairs] == sorted(found)
    assert all(1 <= score <= 5 for score in found)


def test_coinciding_cuts_are_counted() -> None:
    one_time_buyers = ints(*[1] * 9, 5)
    cuts = rfm.quantile_cuts(one_time_buyers)
    assert cuts == (1, 1, 1, 1)
    assert rfm.collapsed(cuts) == 3
    assert Counter(rfm.scores(one_time_buyers, cuts).tolist()) == {1: 9, 5: 1}


def test_the_eight_groups_by_their_definition() -> None:
    # Means: 50 days, 5 orders, 500. Each row is clearly on one side of them.
    cast = {
        "champions": (10, 9, 900), "promising": (10, 1, 900), "must_keep": (90, 9, 900), "at_risk": (90, 1, 900),
        "loyal_small": (10, 9, 100), "new_small": (10, 1, 100), "fading_small": (90, 9, 100),
        "lost_small": (90, 1, 100),
    }  # fmt: skip
    r, f, m = (ints(*column) for column in zip(*cast.values(), strict=True))
    thresholds = rfm.mean_thresholds(r, f, m)
    assert [rfm.GROUPS[code] for code in rfm.groups(r, f, m, thresholds)] == list(cast)


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(1, 9), st.integers(-999, 999)), min_size=1, max_size=40))
def test_high_means_strictly_better_than_the_mean(people: list[tuple[int, int, int]]) -> None:
    r, f, m = (ints(*column) for column in zip(*people, strict=True))
    n = len(people)
    for (days, orders, net), code in zip(people, rfm.groups(r, f, m, rfm.mean_thresholds(r, f, m)), strict=True):
        high = (days * n < sum(r), orders * n > sum(f), net * n > sum(m))
        assert rfm._GROUP_OF_RFM[tuple(map(int, high))] == rfm.GROUPS[code]  # type: ignore[index]


def test_where_everybody_is_alike_nobody_is_better_than_the_mean() -> None:
    same = ints(3, 3, 3)
    assert {rfm.GROUPS[code] for code in rfm.groups(same, same, same, rfm.mean_thresholds(same, same, same))} == {
        "lost_small"
    }
