"""Purchases of customers → what the models need to know of each: how often, since when, until when, for how much."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from segmentation.clv.bgnbd import Histories, Ints, grouped
from segmentation.clv.search import Floats

EPOCH = date(2000, 1, 1)

#: One customer. Days count from EPOCH, amounts are in minor units. `days` with a purchase, `again` the net amount of
#: all of them but the first; `early_…` the same as it was known on the day of the cut.
PERSON = np.dtype(
    [
        ("customer", "i8"), ("days", "i4"), ("first", "i4"), ("last", "i4"), ("again", "i8"),
        ("early_days", "i4"), ("early_last", "i4"),
    ]
)  # fmt: skip


def day_number(day: date) -> int:
    return (day - EPOCH).days


def cut_day(first: date, as_of: date) -> date:
    """The last day of the first two thirds of the time from `first` to `as_of`."""
    return as_of - timedelta(days=max((as_of - first).days, 0) // 3)


def summarise(rows: NDArray[np.void], *, cut: int) -> NDArray[np.void]:
    """One PERSON per customer, from purchases sorted by customer and day. Purchases of one day are one."""
    if not len(rows):
        return np.empty(0, PERSON)
    new_person = np.append(True, rows["customer"][1:] != rows["customer"][:-1])
    new_day = new_person | np.append(True, rows["day"][1:] != rows["day"][:-1])
    at = np.flatnonzero(new_day)
    net, customer, day = np.add.reduceat(rows["net"], at), rows["customer"][at], rows["day"][at]
    starts = np.flatnonzero(new_person[at])
    people = np.zeros(len(starts), PERSON)
    people["customer"] = customer[starts]
    people["days"] = np.diff(starts, append=len(at))
    people["first"], people["last"] = day[starts], day[starts + people["days"] - 1]
    people["again"] = np.add.reduceat(net, starts) - net[starts]
    people["early_days"] = np.add.reduceat((day <= cut).astype(np.int32), starts)
    people["early_last"] = day[starts + np.maximum(people["early_days"] - 1, 0)]
    return people


def histories(people: NDArray[np.void], *, as_of: int) -> tuple[Histories, NDArray[np.intp]]:
    """What the model sees of `people` on the day `as_of`, and each one's place in it."""
    return grouped(people["days"] - 1, people["last"] - people["first"], as_of - people["first"])


@dataclass(frozen=True)
class Repeated:
    """Repeat purchases of those who spent anything in them: their number and net amount in the currency."""

    x: Floats
    total: Floats

    @property
    def correlation(self) -> float | None:
        """Between the number of repeat purchases and their mean amount; the model takes it to be 0. None: no spread."""
        mean = self.total / np.maximum(self.x, 1)
        if len(self.x) < 3 or not self.x.std() or not mean.std():
            return None
        return float(np.corrcoef(self.x, mean)[0, 1])


def repeated(people: NDArray[np.void]) -> Repeated:
    spent = people[(people["days"] > 1) & (people["again"] > 0)]
    return Repeated((spent["days"] - 1).astype(np.float64), spent["again"] / 100)


def early(people: NDArray[np.void], *, cut: int) -> tuple[NDArray[np.void], Histories, NDArray[np.intp], Ints]:
    """Who had bought by the day of the cut, what the model saw of them then, and on how many days they bought after."""
    known = people[people["early_days"] > 0]
    seen, place = grouped(known["early_days"] - 1, known["early_last"] - known["first"], cut - known["first"])
    return known, seen, place, (known["days"] - known["early_days"]).astype(np.int64)
