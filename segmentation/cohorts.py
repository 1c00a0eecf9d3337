"""Customers by the month of their first paid order, and what they did in the months since. Arrays only, no tables."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.histories import Histories, months_of
from segmentation.rfm import Ints


@dataclass
class Tally:
    """Counts by shop of the first order, month of the first order and months since.

    `buyers`: customers with a paid order in that month; `net` in minor units: paid − refunded of it, less refunds of
    that month that name no order. `before`: customers who came earlier, by shop. Ranges of customers add up.
    """

    shops: tuple[int, ...]
    first: int
    people: Ints
    buyers: Ints
    net: Ints
    before: Ints

    @classmethod
    def empty(cls, shops: tuple[int, ...], first: int, months: int) -> "Tally":
        shape = (len(shops), months, months)
        return cls(shops, first, *(np.zeros(size, np.int64) for size in (shape[:2], shape, shape, shape[:1])))

    def add(self, found: Histories) -> None:
        """Count these customers in."""
        if not found.people:
            return
        month = months_of(found.day) - self.first
        came, place = month[found.starts], self._first_shop(found)
        np.add.at(self.before, place[came < 0], 1)
        np.add.at(self.people, (place[came >= 0], came[came >= 0]), 1)
        seen = np.diff(found.person * 4096 + month, prepend=month[:1] - 1) != 0
        self._count(self.buyers, found.person[seen], month[seen], 1, came, place)
        self._count(self.net, found.person, month, found.net, came, place)
        # Given back before the first order that counts: it can only lower that one.
        back = np.maximum(months_of(found.back_day) - self.first, came[found.back_person])
        self._count(self.net, found.back_person, back, -found.back, came, place)

    def _count(self, into: Ints, person: Ints, month: Ints, amount: Ints | int, came: Ints, place: Ints) -> None:
        known = came[person] >= 0
        who, when = person[known], month[known]
        value = amount if isinstance(amount, int) else amount[known]
        np.add.at(into, (place[who], came[who], when - came[who]), value)

    def _first_shop(self, found: Histories) -> NDArray[np.intp]:
        """Place in `shops` of each customer's first order; the shop added first where a day has several."""
        known = np.array(self.shops, np.int64)
        first_day = np.repeat(found.day[found.starts], np.diff(found.starts, append=len(found.day)))
        shop = np.where(found.day == first_day, found.shop, np.iinfo(np.int64).max)
        return np.searchsorted(known, np.minimum.reduceat(shop, found.starts))
