"""Who came, stayed, came back and went in a month (domain.md 5). Arrays only, no tables.

Each customer who has ever bought stands in exactly one row of a month:

    bought      new          for the first time
                retained     was new, active or silent until then
                woken        was dormant (more than P60 days without a purchase)
                won_back     was lost (more than P90 days)
    did not     waiting      is not lost at the end of the month
                gone         was not lost at its start, and is at its end
                lost_before  was lost at its start

`start` and `end` count those who are not lost. `lost` counts who crossed P90 within the month, with those who came back
in the same month or bought in it and crossed again: start + new + won_back − lost = end.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.histories import Histories, months_of
from segmentation.rfm import Ints

BOUGHT = ("new", "retained", "woken", "won_back")
ROWS = (*BOUGHT, "waiting", "gone", "lost_before")
COLUMNS = (*ROWS, "start", "lost", "end")

_NEVER = -(10**6)
Flags = NDArray[np.bool_]


class DoesNotAddUp(Exception):
    """Somebody stands in two rows of a month, or in none: the figures must not be shown."""


@dataclass(frozen=True)
class Months:
    """The months to count. `ends`: last day of the month before the first one, then of each month (or the day that is
    counted to). p60 and p90: days without a purchase after which a customer is dormant, and lost."""

    first: int
    ends: Ints
    p60: int
    p90: int

    @property
    def count(self) -> int:
        return len(self.ends) - 1


def flows(found: Histories, months: Months) -> Ints:
    """Customers by month (rows) and COLUMNS. Those of ranges of customers add up."""
    if not found.people:
        return np.zeros((months.count, len(COLUMNS)), np.int64)
    newest, waited, bought = _by_month(found, months)
    before, after = newest[:, :-1], newest[:, 1:]
    known = before > _NEVER
    start = known & (months.ends[:-1] - before <= months.p90)
    end = (after > _NEVER) & (months.ends[1:] - after <= months.p90)
    again = bought & known
    won_back = again & (waited > months.p90)
    woken = again & ~won_back & (waited > months.p60)
    gone = start & ~bought & ~end
    crossings = gone.astype(np.int64) + (bought & ~end) + (won_back & start)
    columns = (
        bought & ~known, again & ~won_back & ~woken, woken, won_back,
        ~bought & end, gone, known & ~bought & ~start, start, crossings, end,
    )  # fmt: skip
    return np.stack([column.sum(axis=0, dtype=np.int64) for column in columns], axis=1)


def _by_month(found: Histories, months: Months) -> tuple[Ints, Ints, Flags]:
    """Per person: last purchase day up to each end, and per month the longest wait that a purchase ended (in days
    without one, as the evening before counts them) and whether there was a purchase."""
    column = np.clip(months_of(found.day) - months.first + 1, 0, months.count)
    cell = found.person * (months.count + 1) + column
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    at = (found.person[starts], column[starts])
    shape = (found.people, months.count + 1)

    newest = np.full(shape, _NEVER, np.int64)
    newest[at] = found.day[np.append(starts[1:], len(cell)) - 1]
    wait = np.diff(found.day, prepend=found.day[:1]) - 1
    wait[found.starts] = 0
    waited = np.zeros(shape, np.int64)
    waited[at] = np.maximum.reduceat(wait, starts)
    bought = np.zeros(shape, np.bool_)
    bought[at] = True
    return np.maximum.accumulate(newest, axis=1), waited[:, 1:], bought[:, 1:]


def check(table: Ints, customers: int) -> None:
    """Each month's rows are all customers who had bought by then, who comes and goes explains who is there, and the
    last month holds all `customers`. Raises DoesNotAddUp."""
    named = dict(zip(COLUMNS, table.T, strict=True))
    everybody = table[:, : len(ROWS)].sum(axis=1)
    fits = (
        np.array_equal(everybody[1:], everybody[:-1] + named["new"][1:]),
        np.array_equal(named["start"] + named["new"] + named["won_back"] - named["lost"], named["end"]),
        np.array_equal(named["start"][1:], named["end"][:-1]),
        int(everybody[-1]) == customers,
    )
    if not all(fits):
        raise DoesNotAddUp(f"rows {everybody.tolist()}, customers {customers}, {fits}")
