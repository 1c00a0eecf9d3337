"""Where customers stand between two purchases: bounds, survival of the waiting, half-life (domain.md 4). Numbers only.

Everything is computed from two histograms over whole days: `returned[d]` spells of exactly d days (two consecutive
purchase days of one customer) and `waiting[d]` customers whose last purchase was d days ago. Histograms of ranges of
customers add up, so that no step needs every spell in memory.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.rfm import Ints, position

Floats = NDArray[np.floating[Any]]

#: Fewer spells than this say nothing about a store: fallback bounds are used, and said to be.
MIN_SPELLS = 50
FALLBACK = (30, 90, 180)
SHARES = (0.3, 0.6, 0.9)
#: Days after which a return is no longer expected, and the curve ends.
HORIZON = 365
SMOOTHING = 14

#: Stages by array code: the position is the code.
STAGES = ("prospect", "new", "active", "silent", "dormant", "lost")
PROSPECT, NEW, ACTIVE, SILENT, DORMANT, LOST = range(6)


@dataclass(frozen=True)
class Bounds:
    """Days of recency at which a customer falls silent, dormant, lost.

    `own`: from this store's spells; `chosen`: somebody set them; neither: the fallback.
    """

    p30: int
    p60: int
    p90: int
    spells: int
    own: bool
    chosen: bool = False

    @property
    def days(self) -> tuple[int, int, int]:
        return self.p30, self.p60, self.p90

    @property
    def source(self) -> str:
        return "chosen" if self.chosen else "own" if self.own else "fallback"


def add(left: Ints, right: Ints) -> Ints:
    """Sum of two histograms of different length."""
    if len(left) < len(right):
        left, right = right, left
    total = left.copy()
    total[: len(right)] += right
    return total


def bounds(returned: Ints, *, min_spells: int = MIN_SPELLS) -> Bounds:
    """The 30/60/90 % quantiles (percentile_disc) of the spells; the fallback where there are too few."""
    spells = int(returned.sum())
    if spells < max(min_spells, 1):
        return Bounds(*FALLBACK, spells=spells, own=False)
    reached = np.cumsum(returned)
    days = [int(np.searchsorted(reached, position(share, spells) + 1)) for share in SHARES]
    return Bounds(days[0], days[1], days[2], spells=spells, own=True)


def stages(recency: Ints, orders: Ints, found: Bounds) -> NDArray[np.int16]:
    """Index into STAGES for customers with at least one paid order."""
    stage = ACTIVE + np.searchsorted(np.asarray(found.days), recency, side="left")
    stage[(stage == ACTIVE) & (orders == 1)] = NEW
    return np.asarray(stage, dtype=np.int16)


def hazard(returned: Ints, waiting: Ints) -> Floats:
    """Chance to return on day d for those who have not returned before it; 0 where nobody is left to observe."""
    length = max(len(returned), len(waiting), 1)
    events = np.zeros(length)
    events[: len(returned)] = returned
    ended = events.copy()
    ended[: len(waiting)] += waiting
    at_risk = ended[::-1].cumsum()[::-1]
    daily: Floats = np.divide(events, at_risk, out=np.zeros(length), where=at_risk > 0)
    return daily


def survival(returned: Ints, waiting: Ints) -> Floats:
    """Kaplan–Meier: share that has not returned by the end of day d. Who still waits counts until today, not after."""
    return np.cumprod(1 - hazard(returned, waiting))


def half_life(curve: Floats, *, horizon: int = HORIZON) -> int | None:
    """Smallest day on which the chance of still coming back within `horizon` days is at most half of that on day 0.

    Chance C(t) = 1 − S(H)/S(t). None where nobody ever came back.
    """
    end = min(horizon, len(curve) - 1)
    until = curve[: end + 1]
    if until[-1] >= 1:
        return None
    # Where everybody has returned (S = 0) nobody is left who could still come back.
    chance = np.where(until > 0, 1 - until[-1] / np.where(until > 0, until, 1), 0.0)
    return int(np.argmax(chance <= (1 - until[-1]) / 2))


def win_back_day(daily: Floats, p30: int) -> int | None:
    """First day after `p30` on which the chance to return is below half its mean over days 1 to `p30`.

    The daily chance is the mean of the 14 days around it (6 before, 7 after), so that weekdays do not decide.
    None where the chance never falls so low while it is observed.
    """
    usual = float(daily[1 : p30 + 1].mean()) if p30 >= 1 and len(daily) > 1 else 0.0
    for day in range(p30 + 1, len(daily)):
        around = daily[max(day - SMOOTHING // 2 + 1, 0) : day + SMOOTHING // 2 + 1]
        if around.mean() < usual / 2:
            return day
    return None


def crossing(recency: Ints, bound: int, *, days: int = 7) -> int:
    """Customers within the bound today who will be beyond it in `days` days unless they buy."""
    return int(np.count_nonzero((recency <= bound) & (recency + days > bound)))
