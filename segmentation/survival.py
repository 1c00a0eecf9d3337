"""Curves of coming back, with the certainty that the number of customers allows. Numbers only, no tables.

As in `lifecycle`, everything comes from two histograms over whole days: spells that ended, and customers who wait.
"""

from dataclasses import dataclass

import numpy as np

from segmentation import lifecycle
from segmentation.lifecycle import Floats
from segmentation.rfm import Ints

#: Two-sided 95 % of the normal distribution.
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Curves:
    """By day from 0; all shares 0–1.

    `returned`: of the spells that ended, those that had ended by then (repeaters only, biased short). `coming_back`:
    1 − Kaplan–Meier survival over all spells, open ones right-censored. `low` and `high`: its 95 % band.
    """

    returned: Floats
    coming_back: Floats
    low: Floats
    high: Floats


def curves(returned: Ints, waiting: Ints) -> Curves:
    """Both curves over the days that somebody was observed; empty histograms give one day on which nobody came."""
    survival = lifecycle.survival(returned, waiting)
    low, high = band(survival, standard_error(returned, waiting))
    ended = np.cumsum(returned, dtype=np.float64) / max(int(returned.sum()), 1)
    shares = np.full(len(survival), ended[-1] if len(ended) else 0.0)
    shares[: len(ended)] = ended[: len(survival)]
    return Curves(shares, 1 - survival, 1 - high, 1 - low)


def standard_error(returned: Ints, waiting: Ints) -> Floats:
    """Greenwood's standard error of the Kaplan–Meier survival by day; 0 once everybody has come back.

    Spells of one customer are taken as independent of each other.
    """
    length = max(len(returned), len(waiting), 1)
    events = np.zeros(length)
    events[: len(returned)] = returned
    ended = events.copy()
    ended[: len(waiting)] += waiting
    at_risk = ended[::-1].cumsum()[::-1]
    rest = at_risk * (at_risk - events)
    terms = np.divide(events, rest, out=np.zeros(length), where=rest > 0)
    errors: Floats = lifecycle.survival(returned, waiting) * np.sqrt(np.cumsum(terms))
    return errors


def band(survival: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Pointwise 95 % limits of a survival curve on the log(−log) scale, which keeps them between 0 and 1."""
    inside = (survival > 0) & (survival < 1)
    s = np.where(inside, survival, 0.5)
    slope = s * np.log(s)
    width = Z95 * errors / np.abs(slope)
    low = np.where(inside, s ** np.exp(width), survival)
    high = np.where(inside, s ** np.exp(-width), survival)
    return low, high


@dataclass(frozen=True)
class Bar:
    """`n` spells of `first` to `last` days, both included."""

    first: int
    last: int
    n: int


def bars(returned: Ints, *, until: int, most: int = 30) -> list[Bar]:
    """Spells of 1 to `until` days in at most `most` bars of equal width; whole weeks where they are wider than one."""
    width = max(-(-until // most), 1)
    if width > 1:
        width = -(-width // 7) * 7
    counts = np.zeros(until + width + 1, np.int64)
    shown = returned[: until + width + 1]
    counts[: len(shown)] = shown
    starts = range(1, until + 1, width)
    return [Bar(start, start + width - 1, int(counts[start : start + width].sum())) for start in starts]
