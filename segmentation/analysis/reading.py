"""What the analysis reads: of a range of customers, or of some of them by number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

from customers.books import Book
from customers.models import Platform, Shop
from segmentation.analysis.copying import copy_out
from segmentation.analysis.summary import PURCHASE, ShopPlaces
from segmentation.rfm import Ints

PLATFORMS = [platform.value for platform in Platform]

_PRESENT = np.dtype([("customer", "i8"), ("is_demo", "i4")])
_REFUND = np.dtype([("customer", "i8"), ("refunds", "i4"), ("unplaced", "i8"), ("window", "i8")])

# On the wire a day is the number of days since 2000-01-01, as in the arrays.
# Order.COUNTS in SQL: the index order_purchases holds all that it asks for, and alone is read.
_COUNTED = """paid_on IS NOT NULL AND customer_id IS NOT NULL AND (refunded_amount < paid_amount OR paid_amount = 0)"""
PURCHASES = f"""
    SELECT customer_id, paid_on, (net_amount * 100)::bigint, shop_id
    FROM orders_order WHERE {{who}} AND paid_on <= %s AND {_COUNTED}
    ORDER BY customer_id, paid_on
"""  # noqa: S608  our own words
_REFUNDS = """
    SELECT customer_id, count(*)::int, coalesce(sum(amount * 100) FILTER (WHERE order_id IS NULL), 0)::bigint,
      coalesce(sum(amount * 100) FILTER (WHERE order_id IS NULL AND refunded_on >= %s), 0)::bigint
    FROM orders_refund WHERE {who} AND refunded_on <= %s AND shop_id = ANY(%s)
    GROUP BY customer_id ORDER BY customer_id
"""
_PEOPLE = """
    SELECT id, is_demo::int FROM customers_customer WHERE {who} AND merged_into_id IS NULL ORDER BY id
"""


class Who(Protocol):
    def among(self, column: str) -> tuple[str, list[object]]:
        """A condition on a column of customer numbers, and its values."""


@dataclass(frozen=True)
class CustomerRange:
    """Customers with `after` < id <= `upto`."""

    after: int
    upto: int

    def among(self, column: str) -> tuple[str, list[object]]:
        return f"{column} > %s AND {column} <= %s", [self.after, self.upto]


@dataclass(frozen=True)
class CustomerNumbers:
    """Customers by number."""

    ids: Sequence[int]

    def among(self, column: str) -> tuple[str, list[object]]:
        return f"{column} = ANY(%s)", [list(self.ids)]


def ranges() -> Iterator[CustomerRange]:
    """All customers, so many at once: that bounds the memory of a refresh, whatever the size of the store."""
    after = 0
    while (upto := _range_end(after, settings.ANALYSIS_RANGE)) is not None:
        yield CustomerRange(after, upto)
        after = upto


def _range_end(after: int, size: int) -> int | None:
    query = "SELECT max(id) FROM (SELECT id FROM customers_customer WHERE id > %s ORDER BY id LIMIT %s) part"
    with connection.cursor() as cursor:
        cursor.execute(query, [after, size])
        row = cursor.fetchone()
    return int(row[0]) if row and row[0] is not None else None


def shop_places(codes: list[str]) -> ShopPlaces:
    """Every shop with the number of its book in `codes` and of its platform in PLATFORMS."""
    shops = Shop.objects.values_list("pk", "book", "platform")
    return ShopPlaces.of([(pk, codes.index(book), PLATFORMS.index(platform)) for pk, book, platform in shops])


def present(who: Who) -> NDArray[np.void]:
    """Everybody who is not part of somebody else, and whether they are of the demo."""
    condition, values = who.among("id")
    return copy_out(_PEOPLE.format(who=condition), values, _PRESENT)


def purchases(who: Who, *, as_of: date) -> NDArray[np.void]:
    """Paid orders until `as_of`, of all books: which book a customer belongs to is decided from them."""
    condition, values = who.among("customer_id")
    return copy_out(PURCHASES.format(who=condition), [*values, as_of], PURCHASE)


def refunds(who: Who, *, book: Book, as_of: date, since: date | None = None) -> NDArray[np.void]:
    """Refunds per customer, and what of them belongs to no known order: in all, and since the window began."""
    condition, values = who.among("customer_id")
    first = since or date.min
    return copy_out(_REFUNDS.format(who=condition), [first, *values, as_of, list(book.shop_ids)], _REFUND)


def matching(people: NDArray[np.void], rows: NDArray[np.void]) -> tuple[NDArray[np.intp], NDArray[np.void]]:
    """Places in `people` of those `rows` whose customer is there; both are sorted by customer."""
    place, known = places(people["customer"], rows["customer"])
    return place[known], rows[known]


def places(sorted_ids: Ints, wanted: Ints) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where each of `wanted` stands among sorted numbers, and whether it does."""
    if not len(sorted_ids):
        return np.zeros(len(wanted), np.intp), np.zeros(len(wanted), np.bool_)
    place = np.minimum(np.searchsorted(sorted_ids, wanted), len(sorted_ids) - 1)
    return place, sorted_ids[place] == wanted


def customers_among(sorted_ids: Ints, rows: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of some sorted customers have rows, which are sorted too; and which of the rows have such a customer."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    place, known = places(sorted_ids, rows[starts])
    among = np.zeros(len(sorted_ids), np.bool_)
    among[place[known]] = True
    return among, np.repeat(known, np.diff(starts, append=len(rows)))
