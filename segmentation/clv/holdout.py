"""Is the model any good for this store? Fitted to the first part of its time, it forecasts the part held back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.clv import bgnbd
from segmentation.clv.bgnbd import DAYS_A_WEEK, Histories
from segmentation.clv.history import early
from segmentation.clv.search import Floats

#: Fewer customers who bought again than this tell nothing.
MIN_REPEATERS = 50
#: Repeat purchases from which on customers are counted together.
TOP_BUCKET = 7
_NORMAL_95 = 1.959964

Validation = dict[str, Any]


def validate(people: NDArray[np.void], *, cut: int, as_of: int) -> Validation:
    """Purchase days after `cut` until `as_of` of those who had bought by then: forecast, naive forecast and actual.

    The naive forecast: everybody goes on at the rate of their own repeat purchases so far, x ÷ T. `mae` is the mean
    over customers of |forecast − actual|, in purchase days. Only `why` where it cannot be told.
    """
    _known, seen, place, actual = early(people, cut=cut)
    if seen.repeaters < MIN_REPEATERS or as_of <= cut:
        return {"why": "too_few", "repeaters": seen.repeaters}
    fit = bgnbd.fit(seen)
    if not fit.converged:
        return {"why": "no_fit", "repeaters": seen.repeaters}
    weeks = (as_of - cut) / DAYS_A_WEEK
    model = bgnbd.expected_purchases(bgnbd.Parameters(*fit.parameters), seen, weeks)[place]
    return _compared(seen.x[place], model, _own_rate(seen, weeks)[place], actual.astype(np.float64)) | {
        "parameters": dict(zip(bgnbd.Parameters._fields, fit.parameters, strict=True)),
        "repeaters": seen.repeaters,
        "days": as_of - cut,
    }


def _own_rate(seen: Histories, weeks: float) -> Floats:
    """Who has only just come has no rate yet: nothing is expected of them, as of all who bought once."""
    return np.divide(seen.x, seen.T, out=np.zeros_like(seen.x), where=seen.T > 0) * weeks


def _compared(x: Floats, model: Floats, naive: Floats, actual: Floats) -> Validation:
    bucket = np.minimum(x, TOP_BUCKET)
    return {
        "customers": len(x),
        "total": {"expected": float(model.sum()), "naive": float(naive.sum()), "actual": int(actual.sum())},
        "mae": {"expected": float(np.abs(model - actual).mean()), "naive": float(np.abs(naive - actual).mean())},
        "buckets": [
            _bucket(int(number), model[mine], naive[mine], actual[mine])
            for number in np.unique(bucket)
            if (mine := bucket == number).any()
        ],
    }


def _bucket(number: int, model: Floats, naive: Floats, actual: Floats) -> dict[str, float | int | None]:
    """Means per customer. `low` and `high`: 95 % of the mean of what happened, None for a customer alone."""
    n, mean = len(actual), float(actual.mean())
    reach = _NORMAL_95 * float(actual.std(ddof=1)) / n**0.5 if n > 1 else None
    return {
        "x": number, "n": n, "expected": float(model.mean()), "naive": float(naive.mean()), "actual": mean,
        "low": None if reach is None else max(mean - reach, 0.0), "high": None if reach is None else mean + reach,
    }  # fmt: skip
