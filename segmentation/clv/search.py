"""The most likely parameters of a model whose parameters are all positive, with how sure the data are of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Log-likelihood of all customers and its derivatives by the parameters.
Likelihood = Callable[[Floats], tuple[float, Floats]]
Interval = tuple[float, float]

#: The search keeps the logarithms of the parameters within these; a parameter that ends there is not determined.
LOWEST, HIGHEST = -9.0, 9.0
#: Slope of the mean log-likelihood at which the search has arrived.
_FLAT = 1e-5
_STEP = 1e-4
_NORMAL_95 = 1.959964
_OPTIONS = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500}


@dataclass(frozen=True)
class Found:
    """`converged` is False where the search ended on a slope: then nothing may be told from the parameters.

    `intervals`: 95 % of each parameter by the curvature of the likelihood, None where the data do not determine it.
    """

    parameters: tuple[float, ...]
    log_likelihood: float
    converged: bool
    intervals: tuple[Interval | None, ...]


def maximise(likelihood: Likelihood, *, starts: Sequence[Sequence[float]], customers: int) -> Found:
    """L-BFGS-B over the logarithms of the parameters, from one of `starts` after the other until it arrives."""

    def loss(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, slope = likelihood(parameters)
        return -value / customers, -slope * parameters / customers

    bounds = [(LOWEST, HIGHEST)] * len(starts[0])
    for start in starts:
        first = np.log(start).clip(LOWEST, HIGHEST)
        end = scipy.optimize.minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options=_OPTIONS)
        inside = (end.x > LOWEST) & (end.x < HIGHEST)
        converged = bool(np.isfinite(end.fun) and np.abs(end.jac[inside]).max(initial=0.0) < _FLAT)
        if converged:
            break
    return Found(
        parameters=tuple(float(value) for value in np.exp(end.x)),
        log_likelihood=-float(end.fun) * customers,
        converged=converged,
        intervals=_intervals(lambda logs: loss(logs)[1] * customers, end.x, inside),
    )


def _intervals(
    slope: Callable[[Floats], Floats], best: Floats, inside: NDArray[np.bool_]
) -> tuple[Interval | None, ...]:
    """From the inverse of the observed information, which is found by stepping along the slope."""
    steps = np.eye(len(best)) * _STEP
    curvature = np.array([(slope(best + step) - slope(best - step)) / (2 * _STEP) for step in steps])
    free = curvature[np.ix_(inside, inside)]
    try:
        variance = np.diag(np.linalg.inv((free + free.T) / 2))
    except np.linalg.LinAlgError:
        variance = np.full(inside.sum(), -1.0)
    known = dict(zip(np.flatnonzero(inside), variance, strict=True))
    return tuple(_interval(best[place], float(known.get(place, -1.0))) for place in range(len(best)))


def _interval(log: float, variance: float) -> Interval | None:
    if not 0 < variance < 100:
        return None
    reach = _NORMAL_95 * float(np.sqrt(variance))
    return float(np.exp(log - reach)), float(np.exp(log + reach))
