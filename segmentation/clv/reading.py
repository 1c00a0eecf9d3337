"""The purchases of a book's customers, read by ranges of customers."""

from collections.abc import Iterator
from datetime import date

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from customers.books import Book
from segmentation.analysis.copying import copy_out
from segmentation.analysis.reading import CustomerRange, purchases, ranges
from segmentation.clv.history import day_number, summarise

_ID = np.dtype([("customer", "i8")])
_MEMBERS = """
    SELECT f.customer_id FROM customers_customerfacts f JOIN customers_customer c ON c.id = f.customer_id
    WHERE f.book = %s AND f.customer_id > %s AND f.customer_id <= %s AND c.merged_into_id IS NULL
    ORDER BY f.customer_id
"""
_FIRST_DAY = """
    SELECT min(paid_on) FROM orders_order
    WHERE shop_id = ANY(%s) AND paid_on IS NOT NULL AND customer_id IS NOT NULL
      AND (refunded_amount < paid_amount OR paid_amount = 0)
"""


def first_day(book: Book) -> date | None:
    """Day of the oldest counted purchase of a known customer; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_DAY, [list(book.shop_ids)])
        row = cursor.fetchone()
    return row[0] if row else None


def people(book: Book, *, as_of: date, cut: date) -> Iterator[NDArray[np.void]]:
    """PERSONs of those whom the analysis counts to `book`, from their paid orders there until `as_of`."""
    for part in ranges():
        rows = purchases(part, as_of=as_of)
        rows = rows[np.isin(rows["shop"], book.shop_ids) & np.isin(rows["customer"], _members(book, part))]
        yield summarise(rows, cut=day_number(cut))


def _members(book: Book, part: CustomerRange) -> NDArray[np.int64]:
    found: NDArray[np.int64] = copy_out(_MEMBERS, [book.code, part.after, part.upto], _ID)["customer"]
    return found
