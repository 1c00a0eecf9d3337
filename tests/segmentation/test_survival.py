"""Curves with their certainty, against statsmodels and by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from segmentation import survival
from segmentation.rfm import Ints
from segmentation.survival import Bar

spells = st.lists(st.integers(1, 40), min_size=1, max_size=80)
waits = st.lists(st.integers(0, 60), max_size=60)


def histogram(numbers: list[int]) -> Ints:
    return np.bincount(np.array(numbers, dtype=np.int64), minlength=1).astype(np.int64)


def of_statsmodels(ended: list[int], waiting: list[int]) -> SurvfuncRight:
    # Whoever waits since today was observed for no time at all; statsmodels knows no time 0.
    seen = [days for days in waiting if days > 0]
    return SurvfuncRight(ended + seen, [1] * len(ended) + [0] * len(seen))


@given(spells, waits)
def test_the_curve_is_that_of_statsmodels(ended: list[int], waiting: list[int]) -> None:
    theirs = of_statsmodels(ended, waiting)
    ours = survival.curves(histogram(ended), histogram(waiting))
    assert 1 - ours.coming_back[theirs.surv_times] == pytest.approx(theirs.surv_prob)


@given(spells, waits)
def test_greenwoods_error_is_that_of_statsmodels(ended: list[int], waiting: list[int]) -> None:
    theirs = of_statsmodels(ended, waiting)
    ours = survival.standard_error(histogram(ended), histogram(waiting))[theirs.surv_times]
    # Where everybody has come back theirs is not defined.
    known = theirs.surv_prob > 1e-12
    assert ours[known] == pytest.approx(theirs.surv_prob_se[known])


@given(spells, waits)
def test_the_band_holds_the_curve_and_stays_between_0_and_1(ended: list[int], waiting: list[int]) -> None:
    found = survival.curves(histogram(ended), histogram(waiting))
    assert np.all((found.low >= -1e-12) & (found.high <= 1 + 1e-12))
    assert np.all((found.low <= found.coming_back + 1e-9) & (found.coming_back <= found.high + 1e-9))


def test_the_band_by_hand() -> None:
    # Of four, one is back on day 1: S = 0.75, se = 0.75·√(1/12) = 0.2165; log(−log) limits .128 and .961.
    found = survival.curves(histogram([1]), histogram([5, 5, 5]))
    assert found.coming_back[1] == pytest.approx(0.25)
    assert 1 - found.high[1] == pytest.approx(0.1279, abs=1e-4)
    assert 1 - found.low[1] == pytest.approx(0.9605, abs=1e-4)


def test_repeaters_alone_look_faster_than_everybody() -> None:
    found = survival.curves(histogram([10, 20]), histogram([30] * 8))
    assert found.returned[[9, 10, 20, 30]].tolist() == [0, 0.5, 1, 1]
    assert found.coming_back[30] == pytest.approx(0.2)


def test_nobody_at_all_gives_a_curve_of_one_day() -> None:
    found = survival.curves(histogram([]), histogram([]))
    assert [found.returned.tolist(), found.coming_back.tolist()] == [[0.0], [0.0]]


def test_bars_are_days_then_whole_weeks_and_lose_nobody() -> None:
    returned = histogram([1, 1, 7, 8, 60])
    assert survival.bars(returned, until=10)[:2] == [Bar(1, 1, 2), Bar(2, 2, 0)]
    wide = survival.bars(returned, until=60)
    assert wide[0] == Bar(1, 7, 3)
    assert sum(bar.n for bar in wide) == 5
