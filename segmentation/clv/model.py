"""One fit of a book, from arrays to what is stored of it: parameters, validation, counts, and a forecast or why not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.clv import bgnbd, forecast, gammagamma
from segmentation.clv.bgnbd import DAYS_A_WEEK
from segmentation.clv.history import histories, repeated
from segmentation.clv.holdout import MIN_REPEATERS, Validation, validate
from segmentation.clv.search import Found

#: Told what begins now, from 0 on.
Step = Callable[[int], None]
STEPS = 3


@dataclass(frozen=True)
class Outcome:
    """`values` (forecast.VALUE) is empty where `counts` hold a `why`."""

    parameters: dict[str, float]
    validation: Validation
    counts: dict[str, Any]
    values: NDArray[np.void]


def fit(people: NDArray[np.void], *, as_of: int, cut: int, step: Step = lambda number: None) -> Outcome:
    """All that is told of a book, or why nothing is: too_few (repeaters), no_fit, no_money (spending has no mean)."""
    known, place = histories(people, as_of=as_of)
    spent = repeated(people)
    counts: dict[str, Any] = {
        "customers": known.customers, "repeaters": known.repeaters, "spenders": len(spent.x),
        "histories": len(known.x), "needed": MIN_REPEATERS,
    }  # fmt: skip
    if min(known.repeaters, len(spent.x)) < MIN_REPEATERS:
        return _nothing("too_few", counts)
    step(0)
    orders = bgnbd.fit(known)
    step(1)
    money = gammagamma.fit(spent.x, spent.total)
    names = bgnbd.Parameters._fields + gammagamma.Parameters._fields
    parameters = dict(zip(names, orders.parameters + money.parameters, strict=True))
    counts["intervals"] = dict(zip(names, orders.intervals + money.intervals, strict=True))
    why = _why(orders, money)
    if why:
        return _nothing(why, counts, parameters)
    step(2)
    frequency, spending = bgnbd.Parameters(*orders.parameters), gammagamma.Parameters(*money.parameters)
    found = forecast.forecast(people, known, place, frequency, spending)
    counts |= _likelihoods(orders, money) | {"correlation": spent.correlation}
    counts |= _of_new(frequency, spending) | _summary(found)
    return Outcome(parameters, validate(people, cut=cut, as_of=as_of), counts, found.values)


def _why(orders: Found, money: Found) -> str:
    if not orders.converged or not money.converged:
        return "no_fit"
    return "" if gammagamma.mean_of_all(gammagamma.Parameters(*money.parameters)) else "no_money"


def _nothing(why: str, counts: dict[str, Any], parameters: dict[str, float] | None = None) -> Outcome:
    return Outcome(parameters or {}, {"why": why}, {**counts, "why": why}, np.empty(0, forecast.VALUE))


def _likelihoods(orders: Found, money: Found) -> dict[str, object]:
    return {"log_likelihood": orders.log_likelihood, "log_likelihood_money": money.log_likelihood}


def _of_new(orders: bgnbd.Parameters, money: gammagamma.Parameters) -> dict[str, object]:
    """Somebody new: repeat purchase days within 365 days, and what anybody spends on one."""
    expected = bgnbd.expected_of_new(orders, forecast.HORIZON_DAYS / DAYS_A_WEEK)
    return {"new_orders": expected, "mean_net": gammagamma.mean_of_all(money)}


def _summary(found: forecast.Forecast) -> dict[str, object]:
    return {
        "all": forecast.totals(found),
        "again": forecast.repeaters(found), "bands": forecast.bands(found), "leaving": forecast.leaving(found),
        "histogram": forecast.histogram(found),
    }  # fmt: skip
