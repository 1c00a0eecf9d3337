"""Known people without a paid order, and the book each of them belongs to."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.analysis.copying import copy_out
from segmentation.analysis.people import LABEL, UNSCORED
from segmentation.analysis.summary import PERSON
from segmentation.lifecycle import PROSPECT

# They belong to the book of their newest unpaid order or refund; else to the one
# they were in; else to the home book of real or of demo customers.
_PROSPECTS = """
    SELECT c.id, (-coalesce(r.unplaced, 0))::bigint, coalesce(r.refunds, 0)::int
    FROM unnest(%(ids)s::bigint[], %(is_demo)s::int[]) AS c (id, is_demo)
    LEFT JOIN customers_customerfacts f ON f.customer_id = c.id
    LEFT JOIN LATERAL (
        SELECT s.book FROM orders_order o JOIN customers_shop s ON s.id = o.shop_id
        WHERE o.customer_id = c.id ORDER BY o.placed_at DESC, o.id DESC LIMIT 1) o ON true
    LEFT JOIN LATERAL (
        SELECT (array_agg(s.book ORDER BY r.refunded_at DESC))[1] AS book,
               count(*) FILTER (WHERE s.book = %(book)s) AS refunds,
               (sum(r.amount * 100) FILTER (WHERE s.book = %(book)s AND r.order_id IS NULL))::bigint AS unplaced
        FROM orders_refund r JOIN customers_shop s ON s.id = r.shop_id
        WHERE r.customer_id = c.id AND r.refunded_on <= %(as_of)s) r ON true
    WHERE coalesce(o.book, r.book, CASE WHEN f.book = ANY(%(books)s) THEN f.book END,
                   CASE WHEN c.is_demo = 1 THEN %(demo_home)s ELSE %(home)s END) = %(book)s
    ORDER BY c.id
"""
_PROSPECT = np.dtype([("customer", "i8"), ("net", "i8"), ("refunds", "i4")])


def prospects(
    present: NDArray[np.void], *, book: str, books: list[str], homes: Mapping[bool, str | None], as_of: date
) -> NDArray[np.void]:
    """Those of `present`, people without a paid order until `as_of`, who belong to `book`. `homes` by `is_demo`."""
    values: dict[str, Any] = {
        "ids": present["customer"].tolist(), "is_demo": present["is_demo"].tolist(), "as_of": as_of,
        "book": book, "books": books, "home": homes.get(False), "demo_home": homes.get(True),
    }  # fmt: skip
    found = copy_out(_PROSPECTS, values, _PROSPECT)
    people = np.zeros(len(found), PERSON)
    for name in ("customer", "net", "refunds"):
        people[name] = found[name]
    people["gap"] = -1
    return people


def prospect_labels(count: int) -> NDArray[np.void]:
    labels = np.zeros(count, LABEL)
    labels["group"], labels["stage"] = UNSCORED, PROSPECT
    return labels
