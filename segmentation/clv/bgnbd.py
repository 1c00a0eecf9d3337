"""BG/NBD: how often customers come back, and whether they still are customers.

While alive a customer buys at random at a rate of their own (gamma distributed: r, α); after each repeat purchase they
leave for good with a chance of their own (beta distributed: a, b). A customer is known by x (repeat purchases), t_x
(time from the first purchase to the last) and T (time from the first purchase to now). The unit of time is the week.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), equations (6) to (10).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from segmentation.clv.quadrature import NODES, beta_nodes
from segmentation.clv.search import Floats, Found, maximise

Ints = NDArray[np.int64]

DAYS_A_WEEK = 7
_DAY_BITS = 20
#: Where formulas divide by zero (a = 1, a + b + x = 1) their limits are taken from this close.
_NEAR = 1e-6
#: Beyond this the hypergeometric function overflows near 1.
_MANY = 60
#: A day further away than this is no forecast.
LONGEST_WEEKS = 520.0


class Parameters(NamedTuple):
    """r and alpha (weeks) of the purchase rates, a and b of the chances to leave."""

    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True)
class Histories:
    """Distinct histories, times in weeks; `n` customers have each. All that the model needs to know of a store."""

    x: Floats
    t_x: Floats
    T: Floats
    n: Floats

    @property
    def customers(self) -> int:
        return int(self.n.sum())

    @property
    def repeaters(self) -> int:
        """Customers who bought on a second day."""
        return int(self.n[self.x > 0].sum())


def grouped(repeats: Ints, recency: Ints, age: Ints) -> tuple[Histories, NDArray[np.intp]]:
    """Histories of customers given in whole days, and the place of each customer's among them."""
    key = (repeats.astype(np.int64) << 2 * _DAY_BITS) | (recency.astype(np.int64) << _DAY_BITS) | age
    found, place, n = np.unique(key, return_inverse=True, return_counts=True)
    days = (1 << _DAY_BITS) - 1
    x, recency, lived = ((found >> bits * _DAY_BITS) & days for bits in (2, 1, 0))
    return Histories(x.astype(np.float64), recency / DAYS_A_WEEK, lived / DAYS_A_WEEK, n.astype(np.float64)), place


# --- the fit ----------------------------------------------------------------------------------------------------------


def fit(known: Histories) -> Found:
    """Maximum likelihood. `parameters` of what is found are those of Parameters, in their order."""
    weeks = max(float(known.n @ known.T), 1.0) / max(float(known.n @ known.x), 1.0)
    starts = [(0.5, max(0.5 * weeks, 0.1), 0.7, 2.5), (2.0, max(2 * weeks, 0.1), 0.3, 6.0)]
    return maximise(
        lambda values: value_and_slope(Parameters(*values), known), starts=starts, customers=known.customers
    )


def log_likelihood(parameters: Parameters, known: Histories) -> float:
    """Logarithm of equation (6), summed over all customers."""
    return value_and_slope(parameters, known)[0]


def value_and_slope(parameters: Parameters, known: Histories) -> tuple[float, Floats]:
    """Log-likelihood and its derivatives. In logarithms throughout: nothing overflows, however large x and T are."""
    r, alpha, a, b = parameters
    x, n = known.x, known.n
    counts, place = np.unique(x, return_inverse=True)
    people = np.bincount(place, weights=n)
    odds = _odds_of_gone(parameters, known)
    gone = scipy.special.expit(odds)
    alive_log, gone_log = np.log(alpha + known.T), np.log(alpha + known.t_x)
    # A sum of "still alive" and "left after the last purchase" is the first of them divided by its share.
    of_x = (
        scipy.special.gammaln(r + counts)
        - scipy.special.gammaln(r)
        + r * np.log(alpha)
        + scipy.special.betaln(a, b + counts)
        - scipy.special.betaln(a, b)
    )
    value = people @ of_x - n @ ((r + x) * alive_log - np.logaddexp(0, odds))
    shared = scipy.special.digamma(a + b) - scipy.special.digamma(a + b + counts)
    slope = (
        people @ (scipy.special.digamma(r + counts) - scipy.special.digamma(r) + np.log(alpha))
        - n @ ((1 - gone) * alive_log + gone * gone_log),
        known.customers * r / alpha - n @ ((r + x) * ((1 - gone) / (alpha + known.T) + gone / (alpha + known.t_x))),
        people @ shared + n @ gone / a,
        people @ (shared + scipy.special.digamma(b + counts) - scipy.special.digamma(b))
        - n @ (gone / np.where(x > 0, b + x - 1, 1)),
    )
    return float(value), np.array(slope)


# --- what the model expects -------------------------------------------------------------------------------------------


def p_alive(parameters: Parameters, known: Histories) -> Floats:
    """Chance, 0–1, that a customer of each history has not left for good.

    It is 1 for those without a repeat purchase: the model lets customers leave after one only.
    """
    found: Floats = scipy.special.expit(-_odds_of_gone(parameters, known))
    return found


def _odds_of_gone(parameters: Parameters, known: Histories) -> Floats:
    """Logarithm of (left for good) ÷ (still alive); minus infinity without a repeat purchase."""
    r, alpha, a, b = parameters
    again = known.x > 0
    after = np.where(again, b + known.x - 1, 1.0)
    odds = np.log(a / after) + (r + known.x) * np.log((alpha + known.T) / (alpha + known.t_x))
    return np.where(again, odds, -np.inf)


def expected_purchases(parameters: Parameters, known: Histories, weeks: float) -> Floats:
    """E[Y(t)]: purchase days expected of a customer of each history in the next `weeks` (equation 10)."""
    pairs, place = np.unique(np.stack([known.x, known.T]), axis=1, return_inverse=True)
    x, age = pairs
    if_alive = np.empty(len(x))
    many = parameters.a + parameters.b + x - 1 > _MANY
    if_alive[~many] = _by_function(parameters, x[~many], age[~many], weeks)
    if_alive[many] = _by_quadrature(parameters, x[many], age[many], weeks)
    found: Floats = p_alive(parameters, known) * np.maximum(if_alive, 0.0)[place.reshape(-1)]
    return found


def _by_function(parameters: Parameters, x: Floats, age: Floats, weeks: float) -> Floats:
    """Of who is alive, by the Gauss hypergeometric function; Euler's transformation keeps its parameters small."""
    r, alpha, a, b = parameters
    a = a if abs(a - 1) > _NEAR else 1 + _NEAR
    c = a + b + x - 1
    c = np.where(np.abs(c) > _NEAR, c, _NEAR)
    rest = (alpha + age) / (alpha + age + weeks)
    found: Floats = c / (a - 1) * (1 - rest ** (a - 1) * scipy.special.hyp2f1(a - 1, a + b - 1 - r, c, 1 - rest))
    return found


def _by_quadrature(parameters: Parameters, x: Floats, age: Floats, weeks: float) -> Floats:
    """The same where the function overflows: the mean over the chances p to leave, which are Beta(a, b + x) by then.

    Who leaves with chance p after each purchase is expected to buy (1 − ((α + T) / (α + T + p t))^(r + x)) / p times.
    """
    r, alpha, a, b = parameters
    counts, place = np.unique(x, return_inverse=True)
    rules = [beta_nodes(a, b + count) for count in counts]
    p, weight = (np.array([rule[part] for rule in rules]).reshape(-1, NODES)[place] for part in (0, 1))
    grown = np.log1p(p * weeks / (alpha + age)[:, None])
    found: Floats = (weight * -np.expm1(-(r + x)[:, None] * grown) / p).sum(axis=1)
    return found


def expected_of_new(parameters: Parameters, weeks: float) -> float:
    """E[X(t)]: repeat purchase days expected of somebody new within `weeks` of the first purchase (equation 9)."""
    zero = np.zeros(1)
    return float(expected_purchases(parameters, Histories(zero, zero, zero, np.ones(1)), weeks)[0])


def weeks_until_half(parameters: Parameters, known: Histories) -> Floats:
    """Weeks within which half of the customers of each history buy again; NaN where half of them never will.

    Who is alive buys within t with chance 1 − ((α + T) / (α + T + t))^(r + x). More than ten years are NaN too.
    """
    r, alpha = parameters.r, parameters.alpha
    alive = p_alive(parameters, known)
    enough = alive > 0.5
    missing = 1 - 0.5 / np.where(enough, alive, 1.0)
    with np.errstate(divide="ignore", over="ignore"):
        found = (alpha + known.T) * np.expm1(-np.log(missing) / (r + known.x))
    return np.where(enough & (found <= LONGEST_WEEKS), found, np.nan)
