"""How long a product lasts: the days between two purchases of it by the same customer. Numbers only."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from segmentation.waits import SPAN, Ints, Wait, Waits

#: Below so many spells nobody can tell when the next one ends.
LEAST_SPELLS = 20


class Repeat(NamedTuple):
    """One thing in figures. A spell is the days between two consecutive purchase days of it by one customer.

    `once`: buyers who bought it on one day only. `due`: buyers whose wait since their last purchase of it is from P30
    to P90 of the spells; None, as the quantiles, where the spells are too few to tell.
    """

    buyers: int
    once: int
    spells: int
    p30: int | None
    median: int | None
    p60: int | None
    p90: int | None
    due: int | None

    @property
    def again(self) -> float | None:
        """Share of the buyers who bought it on a second day, 0–1."""
        return 1 - self.once / self.buyers if self.buyers else None


@dataclass(frozen=True)
class Spells:
    """`spells`: ended waits by thing. `open`: days from each buyer's last purchase of it to the day of the count."""

    buyers: Ints
    once: Ints
    spells: Waits
    open: Waits

    def plus(self, other: "Spells") -> "Spells":
        buyers, once = self.buyers + other.buyers, self.once + other.once
        return Spells(buyers, once, self.spells.plus(other.spells), self.open.plus(other.open))

    def repeat(self, thing: int) -> Repeat:
        ended = self.spells.wait(thing)
        people = int(self.buyers[thing]), int(self.once[thing])
        if ended.n < LEAST_SPELLS:
            return Repeat(*people, ended.n, None, None, None, None, None)
        p30, median, p60, p90 = (ended.quantile(share) or 0 for share in (0.3, 0.5, 0.6, 0.9))
        return Repeat(*people, ended.n, p30, median, p60, p90, self.open.wait(thing).between(p30, p90))

    def wait(self, thing: int) -> Wait:
        return self.spells.wait(thing)


def spells(customers: Ints, days: Ints, things: Ints, *, size: int, until: int) -> Spells:
    """A row says that a customer bought a thing (0 … size − 1; −1 is left out) on a day; rows may repeat.

    `until`: the day that open waits are counted to, not before the last of `days`.
    """
    known = things >= 0
    numbers, customer = np.unique(customers[known], return_inverse=True)
    first = int(days[known].min()) if len(numbers) else until
    keys = (customer.astype(np.int64) * size + things[known]) * SPAN + (days[known] - first)
    rows = np.unique(keys)
    owner, day = rows // SPAN, rows % SPAN
    goes_on = owner[1:] == owner[:-1]
    ended = np.flatnonzero(goes_on)
    last = np.flatnonzero(np.append(~goes_on, True)) if len(rows) else ended
    _owners, counts = np.unique(owner, return_counts=True)
    thing = owner[last] % size
    return Spells(
        buyers=np.bincount(thing, minlength=size),
        once=np.bincount(thing[counts == 1], minlength=size),
        spells=Waits.of(owner[ended] % size, day[ended + 1] - day[ended]),
        open=Waits.of(thing, until - first - day[last]),
    )
