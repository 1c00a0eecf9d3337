"""Questions about cohorts: retention and net amount of those who came in the same month.

Months are those of the shops' local days of payment; amounts are in the book's currency, paid − refunded. A cohort is
everybody whose first paid order in the book fell into that month, of all shops or of those in which they began.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import numpy as np
from django.utils import timezone

from crm_suite.lib.intervals import wilson
from customers.books import Book
from customers.models import Shop
from orders.sales import anchor
from orders.sql import kept
from segmentation.cohorts import Tally
from segmentation.histories import first_of, histories, month_number

#: Cohorts that are counted, and so the furthest month since.
MONTHS = 36
SPANS = (12, 24, 36)
#: Fewer customers than this tell little of a share.
FEW = 30


@dataclass(frozen=True)
class Cell:
    """A cohort in a month: `buyers` of its `n` customers bought; `net` is what all of it brought in up to then."""

    buyers: int
    n: int
    net: Decimal
    is_open: bool

    @property
    def share(self) -> float:
        return self.buyers / self.n

    @property
    def net_each(self) -> Decimal:
        """Cumulative net amount per customer of the cohort."""
        return self.net / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.buyers, self.n) or (0.0, 1.0)


@dataclass(frozen=True)
class Cohort:
    """Those whose first paid order fell into `month`; `cells` from that month on, none for months to come."""

    month: date
    n: int
    cells: list[Cell]

    @property
    def is_small(self) -> bool:
        return self.n < FEW


@dataclass(frozen=True)
class Average:
    """All cohorts that have lived through the month taken together, `n` customers."""

    n: int
    share: float
    net_each: Decimal


@dataclass(frozen=True)
class Cohorts:
    """`cohorts` oldest first, only those with customers; `before`: customers of the book who came earlier than they."""

    day: date
    cohorts: list[Cohort]
    before: int
    counted_at: datetime

    @property
    def customers(self) -> int:
        return sum(cohort.n for cohort in self.cohorts)

    def averages(self, cohorts: Sequence[Cohort] | None = None) -> list[Average]:
        """By months since, from finished months only; ends where no cohort has got to."""
        chosen = self.cohorts if cohorts is None else cohorts
        return list(_averages(chosen))


def report(book: Book, *, months: int, shops: tuple[int, ...] | None = None) -> Cohorts | None:
    """The newest `months` cohorts, up to the day on which sales end (today, or the newest order of historic data).

    `shops`: only customers whose first order was there; what they bought in other shops counts all the same. None where
    nothing was ever bought. The count of the whole book is kept for ten minutes.
    """
    end = anchor(book)
    if end is None:
        return None
    tally, counted_at = kept("cohorts", book.code, book.shop_ids, end.day, compute=lambda: _tally(book, end.day))
    chosen = [place for place, shop in enumerate(tally.shops) if shops is None or shop in shops]
    people = tally.people[chosen].sum(axis=0)
    skipped = MONTHS - months
    cohorts = [_cohort(tally, chosen, came, end.day) for came in range(skipped, MONTHS) if people[came]]
    before = int(people[:skipped].sum() + tally.before[chosen].sum())
    return Cohorts(end.day, cohorts, before, counted_at)


def shops_of(book: Book, began: str) -> tuple[int, ...] | None:
    """Shops of a platform's code or of a shop's number, as it stands in an address; None for anything else."""
    if began.isdecimal() and int(began) in book.shop_ids:
        return (int(began),)
    return tuple(Shop.objects.filter(pk__in=book.shop_ids, platform=began).values_list("pk", flat=True)) or None


def _tally(book: Book, day: date) -> tuple[Tally, datetime]:
    tally = Tally.empty(tuple(sorted(book.shop_ids)), month_number(day) - MONTHS + 1, MONTHS)
    for part in histories(book, as_of=day):
        tally.add(part)
    return tally, timezone.now()


def _cohort(tally: Tally, shops: list[int], came: int, day: date) -> Cohort:
    n = int(tally.people[shops, came].sum())
    lived = MONTHS - came
    buyers = tally.buyers[shops, came, :lived].sum(axis=0).tolist()
    net = np.cumsum(tally.net[shops, came, :lived].sum(axis=0)).tolist()
    is_open = day.day < monthrange(day.year, day.month)[1]
    cells = [
        Cell(who, n, Decimal(amount) / 100, is_open and since == lived - 1)
        for since, (who, amount) in enumerate(zip(buyers, net, strict=True))
    ]
    return Cohort(first_of(tally.first + came), n, cells)


def _averages(cohorts: Sequence[Cohort]) -> Iterator[Average]:
    """Each month's buyers and gains over all cohorts that have finished it; amounts add up month by month, so that a
    cohort that is not so far yet does not bend the curve."""
    net_each = Decimal(0)
    for since in range(MONTHS):
        known = [cohort for cohort in cohorts if len(cohort.cells) > since and not cohort.cells[since].is_open]
        n = sum(cohort.n for cohort in known)
        if not n:
            return
        gained = sum((_gain(cohort, since) for cohort in known), Decimal(0))
        net_each += gained / n
        yield Average(n, sum(cohort.cells[since].buyers for cohort in known) / n, net_each)


def _gain(cohort: Cohort, since: int) -> Decimal:
    before = cohort.cells[since - 1].net if since else Decimal(0)
    return cohort.cells[since].net - before
