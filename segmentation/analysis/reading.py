"""What a refresh reads, range of customers by range of customers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from customers.books import Book
from customers.models import Platform, Shop
from segmentation.analysis.copying import copy_out
from segmentation.analysis.summary import PURCHASE, ShopPlaces

#: Customers per range: bounds the memory of a refresh, whatever the size of the store.
RANGE = 50_000
PLATFORMS = [platform.value for platform in Platform]

_REFUND = np.dtype([("customer", "i8"), ("refunds", "i4"), ("unplaced", "i8")])
_LAST_ORDER = np.dtype([("customer", "i8"), ("placed", "i8")])
_ID = np.dtype([("customer", "i8")])

# Order.COUNTS in SQL, word for word the condition of the index order_purchases, which alone is read.
PURCHASES = """
    SELECT customer_id, paid_on - DATE '2000-01-01', (net_amount * 100)::bigint, shop_id
    FROM orders_order
    WHERE customer_id > %s AND customer_id <= %s AND paid_on <= %s
      AND paid_on IS NOT NULL AND customer_id IS NOT NULL AND (refunded_amount < paid_amount OR paid_amount = 0)
    ORDER BY customer_id, paid_on
"""
_REFUNDS = """
    SELECT customer_id, count(*)::int, coalesce(sum(amount * 100) FILTER (WHERE order_id IS NULL), 0)::bigint
    FROM orders_refund
    WHERE customer_id > %s AND customer_id <= %s AND refunded_on <= %s AND shop_id = ANY(%s)
    GROUP BY customer_id ORDER BY customer_id
"""
_LAST_ORDERS = """
    SELECT customer_id, (extract(epoch FROM max(placed_at) - TIMESTAMPTZ '2000-01-01 00:00Z') * 1000000)::bigint
    FROM orders_order WHERE customer_id > %s AND customer_id <= %s
    GROUP BY customer_id ORDER BY customer_id
"""


@dataclass(frozen=True)
class CustomerRange:
    """Customers with `after` < id <= `upto`."""

    after: int
    upto: int


def ranges(size: int = RANGE) -> Iterator[CustomerRange]:
    after = 0
    while (upto := _range_end(after, size)) is not None:
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


def purchases(part: CustomerRange, *, as_of: date) -> NDArray[np.void]:
    """Paid orders until `as_of`, of all books: which book a customer belongs to is decided from them."""
    return copy_out(PURCHASES, [part.after, part.upto, as_of], PURCHASE)


def refunds(part: CustomerRange, *, book: Book, as_of: date) -> NDArray[np.void]:
    """Refunds per customer, and the amount that belongs to no known order, in minor units."""
    return copy_out(_REFUNDS, [part.after, part.upto, as_of, list(book.shop_ids)], _REFUND)


def last_orders(part: CustomerRange) -> NDArray[np.void]:
    """Moment of the newest order of any kind, in microseconds since 2000 UTC."""
    return copy_out(_LAST_ORDERS, [part.after, part.upto], _LAST_ORDER)


def merged_away() -> NDArray[np.void]:
    """Customers that are part of somebody else now; they have no figures of their own."""
    return copy_out("SELECT id FROM customers_customer WHERE merged_into_id IS NOT NULL ORDER BY id", [], _ID)
