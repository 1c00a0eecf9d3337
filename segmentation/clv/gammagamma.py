"""Gamma-Gamma: what customers spend on a day on which they buy.

A customer's purchases scatter around a mean of their own (shape p); the means scatter over customers (shape q,
scale v, in the currency). How much somebody spends is taken not to depend on how often they come.

Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value; customers with a repeat purchase only, the mean being
that of the repeat purchases.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy

from segmentation.clv.search import Floats, Found, maximise


class Parameters(NamedTuple):
    """Shapes p and q; scale v in the currency of the amounts."""

    p: float
    q: float
    v: float


@dataclass(frozen=True)
class Spending:
    """Customers with a repeat purchase: `x` of them and their `total` > 0. By distinct x where the formulas allow."""

    x: Floats
    total: Floats
    counts: Floats
    people: Floats
    logs: float

    @classmethod
    def of(cls, x: Floats, total: Floats) -> "Spending":
        counts, people = np.unique(x, return_counts=True)
        return cls(x, total, counts, people.astype(np.float64), float(x @ np.log(total)))


def fit(x: Floats, total: Floats) -> Found:
    """Maximum likelihood over customers who spent `total` > 0 in `x` ≥ 1 repeat purchases."""
    scale = float(total.sum() / x.sum())  # one unit of money for all currencies: the search then always starts near
    known = Spending.of(x, total / scale)
    starts = [(6.0, 4.0, 0.5), (1.0, 2.0, 1.0)]
    found = maximise(
        lambda values: value_and_slope(Parameters(*values), known), starts=starts, customers=len(x)
    )  # fmt: skip
    p, q, v = found.parameters
    *shapes, interval = found.intervals
    in_money = (interval[0] * scale, interval[1] * scale) if interval else None
    return replace(
        found, parameters=(p, q, v * scale), intervals=(*shapes, in_money),
        log_likelihood=found.log_likelihood - len(x) * float(np.log(scale)) - _spread(known),
    )  # fmt: skip


def _spread(known: Spending) -> float:
    """What the likelihood has of the amounts alone: Σ ln z̄."""
    return float(np.log(known.total / known.x).sum())


def log_likelihood(parameters: Parameters, known: Spending) -> float:
    """Logarithm of equation (1a) of the note, summed over the customers."""
    return value_and_slope(parameters, known)[0] - _spread(known)


def value_and_slope(parameters: Parameters, known: Spending) -> tuple[float, Floats]:
    """Log-likelihood, but for what no parameter changes, and its derivatives by p, q, v."""
    p, q, v = parameters
    counts, people, size = known.counts, known.people, len(known.x)
    whole = v + known.total
    logs = np.log(whole)
    all_logs, all_logs_by_x = float(logs.sum()), float(known.x @ logs)
    of_x = (
        scipy.special.gammaln(p * counts + q)
        - scipy.special.gammaln(p * counts)
        - scipy.special.gammaln(q)
        + q * np.log(v)
    )
    value = people @ of_x + p * (known.logs - all_logs_by_x) - q * all_logs
    both = scipy.special.digamma(p * counts + q)
    slope = (
        (people * counts) @ (both - scipy.special.digamma(p * counts)) + known.logs - all_logs_by_x,
        people @ (both - scipy.special.digamma(q) + np.log(v)) - all_logs,
        size * q / v - ((p * known.x + q) / whole).sum(),
    )
    return float(value), np.array(slope)


def mean_of_all(parameters: Parameters) -> float | None:
    """Mean over all customers of what they spend a purchase day; None where q ≤ 1, as there is no mean then."""
    p, q, v = parameters
    return p * v / (q - 1) if q > 1 else None


def expected_mean(parameters: Parameters, x: Floats, total: Floats) -> Floats:
    """What customers are expected to spend a purchase day, after `x` repeat purchases of `total` together (q > 1).

    Equation (5) of the note: a mean of the customer's own and everybody's, the own counting more the more is known.
    """
    p, q, v = parameters
    found: Floats = p * (v + total) / (p * x + q - 1)
    return found
