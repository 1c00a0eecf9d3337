"""Recency, frequency, monetary value: scores 1–5 and the eight value groups (domain.md 3). Numbers only, no tables.

Amounts are whole minor units (cents), recency is whole days, so that every comparison is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

#: The shares at which scores change.
QUINTILES = (0.2, 0.4, 0.6, 0.8)

#: Value groups by (R, F, M) high or low, in the order of domain.md. The position is the code used in arrays.
GROUPS = (
    "champions", "promising", "must_keep", "at_risk", "loyal_small", "new_small", "fading_small", "lost_small",
)  # fmt: skip
_GROUP_OF_RFM = {
    (1, 1, 1): "champions", (1, 0, 1): "promising", (0, 1, 1): "must_keep", (0, 0, 1): "at_risk",
    (1, 1, 0): "loyal_small", (1, 0, 0): "new_small", (0, 1, 0): "fading_small", (0, 0, 0): "lost_small",
}  # fmt: skip


def position(share: float, count: int) -> int:
    """0-based place of the `share` quantile among `count` sorted values, exactly as PostgreSQL's percentile_disc."""
    return max(ceil(share * count), 1) - 1


def quantile_cuts(values: Ints) -> tuple[int, ...]:
    """The 20/40/60/80 % quantiles of one value per customer: values that exist. Empty where there is nobody."""
    if not len(values):
        return ()
    places = [position(share, len(values)) for share in QUINTILES]
    ordered = np.partition(values, places)
    return tuple(int(ordered[place]) for place in places)


def scores(values: Ints, cuts: Sequence[int]) -> NDArray[np.int16]:
    """1 + number of cuts strictly below the value: equal values get equal scores. 5 is the largest value."""
    below = np.searchsorted(np.sort(np.asarray(cuts, dtype=np.int64)), values, side="left")
    return np.asarray(below + 1, dtype=np.int16)


def recency_scores(days: Ints, cuts: Sequence[int]) -> NDArray[np.int16]:
    """The same, reversed: 5 bought most recently."""
    return np.asarray(len(cuts) + 2 - scores(days, cuts), dtype=np.int16)


def collapsed(cuts: Sequence[int]) -> int:
    """How many of the cuts coincide with another one, so that some scores are given to nobody."""
    return len(cuts) - len(set(cuts))


@dataclass(frozen=True)
class Thresholds:
    """What counts as high, in whole numbers: recency below `r` days, frequency above `f`, amount above `m` minor units.

    On scores all three are what a score has to exceed. `shown` is where they come from: a mean, a median or an own
    value of each, in days, orders and minor units, or in scores.
    """

    r: int
    f: int
    m: int
    shown: tuple[float, float, float]
    by: str = "mean"
    on: str = "values"


def mean_thresholds(recency: Ints, frequency: Ints, monetary: Ints) -> Thresholds:
    """High is strictly better than the mean of all scored customers: oftener, more, more recent; exact."""
    count = max(len(recency), 1)
    r, f, m = (int(values.sum()) for values in (recency, frequency, monetary))
    # For a whole number v and a mean s/n: v > s/n exactly when v > floor(s/n), and v < s/n exactly when v < ceil(s/n).
    return Thresholds(-(-r // count), f // count, m // count, (r / count, f / count, m / count))


def median_thresholds(recency: Ints, frequency: Ints, monetary: Ints) -> Thresholds:
    """High is strictly better than the median (the lower of two middle values, one that exists)."""
    r, f, m = (_median(values) for values in (recency, frequency, monetary))
    return Thresholds(r, f, m, (r, f, m), by="median")


def _median(values: Ints) -> int:
    place = position(0.5, len(values))
    return int(np.partition(values, place)[place]) if len(values) else 0


def fixed_thresholds(r: int, f: int, m: int) -> Thresholds:
    """High is strictly better than values that somebody chose."""
    return Thresholds(r, f, m, (r, f, m), by="fixed")


def score_thresholds(r: NDArray[np.int16], f: NDArray[np.int16], m: NDArray[np.int16]) -> Thresholds:
    """High is a score above the mean score."""
    count = max(len(r), 1)
    sums = [int(values.sum(dtype=np.int64)) for values in (r, f, m)]
    means = (sums[0] / count, sums[1] / count, sums[2] / count)
    return Thresholds(sums[0] // count, sums[1] // count, sums[2] // count, means, on="scores")


def groups(
    recency: NDArray[Any], frequency: NDArray[Any], monetary: NDArray[Any], thresholds: Thresholds
) -> NDArray[np.int16]:
    """Index into GROUPS for each customer, from values or, where the thresholds are on scores, from scores."""
    high_r = recency > thresholds.r if thresholds.on == "scores" else recency < thresholds.r
    high_f, high_m = frequency > thresholds.f, monetary > thresholds.m
    return _CODES[high_r.astype(np.intp), high_f.astype(np.intp), high_m.astype(np.intp)]


def _codes() -> NDArray[np.int16]:
    table = np.zeros((2, 2, 2), dtype=np.int16)
    for (r, f, m), group in _GROUP_OF_RFM.items():
        table[r, f, m] = GROUPS.index(group)
    return table


_CODES = _codes()
