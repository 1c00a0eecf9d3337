"""When one customer may buy next: a window of days, from their own rhythm or from the store's. Numbers only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import ceil

from segmentation.lifecycle import MIN_SPELLS

#: With fewer gaps of their own, a customer has no rhythm yet: the store's spells answer.
OWN_GAPS = 3


@dataclass(frozen=True)
class Window:
    """The next purchase is likeliest from `first` to `last`, `middle` being the median; None where nothing says it.

    `own`: from this customer's own gaps, else from the store's spells. `n`: gaps or spells that it rests on.
    """

    first: date
    last: date
    middle: date | None
    own: bool
    n: int

    def standing(self, day: date) -> str:
        """`early` before the window, `due` within it, `late` after it."""
        if day < self.first:
            return "early"
        return "due" if day <= self.last else "late"


def own_window(days: Sequence[date]) -> Window | None:
    """The middle half of a customer's own gaps after their last purchase day; None with fewer than three gaps.

    `days`: their purchase days, each once, ascending.
    """
    gaps = sorted((after - before).days for before, after in pairwise(days))
    if len(gaps) < OWN_GAPS:
        return None
    first, middle, last = (days[-1] + timedelta(days=_quantile(gaps, share)) for share in (0.25, 0.5, 0.75))
    return Window(first, last, middle, own=True, n=len(gaps))


def store_window(*, last_paid_on: date, p30: int, p60: int, spells: int) -> Window | None:
    """Between the 30 % and the 60 % quantile of the store's spells; None with too few spells to tell."""
    if spells < MIN_SPELLS:
        return None
    first, last = (last_paid_on + timedelta(days=days) for days in (p30, p60))
    return Window(first, last, None, own=False, n=spells)


def _quantile(ordered: Sequence[int], share: float) -> int:
    """percentile_disc: a value that occurred."""
    return ordered[max(ceil(share * len(ordered)) - 1, 0)]
