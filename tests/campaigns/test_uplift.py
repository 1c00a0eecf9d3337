"""The statistics of a campaign against published numbers."""

import pytest

from campaigns.results.uplift import (
    Mean,
    Share,
    Verdict,
    detectable,
    judge,
    needed,
    needed_per_arm,
    newcombe,
    student,
    welch,
    wilson,
)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_one_share_has_the_published_wilson_interval(hits: int, n: int, low: float, high: float) -> None:
    interval = wilson(Share(hits, n))
    assert interval is not None
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    # Newcombe (1998), "Interval estimation for the difference", table II, method 10.
    [
        (Share(56, 70), Share(48, 80), (0.0524, 0.2000, 0.3339)),
        (Share(9, 10), Share(3, 10), (0.1705, 0.6000, 0.8090)),
        (Share(10, 10), Share(0, 20), (0.6791, 1.0, 1.0)),
        (Share(10, 10), Share(0, 10), (0.6075, 1.0, 1.0)),
    ],
)
def test_a_difference_has_the_published_newcombe_interval(
    first: Share, second: Share, expected: tuple[float, float, float]
) -> None:
    interval = newcombe(first, second)
    assert interval is not None
    assert (round(interval.low, 4), round(interval.mid, 4), round(interval.high, 4)) == expected


def test_nobody_held_out_means_no_interval_and_no_verdict() -> None:
    assert newcombe(Share(50, 1000), Share(0, 0)) is None
    assert judge(Share(50, 1000), Share(0, 0)) is Verdict.CANNOT_TELL


def test_the_same_rates_say_nothing_in_a_small_shop_and_something_in_a_large_one() -> None:
    small = newcombe(Share(45, 900), Share(3, 100))
    large = newcombe(Share(450, 9000), Share(30, 1000))
    assert small is not None
    assert large is not None
    assert (round(small.low, 3), round(small.high, 3)) == (-0.036, 0.046)
    assert (round(large.low, 3), round(large.high, 3)) == (0.007, 0.030)
    assert judge(Share(45, 900), Share(3, 100)) is Verdict.CANNOT_TELL
    assert judge(Share(450, 9000), Share(30, 1000)) is Verdict.WORKS


def test_a_large_campaign_without_difference_is_no_evidence_of_an_effect() -> None:
    assert judge(Share(600, 20_000), Share(602, 20_000)) is Verdict.NO_EVIDENCE
    assert judge(Share(400, 20_000), Share(600, 20_000)) is Verdict.HARMS


@pytest.mark.parametrize(
    ("base", "effect", "held", "customers"),
    [(0.03, 0.02, 0.1, 8_900), (0.03, 0.01, 0.1, 30_700), (0.03, 0.02, 0.5, 3_000), (0.03, 0.01, 0.5, 10_600)],
)
def test_the_audience_that_shows_a_rise(base: float, effect: float, held: float, customers: int) -> None:
    assert needed(base=base, effect=effect, holdout_share=held) == pytest.approx(customers, rel=0.005)


def test_what_can_be_seen_is_the_mirror_of_what_is_needed() -> None:
    n = needed(base=0.03, effect=0.02, holdout_share=0.1)
    seen = detectable(base=0.03, treated=round(n * 0.9), holdout=round(n * 0.1))
    assert seen == pytest.approx(0.02, abs=0.0001)
    assert detectable(base=0.03, treated=1, holdout=1) is None
    assert detectable(base=0.03, treated=500, holdout=0) is None
    assert needed_per_arm(base=0.0476) == pytest.approx(7_800, rel=0.01)


@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),
    [(0.975, 1, 12.7062), (0.975, 2, 4.3027), (0.975, 10, 2.2281), (0.975, 120, 1.9799), (0.95, 5, 2.0150)],
)
def test_students_t_has_the_tabled_quantiles(probability: float, freedom: float, quantile: float) -> None:
    assert student(probability=probability, freedom=freedom) == pytest.approx(quantile, abs=0.0001)


def test_a_huge_sample_has_the_normal_quantile() -> None:
    assert student(probability=0.975, freedom=5_000_000) == pytest.approx(1.959964, abs=1e-5)


def test_welch_on_the_classic_sleep_data() -> None:
    """Student's sleep data; R's t.test(extra ~ group) prints −3.3655 to 0.2055 with 17.776 degrees of freedom."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    interval = welch(_mean(first), _mean(second))
    assert interval is not None
    assert (round(interval.low, 4), round(interval.mid, 2), round(interval.high, 4)) == (-3.3655, -1.58, 0.2055)


def test_welch_of_one_customer_is_not_invented() -> None:
    assert welch(_mean([5.0]), _mean([1.0, 2.0])) is None
    same = welch(_mean([2.0, 2.0]), _mean([2.0, 2.0]))
    assert same is not None
    assert same.low == same.high == 0


def _mean(values: list[float]) -> Mean:
    return Mean(n=len(values), total=sum(values), squares=sum(value * value for value in values))
