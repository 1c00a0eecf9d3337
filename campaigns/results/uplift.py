"""Did it work? Shares, differences and how large an audience must be to tell. Pure arithmetic, no tables.

Shares are 0–1; "points" in words are percentage points. Intervals are two-sided, 95 % unless said otherwise.
Sources: Wilson (1927); Newcombe (1998) "Interval estimation for the difference between independent proportions",
method 10; Welch (1947); sample sizes by the normal approximation with the pooled share under "no effect"
(Fleiss, Levin & Paik 2003, 4.15), power 80 % unless said otherwise.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from math import ceil, exp, inf, lgamma, log, log1p, sqrt
from statistics import NormalDist

from crm_suite.lib import intervals

CONFIDENCE = 0.95
POWER = 0.8
#: The difference that a store usually cares about: one percentage point.
ONE_POINT = 0.01


@dataclass(frozen=True)
class Interval:
    """A measured value with the range that the data allow."""

    low: float
    mid: float
    high: float

    def times(self, factor: float) -> "Interval":
        return Interval(self.low * factor, self.mid * factor, self.high * factor)


@dataclass(frozen=True)
class Share:
    """`hits` of `n`."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """0–1; 0 where nobody was counted."""
        return self.hits / self.n if self.n else 0.0


@dataclass(frozen=True)
class Mean:
    """What is known of amounts per customer: how many, their sum and the sum of their squares."""

    n: int
    total: float
    squares: float

    @property
    def value(self) -> float:
        return self.total / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """Sample variance (n − 1); 0 below two customers."""
        if self.n < 2:
            return 0.0
        # Rounding may leave a hair below zero where all amounts are equal.
        return max(0.0, (self.squares - self.total**2 / self.n) / (self.n - 1))


class Verdict(StrEnum):
    WORKS = "works"
    HARMS = "harms"
    NO_EVIDENCE = "no_evidence"
    CANNOT_TELL = "cannot_tell"


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(share: Share, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Score interval of one share. None where nobody was counted."""
    found = intervals.wilson(share.hits, share.n, confidence=confidence)
    return Interval(found[0], share.value, found[1]) if found else None


def newcombe(first: Share, second: Share, *, confidence: float = CONFIDENCE) -> Interval | None:
    """first − second with the hybrid score interval, −1 to 1. None where one side is empty."""
    a, b = wilson(first, confidence=confidence), wilson(second, confidence=confidence)
    if a is None or b is None:
        return None
    difference = a.mid - b.mid
    low = difference - sqrt((a.mid - a.low) ** 2 + (b.high - b.mid) ** 2)
    high = difference + sqrt((a.high - a.mid) ** 2 + (b.mid - b.low) ** 2)
    return Interval(low, difference, high)


def welch(first: Mean, second: Mean, *, confidence: float = CONFIDENCE) -> Interval | None:
    """first − second of two means with unequal variances. None below two customers a side."""
    if first.n < 2 or second.n < 2:
        return None
    difference = first.value - second.value
    a, b = first.variance / first.n, second.variance / second.n
    if not a + b:
        return Interval(difference, difference, difference)
    freedom = (a + b) ** 2 / (a * a / (first.n - 1) + b * b / (second.n - 1))
    half = student(probability=(1 + confidence) / 2, freedom=freedom) * sqrt(a + b)
    return Interval(difference - half, difference, difference + half)


def judge(treated: Share, holdout: Share) -> Verdict:
    """What may honestly be said of treated − holdout.

    An interval that excludes zero says works or harms. One that includes it is "no evidence of an effect" where the
    arms were large enough to have shown one percentage point with 80 % power, and "cannot tell" where they were not.
    """
    interval = newcombe(treated, holdout)
    if interval is None:
        return Verdict.CANNOT_TELL
    if interval.low > 0:
        return Verdict.WORKS
    if interval.high < 0:
        return Verdict.HARMS
    smallest = detectable(base=holdout.value, treated=treated.n, holdout=holdout.n)
    return Verdict.NO_EVIDENCE if smallest is not None and smallest <= ONE_POINT else Verdict.CANNOT_TELL


def needed(*, base: float, effect: float, holdout_share: float = 0.5, power: float = POWER) -> int:
    """Customers in both arms together that show base → base + effect, when `holdout_share` of them is held back."""
    if not (0 <= base < base + effect <= 1 and 0 < holdout_share < 1):
        raise ValueError("needs 0 ≤ base < base + effect ≤ 1 and 0 < holdout_share < 1")
    t, h = 1 - holdout_share, holdout_share
    treated, pooled = base + effect, base + t * effect
    none = sqrt(pooled * (1 - pooled) * (1 / t + 1 / h))
    some = sqrt(treated * (1 - treated) / t + base * (1 - base) / h)
    root = (_z(CONFIDENCE) * none + NormalDist().inv_cdf(power) * some) / effect
    return ceil(root * root)


def needed_per_arm(*, base: float, effect: float = ONE_POINT) -> int:
    """Customers in each of two equal arms that show base → base + effect with 80 % power."""
    return ceil(needed(base=min(base, 1 - effect), effect=effect) / 2)


def roughly(n: int) -> int:
    """Two significant digits: an estimate of a sample size deserves no more."""
    if n < 100:
        return n
    step: int = 10 ** (len(str(n)) - 2)
    return ceil(n / step) * step


def detectable(*, base: float, treated: int, holdout: int, power: float = POWER) -> float | None:
    """The smallest rise (0–1) over `base` that arms of these sizes show. None where even base → 100 % is too small."""
    if not treated or not holdout or base >= 1:
        return None
    n, held = treated + holdout, holdout / (treated + holdout)
    low, high = 0.0, 1 - base
    if needed(base=base, effect=high, holdout_share=held, power=power) > n:
        return None
    for _step in range(40):
        effect = (low + high) / 2
        enough = effect > 0 and needed(base=base, effect=effect, holdout_share=held, power=power) <= n
        low, high = (low, effect) if enough else (effect, high)
    return high


@cache
def student(*, probability: float, freedom: float) -> float:
    """The quantile of Student's t for 0.5 ≤ probability < 1 (freedom need not be whole), to 1e-9."""
    low, high = 0.0, 1.0
    while _student_cdf(high, freedom) < probability:
        high *= 2
        if high > 1e9:
            return inf
    while high - low > 1e-9 * max(1.0, high):
        middle = (low + high) / 2
        low, high = (middle, high) if _student_cdf(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def _student_cdf(t: float, freedom: float) -> float:
    x = freedom / (freedom + t * t)
    return 1 - _incomplete_beta(freedom / 2, 0.5, x) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    # The fraction converges fast only on this side of the mode; the other side is its mirror.
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    return front * _beta_fraction(a, b, x)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Lentz's method; a thousand steps are far more than any sample of ours takes."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / (1 + even * d), 1 + even / c
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / (1 + odd * d), 1 + odd / c
        value *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return value
