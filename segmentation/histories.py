"""Everybody's purchases of a book, range of customers by range of customers, for figures that follow people in time.

Months are whole numbers since January 1970, so that they can be subtracted; they are those of the shop's local days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from customers.books import Book
from customers.models import Customer, CustomerFacts
from segmentation.analysis.copying import copy_out
from segmentation.analysis.reading import CustomerRange, ranges
from segmentation.rfm import Ints

EPOCH = date(2000, 1, 1)
_BOUGHT = np.dtype([("customer", "i8"), ("day", "i4"), ("net", "i8"), ("shop", "i8")])
_GIVEN_BACK = np.dtype([("customer", "i8"), ("day", "i4"), ("amount", "i8")])

# Order.COUNTS in SQL: every column of it stands in the index order_purchases, which alone is read.
_PURCHASES = """
    SELECT customer_id, paid_on - DATE '2000-01-01', (net_amount * 100)::bigint, shop_id
    FROM orders_order
    WHERE customer_id > %s AND customer_id <= %s AND paid_on <= %s AND shop_id = ANY(%s)
      AND paid_on IS NOT NULL AND customer_id IS NOT NULL AND (refunded_amount < paid_amount OR paid_amount = 0)
    ORDER BY customer_id, paid_on
"""
_REFUNDS = """
    SELECT customer_id, refunded_on - DATE '2000-01-01', (amount * 100)::bigint
    FROM orders_refund
    WHERE customer_id > %s AND customer_id <= %s AND refunded_on <= %s AND shop_id = ANY(%s) AND order_id IS NULL
    ORDER BY customer_id
"""


@dataclass(frozen=True)
class Histories:
    """Purchases of some customers, sorted by customer and day. `person` counts from 0 to `people` − 1.

    `day` counts from 2000-01-01; `net` and `back` are in minor units. `back…`: refunds that name no order, of people
    with a purchase.
    """

    people: int
    person: Ints
    day: Ints
    net: Ints
    shop: Ints
    back_person: Ints
    back_day: Ints
    back: Ints

    @property
    def starts(self) -> NDArray[np.intp]:
        """The row of each person's first purchase."""
        return np.flatnonzero(np.diff(self.person, prepend=-1))

    def of_shops(self, shops: tuple[int, ...]) -> "Histories":
        """Only what was bought in these shops, by those who did. Refunds are left out."""
        here = np.isin(self.shop, np.array(shops, np.int64))
        nobody = np.zeros(0, np.int64)
        kept, person = np.unique(self.person[here], return_inverse=True)
        return Histories(
            len(kept), person.astype(np.int64), self.day[here], self.net[here], self.shop[here], nobody, nobody, nobody
        )


def histories(book: Book, *, as_of: date) -> Iterator[Histories]:
    """Paid orders until `as_of` of those whom the book measures: everybody with one, unless they belong to another
    book by their facts or were merged into somebody else. Memory is bounded by the range."""
    for part in ranges():
        values = [part.after, part.upto, as_of, list(book.shop_ids)]
        bought, back = copy_out(_PURCHASES, values, _BOUGHT), copy_out(_REFUNDS, values, _GIVEN_BACK)
        away = _away(part, book)
        if len(away):
            bought = bought[~np.isin(bought["customer"], away)]
        yield arranged(bought, back)


def arranged(bought: NDArray[np.void], back: NDArray[np.void]) -> Histories:
    """Purchases sorted by customer and day, with the refunds of those who have any."""
    ids, person = np.unique(bought["customer"], return_inverse=True)
    place = np.searchsorted(ids, back["customer"])
    known = np.isin(back["customer"], ids)
    day, net, shop = (bought[name].astype(np.int64) for name in ("day", "net", "shop"))
    back_day, amount = (back[name][known].astype(np.int64) for name in ("day", "amount"))
    return Histories(
        len(ids), person.astype(np.int64), day, net, shop, place[known].astype(np.int64), back_day, amount
    )  # fmt: skip


def _away(part: CustomerRange, book: Book) -> Ints:
    """Who of the range is measured elsewhere, or is part of somebody else."""
    within = {"pk__gt": part.after, "pk__lte": part.upto}
    elsewhere = CustomerFacts.objects.filter(**within).exclude(book__in=["", book.code])
    merged = Customer.objects.filter(**within, merged_into__isnull=False)
    return np.array([*elsewhere.values_list("pk", flat=True), *merged.values_list("pk", flat=True)], np.int64)


# --- days and months --------------------------------------------------------------------------------------------------


def months_of(days: Ints) -> Ints:
    return (np.datetime64(EPOCH, "D") + days).astype("datetime64[M]").astype(np.int64)


def day_number(day: date) -> int:
    return (day - EPOCH).days


def month_number(day: date) -> int:
    return (day.year - 1970) * 12 + day.month - 1


def first_of(month: int) -> date:
    """The first day of a month."""
    return date(1970 + month // 12, month % 12 + 1, 1)
